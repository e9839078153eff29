"""The words of one side of a conversation in their order, over all its utterances. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pbx_core.domain.records import Party


class AnyWord(Protocol):
    """A word with its times; as recognised, or as a person put it right."""

    @property
    def text(self) -> str: ...
    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...


class AnyUtterance(Protocol):
    """An utterance as recognised, or as it stands."""

    @property
    def party(self) -> Party: ...
    @property
    def text(self) -> str: ...
    @property
    def words(self) -> Sequence[AnyWord]: ...


@dataclass(frozen=True)
class Place:
    """A word, and which of its utterance it is."""

    utterance_id: str
    party: Party
    index: int
    text: str
    start_s: float
    end_s: float


def places(utterances: Sequence[tuple[str, AnyUtterance]]) -> dict[Party, list[Place]]:
    """The words of each side. utterances: with their ids."""
    out: dict[Party, list[Place]] = {party: [] for party in Party}
    for utterance_id, utterance in utterances:
        for index, word in enumerate(utterance.words):
            place = Place(utterance_id, utterance.party, index, word.text, word.start_s, word.end_s)
            out[utterance.party].append(place)
    for side in out.values():
        side.sort(key=lambda p: p.start_s)
    return out
