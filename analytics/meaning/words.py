"""Words as they are compared: without case, accents of print and punctuation, each with its place in the recording."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pbx_core.domain.records import Party, Utterance

_PIECE = re.compile(r"[^\W_]+")
_APOSTROPHES = dict.fromkeys(map(ord, "'’ʼ`´"))  # don't is one word, however it is written
_ENDS = re.compile(r"[.?!…][\"'»”’)\]]*$")
_ASKS = re.compile(r"\?[!?…\"'»”’)\]]*$")


@dataclass(frozen=True)
class Token:
    """One word of one party. index: of the recognised word within its utterance (a-b is two tokens of one word)."""

    text: str
    utterance: Utterance
    index: int
    start_s: float
    end_s: float
    ends: bool  # a sentence ends here


def pieces(text: str) -> list[str]:
    """The words of a text in the form in which they are compared."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е").translate(_APOSTROPHES)
    return _PIECE.findall(plain)


def ends_sentence(word: str) -> bool:
    """Whether a recognised word closes a sentence."""
    return bool(_ENDS.search(word.strip()))


def asks(word: str) -> bool:
    """Whether a recognised word closes a question."""
    return bool(_ASKS.search(word.strip()))


def tokens(utterances: Iterable[Utterance], party: Party) -> list[Token]:
    """Everything one party says, in order."""
    out = []
    for utterance in utterances:
        if utterance.party is not party:
            continue
        for index, word in enumerate(utterance.words):
            found = pieces(word.text)
            ends = ends_sentence(word.text)
            out += [
                Token(piece, utterance, index, word.start_s, word.end_s, ends and i == len(found))
                for i, piece in enumerate(found, 1)
            ]
    return out


@dataclass(frozen=True)
class Sentence:
    """A stretch of words up to a closing mark, or to the end of its utterance: [first, last] of the utterance."""

    utterance: Utterance
    first: int
    last: int

    @property
    def text(self) -> str:
        return quote(self.utterance, self.first, self.last)


def sentences(utterance: Utterance) -> list[Sentence]:
    """The sentences of one utterance."""
    out, first = [], 0
    for i, word in enumerate(utterance.words):
        if ends_sentence(word.text) or i == len(utterance.words) - 1:
            out.append(Sentence(utterance, first, i))
            first = i + 1
    return out


def quote(utterance: Utterance, first: int, last: int) -> str:
    """Words first … last as they were recognised."""
    return " ".join(w.text.strip() for w in utterance.words[first : last + 1])


def quoted(found: Sequence[Token]) -> str:
    """The recognised words to which tokens belong, also across utterances."""
    seen: dict[tuple[str, int], str] = {
        (t.utterance.utterance_id, t.index): t.utterance.words[t.index].text.strip() for t in found
    }
    return " ".join(seen.values())
