-- Every leg belongs to a call.
SELECT l.tenant_id, l.call_id, l.leg_id FROM lk.main.leg AS l ANTI JOIN lk.main.call USING (tenant_id, call_id);
