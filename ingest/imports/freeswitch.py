"""What FreeSWITCH's words mean in ours: hang-up causes, who hung up, codecs. Used by its three logs and FusionPBX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.imports import values

SYSTEM = "freeswitch"

# The hang-up cause of a leg that nobody answered → our disposition; any other cause is `failed`. NORMAL_CLEARING before
# an answer: the dialplan let go of a call that rang out. LOSE_RACE, PICKED_OFF: another phone of the group took it.
UNANSWERED = {
    "USER_BUSY": "busy",
    "NO_ANSWER": "no_answer",
    "NO_USER_RESPONSE": "no_answer",
    "ALLOTTED_TIMEOUT": "no_answer",
    "PROGRESS_TIMEOUT": "no_answer",
    "MEDIA_TIMEOUT": "no_answer",
    "NORMAL_CLEARING": "no_answer",
    "SUCCESS": "no_answer",
    "ORIGINATOR_CANCEL": "cancelled",
    "LOSE_RACE": "cancelled",
    "PICKED_OFF": "cancelled",
}

# sip_hangup_disposition of the leg that called: what FreeSWITCH received came from the caller.
HANGUP_PARTY = {
    "recv_bye": "caller",
    "recv_cancel": "caller",
    "recv_refuse": "caller",
    "send_bye": "callee",
    "send_cancel": "system",
    "send_refuse": "system",
}

# cc_cancel_reason: why mod_callcenter let go of a caller whom no agent took.
CANCEL_REASON = {
    "TIMEOUT": "overflow",
    "NO_AGENT_TIMEOUT": "empty",
    "NO_AGENT": "empty",
    "BREAK_OUT": "abandoned",
    "EXIT_WITH_KEY": "key",
    "NONE": "abandoned",
}


def disposition_sql(answered: str, cause: str) -> str:
    """SQL of our disposition; `answered` is a condition, `cause` an expression."""
    words = " ".join(f"WHEN '{word}' THEN '{ours}'" for word, ours in UNANSWERED.items())
    return f"CASE WHEN {answered} THEN 'answered' ELSE CASE upper({cause}) {words} ELSE 'failed' END END"


def hangup_party_sql(word: str) -> str:
    """SQL of who hung up; null when FreeSWITCH did not say."""
    words = " ".join(f"WHEN '{word}' THEN '{ours}'" for word, ours in HANGUP_PARTY.items())
    return f"CASE {word} {words} END"


def queue_part(told: Mapping[str, Any]) -> dict[str, Any]:
    """What mod_callcenter says of the caller in its queue (variables cc_*), as columns of RAW_LEG. The agent's own leg
    (cc_side agent) says the same once more and is left out."""
    queue = values.text(told.get("cc_queue"))
    if not queue or told.get("cc_side") == "agent":
        return {}
    joined = values.number(told.get("cc_queue_joined_epoch"))
    answered = values.number(told.get("cc_queue_answered_epoch"))
    left = values.number(told.get("cc_queue_canceled_epoch")) or values.number(told.get("cc_queue_terminated_epoch"))
    until = answered or left
    reason = str(told.get("cc_cancel_reason") or "").upper()
    return {
        "queue": queue.split("@")[0],
        "queue_wait_s": max(0.0, until - joined) if until and joined else None,
        "queue_result": "answered" if answered else CANCEL_REASON.get(reason, "abandoned"),
    }
