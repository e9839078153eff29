"""Ways of talking that the words show: questions and fillers.

A question is a sentence that the recogniser closes with a question mark; it writes them in English and Russian.

Fillers are words that fill the time in which one thinks. English: the sounds uh and um in their spellings (Clark and
Fox Tree, "Using uh and um in spontaneous speaking", Cognition 84, 2002) and the two phrases that Fox Tree and Schrock
treat with them (you know, I mean; Journal of Pragmatics 34, 2002). Russian: the sounds, and of the words that Russian
grammars call parasites only those that seldom mean anything else (типа, короче, как бы, это самое, так сказать).
Words that are fillers only sometimes (like, so, well, ну, вот, значит) are left out. The recogniser drops many of the
sounds by itself: the figure is a lower bound.
"""

from __future__ import annotations

from collections.abc import Sequence

from analytics.meaning import words
from analytics.meaning.phrases import Spoken
from pbx_core.domain.records import Party, Utterance

QUESTIONS = frozenset({"en", "ru"})  # languages in which the recogniser's question marks have been tried
FILLERS = {
    "en": ("uh", "uhh", "um", "umm", "uhm", "er", "erm", "hm", "hmm", "you know", "i mean"),
    "ru": ("э", "ээ", "эээ", "эм", "эмм", "мм", "ммм", "хм", "типа", "короче", "как бы", "это самое", "так сказать"),
}


def questions(utterances: Sequence[Utterance], party: Party) -> int:
    """Sentences that end with a question mark."""
    return sum(words.asks(w.text) for u in utterances if u.party is party for w in u.words)


def fillers(spoken: Spoken) -> int:
    """Fillers of the language's list, in exactly this form. KeyError where there is no list."""
    wanted = [tuple(words.pieces(each)) for each in FILLERS[spoken.language]]
    texts = [t.text for t in spoken.tokens]
    return sum(tuple(texts[i : i + len(each)]) == each for each in wanted for i in range(len(texts)))
