"""Several recordings in one process's hands: heard together, each alone in its misfortune, none lost when it is killed;
and those of which no words are taken."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from analytics.after import Conversation, Made
from analytics.asr import Recogniser
from analytics.transcript import Progress
from ingest.audio import decode_speech
from pbx_core.clock import SystemClock
from pbx_core.domain.model import Extension
from pbx_core.domain.model_speech import Speech
from pbx_core.domain.records import Party, TurnsRecord
from pbx_core.store import jobcontrol, models, services
from pbx_core.store.directory import Tenant
from tests.conftest import World
from tests.support import speech
from tests.support.transcribing import (
    MakeTranscriber,
    journalled,
    recorded,
    started,
    state_of,
    transcribers,
    transcripts,
)
from tests.support.waiting import until

SHORT_S = 4
BETWEEN = {"caller_number": "101", "callee_number": "102", "duration_s": float(SHORT_S)}


@pytest.fixture
def transcriber(world: World) -> Iterator[MakeTranscriber]:
    with transcribers(world, SystemClock()) as make:
        yield make


def short(number: int = 0) -> speech.Samples:
    """A few seconds of speech."""
    return speech.dialogue("appointment")[number * 8000 : number * 8000 + SHORT_S * 16000]


def wishes(world: World, tenant: Tenant, **wished: Any) -> None:
    model = models.active(world.db, tenant.tenant_id)[1]
    extensions = model.extensions or (Extension("101"), Extension("102"))
    changed = replace(model, extensions=extensions, speech=Speech(**wished))
    models.apply(world.db, world.clock, tenant.tenant_id, changed, "test")


class Choking(Recogniser):
    """The real recogniser with a fault: it cannot hear what is longer than a short recording."""

    def __init__(self) -> None:
        self.__dict__.update(speech.recogniser().__dict__)
        self.heard_at_once: list[int] = []

    def hear(self, talks: Sequence[Any], progress: Progress) -> Any:
        self.heard_at_once.append(len(talks))
        if any(sum(len(chunk) for chunk in talk.chunks) > SHORT_S * 2 * 16000 for talk in talks):
            raise RuntimeError("engine on fire")
        return super().hear(talks, progress)


def test_short_recordings_of_several_tenants_are_heard_together(world: World, transcriber: MakeTranscriber) -> None:
    one = recorded(world, world.acme, short(), duration_s=4.0)
    other = recorded(world, world.birch, short(1), duration_s=4.0)
    engine = Choking()
    assert transcriber(load=lambda settings: engine).step()
    assert engine.heard_at_once == [2]
    found = {t.recording_id: t for t in transcripts(world.settings)}
    assert {found[one].tenant_id, found[other].tenant_id} == {world.acme.tenant_id, world.birch.tenant_id}
    alone = speech.transcribe(decode_speech(world.settings.recordings_dir / _path(world, one)), ("en",))
    assert " ".join(u.text for u in found[one].utterances) == " ".join(u.text for u in alone.utterances) != ""
    assert {state_of(world, one).state, state_of(world, other).state} == {"done"}


def _path(world: World, recording_id: str) -> str:
    return f"{world.acme.tenant_id}/2026/01/{recording_id}.webm"


def test_a_recording_on_which_the_engine_chokes_does_not_spoil_its_neighbours(
    world: World, transcriber: MakeTranscriber
) -> None:
    good = [recorded(world, world.acme, short(n), duration_s=4.0) for n in range(2)]
    poison = recorded(world, world.birch, speech.dialogue("appointment"), duration_s=21.0)
    damaged = recorded(world, world.birch, b"no sound" * 100, duration_s=4.0)
    engine = Choking()
    assert transcriber(load=lambda settings: engine).step()
    assert engine.heard_at_once == [3, 1, 1, 1]
    assert [state_of(world, recording_id).state for recording_id in good] == ["done", "done"]
    assert (state_of(world, poison).state, state_of(world, damaged).state) == ("ready", "failed")
    assert "engine on fire" in (state_of(world, poison).reason or "")
    assert {t.recording_id: t.status for t in transcripts(world.settings)} == {
        **dict.fromkeys(good, "done"),
        damaged: "failed",
    }


@pytest.mark.parametrize("by", ["office", "extension", "call"])
def test_where_no_words_shall_be_taken_the_measurements_are_made_and_the_reason_is_said(
    world: World, transcriber: MakeTranscriber, by: str
) -> None:
    match by:
        case "office":
            wishes(world, world.acme, transcribe=False)
        case "extension":
            wishes(world, world.acme, never=("102",))
        case "call":
            jobcontrol.forbid(world.db, world.clock, world.acme.tenant_id, "c" * 32, "somebody")
    off = recorded(world, world.acme, short(), **BETWEEN)
    others = recorded(world, world.birch, short(), **BETWEEN)
    assert transcriber().step()
    found = {t.recording_id: t for t in transcripts(world.settings)}
    assert (found[off].status, found[off].utterances, found[off].audio_s) == ("off", (), float(SHORT_S))
    assert by in (found[off].reason or "")
    turns = {r.recording_id: r for r in journalled(world.settings) if isinstance(r, TurnsRecord)}
    assert sum(party.talk_s for party in turns[off].parties) > 1
    assert found[others].status == "done"
    assert state_of(world, off).state == "done"


def test_a_call_switched_off_while_it_is_heard_leaves_no_words(world: World, transcriber: MakeTranscriber) -> None:
    recorded(world, world.acme, short(), **BETWEEN)

    class Switching(Choking):
        def hear(self, talks: Sequence[Any], progress: Progress) -> Any:
            jobcontrol.forbid(world.db, world.clock, world.acme.tenant_id, "c" * 32, "somebody")
            return super().hear(talks, progress)

    assert transcriber(load=lambda settings: Switching()).step()
    (found,) = transcripts(world.settings)
    assert (found.status, found.utterances) == ("off", ())


def test_a_job_cancelled_in_hand_leaves_nothing_and_its_neighbour_is_done(
    world: World, transcriber: MakeTranscriber
) -> None:
    gone, stays = (recorded(world, world.acme, short(n), duration_s=4.0) for n in range(2))

    class Cancelling(Choking):
        def hear(self, talks: Sequence[Any], progress: Progress) -> Any:
            jobcontrol.cancel(world.db, world.clock, "transcribe", None, [gone], "by hand")
            return super().hear(talks, progress)

    assert transcriber(load=lambda settings: Cancelling()).step()
    assert [t.recording_id for t in transcripts(world.settings)] == [stays]
    assert (state_of(world, gone).state, state_of(world, stays).state) == ("cancelled", "done")


def test_every_step_after_the_transcript_is_taken_and_one_that_fails_is_left_out(
    world: World, transcriber: MakeTranscriber
) -> None:
    wishes(world, world.acme, glossary=("Callbench",))
    seen: list[Conversation] = []

    def broken(told: Conversation) -> list[Made]:
        raise ValueError("no idea")

    def good(told: Conversation) -> list[Made]:
        seen.append(told)
        return [("turns", replace(told.turns, version="made after"))]

    more = {**BETWEEN, "caller_number": "+4930123456", "queue": "sales", "pauses": [[1.0, 2.0]]}
    recorded(world, world.acme, short(), **more)
    assert transcriber(steps=(broken, good)).step()
    [told] = seen
    assert (told.agent, told.direction, told.queue, told.pauses) == (Party.CALLEE, "inbound", "sales", ((1.0, 2.0),))
    assert told.samples.shape[1] == 2 and told.model.speech.glossary == ("Callbench",)
    made = [r for r in journalled(world.settings) if isinstance(r, TurnsRecord)]
    assert [r.version == "made after" for r in made] == [False, True]


def test_killed_with_several_in_hand_it_loses_and_doubles_nothing(world: World) -> None:
    names = [recorded(world, (world.acme, world.birch)[n % 2], short(n), duration_s=4.0) for n in range(5)]
    ids = set(names)

    def in_hand() -> set[str]:
        rows = services.all_services(world.db)
        return {job_id for row in rows if row.name == "transcribe-0" for job_id in row.detail.get("jobs", {})}

    first = started(world)
    try:
        until(lambda: len(in_hand()) > 1, 60, 0.02, "it has several in hand")
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    told = {t.recording_id for t in transcripts(world.settings)}
    finished = {name for name in names if state_of(world, name).state == "done"}
    second = started(world)
    try:
        until(lambda: all(state_of(world, n).state == "done" for n in names), 120, 0.2, "all are done")
    finally:
        second.terminate()
        assert second.wait(timeout=120) == 0
    written = [t.recording_id for t in transcripts(world.settings)]
    assert set(written) == ids
    repeated = {name for name in names if written.count(name) > 1}
    assert repeated <= told - finished and all(written.count(name) <= 2 for name in repeated)
    assert {state_of(world, name).tries for name in finished} <= {1}
    assert {state_of(world, name).tries for name in ids - finished} <= {1, 2}
