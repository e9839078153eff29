CREATE OR REPLACE TEMP TABLE made_queue_event AS
    SELECT DISTINCT $tenant AS tenant_id,
        sortable_id(epoch_ms(started_at), md5(concat_ws('|', $tenant, $system, 'agent', epoch_ms(started_at), queue, agent,
                                                        last_app, cause))) AS event_id,
        started_at AS occurred_at, coalesce(queue, '') AS queue, coalesce(agent, '') AS agent, last_app AS type,
        coalesce(cause, '') AS reason, '' AS call_id, $stamp AS stamp
    FROM raw_leg WHERE kind = 'agent' AND started_at IS NOT NULL AND last_app IS NOT NULL;

CREATE OR REPLACE TEMP TABLE made_wanted AS
    SELECT k.call_id, c.started_at, min(t.answered_at) AS answered_at, coalesce(t.unique_id, '') AS unique_id,
           any_value(k.story) AS story, coalesce(t.peer_unique_id, '') AS peer_unique_id,
           coalesce(t.recording, '') AS recording, any_value(c.caller_number) AS caller_number,
           any_value(coalesce(nullif(c.answered_by, ''), c.callee_number)) AS callee_number, bool_or(t.talked) AS talked
    FROM told AS t JOIN known AS k USING (story) JOIN made_call AS c USING (call_id)
    WHERE $sounds AND (t.recording <> '' OR t.unique_id <> '')
    GROUP BY ALL;

-- Channel events (rank 30) take the place of a call record's legs; the recording that it names is still the call's.
INSERT INTO made_wanted BY NAME
    SELECT k.call_id, c.started_at, min(r.answered_at) AS answered_at, coalesce(r.unique_id, '') AS unique_id,
           any_value(k.story) AS story, '' AS peer_unique_id, r.recording, any_value(c.caller_number) AS caller_number,
           any_value(coalesce(nullif(c.answered_by, ''), c.callee_number)) AS callee_number, false AS talked
    FROM (SELECT DISTINCT story FROM told WHERE $system = 'asterisk' AND kind IS NULL AND rank >= 30000000)
    JOIN raw_leg AS r ON coalesce(nullif(r.linked_id, ''), r.unique_id) = story
    JOIN known AS k USING (story) JOIN made_call AS c USING (call_id)
    WHERE $sounds AND r.kind IS NULL AND r.recording <> ''
        AND r.recording NOT IN (SELECT recording FROM told WHERE recording <> '')
    GROUP BY ALL;

-- Closed hours and blocked callers, where the log says just that: MikoPBX's own destination for hours that are not worked,
-- and FreePBX's list of callers who are not heard, to whom the exchange speaks in that very context.
CREATE OR REPLACE TEMP TABLE turned_away AS
    SELECT DISTINCT coalesce(nullif(linked_id, ''), unique_id) AS story, context = 'outworktimes' AS closed
    FROM raw_leg
    WHERE kind IS NULL AND ($system = 'mikopbx' AND context = 'outworktimes'
        OR $system = 'asterisk' AND context = 'app-blacklist-check'
            AND lower(last_app) IN ('answer', 'wait', 'zapateller', 'playback', 'hangup'));

UPDATE made_call SET closed_hours = CASE WHEN t.closed THEN 'outworktimes' ELSE '' END,
    refused = CASE WHEN NOT t.closed AND made_call.disposition <> 'answered' THEN 'blocked' ELSE '' END
FROM turned_away AS t JOIN known AS k USING (story) WHERE made_call.call_id = k.call_id
