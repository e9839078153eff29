"""Words are taken from a call or not, also while it runs; only by its own tenant's programs."""

from __future__ import annotations

import dataclasses

import pytest
import sqlalchemy as sa

from pbx_core.media import spool
from pbx_core.store import jobcontrol, jobs, tokens
from pbx_core.store.schema import audit, kept_recording
from pbx_core.store.tokens import Right
from tests.support import spooled
from tests.unit.api.conftest import Office

CALL = "0" * 31 + "1"
OFF = f"/v1/calls/{CALL}/transcription-off"
ON = f"/v1/calls/{CALL}/transcription-on"
NOW = f"/v1/calls/{CALL}/transcribe-now"


def recorded(office: Office, *recording_ids: str) -> None:
    world = office.world
    for number, recording_id in enumerate(recording_ids):
        row = {"path": f"{number}", "bytes": 1, "started_at": 0.0}
        with world.db.begin() as connection:
            ids = {"tenant_id": world.acme.tenant_id, "recording_id": recording_id, "call_id": CALL}
            connection.execute(sa.insert(kept_recording).values(**ids, **row))
        jobs.enqueue(world.db, world.clock, "transcribe", recording_id, world.acme.tenant_id, {"call_id": CALL})


def forbidden(office: Office) -> bool:
    return jobcontrol.forbidden(office.world.db, office.world.acme.tenant_id, CALL)


def test_a_running_call_is_switched_off_and_on_again(office: Office) -> None:
    office.live_call(office.world.acme, CALL)
    client = office.client(office.acme)
    assert client.post(OFF).json() == {"transcription": False, "heard_before": []}
    assert forbidden(office)
    assert client.post(ON).json() == {"transcription": True, "heard_before": []}
    assert not forbidden(office)
    with office.world.db.connect() as connection:
        actions = connection.execute(sa.select(audit.c.action).where(audit.c.object_id == CALL)).scalars().all()
    assert actions == ["transcription_off", "transcription_on"]


def test_what_was_heard_before_is_said(office: Office) -> None:
    recorded(office, "r1", "r2")
    world = office.world
    taken = jobs.lease(world.db, world.clock, "transcribe", "x", 30)
    assert taken
    jobs.finish(world.db, world.clock, taken)
    assert office.client(office.acme).post(OFF).json()["heard_before"] == [taken.job_id]


def test_a_call_whose_recording_is_being_prepared_is_known(office: Office) -> None:
    world = office.world
    folder = spooled.make(world.settings.spool_dir, world.acme.tenant_id, spooled.tone(0.1), spooled.tone(0.1))
    meta = spool.read_meta(folder)
    assert meta
    spool.write_meta(folder, dataclasses.replace(meta, call_id=CALL))
    assert office.client(office.acme).post(OFF).status_code == 200
    assert forbidden(office)


@pytest.mark.parametrize("path", [OFF, ON, NOW])
def test_another_tenants_call_is_as_unknown_as_none(office: Office, path: str) -> None:
    office.live_call(office.world.acme, CALL)
    recorded(office, "r1")
    assert office.client(office.birch).post(path).status_code == 404
    assert office.client(office.operator).post(path).status_code == 403
    assert office.client().post(path).status_code == 401
    reader = tokens.add(office.world.db, office.world.clock, office.world.acme.tenant_id, "r", {Right.READ})[1]
    assert office.client(reader).post(path).status_code == 403
    assert office.client(office.acme).post(path.replace(CALL, "no-call")).status_code == 404
    assert not forbidden(office)


def test_a_call_that_somebody_waits_for_goes_first_and_what_failed_again(office: Office) -> None:
    recorded(office, "r1", "r2")
    world = office.world
    taken = jobs.lease(world.db, world.clock, "transcribe", "x", 30)
    assert taken
    jobs.finish(world.db, world.clock, taken, "cannot be read")
    assert office.client(office.acme).post(NOW).json() == {"first": 2, "again": 1}
    view = jobs.look(world.db, world.clock, "transcribe", "r1")
    assert view and (view.state, view.priority) == ("ready", jobs.URGENT)
