"""Health: whether one may trust the figures today; each state in words, with what to do."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from analytics.health.types import Check, Health, Level, Source
from dashboard import formatting, session
from dashboard.web import health

OVERALL = {
    Level.OK: "All is well: the figures are complete.",
    Level.WARN: "The figures can be used. Something should be looked at.",
    Level.BAD: "Something is wrong: read what, before you rely on the figures.",
}


def shown(check: Check) -> None:
    """One state."""
    with st.container(border=True, gap="xxsmall", key=f"health_{check.name}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(formatting.plain(check.title), anchor=False, width="content")
            st.markdown(
                {"ok": ":green-badge[Fine]", "warn": ":orange-badge[Look]", "bad": ":red-badge[Act]"}[check.level],
                width="content",
            )
        st.text(check.says)
        if check.remedy:
            st.text(f"What to do: {check.remedy}")
        for example in check.examples:
            st.text(example)
        if check.name == "rejected" and check.figures["ever"]:
            st.link_button("Download the refused lines", "/api/health/rejected.csv")


def table(found: Health, viewer: session.Viewer) -> None:
    """Where the rows come from."""

    def row(s: Source) -> dict[str, object]:
        return {
            "From": f"Import {s.part}" if s.source == "import" else s.part,
            "Rows": s.loaded,
            "Lines read": s.lines,
            "Refused": s.rejected,
            "Repeated": s.repeated,
            "Newest": formatting.moment(s.newest_at, viewer.zone) if s.newest_at else "",
        }

    if not found.sources:
        return
    st.subheader("Where the rows come from", anchor=False)
    frame = pd.DataFrame([row(s) for s in found.sources])
    st.dataframe(frame.dropna(axis="columns", how="all"), hide_index=True, width="stretch")
    if any(s.repeated is not None for s in found.sources):
        st.text("Refused: lines that could not be read. Repeated: lines that said what was known; they count once.")


def content() -> None:
    """The page."""
    viewer = session.viewer()
    st.title("Health", anchor=False)
    if not health.may_see(viewer.session):
        st.text("Owners, managers and analysts see how the data are.")
        return
    found = health.of(viewer.context, viewer.session.tenant_id)
    st.text(OVERALL[found.level])
    for check in found.checks:
        shown(check)
    table(found, viewer)
    st.text(f"As of {formatting.moment(found.at, viewer.zone)}, times in {viewer.zone.key}")


content()
