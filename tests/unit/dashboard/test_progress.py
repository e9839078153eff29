"""What people are told while a recording and its text are being made."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from analytics.meaning.record import Heard, meaning
from analytics.queries import CallDetail
from dashboard.web import progress
from dashboard.web.progress import Stage
from pbx_core.domain.model_speech import Speech
from pbx_core.domain.records import Disposition, Party
from pbx_core.store import jobcontrol, jobs, services
from tests.support import facts


def detail(world, **changes) -> CallDetail:
    call = facts.make_call(
        random.Random(1), world.acme, world.clock.now(), disposition=Disposition.ANSWERED, said=["hello"], recorded=True
    )
    known = CallDetail(call.cdr, call.recording, call.turns, None, ())
    return replace(known, **changes)


def test_the_way_from_the_end_of_a_call_to_its_text(world) -> None:
    call = detail(world, recording=None)
    assert call.cdr.recording_id
    assert progress.of(world.db, world.clock, call).stage is Stage.PREPARING
    for name in ("earlier", call.cdr.recording_id):
        jobs.enqueue(world.db, world.clock, "transcribe", name, world.acme.tenant_id, {})
    state = progress.of(world.db, world.clock, detail(world))
    assert (state.stage, state.position, state.pending) == (Stage.QUEUED, 2, True) and "1 before it" in state.sentence
    first = jobs.lease(world.db, world.clock, "transcribe", "t", 30)
    assert first and "it is next" in progress.of(world.db, world.clock, detail(world)).sentence
    taken = jobs.lease(world.db, world.clock, "transcribe", "t", 30)
    assert taken and progress.of(world.db, world.clock, detail(world)).stage is Stage.RUNNING
    jobs.retry_later(world.db, world.clock, taken, "the model was busy")
    assert "the model was busy" in progress.of(world.db, world.clock, detail(world)).sentence
    jobcontrol.retry(world.db, "transcribe", None, [taken.job_id], ("ready",))
    assert jobs.lease(world.db, world.clock, "transcribe", "t", 30) == taken
    jobs.finish(world.db, world.clock, taken, "the recording cannot be decoded")
    state = progress.of(world.db, world.clock, detail(world))
    assert (state.stage, state.pending) == (Stage.FAILED, False) and "cannot be decoded" in state.sentence


def queued(world) -> CallDetail:
    """A call whose transcription waits behind another."""
    call = detail(world)
    for name in ("earlier", call.cdr.recording_id):
        jobs.enqueue(world.db, world.clock, "transcribe", name, world.acme.tenant_id, {})
    return call


def test_whoever_looks_goes_first_and_sees_how_far_it_is(world) -> None:
    call = queued(world)
    progress.of_interest(world.db, world.birch.tenant_id, call)
    assert progress.of(world.db, world.clock, call).position == 2
    progress.of_interest(world.db, world.acme.tenant_id, call)
    assert progress.of(world.db, world.clock, call).position == 1
    assert jobs.lease(world.db, world.clock, "transcribe", "transcribe-0/1", 30)
    services.beat(world.db, world.clock, "transcribe-0", 0.0, {"jobs": {call.cdr.recording_id: 0.4}})
    state = progress.of(world.db, world.clock, call)
    assert state.stage is Stage.RUNNING and "40% done" in state.sentence


def test_a_pause_and_a_job_given_up_are_told_as_what_they_are(world) -> None:
    call = queued(world)
    jobcontrol.pause(world.db, world.clock, "transcribe", world.acme.tenant_id)
    state = progress.of(world.db, world.clock, call)
    assert (state.stage, state.position, state.again) == (Stage.QUEUED, None, False) and "paused" in state.sentence
    jobcontrol.cancel(world.db, world.clock, "transcribe", world.acme.tenant_id, None, "cancelled by the operator")
    state = progress.of(world.db, world.clock, call)
    assert (state.stage, state.pending, state.again) == (Stage.CANCELLED, False, True)
    assert "cancelled by the operator" in state.sentence


@pytest.mark.parametrize("status", ["failed", "off"])
def test_what_is_tried_again_is_waited_for_although_its_failure_is_filed(world, status: str) -> None:
    spoken = facts.make_call(
        random.Random(2), world.acme, world.clock.now(), disposition=Disposition.ANSWERED, said=["x"]
    )
    assert spoken.transcript
    call = replace(queued(world), transcript=replace(spoken.transcript, status=status, reason="why"))
    assert progress.of(world.db, world.clock, call).stage is Stage.QUEUED
    jobcontrol.cancel(world.db, world.clock, "transcribe", None, None, "by hand")
    assert progress.of(world.db, world.clock, call).stage is Stage(status)


def test_a_recording_that_does_not_come_is_not_promised_for_ever(world) -> None:
    call = detail(world, recording=None)
    assert "refreshes by itself" in progress.of(world.db, world.clock, call).sentence
    long_ago = replace(call.cdr, ended_at=world.clock.now() - timedelta(minutes=11))
    state = progress.of(world.db, world.clock, replace(call, cdr=long_ago))
    assert state.stage is Stage.PREPARING and "has not arrived" in state.sentence and "damaged" in state.sentence


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("done", Stage.DONE),
        ("empty", Stage.EMPTY),
        ("unsupported", Stage.UNSUPPORTED),
        ("failed", Stage.FAILED),
        ("off", Stage.OFF),
    ],
)
def test_a_filed_transcript_is_the_last_word(world, status: str, stage: Stage) -> None:
    spoken = facts.make_call(
        random.Random(2), world.acme, world.clock.now(), disposition=Disposition.ANSWERED, said=["x"]
    )
    assert spoken.transcript
    transcript = replace(spoken.transcript, status=status, reason="language 'ky' is not supported")
    cdr = replace(spoken.cdr, ended_at=world.clock.now() - timedelta(hours=1))
    state = progress.of(world.db, world.clock, detail(world, cdr=cdr, transcript=transcript))
    assert (state.stage, state.pending) == (stage, False)


def test_a_call_without_recording_says_why(world) -> None:
    call = facts.make_call(
        random.Random(3), world.acme, world.clock.now(), disposition=Disposition.ANSWERED, recorded=False
    )
    state = progress.of(world.db, world.clock, CallDetail(call.cdr, None, None, None, ()))
    assert state.stage is Stage.NOT_RECORDED and "disk_full" in state.sentence and not state.pending


def test_what_is_looked_for_in_a_new_text_is_waited_for(world) -> None:
    call = facts.make_call(
        random.Random(1), world.acme, world.clock.now() - timedelta(minutes=8), disposition=Disposition.ANSWERED,
        said=["hello"], recorded=True, talk_s=60,
    )  # fmt: skip
    assert call.transcript and call.turns
    found = meaning(Heard(call.transcript, call.turns, Party.CALLEE, "inbound"), Speech())

    def state(age: timedelta = timedelta(), **known: object) -> tuple[Stage, bool]:
        cdr = replace(call.cdr, ended_at=call.cdr.ended_at - age)
        seen = progress.of(
            world.db, world.clock, CallDetail(cdr, call.recording, call.turns, call.transcript, (), **known)
        )  # type: ignore[arg-type]
        return seen.stage, seen.pending

    assert state() == (Stage.DONE, True)
    assert state(meaning=found) == (Stage.DONE, False)
    assert state(timedelta(hours=1)) == (Stage.DONE, False)  # heard before anything was looked for
