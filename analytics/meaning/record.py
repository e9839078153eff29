"""One recording's meaning: everything of this package put together into the record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analytics.meaning import checklists, extracts, likeness, rules, sentiment, talk, terms, trackers, wishes
from analytics.meaning.stopwords import STOPWORDS
from analytics.meaning.trackers import Talk
from pbx_core.domain.model_speech import Side, Speech
from pbx_core.domain.records import ItemHeard, MeaningRecord, Party, PartyMeaning, TranscriptRecord, TurnsRecord
from pbx_core.domain.speech_rules import CUSTOMER

HITS_MAX = 1000  # of all trackers in one call
ONE_CHANNEL = "the recording has one channel, and who of the voices is the agent is not known"
NAMES = {"en": "English", "ru": "Russian", "sw": "Swahili", "ky": "Kyrgyz"}


@dataclass(frozen=True)
class Heard:
    """What is known of one recording and of the call around it."""

    transcript: TranscriptRecord
    turns: TurnsRecord
    agent: Party
    direction: str
    queue: str = ""


def meaning(heard: Heard, speech: Speech) -> MeaningRecord:
    """The record of one recording under the tenant's wishes."""
    transcript, turns = heard.transcript, heard.turns
    spoken = _talk(heard)
    reasons = _reasons(heard, speech)
    parties = tuple(_party(party, heard, spoken, reasons) for party in Party) if turns.channels == 2 else ()
    hits = [hit for tracker in speech.trackers for hit in trackers.heard(tracker, spoken)] if spoken else []
    items = _items(heard, speech, spoken)
    known = rules.Known(
        _trackers(speech, spoken, {hit.tracker_id for hit in hits}),
        None if spoken is None or spoken.agent is None else {key: checklists.share(of) for key, of in items.items()},
        figures(turns, parties, heard.agent),
    )
    outcome = rules.decide(speech.rules, known)
    language = transcript.language or ""
    return MeaningRecord(
        recording_id=transcript.recording_id,
        call_id=transcript.call_id,
        tenant_id=transcript.tenant_id,
        version=wishes.VERSION,
        wishes_sha256=wishes.sha256(speech),
        language=transcript.language,
        agent=heard.agent,
        direction=heard.direction,
        queue=heard.queue,
        interactivity=turns.interactivity,
        tags=tuple(dict.fromkeys(r.tag for r in outcome.held if r.tag)),
        score=rules.score(speech.rules, outcome),
        alerts=tuple(r.id for r in outcome.held if r.alert),
        held=tuple(r.id for r in outcome.held),
        undecided=tuple(r.id for r in outcome.undecided),
        reasons=reasons,
        terms=terms.of_call(spoken.utterances, language, speech.redact.names) if spoken else (),
        parties=parties,
        hits=tuple(sorted(hits, key=lambda h: h.start_s)[:HITS_MAX]),
        items=tuple(item for of in items.values() for item in of),
        extracts=()
        if spoken is None or "extracts" in reasons
        else extracts.extracts(spoken.utterances, language, _other(spoken.agent)),
    )


def figures(turns: TurnsRecord, parties: Iterable[PartyMeaning], agent: Party) -> dict[str, float | None]:
    """Everything that rules may compare, by name; None: not known."""
    found: dict[str, float | None] = {
        "duration_s": turns.duration_s,
        "silence_s": turns.silence_s,
        "overlap_s": turns.overlap_s,
        "talk_s": sum(p.talk_s for p in turns.parties) if turns.parties else None,
        "interactivity": turns.interactivity,
    }
    for side in turns.parties if turns.channels == 2 else ():
        before = "" if side.party is agent else CUSTOMER
        found[f"{before}talk_ratio"] = side.talk_ratio
        found[f"{before}interruptions"] = side.interruptions
    for party in parties:
        before = "" if party.party is agent else CUSTOMER
        tone = [value for value in party.sentiment if value is not None]
        found |= {
            f"{before}longest_monologue_s": party.longest_monologue_s,
            f"{before}patience_s": party.patience_s,
            f"{before}questions": party.questions,
            f"{before}fillers": party.fillers,
            f"{before}words_per_minute": party.words_per_minute,
            f"{before}sentiment": sum(tone) / len(tone) if tone else None,
        }
    return found


def _talk(heard: Heard) -> Talk | None:
    """The words; None where there are none to look at. A recording in which nobody speaks has words: none."""
    if heard.transcript.status not in ("done", "empty"):
        return None
    agent = heard.agent if heard.turns.channels == 2 else None
    return Talk(heard.transcript.utterances, heard.transcript.language or "", agent)


def _trackers(speech: Speech, spoken: Talk | None, said: set[str]) -> dict[str, bool | None]:
    """Whether each tracker was heard; None: nobody knows."""
    if spoken is None:
        return dict.fromkeys((t.id for t in speech.trackers), None)
    return {t.id: t.id in said if spoken.agent or t.side is Side.ANY else None for t in speech.trackers}


def _items(heard: Heard, speech: Speech, spoken: Talk | None) -> dict[str, list[ItemHeard]]:
    """The items of the scripts that apply, by the script's id; none where nobody knows who is the agent."""
    if spoken is None or spoken.agent is None:
        return {}
    return {
        each.id: list(checklists.heard(each, spoken))
        for each in speech.checklists
        if checklists.applies(each, heard.direction, heard.queue)
    }


def _party(party: Party, heard: Heard, spoken: Talk | None, reasons: dict[str, str]) -> PartyMeaning:
    transcript = heard.transcript
    side = next((p for p in heard.turns.parties if p.party is party), None)
    speed = {Party.CALLER: transcript.caller_words_per_minute, Party.CALLEE: transcript.callee_words_per_minute}
    return PartyMeaning(
        party=party,
        words=len(spoken.spoken[party].tokens) if spoken else None,
        words_per_minute=speed[party],
        questions=talk.questions(transcript.utterances, party) if "questions" not in reasons else None,
        fillers=talk.fillers(spoken.spoken[party]) if spoken and "fillers" not in reasons else None,
        longest_monologue_s=side.longest_monologue_s if side else 0.0,
        patience_s=side.patience_s if side else None,
        sentiment=sentiment.by_quarter(transcript.utterances, party) if "sentiment" not in reasons else (),
    )


def _reasons(heard: Heard, speech: Speech) -> dict[str, str]:
    """What is not available, and why, in sentences for people."""
    transcript = heard.transcript
    if transcript.status == "empty":
        nothing = "no words were recognised"
        return dict.fromkeys(("questions", "fillers", "sentiment", "extracts"), nothing)
    if transcript.status != "done":
        why = transcript.reason or "there is no transcript"
        return dict.fromkeys(("words", "questions", "fillers", "sentiment", "extracts"), f"there is no text: {why}")
    language = transcript.language or ""
    name = NAMES.get(language, f"the language {language!r}")
    found: dict[str, str] = {}
    if heard.turns.channels != 2:
        found |= dict.fromkeys(("sides", "questions", "fillers", "sentiment"), ONE_CHANNEL)
    if language not in likeness.STEMMED:
        found["forms"] = f"there is no stemmer for {name} here: phrases are found by likeness, and may be other words"
    if language not in talk.QUESTIONS:
        found["questions"] = f"the question marks of the recogniser are not tried in {name}"
    if language not in talk.FILLERS:
        found["fillers"] = f"there is no list of fillers for {name}"
    if not speech.sentiment:
        found["sentiment"] = "it is switched off (speech.sentiment)"
    elif language not in sentiment.LANGUAGES:
        found["sentiment"] = f"there is no lexicon for {name} that we could measure"
    if not speech.summary:
        found["extracts"] = "they are switched off (speech.summary)"
    elif language not in STOPWORDS:
        found["extracts"] = f"the content words of {name} are not known here"
    return found


def _other(party: Party | None) -> Party | None:
    if party is None:
        return None
    return Party.CALLEE if party is Party.CALLER else Party.CALLER
