-- Which of the staged calls the warehouse has, and whether it says the same of them. {same} compares all columns but
-- source and stamp. A call without a recording here keeps the one that an earlier import brought.
CREATE OR REPLACE TEMP TABLE import_known AS
    WITH known AS (
        SELECT * FROM lk.main.call WHERE tenant_id = $tenant AND call_id BETWEEN $low AND $high
    ), fresh AS (
        SELECT s.* REPLACE (coalesce(s.recording_id, k.recording_id) AS recording_id,
                            CASE WHEN s.recording_id IS NULL THEN k.segments ELSE s.segments END AS segments,
                            CASE WHEN s.recording_id IS NULL AND k.recording_id IS NOT NULL THEN k.recording_reason
                                 ELSE s.recording_reason END AS recording_reason)
        FROM staged_call AS s JOIN known AS k USING (call_id)
    )
    SELECT call_id, known.started_at AS old_started_at, known.ended_at AS old_ended_at, known.stamp AS old_stamp, ({same}) AS same_call,
           fresh.recording_id, fresh.segments, fresh.recording_reason
    FROM known JOIN fresh USING (call_id);

-- What the dialogs say, as one number for each call.
CREATE OR REPLACE TEMP TABLE import_legs AS
    WITH counted AS (
        SELECT call_id, 1 AS side, bit_xor(hash(leg_id, number, started_at, answered_at, ended_at, sip_status, mos)) AS said
        FROM lk.main.leg WHERE tenant_id = $tenant AND call_id BETWEEN $low AND $high
            AND call_id IN (SELECT call_id FROM import_known WHERE same_call) GROUP BY call_id
        UNION ALL
        SELECT call_id, 2, bit_xor(hash(leg_id, number, started_at, answered_at, ended_at, sip_status, mos))
        FROM staged_leg WHERE call_id IN (SELECT call_id FROM import_known WHERE same_call) GROUP BY call_id
    )
    SELECT call_id FROM counted GROUP BY call_id HAVING count(DISTINCT said) > 1;

CREATE OR REPLACE TEMP TABLE import_stale AS
    SELECT k.call_id, k.old_started_at, k.old_ended_at, k.recording_id, k.segments, k.recording_reason
    FROM import_known AS k
    WHERE (NOT same_call OR call_id IN (FROM import_legs))
        AND old_stamp < (SELECT any_value(stamp) FROM staged_call);

-- What is left out, rather than what is taken: mostly little, and a join holds its smaller side in memory.
CREATE OR REPLACE TEMP TABLE import_same AS
    SELECT call_id FROM import_known ANTI JOIN import_stale USING (call_id);

CREATE OR REPLACE TEMP VIEW import_fresh AS
    SELECT call_id, started_at FROM staged_call ANTI JOIN import_same USING (call_id);

DELETE FROM lk.main.call WHERE tenant_id = $tenant AND call_id BETWEEN $low AND $high
    AND call_id IN (SELECT call_id FROM import_stale);

DELETE FROM lk.main.leg WHERE tenant_id = $tenant AND call_id BETWEEN $low AND $high
    AND call_id IN (SELECT call_id FROM import_stale);

INSERT INTO lk.main.call BY NAME
    SELECT s.* REPLACE (coalesce(s.recording_id, k.recording_id) AS recording_id,
                        CASE WHEN k.recording_id IS NOT NULL THEN k.segments ELSE s.segments END AS segments,
                        CASE WHEN k.recording_id IS NOT NULL THEN k.recording_reason ELSE s.recording_reason END
                            AS recording_reason)
    FROM staged_call AS s ANTI JOIN import_same USING (call_id) LEFT JOIN import_stale AS k USING (call_id);

INSERT INTO lk.main.leg BY NAME
    SELECT s.* FROM staged_leg AS s ANTI JOIN import_same USING (call_id);

DELETE FROM lk.main.recording WHERE tenant_id = $tenant AND call_id BETWEEN $low AND $high
    AND call_id IN (SELECT call_id FROM staged_recording ANTI JOIN import_same USING (call_id));

INSERT INTO lk.main.recording BY NAME
    SELECT s.* FROM staged_recording AS s ANTI JOIN import_same USING (call_id)
    ANTI JOIN lk.main.recording_gone AS gone ON gone.tenant_id = s.tenant_id AND gone.recording_id = s.recording_id;

INSERT INTO changed_call
    SELECT $tenant, call_id, started_at FROM import_fresh
    UNION ALL
    SELECT $tenant, call_id, old_started_at FROM import_stale JOIN import_fresh USING (call_id)
    WHERE old_started_at <> started_at;

INSERT INTO changed_span SELECT $tenant, old_started_at, old_ended_at FROM import_stale;

-- Calls of which a queue's rings are new: all of them anew.
CREATE OR REPLACE TEMP TABLE import_rung AS
    SELECT DISTINCT call_id FROM staged_call_event
    ANTI JOIN (SELECT call_id, occurred_at, detail FROM lk.main.call_event
               WHERE tenant_id = $tenant AND call_id BETWEEN $low AND $high) AS known
    USING (call_id, occurred_at, detail);

DELETE FROM lk.main.call_event WHERE tenant_id = $tenant AND call_id BETWEEN $low AND $high
    AND call_id IN (SELECT call_id FROM import_rung);

INSERT INTO lk.main.call_event BY NAME SELECT s.* FROM staged_call_event AS s SEMI JOIN import_rung USING (call_id);

INSERT INTO changed_call
    SELECT $tenant, call_id, started_at FROM staged_call SEMI JOIN import_rung USING (call_id)
    EXCEPT FROM changed_call;

CREATE OR REPLACE TEMP TABLE import_event AS
    SELECT * FROM staged_queue_event
    ANTI JOIN (SELECT event_id FROM lk.main.queue_event WHERE tenant_id = $tenant) AS known USING (event_id);

INSERT INTO lk.main.queue_event BY NAME FROM import_event;

INSERT INTO changed_queue SELECT DISTINCT $tenant, occurred_at FROM import_event;

DELETE FROM lk.main.import_orphan WHERE tenant_id = $tenant AND import_id = $import;

INSERT INTO lk.main.import_orphan BY NAME FROM staged_import_orphan;

DELETE FROM lk.main.reject WHERE source = 'import' AND starts_with(segment, $tenant || '/' || $import || '/');

INSERT INTO lk.main.reject BY NAME FROM staged_reject;

DELETE FROM lk.main.import_run WHERE tenant_id = $tenant AND import_id = $import
