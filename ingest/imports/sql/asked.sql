-- Logs with a row for every phone that rang, and none that names a group: who was asked first are those whose phones
-- began to ring first, unless a queue or a menu was.
UPDATE told SET asked = 'queue:' || queue WHERE $system IN ('freeswitch', 'mikopbx') AND kind IS NULL AND queue <> '';

-- Who enters a queue in the second in which its first phone rings asked for the queue.
UPDATE told SET ord = ord - 1 WHERE $system = 'mikopbx' AND kind IS NULL AND queue <> '';

CREATE OR REPLACE TEMP TABLE rung_first AS
    WITH rung AS (
        SELECT story, callee, started_at, min(started_at) OVER (PARTITION BY story) AS first_at
        FROM told WHERE $system IN ('freeswitch', 'mikopbx') AND kind IS NULL AND callee <> ''
    )
    SELECT story, list(DISTINCT callee) AS callees FROM rung WHERE started_at <= first_at + INTERVAL 1 SECOND GROUP BY story;

UPDATE told SET asked = CASE WHEN len(callees) > 1 THEN 'group:' || coalesce(dst, '') ELSE 'extension:' || callees[1] END
FROM rung_first
WHERE told.story = rung_first.story AND NOT regexp_matches(coalesce(asked, ''), '^(queue|menu):')
    AND (len(callees) > 1 OR is_own(callees[1]));

-- MikoPBX says when a caller was in a queue; what became of him follows from what came next: somebody talked with him
-- then, or the call was over, or it went on elsewhere.
CREATE OR REPLACE TEMP TABLE left_queue AS
    WITH story AS (SELECT story, max(ended_at) AS over FROM told GROUP BY story)
    SELECT q.story, q.ord, q.unique_id, min(a.answered_at) AS taken_at,
           any_value(s.over) <= any_value(q.ended_at) + INTERVAL 1 SECOND AS over
    FROM told AS q JOIN story AS s USING (story)
    LEFT JOIN told AS a ON a.story = q.story AND a.talked AND a.callee <> '' AND a.started_at >= q.started_at
        AND a.answered_at BETWEEN q.started_at AND q.ended_at + INTERVAL 1 SECOND AND a.started_at <= q.ended_at
    WHERE $system = 'mikopbx' AND q.queue <> ''
    GROUP BY q.story, q.ord, q.unique_id;

UPDATE told SET queue_result = CASE WHEN taken_at IS NOT NULL THEN 'answered' WHEN over THEN 'abandoned' ELSE 'overflow' END,
    queue_wait_s = epoch(coalesce(taken_at, ended_at) - started_at)
FROM left_queue
WHERE told.story = left_queue.story AND told.ord = left_queue.ord AND told.unique_id = left_queue.unique_id
    AND told.queue <> '';

-- Where a queue_log tells of the queue it knows better than the channel's events how a visit ended.
UPDATE told SET queue_result = NULL, queue_wait_s = NULL
WHERE $system = 'asterisk' AND kind IS NULL AND queue_result <> '' AND story IN (SELECT story FROM told WHERE kind = 'queue')
