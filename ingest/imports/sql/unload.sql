-- What only this import brought goes. Relations: undone_call (call_id), other_call (call_id: calls that other imports
-- tell of, too), undone_event, undone_recording (their ids, without those that other imports brought, too).
CREATE OR REPLACE TEMP TABLE gone_call AS
    SELECT call_id, started_at, ended_at FROM lk.main.call
    WHERE tenant_id = $tenant AND call_id BETWEEN $low AND $high AND source = $import
        AND call_id IN (SELECT call_id FROM undone_call);

INSERT INTO changed_call SELECT $tenant, call_id, started_at FROM gone_call EXCEPT FROM changed_call;

INSERT INTO changed_span SELECT $tenant, started_at, ended_at FROM gone_call;

DELETE FROM lk.main.call WHERE tenant_id = $tenant AND call_id BETWEEN $low AND $high
    AND call_id IN (SELECT call_id FROM gone_call);

DELETE FROM lk.main.leg WHERE tenant_id = $tenant AND call_id BETWEEN $low AND $high
    AND call_id IN (SELECT call_id FROM gone_call);

-- A queue's rings are told anew by the imports that stay.
INSERT INTO changed_call
    SELECT tenant_id, call_id, started_at FROM lk.main.call
    WHERE tenant_id = $tenant AND call_id BETWEEN $low AND $high AND call_id IN (SELECT call_id FROM undone_ring)
    EXCEPT FROM changed_call;

DELETE FROM lk.main.call_event WHERE tenant_id = $tenant AND call_id BETWEEN $low AND $high
    AND (call_id IN (SELECT call_id FROM gone_call) OR call_id IN (SELECT call_id FROM undone_ring))
    AND call_id IN (SELECT call_id FROM undone_call);

DELETE FROM lk.main.recording WHERE tenant_id = $tenant AND call_id BETWEEN $low AND $high
    AND (call_id IN (SELECT call_id FROM gone_call) OR recording_id IN (SELECT recording_id FROM undone_recording));

-- What was heard in them, by whatever came after; what people wrote stays.
CREATE OR REPLACE TEMP TABLE silent_call AS
    SELECT call_id FROM undone_call WHERE call_id NOT IN (SELECT call_id FROM other_call)
        AND call_id NOT IN (SELECT call_id FROM lk.main.call WHERE tenant_id = $tenant AND call_id BETWEEN $low AND $high);

INSERT INTO changed_queue
    SELECT DISTINCT $tenant, occurred_at FROM lk.main.queue_event
    WHERE tenant_id = $tenant AND event_id IN (SELECT event_id FROM undone_event);

DELETE FROM lk.main.queue_event WHERE tenant_id = $tenant AND event_id IN (SELECT event_id FROM undone_event);

DELETE FROM lk.main.import_orphan WHERE tenant_id = $tenant AND import_id = $import;

DELETE FROM lk.main.reject WHERE source = 'import' AND starts_with(segment, $tenant || '/' || $import || '/');

DELETE FROM lk.main.import_run WHERE tenant_id = $tenant AND import_id = $import
