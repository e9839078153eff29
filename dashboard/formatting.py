"""Numbers as people read them, and the one way in which changing text may enter a label."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from analytics import metrics
from analytics.metrics import MetricValue

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!<>|~$:])")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
LABEL_CHARS_MAX = 64
_MEASURED = {"ms": 1, "dBFS": 1, "words/min": 0, "/h": 1, "/100 words": 1, "E": 2, "x": 2}  # unit → digits
_BARE = ("times", "-1..1", "-2..2")  # two digits say enough

QUEUE = "queue:"  # before a queue's id among names: a queue may be called as a number is


def plain(text: str) -> str:
    """Text for a place where Streamlit reads Markdown (labels): every sign of markup is escaped, control and
    direction marks are dropped, the length is cut. Text from outside belongs into st.text even so."""
    return _MARKUP.sub(r"\\\1", _UNSAFE.sub(" ", text)[:LABEL_CHARS_MAX])


def party(number: str, names: dict[str, str]) -> str:
    """Maria (101): with the tenant's own name for a number; for places that read no markup."""
    name = _UNSAFE.sub(" ", names.get(number, "")).strip()[:LABEL_CHARS_MAX]
    return f"{name} ({number})" if name and name != number else number


def queue(queue_id: str | None, names: dict[str, str]) -> str:
    """Orders (sales), as `party`; names: of dashboard.web.naming."""
    known = queue_id or ""
    return party(known, {known: names.get(QUEUE + known, "")})


def number(value: float | None, unit: str) -> str:
    """A figure with its unit: share 0..1 as per cent, seconds as h:mm:ss or s, MOS and scales with two digits, rates
    and levels with one, else a count."""
    if value is None:
        return "–"
    if unit == "share":
        return f"{value * 100:.1f} %"
    if unit == "s":
        return seconds(value)
    if unit == "/min":
        return f"{value:.1f} /min"
    if unit == "MOS":
        return f"{value:.2f}"
    if unit in _MEASURED:
        return f"{value:.{_MEASURED[unit]}f} {unit}"
    if unit in _BARE:
        return f"{value:.2f}"
    return f"{value:,.0f}".replace(",", "\u2009")


def figure(value: MetricValue) -> str:
    """A figure with its unit; of a percentile only about, since the limits of a bin are what is known."""
    text = number(value.value, value.unit)
    return f"about {text}" if value.resolution else text


def made_of(value: MetricValue) -> str:
    """The two numbers behind a figure, each with what it counts."""
    above, below = metrics.says(value.metric_id)
    if value.denominator is None:
        return f"Total: {_total(value.numerator, *above)}"
    made = f"Numerator: {_total(value.numerator, *above)}\nDenominator: {_total(value.denominator, *below)}"
    return f"{made}\nA percentile, {value.resolution}" if value.resolution else made


def _total(value: float | None, name: str, says: str) -> str:
    if name.endswith("_s"):
        return f"{number(value, 's')}, {says}"
    return f"{'–' if value is None else f'{value:,.2f}' if value % 1 else number(value, '')}, {says}"


def seconds(value: float) -> str:
    """12.3 s, 4:05 min, 2:04:10 h, 134:07 h."""
    if value < 60:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    if whole < 100 * 3600:
        return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d} h"
    return f"{whole // 3600}:{whole // 60 % 60:02d} h"


def lapse(seconds_: float) -> str:
    """How long somebody waited: 40 s, 12 min, 5 h 12 min, 3 d 2 h."""
    minutes = int(seconds_ // 60)
    if minutes < 1:
        return f"{seconds_:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 2 * 1440:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes // 60 % 24} h"


def moment(at: datetime | None, zone: ZoneInfo) -> str:
    """A time of day in a zone, with the date when it is another day than the zone's today."""
    if at is None:
        return "never"
    local = at.astimezone(zone)
    same_day = local.date() == datetime.now(zone).date()
    return local.strftime("%H:%M:%S" if same_day else "%d %b %Y %H:%M")
