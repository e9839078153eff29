-- Every call has one row.
SELECT tenant_id, call_id, count(*) AS rows FROM lk.main.call GROUP BY ALL HAVING count(*) > 1;
