"""A transcript as it stands now: what the engine heard, with what people put right in it. Pure.

Words that stayed keep their times and confidence; what a person wrote between them shares the time that is left, by
length, and has no confidence, because none was measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pbx_core.domain.records import Party, TranscriptEditRecord, TranscriptRecord, Utterance, Word
from pbx_core.domain.terms import reference, terms


@dataclass(frozen=True)
class SaidWord:
    """A word with its times; p is the engine's probability 0..1, None for what a person wrote."""

    text: str
    start_s: float
    end_s: float
    p: float | None


@dataclass(frozen=True)
class Said:
    """An utterance as it stands. text_edit, party_edit: the changes in force, None where the engine's word counts."""

    heard: Utterance
    reference: str
    party: Party
    text: str
    words: tuple[SaidWord, ...]
    text_edit: TranscriptEditRecord | None = None
    party_edit: TranscriptEditRecord | None = None


@dataclass(frozen=True)
class Corrected:
    """A whole transcript as it stands. names: given to parties by people; latest: the last change of each place, even
    one that put back what was heard, by (kind, utterance reference or party)."""

    heard: TranscriptRecord
    utterances: tuple[Said, ...]
    names: Mapping[Party, str]
    latest: Mapping[tuple[str, str], TranscriptEditRecord]


def correct(heard: TranscriptRecord, edits: Iterable[TranscriptEditRecord]) -> Corrected:
    """edits in their order. Those of an earlier transcription of the same recording fit nothing and change nothing."""
    latest = _latest(edits)
    names = {Party(party): e.text for (kind, party), e in latest.items() if kind == "name" and e.text}
    return Corrected(heard, tuple(_said(u, latest) for u in heard.utterances), names, latest)


def correct_one(heard: Utterance, edits: Iterable[TranscriptEditRecord]) -> Said:
    """One utterance as it stands; edits in their order, those of others among them."""
    return _said(heard, _latest(edits))


def as_heard(heard: TranscriptRecord, edits: Iterable[TranscriptEditRecord]) -> TranscriptRecord:
    """The transcript as if the engine had heard what people put right; their words count as certain."""
    standing = correct(heard, edits).utterances
    return replace(heard, utterances=tuple(_as_heard(u) for u in standing if u.words))


def _as_heard(said: Said) -> Utterance:
    words = tuple(Word(w.text, w.start_s, w.end_s, 1.0 if w.p is None else w.p) for w in said.words)
    return replace(said.heard, party=said.party, text=said.text, words=words)


def _latest(edits: Iterable[TranscriptEditRecord]) -> dict[tuple[str, str], TranscriptEditRecord]:
    return {(e.kind, e.party if e.kind == "name" else e.utterance_id): e for e in edits}


def _said(heard: Utterance, latest: Mapping[tuple[str, str], TranscriptEditRecord]) -> Said:
    ref = reference(heard.utterance_id, heard.text)
    text, party = (_in_force(latest.get((kind, ref))) for kind in ("text", "party"))
    whose = Party(party.party) if party else heard.party
    if text is None or text.text is None:
        kept = tuple(SaidWord(w.text, w.start_s, w.end_s, w.p) for w in heard.words)
        return Said(heard, ref, whose, heard.text, kept, None, party)
    return Said(heard, ref, whose, text.text, align(heard, text.text), text, party)


def _in_force(edit: TranscriptEditRecord | None) -> TranscriptEditRecord | None:
    return edit if edit is not None and edit.text is not None else None


def align(heard: Utterance, text: str) -> tuple[SaidWord, ...]:
    """The words of `text` with times: equal ones keep theirs, the others lie evenly by length in the gaps."""
    written = text.split()
    old, new = [_fold(w.text) for w in heard.words], [_fold(w) for w in written]
    pairs = _common(old, new)
    out: list[SaidWord] = []
    at = 0
    left_s = heard.start_s
    for i, j in [*pairs, (len(old), len(written))]:
        right_s = heard.words[i].start_s if i < len(old) else max(left_s, heard.end_s)
        out += _spread(written[at:j], left_s, max(left_s, right_s))
        if i < len(old):
            word: Word = heard.words[i]
            out.append(SaidWord(written[j], word.start_s, word.end_s, word.p))
            left_s = word.end_s
        at = j + 1
    return tuple(out)


def _spread(words: Sequence[str], start_s: float, end_s: float) -> list[SaidWord]:
    each = (end_s - start_s) / max(1, sum(map(len, words)))
    out, at = [], start_s
    for word in words:
        out.append(SaidWord(word, round(at, 3), round(at + each * len(word), 3), None))
        at += each * len(word)
    return out


def _fold(word: str) -> str:
    return "".join(terms(word)) or word.strip()


def _common(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Places of the longest common subsequence; at most store.edits.WORDS_MAX words of each, so the square is small."""
    best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            same = old[i] == new[j]
            best[i][j] = best[i + 1][j + 1] + 1 if same else max(best[i + 1][j], best[i][j + 1])
    pairs, i, j = [], 0, 0
    while i < len(old) and j < len(new):
        if old[i] == new[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs
