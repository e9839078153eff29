"""Figures over time as plotly charts, in the colours of the theme; plotly's own colours are never used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go

from dashboard.theme import DARK, LIGHT, Palette
from pbx_core.domain.records import Disposition

HEIGHT_PX = 260
CONFIG = {"displayModeBar": False, "responsive": True}
POOR_MOS = 3.6  # below, many listeners are dissatisfied (ITU-T G.107 annex B)


@dataclass(frozen=True)
class Window:
    """The period drawn: since <= t < until, in steps of grain ("hour" or "day"), by the clocks of a zone."""

    since: datetime
    until: datetime
    grain: str
    zone: ZoneInfo

    def edges(self) -> list[str]:
        """The ends of the axis as wall clock, half a step before the first bar's middle to half a step behind."""
        half = timedelta(hours=12) if self.grain == "day" else timedelta(minutes=30)
        return [(t.astimezone(self.zone).replace(tzinfo=None) - half).isoformat() for t in (self.since, self.until)]

    @property
    def bar_ms(self) -> float:
        """Width of a bar on a time axis."""
        return 0.72 * 1000 * (86400 if self.grain == "day" else 3600)


def wall(times: pd.Series) -> pd.Series:
    """The clocks' reading, without zone: plotly knows none."""
    naive: pd.Series = times.dt.tz_localize(None)
    return naive


def palette(mode: str | None) -> Palette:
    """The colours of "light" or "dark"."""
    return DARK if mode == "dark" else LIGHT


def volume(frame: pd.DataFrame, colours: Palette, window: Window) -> go.Figure:
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
            figure.add_bar(
                x=wall(part.bucket),
                y=part.calls,
                name=name,
                width=window.bar_ms,
                marker={"color": colour, "line": {"width": 0}},
            )
    figure.update_layout(barmode="stack")
    figure.update_yaxes(rangemode="tozero")
    return _finish(figure, colours, window)


def talk(frame: pd.DataFrame, colours: Palette, window: Window) -> go.Figure:
    """Minutes talked. The two hours of one name, when clocks are put back, are one bar: plotly would draw the second
    over the first."""
    sums = frame.assign(bucket=wall(frame.bucket)).groupby("bucket", as_index=False).talk_s.sum()
    figure = go.Figure()
    figure.add_bar(
        x=sums.bucket, y=sums.talk_s / 60, name="Talk time", width=window.bar_ms, marker={"color": colours.accent}
    )
    figure.update_layout(showlegend=False)
    figure.update_yaxes(rangemode="tozero")
    return _finish(figure, colours, window)


def quality(frame: pd.DataFrame, colours: Palette, window: Window) -> go.Figure:
    """Mean and worst MOS of the legs, with the border of poor sound. frame as of analytics.queries.quality."""
    figure = go.Figure()
    for column, name, colour in (("mos_mean", "Mean", colours.accent), ("mos_min", "Worst leg", colours.callee)):
        figure.add_scatter(
            x=wall(frame.bucket),
            y=frame[column],
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"size": 6},
        )
    figure.add_hline(y=POOR_MOS, line={"color": colours.bad, "width": 1, "dash": "dot"})
    figure.update_yaxes(title="MOS", range=[1, 4.6])
    return _finish(figure, colours, window)


def figure(frame: pd.DataFrame, unit: str, colours: Palette, window: Window) -> go.Figure:
    """One figure over time. frame: key, value as of analytics.queries.series; counts are bars, the rest a line."""
    drawn = go.Figure()
    if unit in ("calls", "conversations", "numbers"):
        bars = frame.assign(bucket=wall(frame.key)).groupby("bucket", as_index=False).value.sum()
        drawn.add_bar(x=bars.bucket, y=bars.value, width=window.bar_ms, marker={"color": colours.accent})
    else:
        drawn.add_scatter(
            x=wall(frame.key), y=frame.value, mode="lines+markers", line={"color": colours.accent, "width": 2},
            marker={"size": 6},
        )  # fmt: skip
    drawn.update_layout(showlegend=False)
    drawn.update_yaxes(tickformat=".0%" if unit == "share" else None, title=unit if unit != "share" else None)
    return _finish(drawn, colours, window)


def _finish(figure: go.Figure, colours: Palette, window: Window) -> go.Figure:
    figure.update_layout(
        colorway=[colours.accent, colours.callee, colours.quiet, colours.bad, colours.good],
        height=HEIGHT_PX,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": colours.soft, "size": 12},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        hovermode="x unified",
        dragmode=False,
    )
    figure.update_xaxes(
        showgrid=False,
        fixedrange=True,
        type="date",
        range=window.edges(),
        nticks=8,
        tickformat="%d\n%b" if window.grain == "day" else "%H:%M\n%d %b",
        hoverformat="%a %d %b %Y" if window.grain == "day" else "%a %d %b, %H:%M",
    )
    figure.update_yaxes(gridcolor=colours.line, fixedrange=True, zeroline=False)
    return figure
