"""The words of one call while it runs: sound that came is heard, finished stretches are recognised for good, and what
is being said is recognised again and again until it is finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analytics import asr, language
from analytics.asr import Recogniser
from analytics.ear import Ear, Stretch
from analytics.growing import RATE, Growing
from analytics.vad import Floats
from pbx_core.store.livetext import UTTERANCES_MAX, Line, LiveText, State

LANGUAGE_S = 6.0  # of speech after which the language is settled; before, the likeliest so far is taken
LANGUAGE_S_MAX = 20.0  # of speech that is listened to for it
UNFINISHED_S_MIN = asr.TRIM_S_MIN  # shorter ones are not worth a look: they cost a full window and change
AGAIN_S = 2.0  # of sound between two looks at what is being said, at least; on a busy machine more, up to
AGAIN_S_MAX = 5.0


class Following:
    """One recording that is read along. `text` is what a reader gets; `growing` its sound."""

    def __init__(
        self,
        growing: Growing,
        text: LiveText,
        languages: Sequence[str],
        recogniser: Recogniser,
        names: Sequence[str] = (),
    ) -> None:
        """text: as made by begin(), or as a process that died left it. languages: spoken at the tenant's; none: any.
        names: its glossary."""
        self.text = text
        self.growing = growing
        self._languages = languages
        self._names = tuple(names)
        self._recogniser = recogniser
        start_s = min(text.done_s)
        self._ear = Ear(start_s, text.done_s)
        self._read = round(start_s * RATE)  # samples
        self._finished = [line for line in text.lines if line.number]
        self._language = text.language
        self._settled = text.language is not None
        self._early: list[Stretch] = []  # finished before the language was settled
        self._looked_s = start_s  # at what is being said
        self._came_s = 0.0  # of sound since the step before: the slower we are the more

    def step(self) -> bool:
        """Take in the sound that has come; whether `text` has changed. InputError when the sound cannot be read."""
        if self.text.state is State.UNSUPPORTED:
            return False
        samples = self.growing.read(self._read)
        self._read += len(samples)
        if not len(samples):
            return False
        self._came_s = len(samples) / RATE
        noticed = self._ear.hear(samples)
        before = self.text
        speech = [*self._early, *noticed.finished, *noticed.going_on]
        if not self._settled and speech:
            self._settle(speech)
        if self.text.state is State.LISTENING:
            self._finish(noticed.finished)
            self._tell(noticed.going_on)
        return self.text != before

    def _settle(self, speech: Sequence[Stretch]) -> None:
        """Choose the language from what was said so far; for good once that is enough."""
        enough = sum(s.end_s - s.start_s for s in speech) >= LANGUAGE_S
        supported = self._recogniser.languages
        spoken = language.codes(self._languages) or tuple(sorted(supported))
        heard: dict[str, float] = {}
        if len(spoken) > 1 and any(code in supported for code in spoken):
            heard = self._recogniser.language_probabilities(_sample(speech))
        choice = language.choose(heard, spoken, supported)
        if choice.unsupported and (enough or not heard):
            self._settled, self._finished = True, []
            self.text = replace(
                self.text, state=State.UNSUPPORTED, sentence=choice.unsupported, language=choice.language, lines=()
            )
            return
        able = choice.language if choice.language in supported else self._language
        before, self._language = self._language, able
        if enough:
            self._settled, again, self._early = True, self._early, []
            if able != before and again:  # what was written in another language is void
                self.text = replace(self.text, epoch=self.text.epoch + bool(self._finished))
                self._finished = []
                self._finish(again)

    def _finish(self, stretches: Sequence[Stretch]) -> None:
        """Recognise what is finished, several at once when one is behind."""
        if not self._settled:
            self._early.extend(stretches)
        if self._language is None:
            return
        lengths = [s.end_s - s.start_s for s in stretches]
        for batch in sorted(asr.batches(lengths), key=min):
            chosen = [stretches[i] for i in batch]
            for stretch, heard in zip(chosen, self._words(chosen), strict=True):
                if heard.words:
                    self._finished.append(_line(stretch, heard, self._next()))
        self._finished = self._finished[-UTTERANCES_MAX:]

    def _tell(self, going_on: Sequence[Stretch]) -> None:
        """Put together what a reader gets: the finished lines, and what is being said."""
        long = [s for s in going_on if s.end_s - s.start_s >= UNFINISHED_S_MIN]
        told = {line.party: line for line in self.text.lines if not line.number}
        current = {s.party: told[s.party] for s in going_on if s.party in told and told[s.party].end_s >= s.start_s}
        due_s = self._looked_s + min(max(AGAIN_S, 2 * self._came_s), AGAIN_S_MAX)
        if self._language is not None and long and self._ear.end_s >= due_s:
            self._looked_s = self._ear.end_s
            for stretch, heard in zip(long, self._words(long), strict=True):
                if heard.words:
                    current[stretch.party] = _line(stretch, heard, 0)
        heard_s = min([self._ear.end_s, *(self._until(s, current.get(s.party)) for s in going_on)])
        self.text = replace(
            self.text,
            language=self._language if self._settled else None,
            heard_s=round(max(self.text.heard_s, heard_s), 3),
            recorded_s=round(self.growing.frames / RATE, 3),
            done_s=(round(self._ear.done_s[0], 3), round(self._ear.done_s[1], 3)),
            lines=(*self._finished, *current.values()),
        )

    def _until(self, stretch: Stretch, line: Line | None) -> float:
        """Up to where a side that still speaks was recognised."""
        return min(self._looked_s, stretch.end_s) if line else stretch.start_s

    def _next(self) -> int:
        return max((line.number for line in self._finished), default=0) + 1

    def _words(self, stretches: Sequence[Stretch]) -> list[asr.Heard]:
        assert self._language is not None
        return self._recogniser.recognise([s.samples for s in stretches], self._language, self._names)


def begin(growing: Growing, tenant_id: str, look_back_s: float) -> LiveText:
    """A text without words that starts look_back_s before now."""
    recorded_s = growing.frames / RATE
    start_s = round(max(0.0, recorded_s - look_back_s), 3)
    return LiveText(
        tenant_id=tenant_id,
        call_id=growing.call_id,
        recording_id=growing.folder.name,
        caller_number=growing.caller_number,
        callee_number=growing.callee_number,
        state=State.LISTENING,
        begins_s=start_s,
        heard_s=start_s,
        recorded_s=round(recorded_s, 3),
        done_s=(start_s, start_s),
    )


def _line(stretch: Stretch, heard: asr.Heard, number: int) -> Line:
    start_s = round(stretch.start_s + heard.words[0].start_s, 3)
    end_s = round(min(stretch.end_s, stretch.start_s + heard.words[-1].end_s), 3)
    return Line(number, stretch.party, start_s, end_s, " ".join(word.text for word in heard.words))


def _sample(speech: Sequence[Stretch]) -> Floats:
    """The longest stretches, joined up to LANGUAGE_S_MAX."""
    longest = sorted(speech, key=lambda s: s.start_s - s.end_s)
    return np.concatenate([s.samples for s in longest])[: round(LANGUAGE_S_MAX * asr.RATE)]
