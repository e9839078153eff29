"""Health: whether one may trust the figures today; each state in words, with what to do."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from analytics.health.types import Check, Health, Level, Source
from dashboard import formatting, player, session
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


def named(source: Source) -> str:
    """What a source is called."""
    return f"Import {source.part}" if source.source == "import" else source.part[:1].upper() + source.part[1:]


def table(found: Health, viewer: session.Viewer) -> None:
    """Where the rows come from; columns that no source knows are left out."""
    columns: dict[str, Callable[[Source], str | None]] = {
        "Rows": lambda s: formatting.number(s.loaded, ""),
        "Lines read": lambda s: None if s.lines is None else formatting.number(s.lines, ""),
        "Refused": lambda s: None if s.rejected is None else formatting.number(s.rejected, ""),
        "Repeated": lambda s: None if s.repeated is None else formatting.number(s.repeated, ""),
        "Newest": lambda s: formatting.moment(s.newest_at, viewer.zone) if s.newest_at else None,
    }
    if not found.sources:
        return
    st.subheader("Where the rows come from", anchor=False)
    known = {head: cell for head, cell in columns.items() if any(cell(s) is not None for s in found.sources)}
    rows = [
        {"href": None, "key": None, "cells": [named(s), *(c(s) or "" for c in known.values())]} for s in found.sources
    ]
    player.linked("sources", "Where the rows come from", ["From", *known], rows)
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
