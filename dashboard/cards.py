"""Figures as cards in a row; each explains itself and leads to its rivals and rows."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from analytics.queries import MetricValue
from dashboard import formatting, pages, period

CARD_PX = 168


def row(values: Sequence[MetricValue]) -> None:
    """Figures side by side; the row breaks where the screen ends."""
    with st.container(horizontal=True, gap="small"):
        for value in values:
            _card(value)


def _card(metric: MetricValue) -> None:
    with st.container(border=True, width=CARD_PX, gap="xxsmall", height="stretch", key=f"card_{metric.metric_id}"):
        value = formatting.figure(metric)
        st.metric(formatting.plain(metric.title), value, label_visibility="collapsed")
        st.text(metric.title)
        with st.popover("Explain", type="tertiary"):
            _explain(metric)


def _explain(metric: MetricValue) -> None:
    """What a figure means and what it was made of; the page Numbers has its rivals and its rows."""
    st.text(metric.definition)
    if metric.reason:
        st.text(f"No value: {metric.reason}")
    st.text(formatting.made_of(metric))
    st.text(f"Left out: {metric.exclusions}")
    st.text(f"Definition {metric.metric_id}, version {metric.version}")
    st.page_link(
        pages.metrics(),
        label="Rivals and rows",
        query_params={"metric": metric.metric_id, **period.parameters()},
    )
