-- Dispositions and queue results are those of the registry: nothing falls out of every total.
SELECT tenant_id, call_id, disposition, queue_result FROM lk.main.call
WHERE disposition NOT IN ('answered', 'no_answer', 'busy', 'cancelled', 'failed')
   OR (coalesce(queue, '') <> '' AND coalesce(queue_result, '')
       NOT IN ('answered', 'abandoned', 'key', 'overflow', 'empty', 'callback'));
