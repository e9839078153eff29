"""A tenant's office with calls in the warehouse and sound on the disk, for everything that looks at the dashboard."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from analytics.meaning.record import Heard, meaning
from pbx_core.clock import Clock
from pbx_core.domain.model_speech import Checklist, ChecklistItem, Side, Speech, SpeechRule, Tracker
from pbx_core.domain.records import Disposition, Party
from pbx_core.feed import Journal
from pbx_core.settings import Settings
from pbx_core.store.directory import Tenant
from tests.support import facts, sound

SAID = (
    "good morning this is the workshop how can I help",
    "hello my boiler is out since yesterday evening and the house is getting cold",
    "I am sorry to hear that could you tell me the number on the label please",
    "yes one moment it says four seven one one",
    "thank you a colleague can be with you at three o'clock this afternoon",
    "that would be wonderful thank you so much",
)


WISHES = Speech(
    summary=True,
    trackers=(
        Tracker("boiler", ("boiler", "heating"), name="Boiler <img src=//canary.invalid/t onerror=alert(1)>"),
        Tracker("appointment", ("this afternoon", "this img"), name="Appointment", side=Side.AGENT),
    ),
    checklists=(
        Checklist(
            "opening",
            (
                ChecklistItem("Greeting", ("good morning", "good afternoon"), within_s=5),
                ChecklistItem("Asks for the label", ("number on the label",), within_s=5),
                ChecklistItem("Says the call is recorded", ("recorded",)),
            ),
            name="Opening",
            directions=(),
        ),
    ),
    rules=(
        SpeechRule("cold-house", ("tracker:boiler",), tag="no heating", score=-2, alert=True),
        SpeechRule("booked", ("tracker:appointment",), tag="<b>booked</b>", score=5),
        SpeechRule("incomplete", ("checklist:opening < 0.8",), tag="script"),
    ),
)


@dataclass(frozen=True)
class Office:
    """What was put there. `spoken` and `other` have sound and text, `spoken` is the newest call of all."""

    spoken: facts.Call
    other: facts.Call
    missed: facts.Call
    waiting: facts.Call  # recorded, its transcript not there yet, no sound file
    count: int


def furnish(settings: Settings, clock: Clock, tenant: Tenant, *, count: int = 12, seed: int = 7) -> Office:
    """Write `count` fabricated calls and four known ones, and load them into the warehouse."""
    now = clock.now()
    rng = random.Random(f"{seed}{tenant.tenant_id}")

    def made(minutes_ago: int, **wishes: object) -> facts.Call:
        return facts.make_call(rng, tenant, now - timedelta(minutes=minutes_ago), **wishes)  # type: ignore[arg-type]

    spoken = _hesitant(made(3, disposition=Disposition.ANSWERED, talk_s=24.0, said=SAID, recorded=True, caller="101",
                            callee="102", caller_name="Alice"))  # fmt: skip
    name = "![x](http://canary.invalid/name.png)<img src=x onerror=alert(1)>"
    other = made(9, disposition=Disposition.ANSWERED, talk_s=18.0, said=SAID[:3], recorded=True, caller="102",
                 callee="103", caller_name=name)  # fmt: skip
    missed = made(12, disposition=Disposition.NO_ANSWER, caller="103", callee="101", caller_name="Bob")
    waiting = made(15, disposition=Disposition.ANSWERED, talk_s=12.0, said=SAID[:2], recorded=True, caller="103",
                   callee="102")  # fmt: skip
    waiting = replace(waiting, transcript=None, turns=None)
    for call in (spoken, other):
        assert call.recording is not None
        sound.put(settings, call.recording, call.turns)
    until = now - timedelta(minutes=20)
    facts.write_calls(settings, clock, tenant, count, seed=seed, until=until, since=until - timedelta(days=6))
    facts.write(settings, clock, [waiting, missed, other, spoken])
    understand(settings, clock, spoken)
    load(settings)
    return Office(spoken, other, missed, waiting, count + 4)


def understand(settings: Settings, clock: Clock, call: facts.Call) -> None:
    """What WISHES find in a call, as the transcriber writes it."""
    assert call.transcript and call.turns
    record = meaning(Heard(call.transcript, call.turns, Party.CALLER, "internal"), WISHES)
    journal = Journal(settings.journal_dir, "transcribe-0", clock)
    journal.append("meaning", record.recording_id, record.tenant_id, record)
    journal.close()


def load(settings: Settings) -> None:
    """Everything in the journals into the warehouse, by the command itself."""
    command = [sys.executable, "-m", "pbx_core.cli", "--data", str(settings.data), "ingest", "--once"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def _hesitant(call: facts.Call) -> facts.Call:
    """The same call with hostile and doubtful words in its text, and a quality worth looking at."""
    assert call.transcript is not None
    utterances = []
    for i, utterance in enumerate(call.transcript.utterances):
        words = [replace(w, p=0.31) if i == 3 and j > 4 else w for j, w in enumerate(utterance.words)]
        if i == 4:
            words[-1] = replace(words[-1], text="<img src=http://canary.invalid/word.png onerror=alert(1)>")
        utterances.append(replace(utterance, words=tuple(words)))
    return replace(call, transcript=replace(call.transcript, utterances=tuple(utterances)))


def at(clock: Clock, minutes_ago: float) -> datetime:
    """A time before now."""
    return clock.now() - timedelta(minutes=minutes_ago)
