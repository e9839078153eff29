"""Agents' time, in stretches of one state each, as SQL: out of log-ins, pauses and wrap-ups of queues and the legs of
calls. Asked of the rows only: what is open goes on, so hours that were added up before would not stay true.

Parameters: tenant_id, extension (null: everybody), since, until.
"""

from __future__ import annotations

from analytics.conversations.sql import fill
from analytics.metrics.types import Grain, Total

LOGIN_DAYS = 31  # so far back log-ins are looked for: who logged in before, and never since, is not known to be there
CALL_H = 24  # the same of calls and wrap-ups
CUT_MIN = 15  # hours and days of every time zone begin at a multiple of it
# An agent whose name is no number (of a foreign log) cannot be found among the calls, so it would look idle.
_NUMBER = "[0-9*#+]{1,20}"
# What an agent is in at a moment, as one number that goes up and down: queues that he is logged in to, those in which
# he is free, calls, wrap-ups; of each less than 1024. One sum in order of time is a quarter of the work of four.
_FREE, _CALL, _WRAP = 1 << 10, 1 << 20, 1 << 30

_SOURCE = """
    told AS (
        SELECT queue, agent, occurred_at, rank, event_id, type = 'pause' AS paused,
               coalesce(last_value(CASE type WHEN 'login' THEN 1 WHEN 'logout' THEN 0 END IGNORE NULLS) OVER w, 0)
                   AS here
        -- logs know whole seconds: who goes and comes in one is there, who comes and pauses in one is paused
        FROM (SELECT *, list_position(['logout', 'login', 'unpause', 'pause'], type) AS rank FROM lk.main.queue_event)
        WHERE tenant_id = $tenant_id AND rank IS NOT NULL
          AND occurred_at >= $since - INTERVAL {login} DAY AND occurred_at < $until
          AND ($extension IS NULL OR agent = $extension) AND regexp_full_match(agent, '{number}')
        WINDOW w AS (PARTITION BY queue, agent ORDER BY occurred_at, rank, event_id)),
    agents AS (SELECT DISTINCT agent FROM told WHERE here = 1),
    known AS (  -- who is still logged in was so until the last thing that is known
        SELECT CASE WHEN EXISTS (FROM lk.main.call WHERE tenant_id = $tenant_id AND started_at >= $until)
                      OR EXISTS (FROM lk.main.queue_event WHERE tenant_id = $tenant_id AND occurred_at >= $until)
                    THEN $until
                    ELSE least($until, greatest(
                        (SELECT max(occurred_at) FROM lk.main.queue_event
                         WHERE tenant_id = $tenant_id AND occurred_at >= $since AND occurred_at < $until),
                        (SELECT max(ended_at) FROM lk.main.call
                         WHERE tenant_id = $tenant_id AND started_at >= $since AND started_at < $until))) END AS till),
    counted AS (  -- of a queue: 1 when he is there, and FREE when he is not paused
        SELECT agent, queue, occurred_at, rank, event_id, here + CASE WHEN paused THEN 0 ELSE here * {FREE} END AS n
        FROM told),
    step AS (
        SELECT agent, occurred_at AS moment, n - lag(n, 1, 0) OVER w AS n
        FROM counted WINDOW w AS (PARTITION BY queue, agent ORDER BY occurred_at, rank, event_id)
        UNION ALL
        SELECT number, unnest([answered_at, ended_at]), unnest([{CALL}, -{CALL}])
        FROM lk.main.leg SEMI JOIN agents ON agents.agent = leg.number
        WHERE tenant_id = $tenant_id AND answered_at < ended_at AND ended_at > $since
          AND started_at >= $since - INTERVAL {call} HOUR AND started_at < $until
        UNION ALL
        SELECT agent, unnest([occurred_at, occurred_at + to_milliseconds(CAST(1000 * s AS BIGINT))]),
               unnest([{WRAP}, -{WRAP}])
        FROM (SELECT agent, occurred_at, TRY_CAST(reason AS DOUBLE) AS s FROM lk.main.queue_event
              WHERE tenant_id = $tenant_id AND type = 'wrap_up'
                AND occurred_at >= $since - INTERVAL {call} HOUR AND occurred_at < $until)
        SEMI JOIN agents USING (agent)
        WHERE s > 0),
    turn AS (
        SELECT agent, greatest(moment, $since) AS moment, sum(n)::BIGINT AS n
        FROM step, known WHERE moment < till GROUP BY ALL
        UNION ALL SELECT agent, till, 0 FROM agents, known WHERE till > $since),
    summed AS (
        SELECT agent, moment AS a, lead(moment) OVER w AS b, sum(n) OVER (w ROWS UNBOUNDED PRECEDING)::BIGINT AS n
        FROM turn WINDOW w AS (PARTITION BY agent ORDER BY moment)),
    stretch AS (
        SELECT agent, a, b, CASE WHEN n >= {WRAP} AND n % {WRAP} < {CALL} THEN 'wrap_up' WHEN n >= {CALL} THEN 'call'
                                 WHEN n >= {FREE} THEN 'idle' ELSE 'paused' END AS state
        FROM summed WHERE n % {FREE} > 0 AND a < b)
"""
SOURCE = fill(_SOURCE, login=LOGIN_DAYS, call=CALL_H, number=_NUMBER, FREE=_FREE, CALL=_CALL, WRAP=_WRAP).strip()
_FACTS = """
    SELECT $tenant_id AS tenant_id, a AS started_at, '' AS call_id,
           agent || '/' || state || '/' || epoch_ms(a) AS row_id, '' AS direction, '' AS queue, agent, '' AS trunk_id,
           '' AS caller_number, '' AS callee_number, state, epoch(b) - epoch(a) AS seconds
    FROM {stretches}
"""
FACTS = _FACTS.replace("{stretches}", "stretch")
# The same, cut so that each row belongs to one hour.
CUT_FACTS = _FACTS.replace(
    "{stretches}",
    """(
        SELECT agent, state, greatest(a, quarter) AS a, least(b, quarter + INTERVAL {cut} MINUTE) AS b
        FROM (SELECT *, unnest(generate_series(time_bucket(INTERVAL {cut} MINUTE, a), b - INTERVAL 1 MICROSECOND,
                                               INTERVAL {cut} MINUTE)) AS quarter FROM stretch))
""",
).replace("{cut}", str(CUT_MIN))


def _of(name: str, says: str, *states: str) -> Total:
    among = ", ".join(f"'{state}'" for state in states)
    return Total(name, Grain.AGENT_TIME, says, f"state IN ({among})" if states else "true", "seconds")


TOTALS = (
    _of("agent_in_s", "seconds logged in to a queue"),
    _of("agent_paused_s", "seconds paused in every queue, and not busy", "paused"),
    _of("agent_call_s", "seconds in calls, holds included", "call"),
    _of("agent_busy_s", "seconds in calls or wrapping up", "call", "wrap_up"),
    _of("agent_ready_s", "seconds in calls, wrapping up or free for a call", "call", "wrap_up", "idle"),
)
