"""Which pages there are. Their scripts lie in views/: a folder named pages would be served without our doors."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

VIEWS = Path(__file__).parent / "views"
MARK = (Path(__file__).parent / "web" / "static" / "mark.svg").read_text()


def calls() -> st.Page:
    """The list of calls, the first page."""
    return st.Page(VIEWS / "calls.py", title="Calls", url_path="calls", default=True)


def review() -> st.Page:
    """One call; reached from the list or by an address with ?call=."""
    return st.Page(VIEWS / "review.py", title="Review", url_path="review", visibility="hidden")


def live() -> st.Page:
    """The calls that run now, and the words of one of them."""
    return st.Page(VIEWS / "live.py", title="Live", url_path="live")


def search() -> st.Page:
    """Where in all calls something was said."""
    return st.Page(VIEWS / "search.py", title="Search", url_path="search")


def conversations() -> st.Page:
    """Calls that are one story, and why they count as what they do."""
    return st.Page(VIEWS / "conversations.py", title="Conversations", url_path="conversations")


def recovery() -> st.Page:
    """Lost callers: who waits, who was called back."""
    return st.Page(VIEWS / "recovery.py", title="Missed", url_path="recovery")


def overview() -> st.Page:
    """The figures."""
    return st.Page(VIEWS / "overview.py", title="Overview", url_path="overview")


def metrics() -> st.Page:
    """Every figure, opened one by one."""
    return st.Page(VIEWS / "metrics.py", title="Numbers", url_path="metrics")


def health() -> st.Page:
    """Whether the figures may be trusted today."""
    return st.Page(VIEWS / "health.py", title="Health", url_path="health")


def reports() -> st.Page:
    """What comes by mail."""
    return st.Page(VIEWS / "reports.py", title="Reports", url_path="reports")


def navigation() -> list[st.Page]:
    """All of them, in the order of the menu."""
    inside = [overview(), metrics(), reports(), health(), review()]
    return [calls(), conversations(), recovery(), search(), live(), *inside]
