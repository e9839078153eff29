"""What a report holds: figures of its period beside those of the period before, and charts over the period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from analytics import queries
from analytics.metrics import MetricValue
from analytics.queries import metrics
from analytics.reports import charts
from analytics.reports.charts import Chart
from pbx_core.domain.report_slots import Rhythm, Slot

# In the order in which they are told. Those of queues are left out where no call was offered to one.
FIGURES = (
    "inbound_conversations",
    "inbound_answered",
    "missed",
    "human_answer_rate",
    "recovery_rate",
    "recovery_p50",
    "first_contact_resolution",
    "calls",
    "talk_s_total",
    "talk_s_mean",
    "wait_s_mean",
)
QUEUES = ("queue_offered", "service_level", "abandonment_rate", "asa")
SOUND = ("mos_mean", "share_mos_below_3_6", "recorded_share")


@dataclass(frozen=True)
class Figure:
    """A figure, and the same of the period before."""

    now: MetricValue
    before: MetricValue


@dataclass(frozen=True)
class Report:
    """Everything that the mail and the PDF show. whose: whose calls these are, in words; address: of the dashboard."""

    tenant: str
    name: str
    rhythm: Rhythm
    first: date
    last: date
    zone: ZoneInfo
    whose: str
    address: str
    figures: tuple[Figure, ...]
    charts: tuple[Chart, ...]
    fresh_at: datetime | None
    made_at: datetime

    @property
    def period(self) -> str:
        """The days, as people say them."""
        if self.rhythm is Rhythm.DAILY:
            return f"{self.first:%A, %-d %B %Y}"
        if self.rhythm is Rhythm.MONTHLY:
            return f"{self.first:%B %Y}"
        return f"{self.first:%-d %B} to {self.last:%-d %B %Y}"

    @property
    def empty(self) -> bool:
        """Whether nobody called."""
        return not any(f.now.metric_id == "calls" and f.now.value for f in self.figures)


@dataclass(frozen=True)
class About:
    """Who gets the report: the tenant's name and zone, the scope of his rights, in words too."""

    tenant: str
    zone: ZoneInfo
    scope: queries.Scope
    whose: str


def gather(
    reader: queries.Reader, about: About, name: str, rhythm: Rhythm, slot: Slot, address: str, now: datetime
) -> Report:
    """Ask for all figures of a slot."""
    scope = about.scope
    ids = [*FIGURES, *QUEUES, *SOUND]
    values = {v.metric_id: v for v in metrics.values(reader, scope, slot.since, slot.until, ids)}
    earlier = {v.metric_id: v for v in metrics.values(reader, scope, slot.before, slot.since, ids)}
    queues = QUEUES if values["queue_offered"].value else ()
    shown = tuple(Figure(values[i], earlier[i]) for i in (*FIGURES, *queues, *SOUND))
    return Report(
        tenant=about.tenant,
        name=name,
        rhythm=rhythm,
        first=slot.first,
        last=slot.last,
        zone=about.zone,
        whose=about.whose,
        address=address,
        figures=shown,
        charts=_charts(reader, about, rhythm, slot),
        fresh_at=queries.freshness(reader)["last_ingest_at"],
        made_at=now,
    )


def _charts(reader: queries.Reader, about: About, rhythm: Rhythm, slot: Slot) -> tuple[Chart, ...]:
    by = "hour_of_day" if rhythm is Rhythm.DAILY else "day"
    zone = about.zone.key
    spans = charts.Spans(by, slot.first, slot.last)

    def series(ids: tuple[str, ...], over: str = by) -> charts.Series:
        frame = metrics.series(reader, about.scope, slot.since, slot.until, ids, over, time_zone=zone)
        return charts.Series.of(frame)

    made = [
        charts.bars(
            "Calls from outside",
            series(("inbound_answered", "missed", "inbound_voicemail", "inbound_abandoned")),
            spans,
        ),
        charts.bars("Minutes talked", series(("talk_s_total",)).divided(60), spans),
    ]
    if rhythm is not Rhythm.DAILY:
        hours = charts.Spans("hour_of_day", slot.first, slot.last)
        made.append(charts.bars("Calls by hour of the day", series(("calls",), "hour_of_day"), hours))
    made.append(charts.line("Sound quality of the lines (MOS)", series(("mos_mean",)), spans, 1.0, 4.5, 3.6))
    return tuple(c for c in made if c is not None)
