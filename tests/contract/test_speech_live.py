"""The words of a running call with the real model, from files that grow as a worker's recorders write them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from analytics.listener import Listener
from pbx_core.clock import SystemClock
from pbx_core.demo import dialogues
from pbx_core.domain.records import Party
from pbx_core.settings import Settings
from pbx_core.store import directory, following, jobcontrol, livetext, models
from pbx_core.store.livetext import LiveText, State
from tests.conftest import World
from tests.support import running, speech, wer
from tests.support.running import RunningCall
from tests.support.waiting import until

PIECE_S = 0.8  # of sound between two looks
WER_MAX = 0.25  # against what was said


@dataclass(frozen=True)
class ShiftedClock(SystemClock):
    """The machine's clock, moved on by hand."""

    ahead_s: list[float] = field(default_factory=lambda: [0.0])

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead_s[0])

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s[0]


@dataclass
class Office:
    """A world whose calls are followed by a listener in this process."""

    world: World
    settings: Settings
    clock: ShiftedClock

    def call(self, name: str = "appointment", **more: Any) -> RunningCall:
        return RunningCall(self.settings, self.world.db, self.world.acme.tenant_id, running.dialogue(name), **more)

    def look(self, call: RunningCall) -> None:
        following.look(self.world.db, self.clock, call.tenant_id, call.call_id)

    def listener(self, **settings: Any) -> Listener:
        return Listener(self.settings.model_copy(update=settings), self.world.db, self.clock, speech.recogniser())

    def text(self, call: RunningCall) -> LiveText | None:
        return livetext.read(self.settings.live_dir, call.tenant_id, call.recording_id)


@pytest.fixture
def office(world: World) -> Office:
    return Office(world, world.settings.model_copy(update={"model_dir": speech.model().path}), ShiftedClock())


def said(text: LiveText | None, party: Party) -> str:
    return " ".join(line.text for line in text.lines if line.party is party) if text else ""


def test_words_come_in_order_while_the_call_runs_and_are_those_that_were_said(office: Office) -> None:
    call, listener = office.call(), office.listener()
    office.look(call)
    behind: list[float] = []
    unfinished = 0
    numbers: set[int] = set()
    more = True
    while more:
        more = call.speak(PIECE_S)
        office.clock.ahead_s[0] += PIECE_S
        office.look(call)
        listener.step()
        if (text := office.text(call)) is None:
            continue
        behind.append(round(call.spoken_s - text.heard_s, 2))
        unfinished += any(line.number == 0 for line in text.lines)
        now = {line.number for line in text.lines if line.number}
        assert numbers <= now, "a finished line stays"
        numbers = now
    print(f"behind: median {np.median(behind):.1f} s of sound, at most {max(behind):.1f} s")
    text = office.text(call)
    assert text and text.state is State.LISTENING and text.language == "en" and unfinished
    starts = [line.start_s for line in text.lines]
    assert starts == sorted(starts) and numbers == set(range(1, len(text.lines) + 1))
    for party in (Party.CALLER, Party.CALLEE):
        script = " ".join(line.text for line in dialogues.load("appointment").lines if line.party is party)
        assert wer.wer(script, said(text, party)) <= WER_MAX
    call.end()
    listener.step()
    assert office.text(call) is None, "the transcript takes the place of the words"


def test_two_who_look_at_one_call_cost_one_recognition_and_nobody_looking_costs_none(office: Office) -> None:
    call, listener = office.call(), office.listener()
    call.speak(8)
    listener.step()
    assert office.text(call) is None and listener.board.followed == 0
    office.look(call)
    office.look(call)
    office.clock.ahead_s[0] += 2
    listener.step()
    assert listener.board.followed == 1 and said(office.text(call), Party.CALLEE)
    office.clock.ahead_s[0] += following.LOOK_S + 1
    call.speak(3)
    listener.step()
    assert listener.board.followed == 0 and office.text(call) is None


def test_who_comes_late_reads_from_a_little_before(office: Office) -> None:
    call, listener = office.call(), office.listener(live_look_back_s=6.0)
    call.speak(14)
    office.look(call)
    listener.step()
    text = office.text(call)
    assert text and text.begins_s == 8.0 and text.lines and text.lines[0].start_s >= 8.0


def test_more_calls_than_allowed_wait_for_a_reader_to_leave(office: Office) -> None:
    first, second, listener = office.call(), office.call(), office.listener(live_calls_max=1)
    office.look(first)
    office.clock.ahead_s[0] += 1
    office.look(second)
    listener.step()
    text = office.text(second)
    assert text and text.state is State.FULL and "next" in text.sentence
    first.end()
    office.clock.ahead_s[0] += 2
    listener.step()
    text = office.text(second)
    assert text and text.state is State.LISTENING


@pytest.mark.parametrize("wish", ["tenant", "extension", "call", "not recorded"])
def test_nothing_is_heard_against_the_wishes_of_the_tenant(office: Office, wish: str) -> None:
    call, listener = office.call(recorded=wish != "not recorded"), office.listener()
    db, tenant_id = office.world.db, office.world.acme.tenant_id
    _, model = models.active(db, tenant_id)
    if wish == "call":
        jobcontrol.forbid(db, office.clock, tenant_id, call.call_id, "somebody")
    elif wish in ("tenant", "extension"):
        wanted = replace(model.speech, transcribe=wish != "tenant", never=("102",) if wish == "extension" else ())
        models.apply(db, office.clock, tenant_id, replace(model, speech=wanted), "test")
    call.speak(4)
    office.look(call)
    listener.step()
    assert listener.board.followed == 0 and office.text(call) is None
    assert not any(office.settings.live_dir.glob("*/*"))


def test_a_language_that_the_model_does_not_know_is_said_and_no_word_is_invented(office: Office) -> None:
    kyrgyz = directory.add_tenant(office.world.db, office.clock, "Tunduk", "tunduk.test", languages="ky")
    call = RunningCall(office.settings, office.world.db, kyrgyz.tenant_id, running.dialogue("appointment"))
    listener = office.listener()
    call.speak(8)
    office.look(call)
    listener.step()
    text = office.text(call)
    assert text and text.state is State.UNSUPPORTED and text.lines == () and "ky" in text.sentence


def test_the_language_is_settled_once_there_is_enough_speech(office: Office) -> None:
    call = office.call("appointment_ru")
    listener = office.listener()
    office.look(call)
    call.speak(3)
    listener.step()
    text = office.text(call)
    assert text and text.language is None
    call.speak(9)
    listener.step()
    text = office.text(call)
    assert text and text.language == "ru" and "прием" in said(text, Party.CALLER)


def test_sound_that_cannot_be_read_hurts_this_call_only(office: Office) -> None:
    broken, whole, listener = office.call(), office.call(), office.listener()
    (broken.folder / "caller.wav").write_bytes(b"no sound " * 100)
    for call in (broken, whole):
        call.speak(8)
        office.look(call)
    listener.step()
    text = office.text(broken)
    assert text and text.state is State.FAILED and "caller.wav" in text.sentence
    assert said(office.text(whole), Party.CALLEE)


@contextmanager
def process(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """`callbench listen` as a process of its own."""
    command = [sys.executable, "-m", "pbx_core.cli", "--data", str(settings.data), "listen"]
    environment = {**os.environ, "CALLBENCH_MODEL_DIR": str(settings.model_dir)}
    started = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.terminate()
        started.wait(30)


def test_a_listener_that_is_killed_is_followed_by_one_that_goes_on_where_it_was(office: Office) -> None:
    call = office.call()
    call.speak(9)

    def has(condition: Callable[[LiveText], Any]) -> Any:
        office.look(call)
        text = office.text(call)
        return text and condition(text) and text

    with process(office.settings) as first:
        before = until(lambda: has(lambda t: t.lines), 60, every_s=0.2, what="the first words")
        first.send_signal(signal.SIGKILL)
        first.wait(10)
    kept = [line for line in before.lines if line.number]
    call.speak(10)
    with process(office.settings):
        after = until(lambda: has(lambda t: t.heard_s > 17), 60, every_s=0.2, what="words after the restart")
    finished = [line for line in after.lines if line.number]
    assert finished[: len(kept)] == kept and len(finished) > len(kept)
    assert office.text(call) is None, "a listener that ends in good order leaves no words behind"
