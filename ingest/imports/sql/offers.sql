-- An agent's phone that a queue rang, as our own exchange tells it: the event offer_ended with its result.
CREATE OR REPLACE TEMP TABLE made_call_event AS
    WITH rung AS (
        SELECT DISTINCT k.call_id, r.agent, r.disposition, r.started_at, r.ended_at
        FROM raw_leg AS r LEFT JOIN link ON link.unique_id = r.unique_id
        JOIN known AS k ON k.story = coalesce(nullif(r.linked_id, ''), link.linked_id, r.unique_id)
        WHERE r.kind = 'offer' AND r.agent <> '' AND r.disposition <> '' AND r.ended_at IS NOT NULL
    ), placed AS (
        SELECT *, row_number() OVER (PARTITION BY call_id ORDER BY ended_at, started_at, agent, disposition) - 1 AS seq
        FROM rung
    )
    SELECT $tenant AS tenant_id, call_id, seq::BIGINT AS seq, ended_at AS occurred_at, epoch(ended_at) AS mono_s,
           'offer_ended' AS type, NULL::VARCHAR AS leg,
           json_object('offer_id', 'imported-' || seq, 'results', json_object(agent, disposition))::VARCHAR AS detail,
           $stamp AS stamp
    FROM placed
