-- Every conversation has one row, and every call belongs to exactly one conversation that exists.
SELECT tenant_id, conversation_id AS id, 'conversation twice' AS what FROM lk.main.conversation GROUP BY ALL
HAVING count(*) > 1
UNION ALL
SELECT tenant_id, call_id, 'call in several' FROM lk.main.conversation_call GROUP BY ALL HAVING count(*) > 1
UNION ALL
SELECT tenant_id, call_id, 'call in none' FROM lk.main.call ANTI JOIN lk.main.conversation_call USING (tenant_id, call_id)
UNION ALL
SELECT k.tenant_id, k.call_id, 'conversation unknown' FROM lk.main.conversation_call AS k
ANTI JOIN lk.main.conversation USING (tenant_id, conversation_id);
