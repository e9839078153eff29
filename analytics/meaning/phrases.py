"""Where a phrase is said by one party: word forms, pauses, what stands before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from analytics.meaning import likeness, words
from analytics.meaning.words import Token

PAUSE_S_MAX = 3.0  # between two words of one phrase
UNLESS_WORDS = 4  # so far before a hit "not" still belongs to it
HITS_MAX = 100  # of one tracker in one call

Place = tuple[int, int]  # numbers of the first and the last token


class Spoken:
    """Everything one party says, ready to be searched."""

    def __init__(self, found: Sequence[Token], language: str) -> None:
        self.tokens = found
        self.language = language
        self.fuzzy = language not in likeness.STEMMED
        self._by_stem: defaultdict[str, set[int]] = defaultdict(set)
        for i, token in enumerate(found):
            self._by_stem[likeness.stem(token.text, language)].add(i)
        self._known: dict[str, set[int]] = {}

    def places(self, phrase: str) -> list[Place]:
        """Every place at which a phrase is said, in order."""
        wanted = words.pieces(phrase)
        if not wanted:
            return []
        later = [self._of_word(word) for word in wanted[1:]]
        return [
            (i, i + len(later))
            for i in sorted(self._of_word(wanted[0]))
            if all(i + n in at for n, at in enumerate(later, 1)) and self._in_one_go(i, i + len(later))
        ]

    def hits(self, phrases: Iterable[str], unless: Iterable[str] = ()) -> list[Place]:
        """Places of any of the phrases, none inside another, at most HITS_MAX; without those to which one of `unless`
        belongs."""
        found = sorted({p for phrase in phrases for p in self.places(phrase)}, key=lambda p: (p[0], -p[1]))
        denied = [p for phrase in unless for p in self.places(phrase)]
        out: list[Place] = []
        for place in found:
            if (not out or place[0] > out[-1][1]) and not any(self._belongs(d, place) for d in denied):
                out.append(place)
        return out[:HITS_MAX]

    def _of_word(self, word: str) -> set[int]:
        if word not in self._known:
            if self.fuzzy:
                alike = (at for text, at in self._by_stem.items() if likeness.alike(word, text))
                self._known[word] = set().union(*alike)
            else:
                self._known[word] = self._by_stem.get(likeness.stem(word, self.language), set())
        return self._known[word]

    def _in_one_go(self, first: int, last: int) -> bool:
        pairs = zip(self.tokens[first:last], self.tokens[first + 1 : last + 1], strict=True)
        return all(b.start_s - a.end_s <= PAUSE_S_MAX for a, b in pairs)

    def _belongs(self, denied: Place, place: Place) -> bool:
        """Whether a denying phrase begins at most UNLESS_WORDS before a hit and within its sentence."""
        near = denied[0] < place[0] <= denied[0] + UNLESS_WORDS
        return near and not any(t.ends for t in self.tokens[denied[0] : place[0]])
