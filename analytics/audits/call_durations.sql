-- No call talks longer than it lasts (5 s for clocks), none is on hold longer than it talks, none talks without an answer.
SELECT tenant_id, call_id, talk_s, hold_s, disposition FROM lk.main.call
WHERE talk_s > epoch(ended_at) - epoch(started_at) + 5 OR hold_s > talk_s + 0.01
   OR (disposition <> 'answered' AND talk_s > 0);
