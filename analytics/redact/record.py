"""The record of what is to be hidden in a recording, made as soon as its words are known. Pure."""

from __future__ import annotations

from collections import Counter

from analytics.redact.visible import judge
from pbx_core.domain.records import RedactionRecord, TranscriptRecord
from pbx_core.domain.redaction import VERSION, Wishes


def redaction(transcript: TranscriptRecord, wishes: Wishes) -> RedactionRecord:
    """Under the wishes of now; without any it finds nothing, and says so."""
    verdict = judge(transcript, None, wishes)
    kinds = Counter(span.kind for span in verdict.spans)
    return RedactionRecord(
        recording_id=transcript.recording_id,
        call_id=transcript.call_id,
        tenant_id=transcript.tenant_id,
        version=VERSION,
        wishes_sha256=wishes.sha256,
        status="done" if verdict.known else "unknown",
        reason=verdict.reason or None,
        numbers=kinds["card"] + kinds["long_number"] + kinds["code"],
        phones=kinds["phone"],
        names=kinds["name"],
        spans=verdict.spans,
    )
