"""Overview: how many calls, how many answered, how long, how well; every figure can be opened and explains itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import streamlit as st

from analytics import queries
from dashboard import charts, formatting, session

DAYS = {"Today": 1, "7 days": 7, "30 days": 30, "90 days": 90}
OTHER = "Other"
GROUPS = {
    "Calls": ("calls", "answered", "answer_rate", "talk_s_total", "talk_s_mean", "wait_s_mean"),
    "Sound and recordings": (
        "mos_mean",
        "share_mos_below_3_6",
        "recorded_share",
        "recording_ok_share",
        "transcribed_share",
    ),
}
REST = "Conversations"
CARD_PX = 176


def period(viewer: session.Viewer) -> tuple[datetime, datetime]:
    """The days looked at, as UTC from the first midnight to the one after the last, in the tenant's zone."""
    today = datetime.now(viewer.zone).date()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.segmented_control("Period", [*DAYS, OTHER], default="7 days", key="period", required=True)
        first, last = today - timedelta(days=DAYS.get(name or "7 days", 7) - 1), today
        if name == OTHER:
            picked = st.date_input("Days", value=(today - timedelta(days=6), today), max_value=today, width=260)
            first, last = (picked[0], picked[-1]) if isinstance(picked, tuple) and picked else (first, last)

    def midnight(day: date) -> datetime:
        return datetime.combine(day, time(), viewer.zone).astimezone(UTC)

    return midnight(first), midnight(last + timedelta(days=1))


def explain(metric: queries.MetricValue) -> None:
    """What a figure means and what it was made of."""
    st.text(metric.definition)
    above = formatting.number(metric.numerator, "s" if metric.unit == "s" else "")
    if metric.unit == "MOS" or metric.metric_id.endswith("ratio_mean"):
        above = f"{metric.numerator:.2f}" if metric.numerator is not None else "–"
    if metric.metric_id == "silence_share":
        above = formatting.number(metric.numerator, "s")
    below_unit = "s" if metric.metric_id == "silence_share" else ""
    if metric.denominator is None:
        st.text(f"Total: {above}")
    else:
        st.text(f"Numerator: {above}\nDenominator: {formatting.number(metric.denominator, below_unit)}")
    st.text(f"Left out: {metric.exclusions}")
    st.text(f"Definition {metric.metric_id}, version {metric.version}")


def card(metric: queries.MetricValue) -> None:
    """One figure."""
    with st.container(border=True, width=CARD_PX, gap="xxsmall", key=f"card_{metric.metric_id}"):
        st.metric(formatting.plain(metric.title), formatting.number(metric.value, metric.unit))
        if metric.reason:
            st.text(metric.reason)
        with st.popover("How it is counted", type="tertiary"):
            explain(metric)


def cards(metrics: list[queries.MetricValue]) -> None:
    """All figures in groups; what has no group stands in the last."""
    grouped = {name for names in GROUPS.values() for name in names}
    by_id = {m.metric_id: m for m in metrics}
    for title, names in GROUPS.items():
        group([by_id[n] for n in names if n in by_id], title)
    group([m for m in metrics if m.metric_id not in grouped], REST)


def group(metrics: list[queries.MetricValue], title: str) -> None:
    """A row of figures that breaks where the screen ends."""
    if not metrics:
        return
    st.subheader(formatting.plain(title), anchor=False)
    with st.container(horizontal=True, gap="small"):
        for metric in metrics:
            card(metric)


def drawings(viewer: session.Viewer, since: datetime, until: datetime) -> None:
    """The same period over time."""
    grain = "hour" if until - since <= timedelta(days=2) else "day"
    reader, zone = viewer.reader(), viewer.zone.key
    colours = charts.palette(st.context.theme.type)
    calls = queries.volume(reader, viewer.scope, since, until, zone, grain)
    lines = queries.quality(reader, viewer.scope, since, until, zone, grain)
    with st.container(border=True):
        st.subheader("Calls over time", anchor=False)
        figure = charts.volume(calls, colours, grain)
        st.plotly_chart(figure, config=charts.CONFIG, key="volume", alt="Calls over time by result")
    left, right = st.columns(2)
    with left.container(border=True):
        st.subheader("Talk time", anchor=False)
        st.plotly_chart(charts.talk(calls, colours, grain), config=charts.CONFIG, key="talk", alt="Minutes talked")
    with right.container(border=True):
        st.subheader("Sound quality", anchor=False)
        if lines.empty:
            st.text("No call with sound in this period.")
        else:
            figure = charts.quality(lines, colours, grain)
            st.plotly_chart(figure, config=charts.CONFIG, key="quality", alt="Mean and worst MOS")


def content() -> None:
    """The page."""
    viewer = session.viewer()
    st.title("Overview", anchor=False)
    since, until = period(viewer)
    reader = viewer.reader()
    metrics = queries.overview(reader, viewer.scope, since, until)
    if viewer.session.role == "agent":
        st.text("Figures of your own extension.")
    if not next((m.value for m in metrics if m.metric_id == "calls"), None):
        with st.container(border=True):
            st.subheader("No calls in this period")
            st.text("Choose a longer one, or come back after the next call.")
    else:
        cards(metrics)
        drawings(viewer, since, until)
    fresh = queries.freshness(reader)["last_ingest_at"]
    st.text(f"Data as of {formatting.moment(fresh, viewer.zone)}, times in {viewer.zone.key}")


content()
