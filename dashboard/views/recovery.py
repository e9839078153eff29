"""Missed and made good: lost callers who still wait, those who were talked with, by whom and how fast."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from analytics import queries
from analytics.conversations.rules import RECOVERY_DAYS
from analytics.queries import lost
from dashboard import cards, formatting, period, player, session
from dashboard.web import naming

FIGURES = ("recovery_rate", "recovery_rate_any", "recovery_p50", "recovery_p95")
SHOWN_MAX = 200
LOST = {"missed": "Missed", "abandoned": "Abandoned", "voicemail": "Voicemail", "out_of_hours": "Out of hours"}


def moment(at: Any, viewer: session.Viewer) -> str:
    """A time with its day, in the tenant's zone."""
    return f"{pd.Timestamp(at).tz_convert(viewer.zone):%d %b %Y %H:%M}"


def story(conversation_id: str) -> str:
    """Where this conversation is shown."""
    return f"/conversations?{urlencode({'conversation': conversation_id})}"


def waiting(viewer: session.Viewer, since: datetime, until: datetime) -> None:
    """Whom to call now: the longest waiting first; the number calls."""
    st.subheader("Still waiting", anchor=False)
    frame, following = lost.waiting(viewer.reader(), viewer.scope, since, until, limit=SHOWN_MAX)
    hidden = lost.withheld(viewer.reader(), viewer.scope, since, until)
    if frame.empty:
        st.text("Nobody: with every caller who was lost in this period somebody has talked since.")
    else:
        now = datetime.now(UTC)
        names = naming.names(viewer.context, viewer.session)
        rows = [
            {
                "href": f"tel:{r.outside_number}",
                "key": None,
                "cells": [
                    r.outside_number, moment(r.lost_at, viewer), formatting.lapse((now - r.lost_at).total_seconds()),
                    str(r.attempts), LOST[r.class_], formatting.queue(r.queue, names), r.did,
                ],
            }
            for r in frame.rename(columns={"class": "class_"}).itertuples()
        ]  # fmt: skip
        heads = ["Number", "Lost", "Waiting for", "Tried", "Last time", "Queue", "Called"]
        player.linked("waiting", "Still waiting", heads, rows)
        if following:
            st.text(f"The first {SHOWN_MAX} are shown; choose a shorter period for the others.")
    if hidden:
        one = "1 caller hid his number and cannot be called back."
        st.text(one if hidden == 1 else f"{hidden} callers hid their numbers and cannot be called back.")


def made_good(viewer: session.Viewer, since: datetime, until: datetime) -> None:
    """Who was talked with, by whom, how fast."""
    st.subheader("Made good", anchor=False)
    frame, following = lost.recovered(viewer.reader(), viewer.scope, since, until, limit=SHOWN_MAX)
    if frame.empty:
        st.text("None in this period.")
        return
    names = naming.names(viewer.context, viewer.session)
    agents = lost.recovered_by_agent(viewer.reader(), viewer.scope, since, until)
    rows = [
        {
            "href": None,
            "key": None,
            "cells": [
                formatting.party(a.agent, names) or "–",
                str(a.callers),
                *map(formatting.lapse, (a.p50_s, a.p95_s)),
            ],
        }
        for a in agents.itertuples()
    ]
    player.linked("agents", "Made good, by agent", ["Who talked", "Callers", "Half within", "95 of 100 within"], rows)
    st.text("These times are exact; those of the figures above may be 2.5 % off.")
    rows = [
        {
            "href": story(r.conversation_id),
            "key": None,
            "cells": [
                r.outside_number, moment(r.started_at, viewer), LOST[r.class_], formatting.lapse(r.recovery_s),
                formatting.party(r.recovered_agent, names), "we called" if r.we_called else "called again",
            ],
        }
        for r in frame.rename(columns={"class": "class_"}).itertuples()
    ]  # fmt: skip
    player.linked("recovered", "Made good", ["Number", "Lost", "Was", "After", "Who talked", "How"], rows)
    if following:
        st.text(f"The last {SHOWN_MAX} are shown; choose a shorter period for the others.")


def content() -> None:
    """The page."""
    viewer = session.viewer()
    st.title("Missed calls", anchor=False)
    since, until = period.chosen(viewer)
    viewer.reader()
    st.text(
        "Callers who wanted one of us and got nobody: missed, left a queue or a message, or came when it was closed. "
        f"Made good when somebody talked with that number within {RECOVERY_DAYS} days, whoever called."
    )
    if viewer.session.role == "agent":
        st.text("You see the callers who met your own extension.")
    cards.row(queries.values(viewer.reader(), viewer.scope, since, until, FIGURES))
    waiting(viewer, since, until)
    made_good(viewer, since, until)
    fresh = queries.freshness(viewer.reader())["last_ingest_at"]
    st.text(f"Data as of {formatting.moment(fresh, viewer.zone)}, times in {viewer.zone.key}")


content()
