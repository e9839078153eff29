"""Asking for a transcript: who may, and what it does to the job."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from pbx_core.clock import SystemClock
from pbx_core.store import jobs, schema
from tests.support.web import csrf


@pytest.fixture
def failed(town) -> Iterator[str]:
    """A call whose transcription was given up."""
    spoken = town.acme_office.spoken.cdr
    clock = SystemClock()
    jobs.enqueue(town.db, clock, "transcribe", spoken.recording_id, town.acme.tenant_id, {}, jobs.URGENT)
    taken = jobs.lease(town.db, clock, "transcribe", "t", 30)
    assert taken and taken.job_id == spoken.recording_id
    jobs.finish(town.db, clock, taken, "the recording cannot be decoded")
    yield spoken.call_id
    with town.db.begin() as connection:
        connection.execute(sa.delete(schema.job).where(schema.job.c.job_id == spoken.recording_id))


def ask(client, call_id: str):
    return client.post(f"/api/calls/{call_id}/transcribe", headers=csrf(client))


def test_an_owner_lets_what_failed_be_tried_again_and_it_is_written_down(browser, town, failed: str) -> None:
    owner = browser("owner@acme.test")
    answer = ask(owner, failed)
    assert (answer.status_code, answer.json()) == (200, {"again": True, "first": False})
    view = jobs.look(town.db, SystemClock(), "transcribe", town.acme_office.spoken.cdr.recording_id)
    assert view and (view.state, view.tries) == ("ready", 0)
    assert ask(owner, failed).json() == {"again": False, "first": False}
    with town.db.connect() as connection:
        noted = connection.execute(sa.select(schema.audit.c.action)).scalars().all()
    assert noted.count("transcription_retried") == 1


def test_who_only_reads_another_tenant_and_a_missing_token_are_refused(browser, town, failed: str) -> None:
    assert ask(browser("analyst@acme.test"), failed).status_code == 403
    assert ask(browser("owner@birch.test"), failed).status_code == 404
    assert browser("owner@acme.test").post(f"/api/calls/{failed}/transcribe").status_code == 403
    view = jobs.look(town.db, SystemClock(), "transcribe", town.acme_office.spoken.cdr.recording_id)
    assert view and view.state == "failed"
    assert ask(browser("owner@acme.test"), town.acme_office.missed.cdr.call_id).status_code == 409
