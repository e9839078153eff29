"""The facts of each conversation, gathered from its calls and legs, and its row with class and evidence, in SQL."""

from __future__ import annotations

from collections.abc import Callable

from analytics.conversations.rules import DEFINITION_VERSION, DOOR_S, FACTS, RULES, Rule
from analytics.conversations.sql import fill

# Legs of the calls: how many, how well they sounded, who of ours talked when. Supervisors only listen.
LEGS = """
    CREATE OR REPLACE TEMP TABLE cv_leg AS
    SELECT c.tenant_id, c.call_id, c.conversation_id, c.direction, c.number AS outside, l.party, l.number, l.mos,
           l.answered_at, l.leg_id LIKE '%-supervisor%' AS supervisor
    FROM lk.main.leg AS l JOIN cv_call AS c USING (tenant_id, call_id)
    WHERE l.started_at BETWEEN $low AND $high + INTERVAL 1 DAY
"""
BY_CALL = """
    CREATE OR REPLACE TEMP TABLE cv_legs AS
    SELECT tenant_id, call_id, count(*) AS legs, min(mos) AS mos_min,
           arg_min(number, answered_at) FILTER (party = 'callee' AND NOT supervisor) AS first_callee,
           left(string_agg(DISTINCT number, ', ' ORDER BY number)
                FILTER (party = 'callee' AND answered_at IS NULL AND number <> ''), 120) AS rang
    FROM cv_leg GROUP BY ALL
"""
# The places of calls in their conversation, where it has more than one.
PLACES = """
    CREATE OR REPLACE TEMP TABLE cv_place AS
    SELECT v.tenant_id, v.call_id,
           row_number() OVER (PARTITION BY v.tenant_id, v.conversation_id
                              ORDER BY call_id <> v.conversation_id, v.started_at, call_id) AS n,
           row_number() OVER (PARTITION BY v.tenant_id, v.conversation_id
                              ORDER BY role = 'transfer', v.started_at DESC, call_id DESC) AS from_end,
           -- a colleague's *8 and a consultation are answered, too, but the caller's own call is the talk
           row_number() OVER (PARTITION BY v.tenant_id, v.conversation_id
                              ORDER BY talked_at IS NULL, role = 'transfer', talked_at, call_id) AS nth_talk,
           row_number() OVER (PARTITION BY v.tenant_id, v.conversation_id
                              ORDER BY c.queue = '', v.started_at DESC, call_id DESC) AS nth_queue
    FROM cv_call AS v JOIN lk.main.call AS c USING (tenant_id, call_id)
    WHERE c.started_at BETWEEN $low AND $high AND (v.tenant_id, v.conversation_id) IN (
        SELECT tenant_id, conversation_id FROM cv_call WHERE role <> 'first')
"""
# One row per call. asked: what the caller asked for first; why_refused: nobody was asked at all.
FACT = fill(
    r"""
    CREATE OR REPLACE TEMP TABLE cv_fact AS
    WITH told AS (
        SELECT v.conversation_id, v.role, v.talked_at, v.number AS outside, c.tenant_id, c.call_id, c.direction,
               c.caller_number, c.answered_by, c.started_at, c.answered_at, c.ended_at, c.ringing_at, c.talk_s,
               c.hold_s,
               c.disposition, c.cause, c.hangup_party, c.did, c.trunk_id, c.destination, c.queue,
               c.queue_wait_s, c.queue_result, c.voicemail, c.transferred, c.closed_hours, c.refused,
               c.route, c.worker, c.source,
               coalesce(g.legs, 0) AS legs, g.mos_min, coalesce(g.rang, '') AS rang,
               coalesce(g.first_callee, '') AS first_callee,
               coalesce(p.n, 1) AS n,
               coalesce(p.from_end, 1) AS from_end,
               coalesce(p.nth_talk, 1) AS nth_talk, coalesce(p.nth_queue, 1) AS nth_queue,
               regexp_extract(CASE WHEN c.route IN ('', '[]') THEN '"' || c.destination || '"' ELSE c.route END,
                   '"((?:extension|group|queue|menu|conference|outside|emergency|follow|voicemail|mailbox):[^"]*)"', 1)
                   AS asked
        FROM lk.main.call AS c JOIN cv_call AS v USING (tenant_id, call_id)
        LEFT JOIN cv_legs AS g USING (tenant_id, call_id)
        LEFT JOIN cv_place AS p USING (tenant_id, call_id)
        WHERE c.started_at BETWEEN $low AND $high)
    SELECT * EXCLUDE (route, worker, caller_number, answered_by, first_callee, refused, ringing_at, talk_s),
           CASE WHEN talked_at IS NULL THEN ''
                WHEN direction IN ('outbound', 'click') THEN caller_number
                WHEN direction IN ('callback', 'informing') THEN first_callee ELSE answered_by END AS talker,
           CASE WHEN talked_at IS NULL THEN 0
                WHEN talked_at = answered_at THEN talk_s
                ELSE greatest(0, epoch(ended_at) - epoch(talked_at)) END AS own_talk_s,
           talked_at IS NULL AND queue_result = 'abandoned' AND hangup_party <> 'system' AS abandoned,
           CASE WHEN talked_at IS NOT NULL THEN ''
                WHEN refused = 'blocked' THEN 'The caller is blocked'
                WHEN refused = 'full' THEN 'All channels of the number were in use'
                WHEN ringing_at IS NULL AND queue_wait_s < {DOOR_S} AND queue_result = 'overflow'
                    THEN 'The queue ' || queue || ' was full'
                WHEN ringing_at IS NULL AND queue_wait_s < {DOOR_S} AND queue_result = 'empty'
                    THEN 'No agent was logged in at the queue ' || queue
                WHEN disposition = 'cancelled' THEN ''
                WHEN worker = 'edge' THEN 'No room for a call'
                WHEN route NOT IN ('', '[]') AND asked = '' THEN 'Nobody was asked'
                ELSE '' END AS why_refused
    FROM told
""",
    DOOR_S=DOOR_S,
)
AGENTS = """
    CREATE OR REPLACE TEMP TABLE cv_agents AS
    WITH talked AS (
        SELECT tenant_id, conversation_id, number, answered_at AS spoke_at FROM cv_leg
        WHERE answered_at IS NOT NULL AND NOT supervisor
          AND party = CASE WHEN direction IN ('inbound', 'callback', 'informing') THEN 'callee' ELSE 'caller' END
        UNION ALL
        SELECT tenant_id, conversation_id, talker, talked_at FROM cv_fact
        WHERE talked_at IS NOT NULL AND direction <> 'internal'
    ),
    once AS (
        SELECT tenant_id, conversation_id, number, min(spoke_at) AS spoke_at FROM talked
        WHERE number <> '' AND (tenant_id, conversation_id) IN (
            SELECT tenant_id, conversation_id FROM cv_fact WHERE talked_at IS NOT NULL)
        GROUP BY ALL)
    SELECT tenant_id, conversation_id, to_json(list(number ORDER BY spoke_at, number))::VARCHAR AS agents
    FROM once GROUP BY ALL
"""


def _rule() -> str:
    """SQL that gives the id of the first rule that holds."""
    parts = (
        f"WHEN direction {'=' if rule.inbound else '<>'} 'inbound' AND ({rule.holds}) THEN {_quoted(rule.id)}"
        for rule in RULES
    )
    return "CASE " + "\n            ".join(parts) + " END"


def _by_rule(what: Callable[[Rule], str]) -> str:
    """SQL that gives something by the id of the rule."""
    parts = (f"WHEN {_quoted(rule.id)} THEN {what(rule)}" for rule in RULES)
    return "CASE rule " + "\n            ".join(parts) + " END"


def _evidence(rule: Rule) -> str:
    facts = (FACTS[name] for name in rule.facts)
    items = ", ".join(
        f"{{'rule': {_quoted(rule.id)}, 'call_id': {fact.call_id}, 'fact': {_quoted(name)}, 'value': {fact.value}, "
        f"'says': {fact.says}}}"
        for name, fact in zip(rule.facts, facts, strict=True)
    )
    return f"to_json(list_filter([{items}], lambda f: f.value <> ''))::VARCHAR"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# One row per conversation: the names that conditions and sentences of `rules` use are columns of `gathered`.
ROWS = fill(
    """
    CREATE OR REPLACE TEMP TABLE cv_new AS
    WITH gathered AS (
        SELECT tenant_id, conversation_id, min(started_at) AS started_at, max(ended_at) AS ended_at,
               any_value(direction) FILTER (n = 1) AS direction, any_value(outside) FILTER (n = 1) AS outside_number,
               any_value(did) FILTER (n = 1) AS did, any_value(trunk_id) FILTER (n = 1) AS trunk_id,
               any_value(destination) FILTER (n = 1) AS first_destination, any_value(source) FILTER (n = 1) AS source,
               min(talked_at) AS answered_at, bool_or(talked_at IS NOT NULL) AS talked,
               bool_or(talked_at IS NOT NULL OR direction = 'informing' AND disposition = 'answered') AS reached,
               coalesce(any_value(call_id) FILTER (nth_talk = 1 AND talked_at IS NOT NULL), '') AS talk_call,
               coalesce(any_value(talker) FILTER (nth_talk = 1 AND talked_at IS NOT NULL), '') AS talker,
               coalesce(any_value(asked) FILTER (nth_talk = 1 AND talked_at IS NOT NULL), '') AS talk_asked,
               regexp_extract(talk_asked, '^(?:extension|outside):(.*)$', 1) AS asked_person,
               any_value(call_id) FILTER (from_end = 1) AS last_call,
               any_value(cause) FILTER (from_end = 1) AS last_cause,
               any_value(rang) FILTER (from_end = 1) AS rang,
               any_value(why_refused) FILTER (from_end = 1) AS last_refused,
               any_value(closed_hours) FILTER (from_end = 1) AS closed_hours,
               any_value(hangup_party) FILTER (from_end = 1) AS hangup_party,
               coalesce(bool_and(closed_hours <> '') FILTER (direction = 'inbound'), false) AS all_closed,
               coalesce(bool_and(why_refused <> '') FILTER (direction = 'inbound'), false) AS all_refused,
               bool_or(voicemail) AS voicemail,
               coalesce(min(call_id) FILTER (voicemail), '') AS voicemail_call,
               coalesce(max(call_id) FILTER (abandoned), '') AS abandoned_call,
               arg_max(queue, call_id) FILTER (abandoned) AS abandoned_queue,
               arg_max(queue_wait_s, call_id) FILTER (abandoned) AS abandoned_wait_s,
               coalesce(max(call_id) FILTER (queue_result = 'callback'), '') AS callback_call,
               coalesce(arg_max(queue, call_id) FILTER (queue_result = 'callback'), '') AS callback_queue,
               count(*) AS calls, sum(legs)::BIGINT AS legs, count(*) FILTER (role IN ('first', 'repeat')) AS attempts,
               coalesce(round(sum(own_talk_s) FILTER (direction <> 'internal'), 3), 0) AS talk_outside_s,
               round(sum(own_talk_s), 3) AS talk_all_s,
               coalesce(round(sum(hold_s) FILTER (direction <> 'internal'), 3), 0) AS hold_outside_s,
               round(sum(hold_s), 3) AS hold_all_s,
               any_value(queue) FILTER (nth_queue = 1) AS queue,
               any_value(queue_wait_s) FILTER (nth_queue = 1) AS queue_wait_s,
               any_value(queue_result) FILTER (nth_queue = 1) AS queue_result,
               coalesce(arg_max(transferred, started_at) FILTER (transferred <> ''), '') AS transferred,
               min(mos_min) AS mos_min
        FROM cv_fact GROUP BY tenant_id, conversation_id),
    timed AS (
        SELECT *, round(epoch(coalesce(answered_at, ended_at)) - epoch(started_at), 3) AS wait_s FROM gathered),
    ruled AS (SELECT *, {RULE} AS rule FROM timed)
    SELECT tenant_id, conversation_id, started_at, ended_at, direction, outside_number, did, trunk_id,
           first_destination, talker AS answered_by, answered_at,
           {CLASS} AS class, rule,
           {EVIDENCE} AS evidence,
           calls, legs, attempts, wait_s,
           CASE WHEN direction = 'internal' THEN talk_all_s ELSE talk_outside_s END AS talk_s,
           CASE WHEN direction = 'internal' THEN hold_all_s ELSE hold_outside_s END AS hold_s,
           queue, queue_wait_s, queue_result, voicemail, transferred, coalesce(agents, '[]') AS agents, mos_min,
           hangup_party, source, '{DEFINITION_VERSION}' AS definition_version
    FROM ruled LEFT JOIN cv_agents USING (tenant_id, conversation_id)
""",
    CLASS=_by_rule(lambda rule: _quoted(rule.gives)),
    DEFINITION_VERSION=DEFINITION_VERSION,
    EVIDENCE=_by_rule(_evidence),
    RULE=_rule(),
)
STEPS = (LEGS, BY_CALL, PLACES, FACT, AGENTS, ROWS)
