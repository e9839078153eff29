"""Figures as a report writes them: the value, the change, what it was made of."""

from __future__ import annotations

from analytics.metrics import MetricValue
from analytics.reports.content import Figure

MINUS = "\u2212"
THIN = "\u202f"


def value(figure: MetricValue) -> str:
    """With its unit; of a percentile only about; a dash where there is none."""
    text = _number(figure.value, figure.unit)
    return f"about {text}" if figure.resolution else text


def change(figure: Figure) -> str:
    """Against the period before: points of a share, else per cent; empty where it cannot be told."""
    now, before = figure.now.value, figure.before.value
    if now is None or before is None:
        return ""
    if figure.now.unit == "share":
        return _signed((now - before) * 100, " points")
    if figure.now.unit == "MOS":
        return _signed(now - before, "", 2)
    return _signed((now - before) / before * 100, " %", 0) if before else ""


def made_of(figure: MetricValue) -> str:
    """Numerator and denominator, or why there is no value."""
    if figure.value is None:
        return figure.reason or ""
    if figure.denominator is None or figure.numerator is None:
        return ""
    return f"{_plain(figure.numerator)} / {_plain(figure.denominator)}"


def definition(figure: MetricValue) -> str:
    """Id and version."""
    return f"{figure.metric_id}/{figure.version}"


def _number(number: float | None, unit: str) -> str:
    if number is None:
        return "–"
    match unit:
        case "share":
            return f"{number * 100:.1f} %"
        case "s":
            return _seconds(number)
        case "MOS":
            return f"{number:.2f}"
        case _:
            return f"{number:,.0f}".replace(",", THIN)


def _seconds(number: float) -> str:
    if number < 60:
        return f"{number:.1f} s"
    whole = round(number)
    if whole >= 172_800:
        return f"{number / 86_400:.1f} days"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d} h"


def _signed(number: float, unit: str, digits: int = 1) -> str:
    text = f"{abs(number):.{digits}f}{unit}"
    if float(f"{number:.{digits}f}") == 0:
        return f"±{text}"
    return f"+{text}" if number > 0 else f"{MINUS}{text}"


def _plain(number: float) -> str:
    return f"{number:,.0f}".replace(",", THIN) if number == int(number) else f"{number:,.1f}".replace(",", THIN)
