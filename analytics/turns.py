"""Turn metrics: who spoke how long, who interrupted whom. Pure arithmetic on masks of 10 ms.

Definitions (VERSION names them; change one, change the version):
talk_s: seconds inside the party's tight speech segments. talk_ratio: talk_s / talk_s of both; silence excluded.
silence_s: nobody speaks. overlap_s: both speak.
A phrase is a party's speech with gaps under 0.5 s closed. A backchannel ("mhm") is a phrase under 1 s that lies
inside a phrase of the other. An interruption is the onset of a phrase that is no backchannel while the other has been
talking, with at least 0.25 s of overlap from that onset; interruption_s adds those overlaps.
turns: how often the party took the floor; phrases follow each other in one turn until the other says something that
is no backchannel. longest_monologue_s: longest stretch of own speech, pauses under 3 s included, into which the other
put nothing but backchannels.
patience_s: the party takes the floor after a gap: median of these gaps; one that cuts in leaves no gap and does not
count. interactivity: changes of the floor per minute of recording. non_talk_s: inside silences of at least 3 s.

One channel (`of_voices`): two voices never overlap there by the way they are found, so overlap and interruptions are
not known, and None.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analytics.vad import Segments
from pbx_core.domain.records import Party, PartyTurns, TurnsRecord

VERSION = "turns-3"
STEP_S = 0.01
CLOSE_GAP_S = 0.5
BACKCHANNEL_S = 1.0
INTERRUPTION_OVERLAP_S = 0.25
MONOLOGUE_PAUSE_S = 3.0
NON_TALK_S = 3.0
INTERACTIVITY_S_MIN = 10.0  # of recording: a rate from less says nothing
ONE_CHANNEL = "One channel: who called is not known, and nobody can tell overlap and interruptions."
ONE_VOICE = "One channel in which two voices could not be told apart: who spoke how long is not known."

Mask = NDArray[np.bool_]  # one value per 10 ms


@dataclass(frozen=True)
class Phrase:
    """A stretch of one party's speech with short gaps closed, in steps of 10 ms: [start, end)."""

    party: Party
    start: int
    end: int
    backchannel: bool

    @property
    def length_s(self) -> float:
        return (self.end - self.start) * STEP_S


def measure(
    recording_id: str,
    call_id: str,
    tenant_id: str,
    duration_s: float,
    caller: Segments,
    callee: Segments,
    loudness_dbfs: tuple[float | None, float | None] = (None, None),
) -> TurnsRecord:
    """Metrics of one recording from the tight speech segments (seconds) of both channels."""
    speech = {Party.CALLER: caller, Party.CALLEE: callee}
    masks = {party: mask_of(found, duration_s) for party, found in speech.items()}
    phrases = _phrases(masks)
    floor = _turns(phrases)
    talk_s = {party: float(mask.sum()) * STEP_S for party, mask in masks.items()}
    both_s = sum(talk_s.values())

    def party_turns(party: Party, dbfs: float | None) -> PartyTurns:
        other = Party.CALLEE if party is Party.CALLER else Party.CALLER
        cut_in = _interruptions(phrases, party, other)
        gaps = _gaps(phrases, party)
        return PartyTurns(
            party=party,
            talk_s=round(talk_s[party], 2),
            talk_ratio=round(talk_s[party] / both_s, 4) if both_s else None,
            longest_monologue_s=round(_monologue_s(masks[party], phrases, other), 2),
            interruptions=len(cut_in),
            interruption_s=round(sum(cut_in), 2),
            turns=sum(1 for who in floor if who is party),
            segments=speech[party],
            patience_s=round(float(np.median(gaps)), 2) if gaps else None,
            loudness_dbfs=dbfs,
        )

    either = masks[Party.CALLER] | masks[Party.CALLEE]
    both = masks[Party.CALLER] & masks[Party.CALLEE]
    told = bool(floor) and duration_s >= INTERACTIVITY_S_MIN
    return TurnsRecord(
        recording_id=recording_id,
        call_id=call_id,
        tenant_id=tenant_id,
        version=VERSION,
        duration_s=round(duration_s, 3),
        silence_s=round(max(duration_s - float(either.sum()) * STEP_S, 0.0), 2),
        overlap_s=round(float(both.sum()) * STEP_S, 2),
        parties=(party_turns(Party.CALLER, loudness_dbfs[0]), party_turns(Party.CALLEE, loudness_dbfs[1])),
        interactivity=round((len(floor) - 1) * 60 / duration_s, 2) if told else None,
        non_talk_s=round(_non_talk_s(either), 2),
    )


def of_voices(two: TurnsRecord) -> TurnsRecord:
    """measure() of two voices in one channel, without what one channel cannot tell."""
    parties = tuple(replace(p, interruptions=None, interruption_s=None) for p in two.parties)
    return replace(two, overlap_s=None, parties=parties, channels=1, reason=ONE_CHANNEL)


def of_one_voice(one: TurnsRecord) -> TurnsRecord:
    """measure() of all speech of one channel as if one party's, without what then cannot be told."""
    return replace(one, overlap_s=None, parties=(), interactivity=None, channels=1, reason=ONE_VOICE)


def mask_of(found: Segments, duration_s: float) -> Mask:
    """True where a segment (seconds) covers a 10 ms step; shape (ceil(duration_s / 0.01),)."""
    mask = np.zeros(int(np.ceil(duration_s / STEP_S)), dtype=np.bool_)
    for start, end in found:
        mask[round(start / STEP_S) : round(end / STEP_S)] = True
    return mask


def runs_of(mask: Mask) -> list[tuple[int, int]]:
    """Runs of True as [start, end)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def close_gaps(runs: list[tuple[int, int]], under_s: float) -> list[tuple[int, int]]:
    """Join runs whose gap is shorter than under_s."""
    joined: list[tuple[int, int]] = []
    for start, end in runs:
        if joined and (start - joined[-1][1]) * STEP_S < under_s - 1e-9:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _phrases(masks: dict[Party, Mask]) -> list[Phrase]:
    """All phrases in order of start, backchannels marked."""
    runs = {party: close_gaps(runs_of(mask), CLOSE_GAP_S) for party, mask in masks.items()}
    out = []
    for party, own in runs.items():
        others = runs[Party.CALLEE if party is Party.CALLER else Party.CALLER]
        for start, end in own:
            inside = any(a < start and end < b for a, b in others)
            out.append(Phrase(party, start, end, inside and (end - start) * STEP_S < BACKCHANNEL_S))
    return sorted(out, key=lambda p: (p.start, p.party))


def _turns(phrases: list[Phrase]) -> list[Party]:
    """Who had the floor, one entry per turn."""
    floor: list[Party] = []
    for phrase in phrases:
        if not phrase.backchannel and (not floor or floor[-1] is not phrase.party):
            floor.append(phrase.party)
    return floor


def _interruptions(phrases: list[Phrase], party: Party, other: Party) -> list[float]:
    """Seconds of overlap of each interruption by `party`."""
    theirs = [p for p in phrases if p.party is other]
    found = []
    for mine in phrases:
        if mine.party is not party or mine.backchannel:
            continue
        talking = next((p for p in theirs if p.start < mine.start < p.end), None)
        if talking is None:
            continue
        overlap_s = (min(talking.end, mine.end) - mine.start) * STEP_S
        if overlap_s >= INTERRUPTION_OVERLAP_S - 1e-9:
            found.append(overlap_s)
    return found


def _gaps(phrases: list[Phrase], party: Party) -> list[float]:
    """Seconds between the other's last word and the party's first, each time the party takes the floor after a gap."""
    gaps = []
    holder: Party | None = None
    until = 0
    for phrase in phrases:
        if phrase.backchannel:
            continue
        if phrase.party is party and holder not in (None, party) and phrase.start > until:
            gaps.append((phrase.start - until) * STEP_S)
        holder, until = phrase.party, max(until, phrase.end)
    return gaps


def _non_talk_s(either: Mask) -> float:
    """Seconds inside silences of at least NON_TALK_S."""
    return sum((b - a) * STEP_S for a, b in runs_of(~either) if (b - a) * STEP_S >= NON_TALK_S - 1e-9)


def _monologue_s(own: Mask, phrases: list[Phrase], other: Party) -> float:
    """Longest run of own speech with pauses closed and the other's phrases cut out."""
    free = np.zeros(len(own), dtype=np.bool_)
    for start, end in close_gaps(runs_of(own), MONOLOGUE_PAUSE_S):
        free[start:end] = True
    for phrase in phrases:
        if phrase.party is other and not phrase.backchannel:
            free[phrase.start : phrase.end] = False
    # a pause at the edge of a run is no speech: measure from the first to the last own step of each run
    longest = 0
    for start, end in runs_of(free):
        spoken = np.flatnonzero(own[start:end])
        if len(spoken):
            longest = max(longest, int(spoken[-1] - spoken[0]) + 1)
    return longest * STEP_S
