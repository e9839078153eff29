-- Every conversation has a class and the rule that made it; whoever was answered was talked to.
SELECT tenant_id, conversation_id, class, rule FROM lk.main.conversation
WHERE coalesce(class, '') = '' OR coalesce(rule, '') = ''
   OR (class IN ('answered', 'answered_elsewhere', 'reached') AND answered_at IS NULL);
