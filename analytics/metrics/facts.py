"""The counted rows of every grain, as SQL: what figures see of the tables. Everything else about figures is built on
these columns, raw computation and rollup alike.

`c` is the relation of the calls that count (all columns of `call`), `v` that of the conversations; whoever renders a
query says what they are. Rows of every grain count in the hour in which their call (or conversation) started.
All have: tenant_id, started_at, call_id, row_id (unique within the tenant, begins with the call_id), direction, queue,
agent, trunk_id.
"""

from __future__ import annotations

from analytics.metrics.types import Grain

DIMENSIONS = ("direction", "queue", "agent", "trunk_id")

# Who of ours had the call, where that is one person: of calls between extensions both sides are. A call-back is first
# answered by the customer; its agent is that of the queue's offer.
AGENT = """CASE WHEN c.direction = 'inbound' THEN coalesce(c.answered_by, '')
                WHEN c.direction IN ('outbound', 'click') THEN c.caller_number ELSE '' END"""

_OF_CALL = """c.tenant_id, c.started_at, c.call_id, c.direction, coalesce(c.queue, '') AS queue,
               coalesce(c.trunk_id, '') AS trunk_id, c.caller_number, c.callee_number"""
# rows of other tables are looked up between the lowest and the highest call_id: files outside are skipped
_SPAN = "BETWEEN (SELECT coalesce(min(call_id), '') FROM c) AND (SELECT coalesce(max(call_id), '') FROM c)"

# far_…: of the number outside that was called. A call that a program placed is answered by our own phone first.
# both_s: of a call that the system placed, from the moment in which its second side answered.
_CALL = """
    SELECT {call}, c.call_id AS row_id, {agent} AS agent, c.disposition, c.cause, c.ringing_at, c.setup_s, c.wait_s,
           c.talk_s, c.hold_s, c.bill_s, c.voicemail, coalesce(c.transferred, '') AS transferred, c.aborted,
           r.recording_id IS NOT NULL AS recorded,
           CASE WHEN c.direction IN ('callback', 'informing') THEN c.caller_number
                ELSE coalesce(nullif(regexp_extract(c.route, '"(?:outside|emergency):([^"]*)"', 1), ''),
                              regexp_replace(c.callee_number, '^(outside|emergency):', '')) END AS far_number,
           CASE WHEN c.direction = 'click' THEN far.answered_at IS NOT NULL
                ELSE c.disposition = 'answered' END AS far_answered,
           CASE WHEN c.direction = 'click'
                THEN coalesce(ceil(greatest(0, epoch(c.ended_at) - epoch(far.answered_at))), 0)
                ELSE c.bill_s END AS far_bill_s,
           epoch(c.ended_at) - epoch(far.answered_at) AS both_s
    FROM c LEFT JOIN (SELECT tenant_id, call_id, recording_id FROM lk.main.recording WHERE call_id {span}) AS r
      ON r.tenant_id = c.tenant_id AND r.call_id = c.call_id AND r.recording_id = c.recording_id
    LEFT JOIN (
        SELECT tenant_id, call_id, min(answered_at) AS answered_at FROM lk.main.leg
        WHERE call_id {span} AND call_id IN (SELECT call_id FROM c WHERE direction IN ('click', 'callback'))
          AND party = 'callee' AND answered_at IS NOT NULL
        GROUP BY tenant_id, call_id
    ) AS far ON far.tenant_id = c.tenant_id AND far.call_id = c.call_id
"""

# One wait in a queue per call: the last. Call-backs of a queue are calls to a customer, not waits.
_QUEUE_CALL = """
    SELECT {call}, c.call_id AS row_id, coalesce(c.answered_by, '') AS agent, coalesce(c.queue_wait_s, 0) AS wait_s,
           c.queue_result, c.talk_s, c.hold_s, coalesce(w.wrap_up_s, 0) AS wrap_up_s
    FROM c LEFT JOIN (
        SELECT tenant_id, call_id, sum(coalesce(TRY_CAST(reason AS DOUBLE), 0)) AS wrap_up_s FROM lk.main.queue_event
        WHERE type = 'wrap_up' AND call_id {span} GROUP BY tenant_id, call_id
    ) AS w ON w.tenant_id = c.tenant_id AND w.call_id = c.call_id
    WHERE c.queue <> '' AND c.direction <> 'callback'
"""

_OFFER = """
    SELECT {call}, o.call_id || '/' || o.seq || '/' || o.who AS row_id, o.who AS agent, o.results ->> o.who AS result
    FROM c JOIN (
        SELECT tenant_id, call_id, seq, results, unnest(json_keys(results)) AS who
        FROM (SELECT tenant_id, call_id, seq, json_extract(detail, '$.results') AS results FROM lk.main.call_event
              WHERE type = 'offer_ended' AND call_id {span})
        WHERE json_type(results) = 'OBJECT'
    ) AS o ON o.tenant_id = c.tenant_id AND o.call_id = c.call_id
    WHERE c.queue <> ''
"""

_LEG = """
    SELECT {call}, l.call_id || '/' || l.leg_id AS row_id, {agent} AS agent, l.party, l.number, l.sip_status,
           l.answered_at, l.mos, l.loss_share, l.late_share, l.jitter_ms_mean, l.rtt_ms_mean, l.starved
    FROM c JOIN (SELECT * FROM lk.main.leg WHERE call_id {span}) AS l
      ON l.tenant_id = c.tenant_id AND l.call_id = c.call_id
"""

# The recording that belongs to the call's row: transcripts and turns are looked at of this one.
_MAIN_RECORDING = """
    c JOIN (SELECT * FROM lk.main.recording WHERE call_id {span}) AS r
      ON r.tenant_id = c.tenant_id AND r.call_id = c.call_id AND r.recording_id = c.recording_id
"""

_RECORDING = """
    SELECT {call}, r.call_id || '/' || r.recording_id AS row_id, {agent} AS agent, r.quality, r.duration_s,
           t.status AS transcript_status, t.cpu_s, t.audio_s,
           s.duration_s AS measured_s, s.silence_s, s.non_talk_s, s.overlap_s, s.interactivity, s.channels,
           coalesce(i.items, 0) AS items, coalesce(i.items_heard, 0) AS items_heard
    FROM {main_recording}
    LEFT JOIN (SELECT * FROM lk.main.transcript WHERE call_id {span}) AS t
      ON t.tenant_id = r.tenant_id AND t.call_id = r.call_id AND t.recording_id = r.recording_id
    LEFT JOIN (SELECT * FROM lk.main.turns WHERE call_id {span}) AS s
      ON s.tenant_id = r.tenant_id AND s.call_id = r.call_id AND s.recording_id = r.recording_id
    LEFT JOIN (SELECT tenant_id, call_id, recording_id, count(*) AS items,
                      count(*) FILTER (WHERE status IN ('said', 'late')) AS items_heard
               FROM lk.main.item_heard WHERE call_id {span} GROUP BY ALL) AS i
      ON i.tenant_id = r.tenant_id AND i.call_id = r.call_id AND i.recording_id = r.recording_id
"""

# A side of a recording of two channels. side: agent or customer where one is ours and one is not, else unknown.
_PARTY = """
    SELECT {call}, r.call_id || '/' || r.recording_id || '/' || p.party AS row_id, {agent} AS agent, p.party,
           CASE WHEN c.direction NOT IN ('inbound', 'outbound') THEN 'unknown'
                WHEN (c.direction = 'inbound') = (p.party = 'callee') THEN 'agent' ELSE 'customer' END AS side,
           r.duration_s, p.talk_s, p.talk_ratio, p.patience_s, p.longest_monologue_s, p.interruptions,
           p.interruption_s, p.loudness_dbfs, m.words, m.words_per_minute, m.questions, m.fillers,
           TRY_CAST(from_json(m.sentiment, '["DOUBLE"]') AS DOUBLE[]) AS sentiment
    FROM {main_recording}
    JOIN (SELECT * FROM lk.main.turns WHERE channels = 2 AND call_id {span}) AS s
      ON s.tenant_id = r.tenant_id AND s.call_id = r.call_id AND s.recording_id = r.recording_id
    JOIN (SELECT * FROM lk.main.party_turns WHERE call_id {span}) AS p
      ON p.tenant_id = r.tenant_id AND p.call_id = r.call_id AND p.recording_id = r.recording_id
    LEFT JOIN (SELECT * FROM lk.main.party_meaning WHERE call_id {span}) AS m
      ON m.tenant_id = r.tenant_id AND m.call_id = r.call_id AND m.recording_id = r.recording_id AND m.party = p.party
"""

# `v`: the conversations that count. Its id is that of its first call.
_CONVERSATION = """
    SELECT v.tenant_id, v.started_at, v.conversation_id AS call_id, v.conversation_id AS row_id, v.direction,
           coalesce(v.queue, '') AS queue,
           CASE WHEN v.direction = 'internal' THEN '' ELSE coalesce(v.answered_by, '') END AS agent,
           coalesce(v.trunk_id, '') AS trunk_id, v.outside_number AS caller_number, v.answered_by AS callee_number,
           v.class, v.rule, v.outside_number, v.attempts, v.answered_at, v.wait_s, v.talk_s, v.repeat_of, v.repeated_by,
           v.recovered_by, v.recovery_s
    FROM v
"""


def _filled(text: str) -> str:
    parts = {"{main_recording}": _MAIN_RECORDING, "{call}": _OF_CALL, "{agent}": AGENT, "{span}": _SPAN}
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text


FACTS: dict[Grain, str] = {
    Grain.CALL: _filled(_CALL),
    Grain.QUEUE_CALL: _filled(_QUEUE_CALL),
    Grain.OFFER: _filled(_OFFER),
    Grain.LEG: _filled(_LEG),
    Grain.RECORDING: _filled(_RECORDING),
    Grain.PARTY: _filled(_PARTY),
    Grain.CONVERSATION: _CONVERSATION,
}

# Without a call (or conversation) like this there are no rows of the grain.
NEEDS: dict[Grain, str] = {
    Grain.CALL: "true",
    Grain.QUEUE_CALL: "queue <> ''",
    Grain.OFFER: "queue <> ''",
    Grain.LEG: "true",
    Grain.RECORDING: "recording_id IS NOT NULL",
    Grain.PARTY: "recording_id IS NOT NULL",
    Grain.CONVERSATION: "true",
}
