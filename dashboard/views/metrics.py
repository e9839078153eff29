"""Numbers: every figure, and one figure opened: what it means, what it is made of, its rivals, its very rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from analytics import metrics, queries
from analytics.metrics import Grain, MetricValue
from dashboard import charts, formatting, period, player, session
from dashboard.web import naming

PAGE_ROWS = 25
STATES = {"call": "In a call", "wrap_up": "Wrapping up", "idle": "Free", "paused": "Paused"}
SIDES = {"Counted": "numerator", "Divided by": "denominator", "Left out": "excluded"}


def address(**more: str) -> str:
    """This page with the same days."""
    return f"/metrics?{urlencode({**period.parameters(), **more})}"


def go(metric_id: str) -> None:
    """Another figure."""
    leave()
    st.query_params["metric"] = metric_id
    st.rerun()


def leave() -> None:
    """Back to the list."""
    for name in ("metric", "cursor", "side"):
        st.query_params.pop(name, None)


def numbers(key: str, label: str, values: list[MetricValue]) -> None:
    """A table of figures; each leads to its own page."""
    rows = [
        {
            "href": address(metric=v.metric_id),
            "key": v.metric_id,
            "cells": [v.title, formatting.figure(v), v.reason or v.definition],
        }
        for v in values
    ]
    wish = player.linked(key, label, ["Figure", "Value", "Meaning"], rows)
    if wish and wish in metrics.BY_ID and wish != st.query_params.get("metric"):
        go(wish)


def everything(viewer: session.Viewer, since: datetime, until: datetime) -> None:
    """All figures by subject."""
    found = {v.metric_id: v for v in queries.overview(viewer.reader(), viewer.scope, since, until)}
    for section, definitions in metrics.SECTIONS.items():
        st.subheader(formatting.plain(section), anchor=False)
        numbers(f"numbers_{section}", section, [found[m.metric_id] for m in definitions])


def meaning(value: MetricValue) -> None:
    """What the figure is and what it was made of."""
    made = formatting.made_of(value)
    with st.container(border=True, gap="xsmall"):
        st.metric(formatting.plain(value.title), formatting.figure(value))
        if value.reason:
            st.text(f"No value: {value.reason}")
        st.text(value.definition)
        st.text(made)
        st.text(f"Left out: {value.exclusions}")
        if value.parameters:
            st.text("With: " + "; ".join(f"{name} {text}" for name, text in value.parameters))
        source = value.source.replace("canon", "list of metrics, no.")
        st.text(f"Counted per {value.grain.replace('_', ' ')}. Source: {source}")
        st.text(f"Definition {value.metric_id}, version {value.version}")


def over_time(viewer: session.Viewer, value: MetricValue, since: datetime, until: datetime) -> None:
    """The figure by hour or day."""
    grain = "hour" if until - since <= timedelta(days=2) else "day"
    frame = queries.series(
        viewer.reader(), viewer.scope, since, until, [value.metric_id], grain, time_zone=viewer.zone.key
    ).dropna(subset="value")
    if frame.empty:
        return
    colours = charts.palette(st.context.theme.type)
    title = f"{value.title} by {grain}"
    with st.container(border=True):
        st.subheader(formatting.plain(title), anchor=False)
        window = charts.Window(since, until, grain, viewer.zone)
        st.plotly_chart(charts.figure(frame, value.unit, colours, window), config=charts.CONFIG, key="chart", alt=title)


def rows(viewer: session.Viewer, value: MetricValue, since: datetime, until: datetime) -> None:
    """The very rows, with a link to each call."""
    st.subheader("The rows behind it", anchor=False)
    names = ["Counted", "Left out"] if value.denominator is None else ["Counted", "Divided by", "Left out"]
    here = next((n for n in names if SIDES[n] == st.query_params.get("side")), names[0])
    side = st.segmented_control("Rows", names, default=here, key="side", required=True) or here
    cursor = st.query_params.get("cursor") if side == here else None
    st.query_params["side"] = SIDES[side]
    frame, following = queries.rows_behind(
        viewer.reader(), viewer.scope, value.metric_id, SIDES[side], since, until, limit=PAGE_ROWS, cursor=cursor
    )
    if frame.empty:
        st.text("None in this period.")
        return
    known = naming.names(viewer.context, viewer.session)
    if value.grain == Grain.AGENT_TIME:
        heads, show = ["Since", "Agent", "State", "For"], stretch
    else:
        heads, show = ["Started", "From", "To", "Queue", "Agent", "Counts as"], row
    cells = [show(viewer, known, r) for r in frame.itertuples()]
    player.linked("rows", f"Rows: {side}", heads, cells)
    with st.container(horizontal=True, horizontal_alignment="center"):
        if cursor:
            st.button("Newest", on_click=turn, args=(None,))
        if following:
            st.button("Older", on_click=turn, args=(following,))


def row(viewer: session.Viewer, names: dict[str, str], r: Any) -> dict[str, object]:
    """One row; its link opens the call."""
    at = pd.Timestamp(r.started_at).tz_convert(viewer.zone)
    caller, callee, agent = (formatting.party(n or "", names) for n in (r.caller_number, r.callee_number, r.agent))
    cells = [f"{at:%d %b %Y %H:%M:%S}", caller, callee, formatting.queue(r.queue, names), agent, f"{r.value:g}"]
    return {"href": f"/review?{urlencode({'call': r.call_id})}", "key": None, "cells": cells}


def stretch(viewer: session.Viewer, names: dict[str, str], r: Any) -> dict[str, object]:
    """A part of an agent's time."""
    at = pd.Timestamp(r.started_at).tz_convert(viewer.zone)
    state = r.row_id.split("/")[1]
    cells = [f"{at:%d %b %Y %H:%M:%S}", formatting.party(r.agent, names), STATES[state], formatting.seconds(r.value)]
    return {"href": None, "key": None, "cells": cells}


def turn(cursor: str | None) -> None:
    """Another page of the rows."""
    if cursor is None:
        st.query_params.pop("cursor", None)
    else:
        st.query_params["cursor"] = cursor


def opened(viewer: session.Viewer, metric_id: str, since: datetime, until: datetime) -> None:
    """One figure."""
    st.button("← All numbers", on_click=leave)
    definition = metrics.BY_ID[metric_id]
    found = queries.values(viewer.reader(), viewer.scope, since, until, [metric_id, *definition.variants])
    value, rivals = found[0], found[1:]
    meaning(value)
    if rivals:
        st.subheader("Others count it otherwise", anchor=False)
        numbers("rivals", "Rivals", rivals)
    if not definition.unavailable:
        over_time(viewer, value, since, until)
        rows(viewer, value, since, until)


def content() -> None:
    """The page."""
    viewer = session.viewer()
    st.title("Numbers", anchor=False)
    since, until = period.chosen(viewer)
    if viewer.session.role == "agent":
        st.text("Figures of your own extension.")
    metric_id = st.query_params.get("metric", "")
    if metric_id in metrics.BY_ID:
        opened(viewer, metric_id, since, until)
    else:
        everything(viewer, since, until)
    st.text(f"Times in {viewer.zone.key}")


content()
