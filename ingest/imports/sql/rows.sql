-- One line of the log in our words, each once. ord: place in the story.
CREATE OR REPLACE TEMP TABLE told AS
    WITH placed AS (
        SELECT r.*, coalesce(nullif(r.linked_id, ''), nullif(link.linked_id, ''), nullif(r.unique_id, ''), n.story) AS story
        FROM raw_leg AS r
        LEFT JOIN link ON link.unique_id = r.unique_id
        LEFT JOIN nameless AS n ON coalesce(r.linked_id, '') = '' AND coalesce(r.unique_id, '') = '' AND r.kind IS NULL
            AND n.channel IS NOT DISTINCT FROM r.channel AND n.src IS NOT DISTINCT FROM r.src
            AND n.dst IS NOT DISTINCT FROM r.dst AND n.started_at = r.started_at
            AND n.ended_at IS NOT DISTINCT FROM r.ended_at
        WHERE coalesce(r.kind, 'queue') = 'queue'
    ), split AS (
        SELECT *, peer_of(channel) AS from_name, peer_of(peer_channel) AS to_name, lower(last_app) AS app,
               starts_with(channel, 'Local/') AS by_local, starts_with(peer_channel, 'Local/') AS to_local
        FROM placed
    )
    SELECT DISTINCT
        story, rank, kind, unique_id, sequence, linked_id, peer_unique_id, channel, peer_channel,
        epoch_ms(started_at) * 10000 + coalesce(sequence, 0) % 10000 AS ord,
        CASE WHEN coalesce(channel, '') <> '' AND NOT by_local
                  THEN CASE WHEN is_own(from_name) THEN from_name ELSE NULL END
             WHEN is_own(src) THEN src END AS caller_own,
        tidy(src) AS src, src_name,
        CASE WHEN dst IN ('s', 'h', 'i', 't', 'hang', 'hangup') THEN '' ELSE tidy(dst) END AS dst,
        tidy(did) AS did,
        coalesce(agent, CASE WHEN is_own(to_name) THEN to_name
                             WHEN peer_channel IS NULL OR peer_channel <> '' THEN tidy(dst) END) AS callee,
        coalesce(peer_channel <> '' AND NOT to_local AND NOT is_own(to_name), false) AS to_trunk,
        by_local, to_local, app,
        coalesce(trunk_id,
                 CASE WHEN coalesce(channel, '') <> '' AND NOT by_local AND NOT is_own(from_name) THEN from_name END,
                 CASE WHEN peer_channel <> '' AND NOT to_local AND NOT is_own(to_name) THEN to_name END) AS trunk,
        coalesce(queue, CASE WHEN app = 'queue' THEN split_part(last_data, ',', 1) END, '') AS queue,
        CASE WHEN context LIKE 'ivr-%' THEN 'menu:' || context
             WHEN app = 'queue' THEN 'queue:' || split_part(last_data, ',', 1)
             WHEN kind = 'queue' THEN 'queue:' || queue
             WHEN app = 'dial' AND contains(split_part(last_data, ',', 1), '&') THEN 'group:' || dst
             WHEN app = 'dial' AND regexp_matches(last_data, '^[A-Za-z0-9]+/[0-9]{2,6}([/@:,-]|$)')
                  THEN 'extension:' || regexp_extract(last_data, '^[A-Za-z0-9]+/([0-9]{2,6})', 1)
             WHEN is_own(coalesce(agent, nullif(to_name, ''), dst))
                  THEN 'extension:' || coalesce(agent, nullif(to_name, ''), dst)
             ELSE '' END AS asked,
        started_at, coalesce(ended_at, started_at + to_seconds(coalesce(duration_s, 0))) AS ended_at,
        disposition, cause, direction, hold_s, queue_wait_s, queue_result, hangup_party, transferred, menu_path, mos, codec,
        recording,
        coalesce(voicemail, app = 'voicemail' AND disposition = 'answered', false) AS voicemail,
        disposition = 'answered' AND NOT coalesce(voicemail, false) AND (
            peer_channel <> '' OR joins_people(app)
            OR (peer_channel IS NULL AND coalesce(app NOT IN ('voicemail', 'playback', 'background', 'ivr', 'hangup'), true))
        ) AS talked,
        CASE WHEN disposition = 'answered'
             THEN coalesce(answered_at, ended_at - to_seconds(coalesce(bill_s, 0))) END AS answered_at
    FROM split
    WHERE story IS NOT NULL AND started_at IS NOT NULL;

CREATE OR REPLACE TEMP TABLE tally AS
    SELECT (SELECT count(*) FROM raw_leg WHERE kind IS DISTINCT FROM 'agent') - (SELECT count(*) FROM told) AS duplicates;

-- Where several formats tell of a call, its legs come from one of them.
DELETE FROM told USING (
    SELECT story, kind, max(rank) AS best FROM told GROUP BY story, kind HAVING min(rank) < max(rank)
) AS several
WHERE told.story = several.story AND told.kind IS NOT DISTINCT FROM several.kind AND told.rank < several.best;

-- The far half of a Local channel says who was rung and when he answered. The near half says where the call began and in
-- which queue; that a channel of the exchange "answered" is nobody's talk.
UPDATE told SET queue = near.queue
FROM (SELECT story, replace(peer_channel, ';1', ';2') AS far, max(queue) AS queue FROM told WHERE to_local GROUP BY ALL) AS near
WHERE told.by_local AND told.queue = '' AND told.story = near.story AND told.channel = near.far;

UPDATE told SET callee = NULL, talked = false, recording = NULL
FROM (SELECT DISTINCT story, channel FROM told WHERE by_local) AS far
WHERE told.to_local AND told.story = far.story AND replace(told.peer_channel, ';1', ';2') = far.channel
