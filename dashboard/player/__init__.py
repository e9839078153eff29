"""Our own browser components: review page, list of calls, the bar above.

Each is a Streamlit component of version 2 whose script only loads a module from /assets (behind the login, cached by
its version). They insert text by textContent alone, and write by REST, not through Streamlit.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import streamlit as st

from dashboard.web.routes import ASSETS, assets_version

HTML = '<div class="cb"></div>'
LOADER = """
const loaded = import(new URL("/assets/{version}/{module}.js", document.baseURI).href);
export default function (component) {{
  const shown = loaded.then((module) => module.show(component));
  return () => shown.then((close) => close?.());
}}
"""


@cache
def _sources(module: str) -> dict[str, str]:
    css = (ASSETS / "player.css").read_text()
    return {"html": HTML, "css": css, "js": LOADER.format(version=assets_version(), module=module)}


def _mount(module: str, key: str, data: dict[str, Any], **callbacks: Any) -> Any:
    component = st.components.v2.component(f"callbench_{module}", **_sources(module))
    return component(key=key, data=data, **callbacks)


def _nothing() -> None:
    """Streamlit hands out a component's values only when a callback is given."""


def review(
    call_id: str, revision: str, query: str, time_zone: str, recording: str = "", at_s: float | None = None
) -> str | None:
    """The page of one call. revision changes when there is more to fetch; query is the list's filter, kept while
    going from call to call; recording and at_s: where a search has found something. Returns where the person wants to
    go: a call id, "list", or None."""
    data = {"call_id": call_id, "revision": revision, "query": query, "time_zone": time_zone}
    data |= {"recording": recording, "at_s": at_s}
    wish: str | None = _mount("review", "review", data, on_go_change=_nothing).go
    return wish


def calls(rows: list[dict[str, Any]], names: dict[str, str], query: str, time_zone: str) -> str | None:
    """The rows of a page of calls, names by number; returns the id of the call that was opened, or None."""
    data = {"rows": rows, "names": names, "query": query, "time_zone": time_zone}
    wish: str | None = _mount("calls", "calls", data, on_open_change=_nothing).open
    return wish


def live(call_id: str, time_zone: str) -> None:
    """The running calls; call_id: the one to open first, "" none."""
    _mount("live", "live", {"call_id": call_id, "time_zone": time_zone})


def found(hits: list[dict[str, Any]], names: dict[str, str], time_zone: str) -> str | None:
    """The hits of a search; returns the query of the review page that was opened, or None."""
    data = {"hits": hits, "names": names, "time_zone": time_zone}
    wish: str | None = _mount("found", "found", data, on_open_change=_nothing).open
    return wish


def topics(compared: dict[str, Any]) -> None:
    """The words that rise, as dashboard.web.meanings.topics_as_json tells them."""
    _mount("topics", "topics", compared)


def linked(key: str, label: str, heads: list[str], rows: list[dict[str, Any]]) -> str | None:
    """A table whose rows are links: {href, key, cells}, of which the first cell is the link (none where href is
    None). Rows with a key do not leave the page: the key of the one that was followed is returned, else None."""
    data = {"label": label, "heads": heads, "rows": rows}
    wish: str | None = _mount("linked", key, data, on_go_change=_nothing).go
    return wish


def bar(pages: list[tuple[str, str]], here: str, name: str, role: str, tenant: str) -> str | None:
    """The bar above every page: (path, title) of where one can go, who is signed in, and the way out. Returns the
    path of the page that was asked for, or None."""
    data = {"pages": pages, "here": here, "name": name, "role": role, "tenant": tenant}
    wish: str | None = _mount("bar", "bar", data, on_go_change=_nothing).go
    return wish
