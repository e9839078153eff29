"""Charts of a report as PNG, drawn without a browser; the same picture stands in the mail and in the PDF.

Colours are those of the dashboard's light theme; series differ in lightness too, so that they can be told apart without
colour. Text is DejaVu Sans, which matplotlib carries: Latin, Cyrillic and Greek.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analytics import metrics

WIDTH_IN, HEIGHT_IN, DPI = 6.4, 2.3, 200  # 1280 x 460 points: sharp at 640 in a mail, and on paper
INK, SOFT, LINE = "#16262e", "#52656f", "#d9e0e4"
SHADES = {
    "inbound_answered": "#0b6e75",
    "missed": "#b3362c",
    "inbound_voicemail": "#e0a458",
    "inbound_abandoned": "#9aa9b0",
}
PLAIN = "#0b6e75"
HOURS = tuple(f"{h:02d}" for h in range(24))


@dataclass(frozen=True)
class Chart:
    """name: of its file; text: what it shows, for who sees no pictures; source: ids and versions of its figures."""

    name: str
    title: str
    png: bytes
    text: str
    source: str


@dataclass(frozen=True)
class Spans:
    """The steps of the horizontal axis: every day from first to last, or the hours of the day."""

    by: str
    first: date
    last: date

    @property
    def keys(self) -> list[str]:
        """As Series has them."""
        if self.by == "hour_of_day":
            return list(HOURS)
        return [(self.first + timedelta(days=n)).isoformat() for n in range((self.last - self.first).days + 1)]

    @property
    def labels(self) -> list[str]:
        """As people read them."""
        if self.by == "hour_of_day":
            return list(HOURS)
        days = [date.fromisoformat(k) for k in self.keys]
        return [f"{d:%a %-d}" if len(days) <= 7 else f"{d.day}" for d in days]


@dataclass(frozen=True)
class Series:
    """By figure: its values by step; what is not there was not measured (of counts: nothing happened)."""

    values: Mapping[str, Mapping[str, float]]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Series:
        """From analytics.queries.metrics.series over day or hour_of_day."""
        found: dict[str, dict[str, float]] = {}
        for key, metric_id, value in zip(frame["key"], frame["metric_id"], frame["value"], strict=True):
            if pd.notna(value):
                step = f"{int(key):02d}" if isinstance(key, int | float) or str(key).isdigit() else f"{key:%Y-%m-%d}"
                found.setdefault(metric_id, {})[step] = float(value)
        return cls(found)

    def divided(self, by: float) -> Series:
        """The same in a larger unit."""
        return Series({m: {k: v / by for k, v in steps.items()} for m, steps in self.values.items()})


def bars(title: str, series: Series, spans: Spans) -> Chart | None:
    """Stacked bars of counts or sums; None when there is nothing to show."""
    shown = [m for m in series.values if any(series.values[m].values())]
    if not shown:
        return None
    figure, axes = _axes()
    keys, base = spans.keys, [0.0] * len(spans.keys)
    for metric_id in shown:
        heights = [series.values[metric_id].get(k, 0.0) for k in keys]
        colour = SHADES.get(metric_id, PLAIN)
        axes.bar(range(len(keys)), heights, 0.72, bottom=base, color=colour, label=metrics.BY_ID[metric_id].title)
        base = [b + h for b, h in zip(base, heights, strict=True)]
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_ylim(bottom=0)
    if len(shown) > 1:
        axes.legend(
            ncols=len(shown), loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize=7.5, labelcolor=SOFT
        )
    sums = ", ".join(f"{metrics.BY_ID[m].title} {sum(series.values[m].values()):,.0f}" for m in shown)
    return _chart(figure, axes, title, spans, shown, f"{title}: {sums}.")


def line(title: str, series: Series, spans: Spans, low: float, high: float, poor: float) -> Chart | None:
    """One figure over time, with the border of what is poor; None when it was never measured."""
    shown = [m for m in series.values if series.values[m]]
    if not shown:
        return None
    figure, axes = _axes()
    steps = series.values[shown[0]]
    points = [steps.get(k, float("nan")) for k in spans.keys]
    axes.plot(range(len(points)), points, color=PLAIN, linewidth=1.6, marker="o", markersize=3.5)
    axes.axhline(poor, color="#b3362c", linewidth=0.8, linestyle=":")
    axes.set_ylim(low, high)
    axes.set_xlim(-0.6, len(points) - 0.4)
    return _chart(
        figure, axes, title, spans, shown, f"{title}: from {min(steps.values()):.2f} to {max(steps.values()):.2f}."
    )


def _axes():  # type: ignore[no-untyped-def]
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.tick_params(colors=SOFT, labelsize=7.5, length=0)
    return figure, axes


def _chart(figure: Figure, axes, title: str, spans: Spans, shown: list[str], text: str) -> Chart:  # type: ignore[no-untyped-def]
    labels = spans.labels
    step = 1 if len(labels) <= 7 else 2 if len(labels) > 24 else 3
    axes.set_xticks(range(0, len(labels), step), labels[::step])
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": "Callbench"})
    source = ", ".join(f"{m}/{metrics.BY_ID[m].version}" for m in shown)
    return Chart(f"{shown[0]}-{spans.by}", title, content.getvalue(), text, source)
