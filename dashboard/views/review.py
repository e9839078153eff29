"""Review: one call, with sound, text, comments and facts. The page itself is the component in dashboard/player."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

import streamlit as st

from analytics import queries
from dashboard import pages, player, session
from dashboard.web import access, filters, progress

LOOK_EVERY = timedelta(seconds=2.5)
_ID = re.compile(r"[0-9a-f]{32}")
_SECOND = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?")


def find(viewer: session.Viewer, call_id: str) -> queries.CallDetail | None:
    """The call, unless it is unknown, another tenant's or out of an agent's scope: all look the same."""
    return queries.call(viewer.reader(), viewer.scope, call_id) if _ID.fullmatch(call_id) else None


def revision(state: progress.Progress) -> str:
    """Changes when the component has something new to fetch."""
    return f"{state.stage} {state.position} {state.sentence} {state.pending}"


@st.fragment(run_every=LOOK_EVERY)
def watch(call_id: str, shown: str) -> None:
    """While something is still being made, look again; draw the page anew when it has come further."""
    viewer = session.viewer()
    detail = find(viewer, call_id)
    if detail is None or revision(progress.of(viewer.context.db, viewer.context.clock, detail)) != shown:
        st.rerun()


def second(text: str) -> float | None:
    """The second named in the address, None when none is."""
    return float(text) if _SECOND.fullmatch(text) else None


def missing() -> None:
    """Nothing to show, and the way on."""
    with st.container(border=True):
        st.subheader("There is no such call")
        st.text("The address is wrong, or the call is not one that you may see.")
        if st.button("Show all calls"):
            st.switch_page(pages.calls())


def content() -> None:
    """The page."""
    viewer = session.viewer()
    call_id = st.query_params.get("call", "")
    detail = find(viewer, call_id)
    if detail is None:
        missing()
        return
    params = st.query_params.to_dict()
    carried = {**filters.carried(params), **filters.place(params)}
    state = progress.of(viewer.context.db, viewer.context.clock, detail)
    if state.stage is progress.Stage.QUEUED and access.may_hurry(viewer.session):
        progress.of_interest(viewer.context.db, viewer.tenant.tenant_id, detail)
        state = progress.of(viewer.context.db, viewer.context.clock, detail)
    recording = params.get("recording", "") if _ID.fullmatch(params.get("recording", "")) else ""
    at_s = second(params.get("at", ""))
    wish = player.review(call_id, revision(state), urlencode(carried), viewer.tenant.time_zone, recording, at_s)
    if state.pending:
        watch(call_id, revision(state))
    if wish == "list":
        st.switch_page(pages.calls(), query_params=carried)
    elif wish and wish != call_id and _ID.fullmatch(wish):
        st.switch_page(pages.review(), query_params={"call": wish, **carried})


content()
