-- The caller's dialog, then one for every number that was tried, in order. What a queue says of its agents is taken where
-- no row of the call says it.
CREATE OR REPLACE TEMP TABLE made_leg AS
    WITH callee AS (
        SELECT k.call_id, t.story, t.callee AS number, t.started_at, t.ended_at, t.disposition, t.talked, t.kind, t.ord,
               CASE WHEN t.talked THEN coalesce(CASE WHEN t.app = 'queue' THEN k.queue_answered_at END, t.answered_at) END
                   AS answered_at,
               CASE WHEN t.unique_id IS DISTINCT FROM k.first.unique_id THEN t.mos END AS mos,
               CASE WHEN t.unique_id IS DISTINCT FROM k.first.unique_id THEN t.codec END AS codec
        FROM told AS t JOIN known AS k USING (story)
        WHERE t.callee <> ''
    ), once AS (
        SELECT * FROM callee WHERE kind IS NULL
        UNION ALL
        SELECT * FROM callee AS c WHERE kind = 'queue'
            AND (story, number) NOT IN (SELECT (story, number) FROM callee WHERE kind IS NULL AND story IS NOT NULL)
    ), placed AS (
        SELECT *, row_number() OVER (PARTITION BY call_id ORDER BY ord, number, talked) AS position FROM once
    )
    SELECT $tenant AS tenant_id, call_id, call_id || '-caller' AS leg_id, 0 AS position, 'caller' AS party, caller_number AS number,
           '' AS sip_call_id, c.started_at, c.answered_at, c.ended_at, 0::BIGINT AS sip_status, k.codec,
           NULL::BIGINT AS rx_packets, NULL::DOUBLE AS loss_share, NULL::DOUBLE AS late_share,
           NULL::DOUBLE AS jitter_ms_mean, NULL::DOUBLE AS jitter_ms_max, NULL::DOUBLE AS rtt_ms_mean, k.mos,
           NULL::BOOLEAN AS starved, CASE WHEN k.mos IS NULL THEN 'not in the imported log' END AS quality_reason,
           CASE WHEN k.mos IS NOT NULL THEN 'imported: ' || c.system END AS quality_version
    FROM made_call AS c JOIN known AS k USING (call_id)
    UNION ALL
    SELECT $tenant, call_id, call_id || CASE WHEN position = 1 THEN '-callee' ELSE '-callee-' || position END, position::INTEGER,
           'callee', number, '', started_at, answered_at, ended_at,
           CASE WHEN talked THEN 200 ELSE 0 END, codec, NULL, NULL, NULL, NULL, NULL, NULL, mos, NULL,
           CASE WHEN mos IS NULL THEN 'not in the imported log' END,
           CASE WHEN mos IS NOT NULL THEN 'imported: ' || $system END
    FROM placed
