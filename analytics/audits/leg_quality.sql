-- Quality lies within what its units allow.
SELECT tenant_id, call_id, leg_id, mos, loss_share, late_share, jitter_ms_mean FROM lk.main.leg
WHERE mos NOT BETWEEN 1 AND 4.5 OR loss_share NOT BETWEEN 0 AND 1 OR late_share NOT BETWEEN 0 AND 1 OR jitter_ms_mean < 0;
