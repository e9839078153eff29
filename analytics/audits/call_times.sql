-- A call rings, is answered and ends in this order, and never before it began.
SELECT tenant_id, call_id, started_at, ringing_at, answered_at, ended_at FROM lk.main.call
WHERE ended_at < started_at OR answered_at < started_at OR ended_at < answered_at OR ringing_at < started_at;
