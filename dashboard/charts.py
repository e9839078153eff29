"""Figures over time as plotly charts, in the colours of the theme; plotly's own colours are never used."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboard.theme import DARK, LIGHT, Palette
from pbx_core.domain.records import Disposition

HEIGHT_PX = 260
CONFIG = {"displayModeBar": False, "responsive": True}
POOR_MOS = 3.6  # below, many listeners are dissatisfied (ITU-T G.107 annex B)


def palette(mode: str | None) -> Palette:
    """The colours of "light" or "dark"."""
    return DARK if mode == "dark" else LIGHT


def volume(frame: pd.DataFrame, colours: Palette, grain: str) -> go.Figure:
    """Stacked calls by disposition. frame as of analytics.queries.volume."""
    shades = {
        Disposition.ANSWERED: ("Answered", colours.accent),
        Disposition.NO_ANSWER: ("No answer", colours.bad),
        Disposition.BUSY: ("Busy", colours.warn),
        Disposition.CANCELLED: ("Cancelled", colours.quiet),
        Disposition.FAILED: ("Failed", colours.soft),
    }
    figure = go.Figure()
    for disposition, (name, colour) in shades.items():
        part = frame[frame.disposition == disposition]
        if not part.empty:
            figure.add_bar(x=part.bucket, y=part.calls, name=name, marker={"color": colour, "line": {"width": 0}})
    figure.update_layout(barmode="stack", bargap=0.25)
    figure.update_yaxes(rangemode="tozero")
    return _finish(figure, colours, grain)


def talk(frame: pd.DataFrame, colours: Palette, grain: str) -> go.Figure:
    """Minutes talked."""
    sums = frame.groupby("bucket", as_index=False).talk_s.sum()
    figure = go.Figure()
    figure.add_bar(x=sums.bucket, y=sums.talk_s / 60, name="Talk time", marker={"color": colours.accent})
    figure.update_layout(bargap=0.25, showlegend=False)
    figure.update_yaxes(rangemode="tozero")
    return _finish(figure, colours, grain)


def quality(frame: pd.DataFrame, colours: Palette, grain: str) -> go.Figure:
    """Mean and worst MOS of the legs, with the border of poor sound. frame as of analytics.queries.quality."""
    figure = go.Figure()
    for column, name, colour in (("mos_mean", "Mean", colours.accent), ("mos_min", "Worst leg", colours.callee)):
        figure.add_scatter(
            x=frame.bucket,
            y=frame[column],
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"size": 6},
        )
    figure.add_hline(y=POOR_MOS, line={"color": colours.bad, "width": 1, "dash": "dot"})
    figure.update_yaxes(title="MOS", range=[1, 4.6])
    return _finish(figure, colours, grain)


def _finish(figure: go.Figure, colours: Palette, grain: str) -> go.Figure:
    figure.update_layout(
        colorway=[colours.accent, colours.callee, colours.quiet, colours.bad, colours.good],
        height=HEIGHT_PX,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": colours.soft, "size": 12},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hovermode="x unified",
        dragmode=False,
    )
    figure.update_xaxes(
        showgrid=False,
        fixedrange=True,
        tickformat="%d %b" if grain == "day" else "%H:%M\n%d %b",
        hoverformat="%a %d %b %Y" if grain == "day" else "%a %d %b, %H:%M",
    )
    figure.update_yaxes(gridcolor=colours.line, fixedrange=True, zeroline=False)
    return figure
