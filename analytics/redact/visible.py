"""What one person may read of a transcript, and which seconds he does not hear. Pure.

The one way to text for people: whoever shows, exports or searches words calls `visible` (or its siblings) with the
verdict of `judge`, after people's corrections were applied, never before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analytics.corrected import Corrected, Said, SaidWord
from analytics.redact.find import find
from analytics.redact.numerals import LANGUAGES
from analytics.redact.speech import AnyWord
from pbx_core.domain.records import Party, TranscriptRecord, Utterance, Word
from pbx_core.domain.records.redaction import RedactedSpan, RedactionRecord
from pbx_core.domain.redaction import Wishes

HIDDEN = "●●●●"  # of every hidden word, whatever its length
CONFIDENCE_MIN = 0.45  # mean probability of a transcript's words: below it nobody knows what was said
PAD_S = 0.25  # hidden sound is longer than its words on both sides: word times are not exact
JOIN_S = 1.0  # sound between two hidden stretches so near is hidden too

NOT_HEARD = "Not redacted: the words of this recording are not known"
NO_LANGUAGE = "Not redacted: numbers are not recognised in this language"
UNSURE = "Not redacted: the words were understood too badly"


@dataclass(frozen=True)
class Verdict:
    """known False: what must be hidden cannot be told (`reason`: a sentence without its full stop), so nothing is
    shown or played to those without the right. spans: what is hidden; empty: nothing."""

    known: bool = True
    reason: str = ""
    spans: tuple[RedactedSpan, ...] = ()

    @property
    def open(self) -> bool:
        """Whether everybody may have the original."""
        return self.known and not self.spans

    @property
    def stretches(self) -> tuple[tuple[float, float], ...]:
        """Seconds that are not heard, start and end, in order and without overlap."""
        out: list[tuple[float, float]] = []
        for span in sorted(self.spans, key=lambda s: s.start_s):
            start, end = max(0.0, span.start_s - PAD_S), max(span.start_s, span.end_s) + PAD_S
            if out and start - out[-1][1] <= JOIN_S:
                out[-1] = (out[-1][0], max(out[-1][1], end))
            else:
                out.append((start, end))
        return tuple((round(start, 3), round(end, 3)) for start, end in out)

    def hides(self, start_s: float, end_s: float) -> bool:
        """Whether anything of this stretch is hidden: a quotation of it is then not shown either."""
        return not self.known or any(s.start_s < end_s and start_s < s.end_s for s in self.spans)


def judge(
    transcript: TranscriptRecord | None,
    record: RedactionRecord | None,
    wishes: Wishes,
    corrected: Corrected | None = None,
) -> Verdict:
    """What is hidden in a recording: what was found when it was transcribed (it stays hidden when the tenant wishes
    less today), what his wishes of today find, and what they find in people's corrections. With no wish and nothing
    found then, the verdict is open."""
    kept = record.spans if record else ()
    if not wishes.any:
        return Verdict(spans=kept)
    if transcript is None or transcript.status not in ("done", "empty"):
        return Verdict(False, NOT_HEARD, kept)
    why = doubt(transcript, wishes)
    if why:
        return Verdict(False, why, kept)
    found = find([(u.utterance_id, u) for u in _timed(transcript.utterances)], wishes, transcript.language)
    if corrected is not None and any(u.text_edit for u in corrected.utterances):
        found += find([(u.heard.utterance_id, u) for u in corrected.utterances], wishes, transcript.language)
    return Verdict(spans=tuple(dict.fromkeys((*kept, *found))))


def doubt(transcript: TranscriptRecord, wishes: Wishes) -> str:
    """Why a finished transcript does not tell what must be hidden; "" it does."""
    words = [word.p for u in transcript.utterances for word in u.words]
    if not words:
        return ""
    if (wishes.cards or wishes.phones) and transcript.language not in LANGUAGES:
        return NO_LANGUAGE
    return UNSURE if sum(words) / len(words) < CONFIDENCE_MIN else ""


def visible(transcript: TranscriptRecord, verdict: Verdict, may_see_originals: bool) -> TranscriptRecord:
    """The transcript for one person: hidden words are replaced, their times stay. Where nothing can be known it has
    no utterances, and its reason says so."""
    if may_see_originals or verdict.open:
        return transcript
    if not verdict.known:
        return replace(transcript, utterances=(), reason=verdict.reason)
    return replace(transcript, utterances=tuple(_masked(u, verdict) for u in _timed(transcript.utterances)))


def visible_corrected(corrected: Corrected, verdict: Verdict, may_see_originals: bool) -> Corrected:
    """The same for a transcript with people's corrections. The `reference` of an utterance with hidden words is without
    its digest of them (see `closed`), and earlier wordings are not in it: who may not read it may not correct it."""
    if may_see_originals or verdict.open:
        return corrected
    heard = visible(corrected.heard, verdict, False)
    if not verdict.known:
        return replace(corrected, heard=heard, utterances=(), latest={})
    said = tuple(_masked_said(u, h, verdict) for u, h in zip(corrected.utterances, heard.utterances, strict=True))
    secret = {u.reference for u, shown in zip(corrected.utterances, said, strict=True) if closed(shown.reference)}
    latest = {key: edit for key, edit in corrected.latest.items() if key[1] not in secret}
    return replace(corrected, heard=heard, utterances=said, latest=latest)


def closed(reference: str) -> bool:
    """Whether it is the reference of an utterance in which something is hidden from who got it."""
    return reference.endswith(".")


def visible_text(text: str, wishes: Wishes, may_see_originals: bool, language: str | None = None) -> str:
    """Text that people wrote, such as a comment: numbers and names are replaced word by word."""
    if may_see_originals or not wishes.any or not text.strip():
        return text
    words = tuple(Word(word, 0.0, 0.0, 1.0) for word in text.split())
    whole = Utterance("", Party.CALLER, 0.0, 0.0, text, None, words)
    spans = find([("", whole)], wishes, language)
    hidden = {i for span in spans for i in range(span.first, span.last + 1)}
    return " ".join(HIDDEN if i in hidden else word.text for i, word in enumerate(words)) if hidden else text


def _masked(utterance: Utterance, verdict: Verdict) -> Utterance:
    hidden = _hidden(utterance.utterance_id, utterance.words, verdict.spans)
    if not any(hidden):
        return utterance
    words = tuple(replace(w, text=HIDDEN) if h else w for w, h in zip(utterance.words, hidden, strict=True))
    return replace(utterance, words=words, text=" ".join(w.text for w in words))


def _masked_said(said: Said, heard: Utterance, verdict: Verdict) -> Said:
    hidden = _hidden(said.heard.utterance_id, said.words, verdict.spans)
    if not any(hidden) and heard == said.heard:
        return said
    words = tuple(
        SaidWord(HIDDEN, w.start_s, w.end_s, w.p) if h else w for w, h in zip(said.words, hidden, strict=True)
    )
    text = " ".join(w.text for w in words)
    return replace(said, heard=heard, reference=f"{said.heard.utterance_id}.", words=words, text=text, text_edit=None)


def _hidden(utterance_id: str, words: Sequence[AnyWord], spans: Sequence[RedactedSpan]) -> list[bool]:
    """For each word whether it is hidden: by its place, and by its time, for a corrected text has other places."""
    mine = [s for s in spans if s.utterance_id == utterance_id]
    return [
        any(s.first <= i <= s.last or (s.start_s < w.end_s and w.start_s < s.end_s) for s in mine)
        for i, w in enumerate(words)
    ]


def _timed(utterances: Sequence[Utterance]) -> tuple[Utterance, ...]:
    """Utterances without words (uploaded text) get them, spread evenly."""
    return tuple(u if u.words or not u.text.strip() else replace(u, words=_spread(u)) for u in utterances)


def _spread(utterance: Utterance) -> tuple[Word, ...]:
    parts = utterance.text.split()
    each = (utterance.end_s - utterance.start_s) / len(parts)
    at = [utterance.start_s + i * each for i in range(len(parts) + 1)]
    return tuple(Word(part, at[i], at[i + 1], 1.0) for i, part in enumerate(parts))
