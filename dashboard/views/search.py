"""Search: where in all calls something was said. The address holds what is searched, so that it can be passed on."""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import parse_qsl

import streamlit as st

from analytics.queries import Found
from analytics.searching import TEXT_CHARS_MAX
from dashboard import formatting, pages, player, session
from dashboard.web import naming, searches
from pbx_core.errors import InputError

ANYBODY = "Anybody"
_OPENED = re.compile(r"call=[0-9a-f]{32}&recording=[0-9a-f]{32}&at=[0-9.]{1,9}")
HELP = (
    ("refund", "the word in all its forms, small mistakes forgiven"),
    ("refund invoice", "both words in one sentence or breath"),
    ('"call me back"', "these words next to each other, exactly so"),
    ("cancel*", "whatever begins so"),
)


def take(name: str, choices: dict[str, str] | None = None) -> None:
    """Put a widget's value into the address; the hits start again with the first page."""
    value = st.session_state[f"search_{name}"]
    if choices is not None:
        value = choices.get(value, "")
    st.query_params.pop("page", None)
    if value:
        st.query_params[name] = str(value)
    else:
        st.query_params.pop(name, None)


def go_to(page: int) -> None:
    """Another page of hits."""
    st.query_params["page"] = str(page)


def day(name: str, label: str) -> None:
    """A border of the period, as a day."""
    try:
        st.session_state[f"search_{name}"] = date.fromisoformat(st.query_params.get(name, ""))
    except ValueError:
        st.session_state[f"search_{name}"] = None
    st.date_input(formatting.plain(label), value=None, key=f"search_{name}", on_change=take, args=(name,), width=150)


def bar() -> None:
    """What is searched, by whom it was said and when."""
    params = st.query_params
    st.session_state["search_q"] = params.get("q", "")[:TEXT_CHARS_MAX]
    names = {v: k for k, v in searches.SPEAKERS.items()}
    st.session_state["search_speaker"] = names.get(params.get("speaker", ""), ANYBODY)  # type: ignore[call-overload]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Said in any call",
            max_chars=TEXT_CHARS_MAX,
            placeholder="Words that were said",
            key="search_q",
            on_change=take,
            args=("q",),
            width=420,
        )
        st.selectbox(
            "By",
            [ANYBODY, *searches.SPEAKERS],
            key="search_speaker",
            on_change=take,
            args=("speaker", {k: str(v) for k, v in searches.SPEAKERS.items()}),
            width=150,
        )
        day("since", "From")
        day("until", "Until")


def guide() -> None:
    """Before anything is searched: how it is done."""
    with st.container(border=True):
        st.subheader("What can be typed", anchor=False)
        for typed, found in HELP:
            st.text(f"{typed}\n    {found}")


def shown(viewer: session.Viewer, found: Found, page: int) -> None:
    """The hits, and the way to more of them."""
    st.text("1 place" if found.total == 1 else f"{found.total} places")
    names = naming.names(viewer.context, viewer.session)
    opened = player.found(searches.as_json(found), names, viewer.tenant.time_zone)
    last = min(searches.PAGES_MAX, -(-found.total // searches.PAGE_HITS))
    if last > 1:
        with st.container(horizontal=True, horizontal_alignment="center"):
            st.button("Before", disabled=page == 1, on_click=go_to, args=(page - 1,))
            st.button("More", disabled=page >= last, on_click=go_to, args=(page + 1,))
    if opened and _OPENED.fullmatch(opened):
        st.switch_page(pages.review(), query_params=dict(parse_qsl(opened)))


def content() -> None:
    """The page."""
    viewer = session.viewer()
    st.title("Search", anchor=False)
    bar()
    params = st.query_params.to_dict()
    viewer.reader()
    if not params.get("q", "").strip():
        guide()
        return
    try:
        page = searches.page_of(params)
        found = searches.find(viewer.context, viewer.session, params)
    except InputError as error:
        st.subheader("This cannot be searched")
        st.text(str(error))
        return
    if not found.hits:
        with st.container(border=True):
            st.subheader("Nobody said that")
            st.text("Take a word away, try the beginning of one with a *, or a longer period.")
            st.text("Only what was transcribed can be found, a few seconds after it is there.")
        return
    shown(viewer, found, page)


content()
