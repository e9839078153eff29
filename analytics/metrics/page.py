"""docs/metrics.md, made of the definitions: `python -m analytics.metrics.page > docs/metrics.md`."""

from __future__ import annotations

from analytics import metrics
from analytics.metrics.totals import BY_NAME, MEASURE, MEASURES
from analytics.metrics.types import Measure, MetricDefinition, Rollup

_HEAD = """\
# Figures: what is counted, over what, without what

Made from the definitions (`analytics/metrics/`) by `python -m analytics.metrics.page > docs/metrics.md`; a test says
when it is not current. Source: the number in the canon of metrics that the project began with, and whose formula it is.

Every figure has one definition with a version. It is rendered into the computation over the rows and into totals kept
by hour (`rollup_hour`, `rollup_bin`, `rollup_line`), which the writer brings in line in the transaction of the rows;
what cannot be kept so is asked of the rows (column Kept).
`callbench audit` compares the two and asks the questions of `analytics/audits/`; `callbench ingest --derive` makes all
kept totals and conversations anew. Dashboard, API, exports and notebooks ask through `analytics.queries.metrics`:

    values(reader, scope, since, until, ["service_level"])
    series(reader, scope, since, until, ["service_level", "asa"], "day", time_zone="Asia/Bishkek")
    rows_behind(reader, scope, "service_level", "excluded", since, until)

- A row counts in the moment in which its call began; a conversation in that of its first call. Everything that
  belongs to a call (legs, recordings, offers) counts with it.
- Hours are kept in UTC and put together by the tenant's zone. Parts of hours, zones whose clocks stand off the hour,
  the figures of one extension and combinations that are not kept (agent with queue or trunk) are computed from the
  rows.
- Where two products mean different things by one name, each formula is a figure of its own; column Rivals.
- A share is a number from 0 to 1. Percentiles come from histograms: the value is where the bin begins that holds the
  row of that rank, or its middle where bins grow by 5 %; `resolution` says between which limits the exact value lies.
- An agent's time is put together of stretches, each of one state: in a call, wrapping up, free, paused. Log-ins and
  pauses are events of queues (`queue_event`; of imports those of `queue_log`), calls the legs of his number. A stretch
  is cut where the period or an hour begins or ends. Members who always take calls never log in: nothing is known.
"""

_ABSENT = (
    ("9 longest wait now", "of this moment, not of a period: it stands on the page Live"),
    ("10 wait buckets", "histograms, not one number: measures `queue_answered_bins` and `queue_abandoned_bins`"),
    ("19 closed", "a queue has no hours of its own; who comes to closed doors is `inbound_out_of_hours`"),
    ("21, 22 adherence, shrinkage", "there are no schedules and no paid hours"),
    ("24, 25 CSAT, NPS", "nobody asks callers for a mark yet"),
    ("27 to 30 QA score, agreement, coverage, disputes", "there are no gradings yet; what scripts find is "
     "`script_coverage`"),
    ("31 Erlang C", "a forecast, not a figure of what happened; its inputs are `calls` by hour and `aht`"),
    ("35 to 38, 42 to 44 widget, funnel, speed to lead", "the widget is not built; there are no visitors and no leads. "
     "39 and 40 are of call-backs out of queues"),
    ("41 target call, within a sale", "there are no sales; `target_conversations` counts the first within 7 days"),
    ("48 interactivity scaled 0 to 10", "Gong's scale is not public; changes per minute are `interactivity_mean`"),
    ("58 WER, CER", "they need the truth of what was said; measured by `make bench-asr`"),
    ("64 ACC, TCC", "calls have no prices yet; total duration is `talk_s_total`, destinations "
     "`distinct_destinations`"),
    ("65 SRD, SDD, SDT, SCR", "SRD is `pdd_mean`, SDT `talk_s_mean`; when a BYE was answered, and hops, are not kept"),
    ("67 burst and gap, RTCP XR", "phones' reports of that kind are not read"),
    ("69 MOS as FreeSWITCH computes it", "`mos_freeswitch_mean` says it in its place: it needs the order in which "
     "packets were lost. Imported rows bring their product's own MOS"),
    ("68 R factor with all its terms", "`r_factor_mean` is the simple formula; ours (ITU-T G.107 simplified) is kept "
     "as MOS only"),
    ("71 registration availability", "registrations have no history in the warehouse"),
)  # fmt: skip


def page() -> str:
    """The whole text."""
    parts = [_HEAD]
    for section, found in metrics.SECTIONS.items():
        parts.append(f"## {section}\n\n| figure | what it is | computed | left out | kept | source | rivals |\n"
                     "|---|---|---|---|---|---|---|\n" + "".join(map(_row, found)))  # fmt: skip
    parts.append("## Measures\n\nWhat histograms count; `distribution(reader, scope, since, until, measure)`.\n\n"
                 "| measure | rows | what | width |\n|---|---|---|---|\n"
                 + "".join(f"| `{m.name}` | {m.grain} | {m.says} | {_width(m)} |\n" for m in MEASURES))  # fmt: skip
    parts.append("## Not here, and why\n\n| canon | why |\n|---|---|\n"
                 + "".join(f"| {what} | {why} |\n" for what, why in _ABSENT))  # fmt: skip
    return "\n".join(parts)


def _width(m: Measure) -> str:
    return f"each {m.growth - 1:.0%} more than the one before, from {m.width:g}" if m.growth else f"{m.width:g}"


def _row(m: MetricDefinition) -> str:
    given = "; ".join(f"{name} {value}" for name, value in m.parameters)
    what = f"**{m.title}** ({m.unit}) {m.definition}" + (f" Parameters: {given}." if given else "")
    cells = (
        f"`{m.metric_id}` v{m.version}", what, _computed(m), m.exclusions, _kept(m), m.source,
        ", ".join(f"`{v}`" for v in m.variants),
    )  # fmt: skip
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _computed(m: MetricDefinition) -> str:
    if m.unavailable:
        return f"not available, because {m.unavailable}"
    if m.rollup is Rollup.HISTOGRAM:
        return f"histogram of {MEASURE[m.numerator].says}, per {m.grain}"
    above = BY_NAME[m.numerator]
    below = "" if m.denominator is None else f" / {BY_NAME[m.denominator].says}"
    return f"{above.says}{below}, per {m.grain}"


def _kept(m: MetricDefinition) -> str:
    return "from the rows" if m.rollup is Rollup.NONE else f"by hour, {m.rollup}"


if __name__ == "__main__":
    print(page(), end="")
