"""What is kept, for how long and where: on a real database, real files and a real S3 server."""

from __future__ import annotations

import dataclasses
import os
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from pbx_core import feed
from pbx_core.domain.dialplan import resolve
from pbx_core.domain.model import Extension, Model, Recording
from pbx_core.domain.nodes import Origin, Ring, Wish
from pbx_core.domain.records import RecordingGone
from pbx_core.errors import ConfigError, InputError, Unavailable
from pbx_core.keeper.command import hold
from pbx_core.keeper.keeper import Keeper
from pbx_core.media.recorder import Recorder
from pbx_core.settings import Settings, load
from pbx_core.store import facts, kept, models, objects
from pbx_core.store.directory import Tenant
from pbx_core.store.schema import audit, voicemail_message
from tests.conftest import World
from tests.support import s3, spooled


def recorded(world: World, owner: Tenant) -> kept.Kept:
    """A real recording of a second, as the recorder leaves it."""
    folder = spooled.make(world.settings.spool_dir, owner.tenant_id, spooled.tone(1), spooled.tone(1, 600))
    journal = feed.Journal(world.settings.journal_dir, "recorder", world.clock)
    Recorder(world.settings, world.db, world.clock, journal).process(folder)
    journal.close()
    return next(k for k in kept.not_remote(world.db) if k.recording_id == folder.name)


def keeper(world: World, settings: Settings | None = None) -> Keeper:
    chosen = settings or world.settings
    journal = feed.Journal(chosen.journal_dir, "keeper", world.clock)
    return Keeper(chosen, world.db, world.clock, journal, objects.configured(chosen))


def retain(world: World, owner: Tenant, days: int) -> None:
    model = Model(recording=Recording(retention_days=days))
    models.apply(world.db, world.clock, owner.tenant_id, model, "test", "retention")


def gone(settings: Settings) -> list[RecordingGone]:
    lines = [x for s in feed.segments(settings.journal_dir) for x in feed.read(settings.journal_dir, s)]
    entries = [feed.decode(x.raw) for x in lines]
    return [e.record for e in entries if e.kind == "recording_gone"]


def files(settings: Settings, item: kept.Kept) -> list[Path]:
    sound = settings.recordings_dir / item.path
    return [p for p in (sound, sound.with_suffix(".peaks.json")) if p.exists()]


def test_what_is_older_than_the_tenants_days_goes_with_proof_and_only_his(world: World) -> None:
    hers, his = recorded(world, world.acme), recorded(world, world.birch)
    retain(world, world.acme, 1)  # the samples are months old
    retain(world, world.birch, 3_650)
    heard = world.settings.prompts_dir / hers.tenant_id / "heard" / f"{hers.recording_id}.caller.wav"
    heard.parent.mkdir(parents=True)
    heard.write_bytes(b"decoded for a phone")
    redacted = [
        world.settings.redacted_dir / item.tenant_id / f"{item.recording_id}-0123456789abcdef.{form}"
        for item in (hers, his)
        for form in ("webm", "m4a")
    ]
    for copy in redacted:
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(b"a copy with something cut out")
    keeper(world).round()
    assert not heard.exists()
    assert [copy.exists() for copy in redacted] == [False, False, True, True]
    assert files(world.settings, hers) == [] and len(files(world.settings, his)) == 2
    (proof,) = gone(world.settings)
    assert (proof.recording_id, proof.tenant_id, proof.reason) == (hers.recording_id, hers.tenant_id, "retention")
    assert len(proof.sha256) == 64
    with world.db.connect() as connection:
        noted = connection.execute(sa.select(audit).where(audit.c.object_id == hers.recording_id)).one()
    assert noted.action == "recording_deleted:retention" and noted.tenant_id == hers.tenant_id
    assert kept.used_bytes(world.db, world.acme.tenant_id) == 0 < kept.used_bytes(world.db, world.birch.tenant_id)
    keeper(world).round()
    assert len(gone(world.settings)) == 1, "a second round has nothing to do"


def test_what_is_over_the_quota_is_not_recorded_and_the_reason_is_said(world: World) -> None:
    recorded(world, world.acme)
    used = kept.used_bytes(world.db, world.acme.tenant_id)
    for quota, mode in ((used + 1, "always"), (used, "never")):
        model = Model(extensions=(Extension("101"), Extension("102")), recording=Recording(quota_bytes=quota))
        models.apply(world.db, world.clock, world.acme.tenant_id, model, "test", "quota")
        known = facts.gather(world.db, world.clock, world.acme.tenant_id, home="acme.test")
        wish = Wish(Origin("extension", "101", extension="101"), dialled="102")
        node = resolve(model, known, wish).node
        assert isinstance(node, Ring) and node.record.mode == mode
    assert "quota" in node.record.rule


def test_a_legal_hold_wins_until_it_is_released(world: World) -> None:
    item = recorded(world, world.acme)
    retain(world, world.acme, 1)
    kept.add_hold(world.db, world.clock, world.acme.tenant_id, item.call_id, "complaint 7", "owner")
    kept.add_hold(world.db, world.clock, world.birch.tenant_id, item.call_id, "not his call", "owner")
    keeper(world).round()
    assert len(files(world.settings, item)) == 2
    kept.release_hold(world.db, world.clock, world.acme.tenant_id, item.call_id)
    with pytest.raises(InputError, match="no hold"):
        kept.release_hold(world.db, world.clock, world.acme.tenant_id, item.call_id)
    keeper(world).round()
    assert files(world.settings, item) == [], "another tenant's hold on the id means nothing"
    with pytest.raises(InputError, match="reason"):
        kept.add_hold(world.db, world.clock, world.acme.tenant_id, item.call_id, " ", "owner")


def test_a_hold_on_what_is_no_call_of_his_is_refused(world: World) -> None:
    item = recorded(world, world.acme)

    def hold_(domain: str, call_id: str) -> object:
        words = ["add", "--tenant", domain, "--call", call_id, "--reason", "complaint"]
        return CliRunner().invoke(hold, words, obj=world.settings.data).exception

    for domain, call_id in (("acme.test", item.call_id[:-1]), ("birch.test", item.call_id)):
        assert "nothing is held" in str(hold_(domain, call_id))
    assert hold_("acme.test", item.call_id) is None
    assert [h.call_id for h in kept.holds(world.db, world.acme.tenant_id)] == [item.call_id]
    assert kept.holds(world.db, world.birch.tenant_id) == []


def test_a_killed_deletion_is_finished_and_said_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    item = recorded(world, world.acme)
    retain(world, world.acme, 1)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(OSError("killed here")))
        first = keeper(world)
        first.round()
        assert "killed here" in first.tally.refusal and len(files(world.settings, item)) == 2
    keeper(world).round()
    assert files(world.settings, item) == []
    assert {g.recording_id for g in gone(world.settings)} == {item.recording_id}, "one key, however often written"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with s3.server() as endpoint:
        yield endpoint


def remote(world: World, endpoint: str, **values: object) -> Settings:
    return load(world.settings.data, object_store_url=f"s3://{s3.BUCKET}/pbx", object_store_endpoint=endpoint, **values)


def test_recordings_go_to_s3_leave_the_disk_come_back_and_are_deleted_there(world: World, bucket: str) -> None:
    settings = remote(world, bucket, local_copy_days=0.0)
    item = recorded(world, world.acme)
    sound = settings.recordings_dir / item.path
    content = sound.read_bytes()
    retain(world, world.acme, 3_650)
    one = keeper(world, settings)
    one.round()
    assert one.tally.stored_remotely == 1 and not sound.exists()
    assert sound.with_suffix(".peaks.json").exists(), "the waveform is drawn at once"
    assert kept.is_remote(world.db, item.tenant_id, item.recording_id)
    assert not kept.is_remote(world.db, world.birch.tenant_id, item.recording_id)
    store = objects.ObjectStore(settings)
    store.get(item.path, sound)
    assert sound.read_bytes() == content
    retain(world, world.acme, 1)
    one.round()
    with pytest.raises(Unavailable, match="refused"):
        store.get(item.path, sound)
    assert not sound.exists()


def test_a_message_in_a_mailbox_stays_here_until_it_is_deleted(world: World, tmp_path: Path) -> None:
    settings = load(world.settings.data, object_store_url=f"file://{tmp_path}/far", local_copy_days=0.0)
    item = recorded(world, world.acme)
    retain(world, world.acme, 3_650)
    row = {"tenant_id": item.tenant_id, "message_id": item.recording_id, "mailbox": "101", "call_id": item.call_id}
    with world.db.begin() as connection:
        connection.execute(sa.insert(voicemail_message).values(**row, caller="102", seconds=1.0, left_at=0.0))
    os.utime(settings.recordings_dir / item.path, (0, 0))
    keeper(world, settings).round()
    assert (settings.recordings_dir / item.path).exists()
    with world.db.begin() as connection:
        connection.execute(sa.update(voicemail_message).values(deleted_at=1.0))
    keeper(world, settings).round()
    assert not (settings.recordings_dir / item.path).exists()


def test_a_store_that_is_down_loses_nothing(world: World, bucket: str) -> None:
    settings = remote(world, "http://127.0.0.1:9", local_copy_days=0.0)
    item = recorded(world, world.acme)
    retain(world, world.acme, 3_650)
    one = keeper(world, settings)
    one.round()
    assert one.tally.refusal and len(files(settings, item)) == 2
    again = keeper(world, remote(world, bucket))
    again.round()
    assert again.tally.stored_remotely == 1 and again.tally.refusal == ""


def test_a_directory_serves_as_object_store_too(world: World, tmp_path: Path) -> None:
    settings = load(world.settings.data, object_store_url=f"file://{tmp_path}/far")
    item = recorded(world, world.acme)
    keeper(world, settings).round()
    assert (tmp_path / "far" / item.path).read_bytes() == (settings.recordings_dir / item.path).read_bytes()


@pytest.mark.parametrize("url", ["s3://", "ftp://x/y", "file://relative", "nonsense"])
def test_an_address_that_cannot_be_meant_is_refused(world: World, url: str) -> None:
    with pytest.raises(ConfigError, match="object_store_url"):
        objects.configured(load(world.settings.data, object_store_url=url))


def test_registering_twice_is_harmless(world: World) -> None:
    item = recorded(world, world.acme)
    before = kept.used_bytes(world.db, world.acme.tenant_id)
    (record,) = [r for r in _recordings(world.settings) if r.recording_id == item.recording_id]
    kept.register(world.db, dataclasses.replace(record, started_at=record.started_at + timedelta(days=1)))
    assert kept.used_bytes(world.db, world.acme.tenant_id) == before


def _recordings(settings: Settings):
    for segment in feed.segments(settings.journal_dir):
        for line in feed.read(settings.journal_dir, segment):
            entry = feed.decode(line.raw)
            if entry.kind == "recording":
                yield entry.record
