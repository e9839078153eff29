"""Overview: how many calls, how many answered, how long, how well; every figure can be opened and explains itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import plotly.graph_objects as go
import streamlit as st

from analytics import queries
from analytics.queries import topics
from dashboard import cards, charts, formatting, period, player, session
from dashboard.web import meanings
from pbx_core.store import models

CALLS = ("calls", "answered", "answer_rate", "talk_s_total", "talk_s_mean", "wait_s_mean")
ANSWERED = (
    "inbound_conversations", "human_answer_rate", "missed", "recovery_rate", "inbound_voicemail", "repeat_rate",
)  # fmt: skip
QUEUES = ("queue_offered", "service_level", "abandonment_rate", "asa", "aht", "queue_wait_max")
SPOKEN = (
    "caller_talk_ratio_mean", "agent_talk_ratio_mean", "agent_patience_s_mean", "interactivity_mean", "non_talk_share",
    "silence_share",
)  # fmt: skip
SOUND = ("mos_mean", "share_mos_below_3_6", "recorded_share", "recording_ok_share", "transcribed_share")


def figures(metrics: list[queries.MetricValue], names: tuple[str, ...]) -> None:
    """A row of them."""
    by_id = {m.metric_id: m for m in metrics}
    cards.row([by_id[name] for name in names if name in by_id])


def drawn(title: str, figure: go.Figure) -> None:
    """One chart in its frame."""
    with st.container(border=True):
        st.subheader(formatting.plain(title), anchor=False)
        st.plotly_chart(figure, config=charts.CONFIG, key=f"chart_{title}", alt=title)


def sections(viewer: session.Viewer, metrics: list[queries.MetricValue], since: datetime, until: datetime) -> None:
    """Figures and charts of the period: calls; callers and queues where there are some; sound; speech."""
    grain = "hour" if until - since <= timedelta(days=2) else "day"
    reader, zone = viewer.reader(), viewer.zone.key
    colours = charts.palette(st.context.theme.type)
    window = charts.Window(since, until, grain, viewer.zone)
    calls = queries.volume(reader, viewer.scope, since, until, zone, grain)
    lines = queries.quality(reader, viewer.scope, since, until, zone, grain)
    figures(metrics, CALLS)
    left, right = st.columns([2, 1])
    with left:
        drawn("Calls by result", charts.volume(calls, colours, window))
    with right:
        drawn("Minutes talked", charts.talk(calls, colours, window))
    known = {m.metric_id: m.value for m in metrics}
    if known["inbound_conversations"]:
        st.subheader("Callers from outside", anchor=False)
        figures(metrics, ANSWERED)
    if known["queue_offered"]:
        st.subheader("Queues", anchor=False)
        figures(metrics, QUEUES)
    st.subheader("Sound and recordings", anchor=False)
    figures(metrics, SOUND)
    if not lines.empty:
        drawn("Sound quality of the lines", charts.quality(lines, colours, window))
    st.subheader("Speech", anchor=False)
    figures(metrics, SPOKEN)


def rising(viewer: session.Viewer) -> None:
    """The words that rise, this week against the one before; whatever period is looked at."""
    st.subheader("Topics that rise", anchor=False)
    _, model = models.active(viewer.context.db, viewer.scope.tenant_id)
    found = topics.rising(viewer.reader(), viewer.scope, datetime.now(UTC), model.speech.redact.names)
    player.topics(meanings.topics_as_json(found))


def content() -> None:
    """The page."""
    viewer = session.viewer()
    st.title("Overview", anchor=False)
    since, until = period.chosen(viewer)
    reader = viewer.reader()
    metrics = queries.overview(reader, viewer.scope, since, until)
    if viewer.session.role == "agent":
        st.text("Figures of your own extension.")
    if not next((m.value for m in metrics if m.metric_id == "calls"), None):
        with st.container(border=True):
            st.subheader("No calls in this period")
            st.text("Choose a longer one, or come back after the next call.")
    else:
        sections(viewer, metrics, since, until)
        rising(viewer)
    fresh = queries.freshness(reader)["last_ingest_at"]
    st.text(f"Data as of {formatting.moment(fresh, viewer.zone)}, times in {viewer.zone.key}")


content()
