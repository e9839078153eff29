CREATE OR REPLACE TEMP TABLE story AS
    SELECT story,
        arg_min(struct_pack(src, src_name, dst, caller_own, asked, unique_id, kind), ord) AS first,
        arg_max(struct_pack(disposition, cause, queue, app), ord) AS last,
        min(started_at) AS started_at, max(ended_at) AS ended_at,
        bool_or(talked) AS talked, bool_or(voicemail) AS voicemail,
        bool_or(disposition = 'cancelled') AS cancelled,
        bool_or(disposition = 'answered' AND NOT talked) AS machine,
        min(answered_at) FILTER (WHERE talked AND kind = 'queue') AS queue_answered_at,
        min(answered_at) FILTER (WHERE talked AND kind IS NULL AND app IS DISTINCT FROM 'queue') AS dial_answered_at,
        min(answered_at) FILTER (WHERE talked) AS any_answered_at,
        arg_min(callee, coalesce(epoch_ms(answered_at), ord)) FILTER (WHERE talked AND callee <> '') AS answered_by,
        max(direction) AS direction, max(did) FILTER (WHERE did <> '') AS did,
        bool_or(to_trunk) AS to_trunk,
        arg_min(trunk, ord) FILTER (WHERE trunk <> '') AS trunk,
        arg_max(queue, ord) FILTER (WHERE queue <> '') AS queue,
        min(started_at) FILTER (WHERE queue <> '') AS queue_at,
        bool_or(talked) FILTER (WHERE queue <> '') AS queue_talked,
        arg_max(queue_wait_s, ord) FILTER (WHERE queue_wait_s IS NOT NULL) AS queue_wait_s,
        arg_max(queue_result, ord) FILTER (WHERE queue_result <> '') AS queue_result,
        max(hangup_party) FILTER (WHERE hangup_party <> '') AS hangup_party,
        max(transferred) FILTER (WHERE transferred <> '') AS transferred,
        max(menu_path) FILTER (WHERE menu_path <> '') AS menu_path,
        sum(hold_s) AS hold_s,
        arg_min(mos, ord) FILTER (WHERE mos IS NOT NULL) AS mos,
        arg_min(codec, ord) FILTER (WHERE codec <> '') AS codec
    FROM told GROUP BY story;

-- The time in an id is the exchange's own, in its unique id, where it has one: it does not depend on a time zone.
CREATE OR REPLACE TEMP TABLE known AS
    SELECT * EXCLUDE (direction), coalesce(direction,
            CASE WHEN first.caller_own IS NULL AND NOT (first.kind IS NULL AND is_own(first.src) AND trunk IS NULL)
                      THEN 'inbound'
                 WHEN to_trunk OR (length(first.dst) > 6 AND trunk IS NULL) THEN 'outbound'
                 WHEN length(first.dst) > 6 THEN 'outbound'
                 ELSE 'internal' END) AS direction,
        sortable_id(CASE WHEN abs(hint - epoch_ms(started_at)) < 129600000 THEN hint ELSE epoch_ms(started_at) END,
                    md5(concat_ws('|', $tenant, $system, story))) AS call_id,
        CASE WHEN queue_answered_at IS NOT NULL THEN least(queue_answered_at, dial_answered_at)
             WHEN talked THEN any_answered_at END AS answered_at
    FROM (SELECT *, try_cast(regexp_extract(story, '([0-9]{9,10})\.[0-9]+$', 1) AS BIGINT) * 1000 AS hint FROM story);

CREATE OR REPLACE TEMP TABLE made_call AS
    SELECT $tenant AS tenant_id, call_id, direction,
        coalesce(CASE WHEN direction = 'inbound' THEN first.src ELSE coalesce(first.caller_own, first.src) END, '')
            AS caller_number,
        coalesce(first.src_name, '') AS caller_name,
        coalesce(CASE WHEN direction = 'inbound' THEN coalesce(did, nullif(first.dst, '')) ELSE first.dst END, '')
            AS callee_number,
        started_at, NULL::TIMESTAMPTZ AS ringing_at, answered_at, greatest(ended_at, answered_at) AS ended_at,
        NULL::DOUBLE AS setup_s, epoch(coalesce(answered_at, ended_at) - started_at) AS ring_s,
        epoch(coalesce(answered_at, ended_at) - started_at) AS wait_s,
        coalesce(greatest(0, epoch(ended_at - answered_at)), 0)::DOUBLE AS talk_s,
        coalesce(hold_s, 0)::DOUBLE AS hold_s,
        coalesce(ceil(greatest(0, epoch(ended_at - answered_at))), 0)::BIGINT AS bill_s,
        CASE WHEN talked THEN 'answered' WHEN voicemail THEN 'no_answer' WHEN cancelled THEN 'cancelled'
             WHEN queue_result = 'abandoned' THEN 'cancelled'
             WHEN queue_result IN ('overflow', 'empty', 'key') AND last.disposition = 'answered' THEN 'no_answer'
             WHEN last.disposition = 'answered' THEN 'cancelled'
             ELSE coalesce(last.disposition, 'failed') END AS disposition,
        coalesce(last.cause, '') AS cause, coalesce(hangup_party, '') AS hangup_party, false AS aborted,
        0::BIGINT AS dtmf_digits, NULL::VARCHAR AS recording_id,
        CASE WHEN talked THEN 'imported without a recording' ELSE 'not answered' END AS recording_reason,
        '' AS worker, 'import-1' AS definition_version, '' AS conversation_id,
        coalesce(did, CASE WHEN direction = 'inbound' AND length(first.dst) > 6 THEN first.dst END, '') AS did,
        coalesce(CASE WHEN direction <> 'internal' THEN trunk END, '') AS trunk_id,
        CASE WHEN talked THEN coalesce(answered_by, CASE WHEN direction <> 'inbound' THEN first.dst END, '') ELSE '' END
            AS answered_by,
        first.asked AS destination, coalesce(queue, '') AS queue,
        CASE WHEN queue IS NOT NULL THEN coalesce(queue_wait_s,
            greatest(0, epoch(coalesce(CASE WHEN queue_talked THEN answered_at END, ended_at) - queue_at))) END::DOUBLE
            AS queue_wait_s,
        CASE WHEN queue IS NULL THEN '' ELSE coalesce(queue_result, CASE WHEN queue_talked THEN 'answered'
            WHEN last.queue <> '' THEN 'abandoned' ELSE 'overflow' END) END AS queue_result,
        coalesce(menu_path, '') AS menu_path, voicemail, coalesce(transferred, '') AS transferred, '' AS forwarded_by,
        0::DOUBLE AS recording_pause_s, 0::BIGINT AS segments, '[]' AS route, '' AS closed_hours, '' AS refused, $import AS source, $system AS system,
        $stamp AS stamp
    FROM known
