"""Conversations of one number over days: which repeats which, and which lost caller was talked with later, in SQL."""

from __future__ import annotations

from datetime import timedelta

from analytics.conversations.rules import RECOVERY_DAYS, REPEAT_DAYS, TO_RECOVER
from analytics.conversations.sql import fill
from ingest.tables.conversations import CONVERSATION

# A conversation changes the links of those that began so long before it, or so long after it.
REACH = timedelta(days=max(RECOVERY_DAYS, REPEAT_DAYS) + 4)  # and the length of a conversation
FAR = 2 * REACH  # what these are linked with is read too

_COLUMNS = ", ".join(c.name for c in CONVERSATION.columns)
_LINKS = ("repeat_of", "repeated_by", "recovered_by", "recovered_at", "recovered_agent", "recovery_s")
_LOST = ", ".join(f"'{c}'" for c in TO_RECOVER)

# What the warehouse holds of the conversations that are replaced, and of their neighbours.
OLD = """
    CREATE OR REPLACE TEMP TABLE cv_replaced AS
    SELECT DISTINCT tenant_id, conversation_id FROM cv_kept
    WHERE (tenant_id, call_id) IN (SELECT tenant_id, call_id FROM cv_call
                                   UNION ALL SELECT tenant_id, call_id FROM changed_call)
"""
BEFORE = """
    CREATE OR REPLACE TEMP TABLE cv_old AS
    WITH window_ AS (SELECT * FROM lk.main.conversation WHERE started_at BETWEEN $far_low AND $far_high),
    numbers AS (
        SELECT tenant_id, outside_number FROM cv_new WHERE outside_number <> ''
        UNION
        SELECT tenant_id, outside_number FROM window_ SEMI JOIN cv_replaced USING (tenant_id, conversation_id)
        WHERE outside_number <> '')
    SELECT * FROM window_
    WHERE (tenant_id, conversation_id) IN (FROM cv_replaced) OR (tenant_id, outside_number) IN (FROM numbers)
"""
# Who talks with a lost caller first after his conversation was over. Of equal moments the lowest id counts.
LINKED = fill(
    """
    CREATE OR REPLACE TEMP TABLE cv_linked AS
    WITH every AS (
        SELECT * FROM cv_new
        UNION ALL BY NAME
        SELECT * EXCLUDE ({LINKS}) FROM cv_old ANTI JOIN cv_replaced USING (tenant_id, conversation_id)),
    ordered AS (
        SELECT *, lag(conversation_id) OVER w AS earlier, lag(started_at) OVER w AS earlier_at,
               lead(conversation_id) OVER w AS later, lead(started_at) OVER w AS later_at
        FROM every WHERE outside_number <> ''
        WINDOW w AS (PARTITION BY tenant_id, outside_number ORDER BY started_at, conversation_id)),
    talk AS (
        SELECT tenant_id, outside_number, answered_at, min(conversation_id) AS recovered_by,
               arg_min(answered_by, conversation_id) AS recovered_agent
        FROM ordered WHERE answered_at IS NOT NULL GROUP BY ALL),
    recovery AS (
        SELECT o.tenant_id, o.conversation_id, t.recovered_by, t.recovered_agent, t.answered_at AS recovered_at,
               round(epoch(t.answered_at) - epoch(o.ended_at), 3) AS recovery_s
        FROM (FROM ordered WHERE class IN ({LOST})) AS o
        ASOF JOIN talk AS t
          ON t.tenant_id = o.tenant_id AND t.outside_number = o.outside_number AND o.ended_at <= t.answered_at
        WHERE t.answered_at <= o.ended_at + INTERVAL {RECOVERY_DAYS} DAY),
    linked AS (
        SELECT o.* EXCLUDE (earlier, earlier_at, later, later_at),
               CASE WHEN earlier_at >= started_at - INTERVAL {REPEAT_DAYS} DAY THEN earlier ELSE '' END AS repeat_of,
               CASE WHEN later_at <= started_at + INTERVAL {REPEAT_DAYS} DAY THEN later ELSE '' END AS repeated_by,
               coalesce(r.recovered_by, '') AS recovered_by, r.recovered_at,
               coalesce(r.recovered_agent, '') AS recovered_agent, r.recovery_s
        FROM ordered AS o LEFT JOIN recovery AS r USING (tenant_id, conversation_id)
        UNION ALL BY NAME
        SELECT *, '' AS repeat_of, '' AS repeated_by, '' AS recovered_by, NULL::TIMESTAMPTZ AS recovered_at,
               '' AS recovered_agent, NULL::DOUBLE AS recovery_s
        FROM every WHERE outside_number = '')
    SELECT {COLUMNS} FROM linked
    WHERE started_at BETWEEN $reach_low AND $reach_high OR (tenant_id, conversation_id) IN (
        SELECT tenant_id, conversation_id FROM cv_new)
""",
    COLUMNS=_COLUMNS,
    LINKS=", ".join(_LINKS),
    LOST=_LOST,
    RECOVERY_DAYS=RECOVERY_DAYS,
    REPEAT_DAYS=REPEAT_DAYS,
)
# Rows that are not as they were.
GONE = fill(
    """
    CREATE OR REPLACE TEMP TABLE cv_gone AS
    SELECT {COLUMNS} FROM cv_old
    WHERE started_at BETWEEN $reach_low AND $reach_high OR (tenant_id, conversation_id) IN (FROM cv_replaced)
    EXCEPT SELECT {COLUMNS} FROM cv_linked
""",
    COLUMNS=_COLUMNS,
)
FRESH = fill(
    """
    CREATE OR REPLACE TEMP TABLE cv_fresh AS
    SELECT {COLUMNS} FROM cv_linked EXCEPT SELECT {COLUMNS} FROM cv_old
""",
    COLUMNS=_COLUMNS,
)
STEPS = (OLD, BEFORE, LINKED, GONE, FRESH)
