"""The record of what must not stay readable in a recording: where it lies, never what it is."""

from __future__ import annotations

from dataclasses import dataclass

from pbx_core.domain.records.call import Party


@dataclass(frozen=True)
class RedactedSpan:
    """Words first..last (from 0, both included) of an utterance. kind: card, long_number (as long as a card number,
    its check digit is wrong), code (a short number said around a card), phone, name."""

    utterance_id: str
    party: Party
    first: int
    last: int
    start_s: float
    end_s: float
    kind: str


@dataclass(frozen=True)
class RedactionRecord:
    """What was found under the tenant's wishes of then. Kind `redaction`, id = recording_id; made again when they
    change. status: done | unknown (the words are not known well enough: reason says why, nothing is shown to those
    without the right)."""

    recording_id: str
    call_id: str
    tenant_id: str
    version: str
    wishes_sha256: str
    status: str
    reason: str | None
    numbers: int  # spans of each sort
    phones: int
    names: int
    spans: tuple[RedactedSpan, ...]
