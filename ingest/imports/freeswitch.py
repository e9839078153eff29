"""What FreeSWITCH's words mean in ours: hang-up causes, who hung up, codecs. Used by its three logs and FusionPBX."""

from __future__ import annotations

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


def disposition_sql(answered: str, cause: str) -> str:
    """SQL of our disposition; `answered` is a condition, `cause` an expression."""
    words = " ".join(f"WHEN '{word}' THEN '{ours}'" for word, ours in UNANSWERED.items())
    return f"CASE WHEN {answered} THEN 'answered' ELSE CASE upper({cause}) {words} ELSE 'failed' END END"


def hangup_party_sql(word: str) -> str:
    """SQL of who hung up; null when FreeSWITCH did not say."""
    words = " ".join(f"WHEN '{word}' THEN '{ours}'" for word, ours in HANGUP_PARTY.items())
    return f"CASE {word} {words} END"
