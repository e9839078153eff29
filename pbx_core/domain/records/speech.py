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
    interruptions: int | None  # onset while the other talks, overlap >= 250 ms, no backchannel; None: one channel
    interruption_s: float | None  # likewise
    turns: int
    segments: tuple[tuple[float, float], ...]  # start_s, end_s of speech
    patience_s: float | None = None  # median gap after the other's end, positive ones only; None: there was none
    loudness_dbfs: float | None = None  # level of own speech, full scale = 0; None: said nothing


@dataclass(frozen=True)
class TurnsRecord:
    """Language-free metrics of one recording. Kind `turns`, id = recording_id.

    channels 2: the parties are the channels. channels 1: the parties are two voices told apart by their sound, in order
    of their first word, and who of them called is not known; no parties at all: they could not be told apart. `reason`
    then says what cannot be known. A figure is None where there was nothing to measure, or by an older version."""

    recording_id: str
    call_id: str
    tenant_id: str
    version: str
    duration_s: float
    silence_s: float  # nobody speaks
    overlap_s: float | None  # both speak; None: one channel
    parties: tuple[PartyTurns, ...]
    interactivity: float | None = None  # changes of the speaker per minute; None: nobody speaks, or too short to tell
    non_talk_s: float | None = None  # inside silences of at least 3 s
    channels: int = 2
    reason: str | None = None


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

    status: done | empty (nobody speaks) | unsupported (language not supported by the model) | failed (reason says)
    | off (nobody shall read it: the tenant, an extension or this call; reason says which).
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


@dataclass(frozen=True)
class TrackerHit:
    """A phrase of a tracker, heard. fuzzy: found by likeness, because the language has no stemmer here."""

    tracker_id: str
    name: str
    utterance_id: str
    party: Party
    start_s: float
    end_s: float
    quote: str  # the words as recognised: hostile text
    fuzzy: bool


@dataclass(frozen=True)
class ItemHeard:
    """One item of a script. status: said | late (after its time) | missing; where it was heard, or None."""

    checklist_id: str
    checklist: str  # its name
    title: str
    status: str
    at_s: float | None
    end_s: float | None
    utterance_id: str | None
    quote: str | None


@dataclass(frozen=True)
class PartyMeaning:
    """One side's way of talking. What is None has its reason in the record's `reasons`."""

    party: Party
    words: int | None
    words_per_minute: float | None
    questions: int | None
    fillers: int | None
    longest_monologue_s: float
    patience_s: float | None
    sentiment: tuple[float | None, ...]  # per quarter of the conversation, −1..1; None: nothing said in it


@dataclass(frozen=True)
class Extract:
    """A sentence of the call itself, word for word."""

    utterance_id: str
    party: Party
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class MeaningRecord:
    """What a tenant's wishes find in one recording. Kind `meaning`, id = recording_id; made again when they change."""

    recording_id: str
    call_id: str
    tenant_id: str
    version: str
    wishes_sha256: str  # of the wishes that were applied
    language: str | None
    agent: Party  # who works for the tenant
    direction: str  # inbound, outbound, internal
    queue: str  # "" none or unknown
    interactivity: float | None
    tags: tuple[str, ...]
    score: float | None  # None: no rule scores
    alerts: tuple[str, ...]  # ids of rules that alert
    held: tuple[str, ...]  # ids of all rules that hold
    undecided: tuple[str, ...]  # rules that ask for what is not known here
    reasons: dict[str, str]  # what is not available, and why
    terms: tuple[tuple[str, str], ...]  # stem and form of each content word, once
    parties: tuple[PartyMeaning, ...]
    hits: tuple[TrackerHit, ...]
    items: tuple[ItemHeard, ...]
    extracts: tuple[Extract, ...]
