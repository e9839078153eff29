"""Figures of agents' time: how much of it they were logged in, paused, busy, free."""

from __future__ import annotations

from analytics.metrics.shifts import LOGIN_DAYS
from analytics.metrics.types import Grain, MetricDefinition, Rollup

NOBODY = (
    f"not available, because nobody is known to have been logged in (log-ins of the last {LOGIN_DAYS} days; members "
    "who always take calls never log in), or because it was asked for one queue, trunk or direction: an agent's time "
    "is not told apart by these"
)
_LEFT_OUT = (
    "agents who are always members, since they never log in; time in which nobody was logged in to any queue; agents "
    "of imported logs whose name is no number"
)


def _share(metric_id: str, title: str, above: str, below: str, definition: str, source: str,
           *variants: str) -> MetricDefinition:  # fmt: skip
    return MetricDefinition(
        metric_id, "1", title, "share", above, below, _LEFT_OUT, definition, NOBODY, Grain.AGENT_TIME, source=source,
        rollup=Rollup.NONE, variants=variants,
    )  # fmt: skip


METRICS: tuple[MetricDefinition, ...] = (
    MetricDefinition(
        "agent_logged_in_s", "1", "Time logged in", "s", "agent_in_s", None, _LEFT_OUT,
        "Seconds in which agents were logged in to at least one queue; an agent in several queues counts once. Who is "
        "still logged in counts up to the last thing that is known.",
        NOBODY, Grain.AGENT_TIME, rollup=Rollup.NONE,
    ),
    _share("occupancy", "Occupancy", "agent_busy_s", "agent_ready_s",
           "In calls (holds included) or wrapping up / the same and free for a call. Any answered call of his phone "
           "counts, not those of queues alone; ringing counts as free.", "canon 15", "utilization"),
    _share("utilization", "Utilization", "agent_call_s", "agent_ready_s",
           "In calls (holds included) / in calls, wrapping up or free for a call.", "canon 16", "occupancy"),
    _share("agent_paused_share", "Time paused", "agent_paused_s", "agent_in_s",
           "Paused in every queue to which he was logged in, and not busy / logged in.", "ours"),
)  # fmt: skip
