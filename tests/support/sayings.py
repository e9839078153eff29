"""A conversation written down line by line, as records: who says what, from which second on.

    heard = said("en", "agent 0 Good morning, how can I help?", "customer 4 I want a refund.")

A word takes WORD_S; the agent is the callee.
"""

from __future__ import annotations

from analytics.meaning.record import Heard
from pbx_core.domain.records import Party, PartyTurns, TranscriptRecord, TurnsRecord, Utterance, Word

WORD_S = 0.4
SIDES = {"agent": Party.CALLEE, "customer": Party.CALLER}


def said(language: str | None, *lines: str, status: str = "done", reason: str | None = None, queue: str = "",
         direction: str = "inbound") -> Heard:  # fmt: skip
    """Lines: `agent SECOND words …` or `customer SECOND words …`."""
    utterances = []
    for number, line in enumerate(lines):
        side, second, text = line.split(maxsplit=2)
        start_s = float(second)
        words = tuple(
            Word(w, round(start_s + i * WORD_S, 2), round(start_s + (i + 1) * WORD_S, 2), 0.9)
            for i, w in enumerate(text.split())
        )
        utterances.append(
            Utterance(f"r-{number:04d}", SIDES[side], start_s, words[-1].end_s, text, 0.9, words)
        )  # fmt: skip
    transcript = TranscriptRecord(
        "r", "c", "t", status, reason, language, 0.99, "base", "0" * 64, "asr-1", 60.0, 1.0, 120.0, 130.0,
        tuple(utterances),
    )  # fmt: skip
    return Heard(transcript, _turns(utterances), Party.CALLEE, direction, queue)


def _turns(utterances: list[Utterance]) -> TurnsRecord:
    talk = {p: sum(u.end_s - u.start_s for u in utterances if u.party is p) for p in Party}
    both = sum(talk.values())
    parties = tuple(
        PartyTurns(p, talk[p], talk[p] / both if both else None, talk[p], 0, 0.0, 1, ()) for p in Party
    )  # fmt: skip
    return TurnsRecord("r", "c", "t", "turns-1", 60.0, 60.0 - both, 0.0, parties)
