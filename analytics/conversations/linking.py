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

# What the warehouse holds of the conversations that are replaced, and of their neighbours.
OLD = """
    CREATE OR REPLACE TEMP TABLE cv_replaced AS
    SELECT DISTINCT tenant_id, conversation_id FROM cv_kept
    SEMI JOIN (SELECT tenant_id, call_id FROM cv_call UNION ALL SELECT tenant_id, call_id FROM cv_changed)
    USING (tenant_id, call_id)
"""
BEFORE = """
    CREATE OR REPLACE TEMP TABLE cv_old AS
    WITH window_ AS (SELECT * FROM lk.main.conversation WHERE started_at BETWEEN $far_low AND $far_high),
    numbers AS (
        SELECT tenant_id, outside_number FROM cv_new WHERE outside_number <> ''
        UNION
        SELECT tenant_id, outside_number FROM window_ SEMI JOIN cv_replaced USING (tenant_id, conversation_id)
        WHERE outside_number <> '')
    SELECT * FROM window_ SEMI JOIN (
        FROM cv_replaced
        UNION SELECT tenant_id, conversation_id FROM window_ SEMI JOIN numbers USING (tenant_id, outside_number)
    ) USING (tenant_id, conversation_id)
"""
BASE = fill(
    """
    CREATE OR REPLACE TEMP TABLE cv_base AS
    SELECT *, true AS derived FROM cv_new
    UNION ALL BY NAME
    SELECT * EXCLUDE ({LINKS}), false AS derived FROM cv_old ANTI JOIN cv_replaced USING (tenant_id, conversation_id)
""",
    LINKS=", ".join(_LINKS),
)
# A repeat is a caller from outside after somebody talked with him, whoever called then; that we call him is none. So
# of a number only callers and talks are put in order, and nearly always the neighbour is the one that is looked for.
NEIGHBOUR = fill(
    """
    CREATE OR REPLACE TEMP TABLE cv_neighbour AS
    WITH ordered AS (
        SELECT tenant_id, conversation_id, started_at, direction = 'inbound' AS came, answered_at IS NOT NULL AS talked,
               lag(CASE WHEN answered_at IS NOT NULL THEN {ONE} END IGNORE NULLS) OVER w AS talk,
               lead(CASE WHEN direction = 'inbound' THEN {ONE} END IGNORE NULLS) OVER w AS caller
        FROM cv_base WHERE outside_number <> '' AND (direction = 'inbound' OR answered_at IS NOT NULL)
        WINDOW w AS (PARTITION BY tenant_id, outside_number ORDER BY started_at, conversation_id))
    SELECT tenant_id, conversation_id,
           CASE WHEN came AND talk.at >= started_at - INTERVAL {REPEAT_DAYS} DAY THEN talk.id END AS repeat_of,
           CASE WHEN talked AND caller.at <= started_at + INTERVAL {REPEAT_DAYS} DAY THEN caller.id END AS repeated_by
    FROM ordered
""",
    ONE="{'at': started_at, 'id': conversation_id}",
    REPEAT_DAYS=REPEAT_DAYS,
)
TALK = """
    CREATE OR REPLACE TEMP TABLE cv_talk AS
    SELECT tenant_id, outside_number, answered_at, min(conversation_id) AS recovered_by,
           arg_min(answered_by, conversation_id) AS recovered_agent
    FROM cv_base WHERE outside_number <> '' AND answered_at IS NOT NULL GROUP BY ALL
"""
# Who talks with a lost caller first after his conversation was over. Of equal moments the lowest id counts. The ends of
# lost conversations and the beginnings of talks stand in one row of time: an ASOF JOIN is far slower here.
RECOVERY = fill(
    """
    CREATE OR REPLACE TEMP TABLE cv_recovery AS
    WITH moments AS (
        SELECT tenant_id, outside_number, conversation_id, ended_at AS moment, NULL::TIMESTAMPTZ AS talk_at
        FROM cv_base WHERE outside_number <> '' AND class IN ({LOST})
        UNION ALL
        SELECT tenant_id, outside_number, NULL, answered_at, answered_at FROM cv_talk),
    next AS (
        SELECT tenant_id, outside_number, conversation_id, moment AS ended_at, min(talk_at) OVER (
            PARTITION BY tenant_id, outside_number ORDER BY moment, conversation_id NULLS LAST
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS answered_at
        FROM moments)
    SELECT n.tenant_id, n.conversation_id, t.recovered_by, t.recovered_agent, t.answered_at AS recovered_at,
           round(epoch(t.answered_at) - epoch(n.ended_at), 3) AS recovery_s
    FROM next AS n JOIN cv_talk AS t USING (tenant_id, outside_number, answered_at)
    WHERE n.conversation_id IS NOT NULL AND t.answered_at <= n.ended_at + INTERVAL {RECOVERY_DAYS} DAY
""",
    LOST=", ".join(f"'{c}'" for c in TO_RECOVER),
    RECOVERY_DAYS=RECOVERY_DAYS,
)
LINKED = fill(
    """
    CREATE OR REPLACE TEMP TABLE cv_linked AS
    WITH linked AS (
        SELECT b.*, coalesce(n.repeat_of, '') AS repeat_of, coalesce(n.repeated_by, '') AS repeated_by,
               coalesce(r.recovered_by, '') AS recovered_by, r.recovered_at,
               coalesce(r.recovered_agent, '') AS recovered_agent, r.recovery_s
        FROM cv_base AS b LEFT JOIN cv_neighbour AS n USING (tenant_id, conversation_id)
        LEFT JOIN cv_recovery AS r USING (tenant_id, conversation_id))
    SELECT {COLUMNS} FROM linked
    WHERE derived OR started_at BETWEEN $reach_low AND $reach_high
""",
    COLUMNS=_COLUMNS,
)
# Rows that are not as they were, and as they are now.
FRESH = """
    CREATE OR REPLACE TEMP TABLE cv_fresh AS
    SELECT n.* FROM cv_linked AS n LEFT JOIN cv_old AS o USING (tenant_id, conversation_id)
    WHERE o.tenant_id IS NULL OR n IS DISTINCT FROM o
"""
GONE = """
    CREATE OR REPLACE TEMP TABLE cv_gone AS
    SELECT tenant_id, conversation_id, started_at FROM cv_old SEMI JOIN cv_fresh USING (tenant_id, conversation_id)
    UNION
    SELECT tenant_id, conversation_id, started_at FROM cv_old SEMI JOIN cv_replaced USING (tenant_id, conversation_id)
    ANTI JOIN cv_linked USING (tenant_id, conversation_id)
"""
STEPS = (OLD, BEFORE, BASE, NEIGHBOUR, TALK, RECOVERY, LINKED, FRESH, GONE)
