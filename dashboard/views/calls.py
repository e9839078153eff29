"""Calls: the list, newest first, with its filters.

The address is where the filters live: widgets are set from it in every run and write into it when they are changed,
so that it can be passed on, and the browser's way back works.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from analytics import queries
from dashboard import downloads, formatting, pages, player, session
from dashboard.web import api, filters, naming
from pbx_core.domain.records import Disposition
from pbx_core.errors import InputError
from pbx_core.store import models

PAGE_ROWS = 50
LOOK_EVERY = timedelta(seconds=2.5)
ANY = "Any"
RESULTS = {
    "Answered": Disposition.ANSWERED,
    "No answer": Disposition.NO_ANSWER,
    "Busy": Disposition.BUSY,
    "Cancelled": Disposition.CANCELLED,
    "Failed": Disposition.FAILED,
    "Voicemail": "voicemail",  # not answered, but a message was left
}
LENGTHS = {"10 s": "10", "30 s": "30", "1 min": "60", "5 min": "300", "10 min": "600"}
RECORDED = {"Recorded": "yes", "Not recorded": "no"}
ALERTS = {"With an alert": "yes", "Without": "no"}


def set_filter(name: str, choices: dict[str, str] | None = None) -> None:
    """Put a widget's value into the address; the list starts again from its top."""
    value = st.session_state[f"filter_{name}"]
    if choices is not None:
        value = choices.get(value, "")
    st.query_params.pop("cursor", None)
    if value:
        st.query_params[name] = str(value)
    else:
        st.query_params.pop(name, None)


def clear() -> None:
    """Forget all filters."""
    st.query_params.clear()


def go_to(cursor: str) -> None:
    """Another page of the list."""
    st.query_params["cursor"] = cursor


def chosen(name: str, choices: dict[str, str]) -> None:
    """A filter with few values."""
    labels = [ANY, *choices]
    st.session_state[f"filter_{name}"] = next((k for k, v in choices.items() if v == st.query_params.get(name)), ANY)
    st.selectbox(
        {
            "disposition": "Result",
            "min_talk_s": "Talked at least",
            "recorded": "Recording",
            "tag": "Tag",
            "alert": "Alert",
        }[name],
        labels,
        key=f"filter_{name}",
        on_change=set_filter,
        args=(name, choices),
    )


def day(name: str, label: str) -> None:
    """A filter that is a day."""
    try:
        value = date.fromisoformat(st.query_params.get(name, "")[:10])
    except ValueError:
        value = None
    st.session_state[f"filter_{name}"] = value
    st.date_input(formatting.plain(label), value=None, key=f"filter_{name}", on_change=set_filter, args=(name,))


def typed(name: str, label: str, hint: str) -> None:
    """A filter that is a piece of text."""
    st.session_state[f"filter_{name}"] = st.query_params.get(name, "")[: filters.TEXT_CHARS_MAX]
    st.text_input(
        formatting.plain(label),
        max_chars=filters.TEXT_CHARS_MAX,
        placeholder=hint,
        label_visibility="collapsed",
        key=f"filter_{name}",
        on_change=set_filter,
        args=(name,),
        width=170,
    )


def tags(viewer: session.Viewer) -> dict[str, str]:
    """The tags that the rules in force can set, and the one that is looked for."""
    _, model = models.active(viewer.context.db, viewer.scope.tenant_id)
    known = {rule.tag for rule in model.speech.rules if rule.tag}
    wanted = st.query_params.get("tag", "")[: filters.TEXT_CHARS_MAX]
    return {tag: tag for tag in sorted(known | ({wanted} if wanted else set()))}


def filter_bar(viewer: session.Viewer) -> None:
    """The two filters used most, the rest behind a button."""
    active = filters.carried(st.query_params.to_dict())
    hidden = len(active.keys() - {"number", "said"})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        typed("number", "Number", "Number, such as 101")
        typed("said", "Said in the call", "Said in the call")
        with st.popover(f"More filters ({hidden})" if hidden else "More filters"):
            chosen("disposition", {k: str(v) for k, v in RESULTS.items()})
            chosen("min_talk_s", LENGTHS)
            chosen("recorded", RECORDED)
            if known := tags(viewer):
                chosen("tag", known)
                chosen("alert", ALERTS)
            day("since", "From")
            day("until", "Until")
        downloads.popover("calls", active, texts=True)
        if active:
            st.button("Clear", on_click=clear, type="tertiary")


def pager(page: queries.CallPage) -> None:
    """Newer and older calls; nothing where the list fits."""
    if not (page.next_cursor or page.previous_cursor):
        return
    with st.container(horizontal=True, horizontal_alignment="center"):
        st.button("Newer", disabled=not page.previous_cursor, on_click=go_to, args=(page.previous_cursor,))
        st.button("Older", disabled=not page.next_cursor, on_click=go_to, args=(page.next_cursor,))


def nothing(viewer: session.Viewer, filtered: bool) -> None:
    """Why the list is empty, and what to do."""
    with st.container(border=True):
        if filtered:
            st.subheader("No call matches these filters")
            st.text("Take one of them away, or search for a shorter piece of text.")
        else:
            st.subheader("No calls yet")
            st.text("A call appears here a few seconds after it has ended, with its recording soon after.")
            if viewer.session.role == "agent":
                st.text("You see the calls of your own extension.")
            else:
                st.text(f"Register a phone in the domain {viewer.tenant.domain} and call another extension.")


@st.fragment(run_every=LOOK_EVERY)
def watch(shown: str) -> None:
    """While the top of the list is looked at: draw it anew when a call has come, or has come further."""
    viewer = session.viewer()
    flt = filters.read(st.query_params.to_dict(), viewer.tenant.time_zone)
    page = queries.calls(viewer.reader(), viewer.scope, flt, limit=PAGE_ROWS)
    if shown != signature(api.listed(viewer.context, page.frame)):
        st.rerun()


def signature(rows: list[dict[str, Any]]) -> str:
    """Changes with what the list shows of calls that are still being worked on."""
    columns = ("call_id", "recording_quality", "transcript_status", "caller_talk_ratio", "comments", "tags", "alerts")
    return str([[row[name] for name in columns] for row in rows])


def content() -> None:
    """The page."""
    viewer = session.viewer()
    st.title("Calls", anchor=False)
    filter_bar(viewer)
    params = st.query_params.to_dict()
    carried = filters.carried(params)
    reader = viewer.reader()
    try:
        flt = filters.read(params, viewer.tenant.time_zone)
        page = queries.calls(reader, viewer.scope, flt, params.get("cursor"), PAGE_ROWS)
    except InputError as error:
        st.subheader("This address does not fit")
        st.text(str(error))
        st.button("Show all calls", on_click=clear)
        return
    rows = api.listed(viewer.context, page.frame)
    if "cursor" not in params:
        watch(signature(rows))
    if page.frame.empty:
        nothing(viewer, bool(carried))
        return
    query = urlencode({**carried, **filters.place(params)})
    names = naming.names(viewer.context, viewer.session)
    downloads.running()
    opened = player.calls(rows, names, query, viewer.tenant.time_zone)
    pager(page)
    if opened:
        st.switch_page(pages.review(), query_params={"call": opened, **carried, **filters.place(params)})


content()
