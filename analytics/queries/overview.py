"""The figures of a period, computed in one pass and defined by analytics/metrics.py."""

from __future__ import annotations

from datetime import datetime

from analytics import metrics
from analytics.queries.reader import Reader
from analytics.queries.types import Scope, period

# Every total is one number, 0 when there is nothing. Joined rows belong to calls that started in the period.
_TOTALS = """
    WITH c AS (SELECT * FROM scoped($tenant_id, $extension, $since, $until)),
    span AS (SELECT coalesce(min(call_id), '') AS low, coalesce(max(call_id), '') AS high FROM c),
    l AS (
        SELECT leg.mos FROM lk.main.leg AS leg SEMI JOIN c USING (call_id)
        WHERE leg.tenant_id = $tenant_id AND leg.mos IS NOT NULL
          AND leg.call_id BETWEEN (SELECT low FROM span) AND (SELECT high FROM span)
    ),
    r AS (
        SELECT call_id, recording_id, quality FROM lk.main.recording AS rec SEMI JOIN c USING (call_id, recording_id)
        WHERE rec.tenant_id = $tenant_id
          AND rec.call_id BETWEEN (SELECT low FROM span) AND (SELECT high FROM span)
    ),
    t AS (
        SELECT status FROM lk.main.transcript AS tr SEMI JOIN r USING (call_id, recording_id)
        WHERE tr.tenant_id = $tenant_id
    ),
    s AS (
        SELECT call_id, recording_id, duration_s, silence_s, non_talk_s, interactivity, channels
        FROM lk.main.turns AS tu SEMI JOIN r USING (call_id, recording_id)
        WHERE tu.tenant_id = $tenant_id
    ),
    p AS (
        SELECT pt.party, pt.talk_ratio, pt.patience_s,
               coalesce(pt.party = CASE c.direction WHEN 'inbound' THEN 'callee' WHEN 'outbound' THEN 'caller' END,
                        false) AS agent
        FROM lk.main.party_turns AS pt JOIN s USING (call_id, recording_id) JOIN c USING (call_id)
        WHERE pt.tenant_id = $tenant_id AND s.channels = 2
    )
    SELECT
        (SELECT count(*) FROM c) AS calls,
        (SELECT count(*) FROM c WHERE disposition = 'answered') AS answered,
        (SELECT coalesce(sum(talk_s), 0) FROM c) AS talk_s,
        (SELECT coalesce(sum(wait_s), 0) FROM c WHERE disposition = 'answered') AS wait_answered_s,
        (SELECT count(*) FROM c SEMI JOIN r USING (call_id) WHERE disposition = 'answered') AS answered_recorded,
        (SELECT count(*) FROM l) AS mos_legs,
        (SELECT coalesce(sum(mos), 0) FROM l) AS mos_sum,
        (SELECT count(*) FROM l WHERE mos < 3.6) AS mos_legs_below_3_6,
        (SELECT count(*) FROM r) AS recordings,
        (SELECT count(*) FROM r WHERE quality = 'ok') AS recordings_ok,
        (SELECT count(*) FROM t WHERE status IN ('done', 'empty')) AS transcripts_done,
        (SELECT coalesce(sum(silence_s), 0) FROM s) AS silence_s,
        (SELECT coalesce(sum(duration_s), 0) FROM s) AS turns_duration_s,
        (SELECT coalesce(sum(non_talk_s), 0) FROM s) AS non_talk_s,
        (SELECT coalesce(sum(duration_s), 0) FROM s WHERE non_talk_s IS NOT NULL) AS non_talk_duration_s,
        (SELECT coalesce(sum(interactivity), 0) FROM s) AS interactivity_sum,
        (SELECT count(interactivity) FROM s) AS interactivity_calls,
        (SELECT coalesce(sum(talk_ratio), 0) FROM p WHERE party = 'caller') AS caller_ratio_sum,
        (SELECT count(talk_ratio) FROM p WHERE party = 'caller') AS caller_ratio_calls,
        (SELECT coalesce(sum(talk_ratio), 0) FROM p WHERE agent) AS agent_ratio_sum,
        (SELECT count(talk_ratio) FROM p WHERE agent) AS agent_ratio_calls,
        (SELECT coalesce(sum(patience_s), 0) FROM p WHERE agent) AS agent_patience_sum_s,
        (SELECT count(patience_s) FROM p WHERE agent) AS agent_patience_calls
"""


def overview(reader: Reader, scope: Scope, since: datetime, until: datetime) -> list[metrics.MetricValue]:
    """All figures of the calls that started in since <= t < until, in the registry's order."""
    (row,) = reader.rows(_TOTALS, period(scope, since, until))
    totals = {name: float(value) for name, value in row.items()}
    return [metrics.evaluate(definition, totals) for definition in metrics.REGISTRY]
