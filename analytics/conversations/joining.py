"""Which calls are one conversation, in SQL: calls → stories (joined by name) → conversations (joined by trying again).

All temporary tables begin with cv_. A window of time is read around the changed calls, wide enough that whatever they
can change lies whole within it: see MARGIN.
"""

from __future__ import annotations

from datetime import timedelta

from analytics.conversations.rules import (
    ATTEMPT_S_MAX,
    ATTEMPTS_MAX,
    REPEAT_WINDOW_S,
    STORY_HOURS,
    TELEPHONE_NUMBER,
)
from analytics.conversations.sql import fill

# A conversation is a chain of attempts, each perhaps with a story of further calls: so far reach its calls.
SPAN = timedelta(hours=STORY_HOURS) + ATTEMPTS_MAX * timedelta(seconds=ATTEMPT_S_MAX + REPEAT_WINDOW_S)
MARGIN = 3 * SPAN  # the changed call's conversation, its other calls, and what these follow on

_PLACED = "('callback', 'informing', 'click')"  # the system made the call: its first answer is not yet a talk

# The number outside, "" when there is none: only numbers join calls, so withheld callers stay apart.
_NUMBER = fill(
    """
    CASE WHEN regexp_full_match(told, '{TELEPHONE_NUMBER}') AND NOT regexp_full_match(told, '\\+?0*') THEN told
         ELSE '' END
""",
    TELEPHONE_NUMBER=TELEPHONE_NUMBER,
)
_TOLD = r"""
    CASE WHEN direction IN ('inbound', 'callback', 'informing') THEN caller_number
         WHEN direction NOT IN ('outbound', 'click') THEN ''
         WHEN direction = 'click' AND caller_number LIKE '+%' THEN caller_number
         ELSE coalesce(nullif(regexp_extract(route, '"(?:outside|emergency):([^"]*)"', 1), ''),
                       regexp_replace(callee_number, '^(outside|emergency):', '')) END
"""
# A call_id begins with its time, 12 hexadecimal digits of milliseconds.
NEAR = fill(
    """
    CREATE OR REPLACE TEMP TABLE cv_near AS
    SELECT tenant_id, call_id, direction, started_at, ended_at, {NUMBER} AS number,
           CASE WHEN direction NOT IN {PLACED} AND disposition = 'answered' THEN answered_at END AS answered_at,
           CASE WHEN conversation_id IN ('', call_id) THEN call_id
                WHEN abs(coalesce(TRY_CAST('0x' || left(conversation_id, 12) AS BIGINT) - epoch_ms(started_at), 0))
                     <= {STORY_MS} THEN conversation_id
                ELSE call_id END AS parent
    FROM (SELECT *, {TOLD} AS told FROM lk.main.call WHERE started_at BETWEEN $low AND $high)
""",
    NUMBER=_NUMBER,
    PLACED=_PLACED,
    STORY_MS=STORY_HOURS * 3_600_000,
    TOLD=_TOLD,
)
# Calls that the system made: somebody talks when, beside the one who was called, the other side is there.
PLACED = fill(
    """
    CREATE OR REPLACE TEMP TABLE cv_placed AS
    SELECT l.tenant_id, l.call_id, min(l.answered_at) AS talked_at
    FROM lk.main.leg AS l
    SEMI JOIN (SELECT tenant_id, call_id FROM cv_near WHERE direction IN {PLACED}) USING (tenant_id, call_id)
    WHERE l.started_at BETWEEN $low AND $high + INTERVAL 1 DAY
      AND l.party = 'callee' AND l.leg_id NOT LIKE '%-supervisor%' AND l.answered_at IS NOT NULL
    GROUP BY ALL
""",
    PLACED=_PLACED,
)
# From call to call named, four times: a consultation of a call-back names the call-back, that the first call.
ROOT = """
    CREATE OR REPLACE TEMP TABLE cv_member AS
    WITH link AS (SELECT tenant_id, call_id, parent FROM cv_near WHERE parent <> call_id),
    hops AS (
        SELECT a.tenant_id, a.call_id, a.parent AS p1, coalesce(b.parent, p1) AS p2, coalesce(c.parent, p2) AS p3,
               coalesce(d.parent, p3) AS p4, coalesce(e.parent, p4) AS p5
        FROM link AS a
        LEFT JOIN link AS b ON b.tenant_id = a.tenant_id AND b.call_id = a.parent
        LEFT JOIN link AS c ON c.tenant_id = a.tenant_id AND c.call_id = b.parent
        LEFT JOIN link AS d ON d.tenant_id = a.tenant_id AND d.call_id = c.parent
        LEFT JOIN link AS e ON e.tenant_id = a.tenant_id AND e.call_id = d.parent)
    SELECT n.* EXCLUDE (answered_at, parent), coalesce(n.answered_at, p.talked_at) AS talked_at,
           CASE WHEN h.call_id IS NULL THEN n.call_id
                WHEN h.p5 = h.p4 THEN h.p4
                ELSE least(h.p1, h.p2, h.p3, h.p4, h.p5, h.call_id) END AS root  -- a circle
    FROM cv_near AS n LEFT JOIN hops AS h USING (tenant_id, call_id) LEFT JOIN cv_placed AS p USING (tenant_id, call_id)
"""
# Most stories are one call: only the others are put in order.
STORY = """
    CREATE OR REPLACE TEMP TABLE cv_story AS
    WITH grouped AS (
        SELECT tenant_id, root, any_value(number) AS number, any_value(direction) AS direction,
               any_value(call_id) AS first_call, min(started_at) AS started_at,
               max(ended_at) FILTER (direction = 'inbound') AS attempt_end, min(talked_at) AS talked_at,
               count(*) AS calls
        FROM cv_member GROUP BY ALL),
    first AS (
        SELECT tenant_id, root, number, direction, call_id AS first_call
        FROM cv_member SEMI JOIN (FROM grouped WHERE calls > 1) USING (tenant_id, root)
        QUALIFY row_number() OVER (PARTITION BY tenant_id, root ORDER BY call_id <> root, started_at, call_id) = 1)
    FROM (SELECT * EXCLUDE (calls) FROM grouped WHERE calls = 1)
    UNION ALL BY NAME
    SELECT g.* EXCLUDE (calls) REPLACE (f.number AS number, f.direction AS direction, f.first_call AS first_call)
    FROM grouped AS g JOIN first AS f USING (tenant_id, root)
"""
# The stories that the changed calls can touch: theirs, those of the same numbers, and what was joined with them.
CHOSEN = """
    CREATE OR REPLACE TEMP TABLE cv_chosen AS
    WITH own AS (SELECT DISTINCT tenant_id, root FROM cv_member SEMI JOIN cv_changed USING (tenant_id, call_id)),
    calls AS (SELECT tenant_id, call_id FROM cv_member SEMI JOIN own USING (tenant_id, root)
              UNION SELECT tenant_id, call_id FROM cv_changed),
    before AS (SELECT DISTINCT tenant_id, conversation_id FROM cv_kept SEMI JOIN calls USING (tenant_id, call_id)),
    joined AS (SELECT m.tenant_id, m.root FROM cv_kept AS k SEMI JOIN before USING (tenant_id, conversation_id)
               JOIN cv_member AS m USING (tenant_id, call_id)
               UNION FROM own),
    numbers AS (
        SELECT tenant_id, number FROM cv_story SEMI JOIN joined USING (tenant_id, root) WHERE number <> ''
        UNION
        SELECT c.tenant_id, c.outside_number FROM lk.main.conversation AS c
        SEMI JOIN before USING (tenant_id, conversation_id)
        WHERE c.started_at BETWEEN $low AND $high AND c.outside_number <> '')
    SELECT * FROM cv_story SEMI JOIN (
        FROM joined UNION SELECT tenant_id, root FROM cv_story SEMI JOIN numbers USING (tenant_id, number)
    ) USING (tenant_id, root)
"""
KEPT = """
    CREATE OR REPLACE TEMP TABLE cv_kept AS
    SELECT tenant_id, call_id, conversation_id, role, started_at FROM lk.main.conversation_call
    WHERE started_at BETWEEN $low AND $high
"""
# Attempts of one number in order: does each come soon enough after the one before?
ATTEMPT = fill(
    """
    CREATE OR REPLACE TEMP TABLE cv_attempt AS
    WITH attempt AS (
        SELECT tenant_id, root, number, first_call, started_at, lag(started_at) OVER w AS p_started,
               lag(attempt_end) OVER w AS p_end, lag(talked_at) OVER w AS p_talked
        FROM cv_chosen WHERE direction = 'inbound' AND number <> ''
        WINDOW w AS (PARTITION BY tenant_id, number ORDER BY started_at, first_call))
    SELECT *, coalesce(started_at >= p_end AND started_at <= p_end + INTERVAL {REPEAT_WINDOW_S} SECOND
                       AND p_end <= p_started + INTERVAL {ATTEMPT_S_MAX} SECOND
                       AND (p_talked IS NULL OR p_talked > started_at), false) AS again
    FROM attempt
""",
    ATTEMPT_S_MAX=ATTEMPT_S_MAX,
    REPEAT_WINDOW_S=REPEAT_WINDOW_S,
)
# And has nobody talked with that number in between? Its own talk may begin at once: logs know whole seconds.
BETWEEN = """
    CREATE OR REPLACE TEMP TABLE cv_between AS
    SELECT DISTINCT a.tenant_id, a.root
    FROM cv_attempt AS a JOIN cv_chosen AS t
      ON t.tenant_id = a.tenant_id AND t.number = a.number AND t.root <> a.root
         AND t.talked_at BETWEEN a.p_started AND a.started_at
    WHERE a.again
"""
HEAD = fill(
    """
    CREATE OR REPLACE TEMP TABLE cv_head AS
    WITH follows AS (
        SELECT a.* EXCLUDE (again), a.again AND b.root IS NULL AS again
        FROM cv_attempt AS a LEFT JOIN cv_between AS b USING (tenant_id, root)),
    joined AS (
        SELECT *, again AND sum(again::INTEGER) OVER (
            PARTITION BY tenant_id, number ORDER BY started_at, first_call
            ROWS BETWEEN {ROWS_BEFORE} PRECEDING AND CURRENT ROW) < {ATTEMPTS_MAX} AS goes_on
        FROM follows)
    SELECT tenant_id, root,
           last_value(CASE WHEN NOT goes_on THEN first_call END IGNORE NULLS) OVER (
               PARTITION BY tenant_id, number ORDER BY started_at, first_call
               ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS conversation_id
    FROM joined
""",
    ATTEMPTS_MAX=ATTEMPTS_MAX,
    ROWS_BEFORE=ATTEMPTS_MAX - 1,
)
CALLS = """
    CREATE OR REPLACE TEMP TABLE cv_all AS
    SELECT m.tenant_id, m.call_id, coalesce(h.conversation_id, s.first_call) AS conversation_id,
           CASE WHEN m.call_id = coalesce(h.conversation_id, s.first_call) THEN 'first'
                WHEN m.call_id = s.first_call THEN 'repeat'
                WHEN m.direction = 'callback' THEN 'callback'
                ELSE 'transfer' END AS role,
           m.started_at, m.ended_at, m.talked_at, m.number, m.direction
    FROM cv_member AS m JOIN cv_chosen AS s USING (tenant_id, root) LEFT JOIN cv_head AS h USING (tenant_id, root)
"""
# At the window's borders conversations are incomplete; nothing that changed reaches them.
CENTRAL = """
    CREATE OR REPLACE TEMP TABLE cv_call AS
    SELECT * FROM cv_all SEMI JOIN (
        SELECT DISTINCT tenant_id, conversation_id FROM cv_all WHERE started_at BETWEEN $central_low AND $central_high
    ) USING (tenant_id, conversation_id)
"""
STEPS = (NEAR, PLACED, ROOT, STORY, KEPT, CHOSEN, ATTEMPT, BETWEEN, HEAD, CALLS, CENTRAL)
