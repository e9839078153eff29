"""The records of what was found in a recording's sound: who spoke when, and which words."""

from __future__ import annotations

from dataclasses import dataclass

from pbx_core.domain.records.call import Party


@dataclass(frozen=True)
class PartyTurns:
    """One side's part in a conversation, from tight voice activity."""

    party: Party
    talk_s: float
    talk_ratio: float | None  # talk_s / both talk_s; None when nobody spoke
    longest_monologue_s: float
    interruptions: int  # onset while the other talks, overlap >= 250 ms, not a backchannel
    interruption_s: float
    turns: int
    segments: tuple[tuple[float, float], ...]  # start_s, end_s of speech


@dataclass(frozen=True)
class TurnsRecord:
    """Language-free metrics of one recording. Kind `turns`, id = recording_id."""

    recording_id: str
    call_id: str
    tenant_id: str
    version: str
    duration_s: float
    silence_s: float  # nobody speaks
    overlap_s: float  # both speak
    parties: tuple[PartyTurns, ...]


@dataclass(frozen=True)
class Word:
    """One recognised word; seconds from the start of the recording; p is the engine's probability 0..1."""

    text: str
    start_s: float
    end_s: float
    p: float


@dataclass(frozen=True)
class Utterance:
    """A stretch of one party's speech as recognised."""

    utterance_id: str  # recording_id-NNNN in order of start
    party: Party
    start_s: float
    end_s: float
    text: str
    confidence: float | None  # mean word probability
    words: tuple[Word, ...]


@dataclass(frozen=True)
class TranscriptRecord:
    """What was heard in one recording. Kind `transcript`, id = recording_id.

    status: done | empty (nobody speaks) | unsupported (language not supported by the model) | failed (reason says).
    """

    recording_id: str
    call_id: str
    tenant_id: str
    status: str
    reason: str | None
    language: str | None
    language_probability: float | None
    model: str
    model_sha256: str
    version: str
    audio_s: float
    cpu_s: float
    caller_words_per_minute: float | None  # words per minute of own speech
    callee_words_per_minute: float | None
    utterances: tuple[Utterance, ...]
