"""Trackers: phrases of a side within a window of time, unless something before them denies them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analytics.meaning import words
from analytics.meaning.phrases import Spoken
from analytics.meaning.words import Token
from pbx_core.domain.model_speech import Side, Tracker
from pbx_core.domain.records import Party, TrackerHit, Utterance


class Talk:
    """What both parties say, and which of them works for the tenant; None: nobody knows."""

    def __init__(self, utterances: Sequence[Utterance], language: str, agent: Party | None) -> None:
        self.utterances = utterances
        self.language = language
        self.agent = agent
        self.spoken = {party: Spoken(words.tokens(utterances, party), language) for party in Party}
        self.begin_s = min((t.start_s for s in self.spoken.values() for t in s.tokens), default=0.0)

    def of_side(self, side: Side) -> list[Party]:
        """The parties that a side means."""
        if side is Side.ANY:
            return list(Party)
        return [p for p in Party if self.agent is not None and (side is Side.AGENT) == (p is self.agent)]

    def hits(self, side: Side, phrases: Iterable[str], unless: Iterable[str] = ()) -> list[Sequence[Token]]:
        """The tokens of every hit of a side, in order of time."""
        found = [
            self.spoken[party].tokens[first : last + 1]
            for party in self.of_side(side)
            for first, last in self.spoken[party].hits(phrases, unless)
        ]
        return sorted(found, key=lambda tokens: tokens[0].start_s)


def heard(tracker: Tracker, talk: Talk) -> list[TrackerHit]:
    """Every hit of a tracker."""
    out = []
    for found in talk.hits(tracker.side, tracker.phrases, tracker.unless):
        after_s = found[0].start_s - talk.begin_s
        if tracker.from_s <= after_s and (not tracker.to_s or after_s <= tracker.to_s):
            utterance = found[0].utterance
            out.append(
                TrackerHit(
                    tracker_id=tracker.id,
                    name=tracker.name or tracker.id,
                    utterance_id=utterance.utterance_id,
                    party=utterance.party,
                    start_s=found[0].start_s,
                    end_s=found[-1].end_s,
                    quote=words.quoted(found),
                    fuzzy=talk.spoken[utterance.party].fuzzy,
                )
            )
    return out
