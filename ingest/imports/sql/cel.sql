-- Events of channels as legs: relation `event` → table `told_leg` with columns of RAW_LEG, and `unfinished`.
-- A linked id changes when calls are joined: ids that one channel had, or that a transfer or a pick-up names together,
-- are one story, called by the one that began first; what is no channel (N/A) joins nothing. {bridges}: whether the log tells of bridges at all.
CREATE OR REPLACE TEMP TABLE extra AS
    SELECT seq, lid, type,
           CASE WHEN json_valid(extra) THEN extra::JSON END AS said
    FROM event WHERE type IN ('BLINDTRANSFER', 'ATTENDEDTRANSFER', 'PICKUP') AND extra <> '';

CREATE OR REPLACE TEMP TABLE linked AS
    SELECT lid, min(seq) AS begun, min(seq) AS story FROM event GROUP BY lid;

CREATE OR REPLACE TEMP TABLE joint AS
    WITH had AS (
        SELECT uid, lid FROM event WHERE type <> 'LINKEDID_END'
        UNION
        SELECT unnest([said ->> '$.pickup_channel_uniqueid', said ->> '$.channel2_uniqueid',
                       said ->> '$.transferee_channel_uniqueid', said ->> '$.transfer_target_channel_uniqueid']), lid
        FROM extra
    ), several AS (
        SELECT uid FROM had GROUP BY uid HAVING count(*) > 1
    )
    SELECT DISTINCT h.uid, h.lid FROM had AS h SEMI JOIN several USING (uid) SEMI JOIN linked USING (lid)
        SEMI JOIN event USING (uid);

-- (repeated)
UPDATE linked SET story = least(linked.story, nearer.story)
FROM (
    SELECT j.lid, min(n.story) AS story
    FROM joint AS j JOIN (SELECT uid, min(story) AS story FROM joint JOIN linked USING (lid) GROUP BY uid) AS n USING (uid)
    GROUP BY j.lid
) AS nearer
WHERE linked.lid = nearer.lid AND nearer.story < linked.story;

CREATE OR REPLACE TEMP TABLE channel AS
    WITH one AS (
        SELECT uid, min(seq) AS seq, min(line) AS line, min(story) AS story,
               arg_min(lid, seq) AS first_lid, count(*) FILTER (type = 'CHAN_START') > 0 AS begins,
               min(moment) AS begun_s,
               arg_min(channel, seq) AS name,
               arg_min(channel, seq) FILTER (type = 'BRIDGE_ENTER') AS bridged_name,
               arg_min(exten, seq) AS exten, arg_min(context, seq) AS context,
               arg_min(num, seq) FILTER (num <> '') AS num, arg_min(cid_name, seq) FILTER (cid_name <> '') AS cid_name,
               arg_min(dnid, seq) FILTER (dnid <> '') AS dnid,
               min(moment) FILTER (type = 'ANSWER') AS answered_s,
               min(moment) FILTER (type = 'BRIDGE_ENTER') AS bridged_s,
               max(moment) FILTER (type = 'BRIDGE_ENTER') AS bridged_last_s,
               coalesce(min(moment) FILTER (type = 'HANGUP'), min(moment) FILTER (type = 'CHAN_END')) AS over_s,
               arg_min(extra, seq) FILTER (type = 'HANGUP' AND extra <> '') AS over
        FROM event JOIN linked USING (lid) WHERE type <> 'LINKEDID_END' GROUP BY uid
    ), said AS (
        SELECT * EXCLUDE (over), CASE WHEN json_valid(over) THEN over::JSON END AS over FROM one
    )
    SELECT * EXCLUDE (over), try_cast(over ->> '$.hangupcause' AS INTEGER) AS cause,
           coalesce(over ->> '$.hangupsource', '') AS source, coalesce(over ->> '$.dialstatus', '') AS dialstatus,
           first_lid = uid AS own, starts_with(name, 'Local/') AS local,
           row_number() OVER (PARTITION BY story ORDER BY seq) = 1 AS first
    FROM said;

CREATE OR REPLACE TEMP TABLE unfinished AS
    SELECT story, min(line) AS line, bool_and(begins) AND bool_or(first AND own) AS begins, any_value(uid) AS uid
    FROM channel GROUP BY story HAVING NOT bool_and(begins AND over_s IS NOT NULL) OR NOT bool_or(first AND own);

DELETE FROM channel WHERE story IN (SELECT story FROM unfinished);

-- What a channel that called was in, one after the other: the first thing counts from its beginning.
CREATE OR REPLACE TEMP TABLE stage AS
    WITH marked AS (
        SELECT e.uid, e.seq, e.line, e.moment, lower(e.app) AS app, e.data, e.context,
               type = 'APP_START' OR lag((lower(app), data)) OVER (PARTITION BY uid ORDER BY seq)
                   IS DISTINCT FROM (lower(app), data) AS begins
        FROM event AS e
        WHERE lower(app) IN {stages} AND uid IN (SELECT uid FROM channel WHERE own)
    ), placed AS (
        SELECT * EXCLUDE (begins), row_number() OVER (PARTITION BY uid ORDER BY seq) AS n FROM marked WHERE begins
    )
    SELECT c.uid, c.story, c.first, coalesce(p.n, 1) AS n,
           CASE WHEN coalesce(p.n, 1) = 1 THEN c.seq ELSE p.seq END AS seq,
           coalesce(p.line, c.line) AS line, p.app, p.data, coalesce(p.context, c.context) AS context,
           coalesce(p.moment, c.begun_s) AS entered_s,
           CASE WHEN coalesce(p.n, 1) = 1 THEN c.begun_s ELSE p.moment END AS begun_s,
           coalesce(lead(p.moment) OVER following, c.over_s) AS over_s,
           lead(p.moment) OVER following IS NULL AS last
    FROM channel AS c LEFT JOIN placed AS p USING (uid)
    WHERE c.own
    WINDOW following AS (PARTITION BY c.uid ORDER BY p.n);

-- A phone that was rung. Its channel is taken over by who picks the call up: the name that spoke tells.
CREATE OR REPLACE TEMP TABLE rung AS
    WITH last AS (
        SELECT story, max(bridged_last_s, 2) AS two FROM channel WHERE NOT local GROUP BY story
    ), said AS (
        SELECT c.*, r.name AS from_name, r.uid AS from_uid, s.app, s.data, s.context AS at_context, s.n AS stage,
               CASE WHEN {bridges} THEN c.bridged_s ELSE c.answered_s END AS talk_s,
               coalesce(c.bridged_name, c.name) AS talker,
               -- somebody else was in a bridge then, or later; a Local channel is nobody
               NOT {bridges} OR CASE WHEN c.bridged_last_s = two[1] THEN two[2] ELSE two[1] END >= c.bridged_s - 2 AS heard
        FROM channel AS c JOIN channel AS r ON r.uid = c.first_lid LEFT JOIN last ON last.story = c.story
        ASOF LEFT JOIN stage AS s ON s.uid = c.first_lid AND s.seq <= c.seq
        WHERE NOT c.own AND NOT c.local
    )
    SELECT story, seq, line, uid, from_uid, from_name, app, data, at_context, stage, begun_s, over_s, talker,
           coalesce(talk_s IS NOT NULL AND heard, false) AS talked, talk_s, cause, name <> talker AS picked_up
    FROM said
    UNION ALL  -- the phone that rang before a colleague took the call
    SELECT story, seq, line, uid, from_uid, from_name, app, data, at_context, stage, begun_s, coalesce(talk_s, over_s), name,
           false, NULL, NULL, false
    FROM said WHERE name <> talker;

CREATE OR REPLACE TEMP TABLE told_leg AS
    WITH moved AS (
        SELECT l.story, arg_max(CASE type WHEN 'BLINDTRANSFER' THEN 'blind' WHEN 'ATTENDEDTRANSFER' THEN 'attended' END, seq)
               AS how
        FROM extra JOIN linked AS l USING (lid) WHERE type <> 'PICKUP' GROUP BY l.story
    ), recorded AS (
        SELECT l.story, arg_min(split_part(data, ',', 1), seq) AS file
        FROM event JOIN linked AS l USING (lid)
        WHERE type = 'APP_START' AND lower(app) IN ('mixmonitor', 'monitor') GROUP BY l.story
    ), heard AS (
        SELECT from_uid AS uid, stage AS n, min(talk_s) AS talk_s FROM rung WHERE talked GROUP BY ALL
    ), talker AS (
        SELECT story, list(talker) AS names FROM rung WHERE talked GROUP BY story
    ), caller AS (
        SELECT s.*, c.num, c.cid_name, c.exten, c.dnid, c.name, c.answered_s <= s.over_s AS up, c.answered_s, c.cause,
               c.dialstatus, h.talk_s, t.names IS NOT NULL AS talked, m.how, r.file,
               CASE WHEN c.source = c.name THEN 'caller' WHEN list_contains(t.names, c.source) THEN 'callee'
                    WHEN starts_with(c.source, 'dialplan/') THEN 'system' END AS party
        FROM stage AS s JOIN channel AS c USING (uid)
        LEFT JOIN heard AS h ON h.uid = s.uid AND h.n = s.n
        LEFT JOIN talker AS t ON t.story = s.story
        LEFT JOIN moved AS m ON m.story = s.story AND s.first AND s.n = 1
        LEFT JOIN recorded AS r ON r.story = s.story AND s.first AND s.n = 1
        WHERE s.first OR s.app = 'parkedcall'
    ), row_ AS (
        SELECT story, seq, line, uid AS unique_id, NULL AS peer_unique_id, num AS src, cid_name AS src_name,
               CASE WHEN exten IN ('', 's') THEN coalesce(dnid, '') ELSE exten END AS dst, context, name AS channel,
               CASE WHEN first THEN '' ELSE name END AS peer_channel, app AS last_app, data AS last_data, begun_s,
               CASE WHEN up THEN greatest(answered_s, begun_s) END AS answered_s, over_s,
               CASE WHEN last AND NOT talked AND coalesce(app <> 'voicemail', true)
                         AND (party = 'caller' OR dialstatus = 'CANCEL') THEN 'cancelled'
                    WHEN up THEN 'answered'
                    WHEN last AND (dialstatus = 'BUSY' OR cause = 17) THEN 'busy'
                    WHEN last AND dialstatus IN ('CONGESTION', 'CHANUNAVAIL') THEN 'failed'
                    ELSE 'no_answer' END AS disposition,
               CASE WHEN last THEN coalesce(nullif(dialstatus, ''), cause::VARCHAR) END AS cause,
               CASE WHEN last AND first THEN party END AS hangup_party, how AS transferred, file AS recording,
               CASE WHEN app = 'queue' THEN round(coalesce(talk_s, over_s) - entered_s, 3) END AS queue_wait_s,
               CASE WHEN app = 'queue' THEN CASE
                    WHEN talk_s IS NOT NULL THEN 'answered'
                    WHEN last AND coalesce(party <> 'system', true) THEN 'abandoned' ELSE 'overflow' END END AS queue_result,
               NULL AS agent
        FROM caller
        UNION ALL
        SELECT r.story, r.seq, r.line, from_uid, r.uid, c.num, c.cid_name,
               CASE WHEN c.exten IN ('', 's') THEN coalesce(c.dnid, '') ELSE c.exten END, at_context, from_name, talker,
               CASE app WHEN 'queue' THEN 'queue' ELSE 'dial' END, data, r.begun_s,
               CASE WHEN talked THEN talk_s END, r.over_s,
               CASE WHEN talked THEN 'answered' WHEN r.cause IN (17, 21) THEN 'busy'
                    WHEN r.cause IN (1, 3, 20, 27, 28, 34, 38, 41, 42, 58, 65, 88) THEN 'failed' ELSE 'no_answer' END,
               r.cause::VARCHAR, NULL, NULL, NULL, NULL, NULL,
               -- the number outside that a phone's call was sent to, where the dial string names one
               nullif(regexp_extract(data, '^[A-Za-z0-9]+/(?:[^/&,]*/)?([+]?[0-9]{7,20})(?:@[^&,]*)?(?:,.*)?$', 1), '')
        FROM rung AS r JOIN channel AS c ON c.uid = r.from_uid
    )
    SELECT line, unique_id, lid AS linked_id,
           row_number() OVER (PARTITION BY r.story ORDER BY seq, peer_unique_id NULLS FIRST, talked_last) AS sequence,
           peer_unique_id, src, src_name, dst,
           CASE WHEN NOT regexp_full_match(regexp_extract(channel, '^[^/]+/(.*?)-[0-9a-f]+$', 1), '[0-9]{2,6}')
                THEN nullif(dst, '') END AS did,
           context, channel, peer_channel, last_app, last_data, to_timestamp(begun_s) AS started_at,
           to_timestamp(answered_s) AS answered_at, to_timestamp(greatest(over_s, begun_s)) AS ended_at,
           round(over_s - begun_s, 3) AS duration_s, round(over_s - answered_s, 3) AS bill_s, disposition, cause, hangup_party, transferred,
           recording, queue_wait_s, queue_result, agent
    FROM (SELECT *, disposition = 'answered' AS talked_last FROM row_) AS r JOIN (SELECT lid, begun FROM linked) AS l ON l.begun = r.story
