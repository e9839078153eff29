"""Recordings: who hears them, how they are delivered, and that nothing else of the disk is."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import sqlalchemy as sa

from dashboard.web.context import Context
from pbx_core.clock import SystemClock
from pbx_core.domain.records import Disposition
from pbx_core.store import schema
from tests.support import facts, office

UNKNOWN = "0" * 32


def test_a_range_is_answered_with_just_these_bytes(browser, town) -> None:
    record = town.acme_office.spoken.recording
    client = browser("owner@acme.test")
    whole = client.get(f"/media/{record.recording_id}")
    assert whole.status_code == 200 and whole.headers["content-type"] == "audio/webm"
    assert whole.headers["accept-ranges"] == "bytes" and whole.headers["cache-control"] == "private, no-store"
    part = client.get(f"/media/{record.recording_id}", headers={"Range": "bytes=100-299"})
    assert part.status_code == 206 and part.content == whole.content[100:300]
    assert part.headers["content-range"] == f"bytes 100-299/{len(whole.content)}"
    tail = client.get(f"/media/{record.recording_id}", headers={"Range": "bytes=-50"})
    assert tail.status_code == 206 and tail.content == whole.content[-50:]
    beyond = client.get(f"/media/{record.recording_id}", headers={"Range": f"bytes={10**9}-"})
    assert beyond.status_code == 416
    head = client.head(f"/media/{record.recording_id}")
    assert head.status_code == 200 and int(head.headers["content-length"]) == len(whole.content)


def test_the_waveform_belongs_to_the_recording(browser, town) -> None:
    record = town.acme_office.spoken.recording
    peaks = browser("analyst@acme.test").get(f"/media/{record.recording_id}/peaks").json()
    assert peaks["version"] == 1 and len(peaks["caller"]) == len(peaks["callee"]) == int(record.duration_s * 20)
    assert max(peaks["caller"]) > 20


def test_m4a_is_made_on_demand_and_kept(browser, town, context: Context) -> None:
    record = town.acme_office.spoken.recording
    client = browser("owner@acme.test")
    answer = client.get(f"/media/{record.recording_id}?format=m4a", headers={"Range": "bytes=0-11"})
    assert answer.status_code == 206 and answer.headers["content-type"] == "audio/mp4"
    assert answer.content[4:8] == b"ftyp"
    assert list((context.settings.data / "cache").rglob(f"{record.recording_id}.m4a"))
    assert client.get(f"/media/{record.recording_id}?format=exe").status_code == 404


def test_unknown_foreign_and_out_of_scope_recordings_look_the_same(browser, town) -> None:
    theirs = town.birch_office.spoken.recording.recording_id
    not_the_agents = town.acme_office.other.recording.recording_id  # 102 → 103, the agent is 101
    for tail in ("", "/peaks", "?format=m4a"):
        seen = [
            browser("owner@acme.test").get(f"/media/{UNKNOWN}{tail}"),
            browser("owner@acme.test").get(f"/media/{theirs}{tail}"),
            browser("agent@acme.test").get(f"/media/{not_the_agents}{tail}"),
        ]
        assert {(a.status_code, a.text, str(sorted(a.headers.items()))) for a in seen} == {
            (404, seen[0].text, str(sorted(seen[0].headers.items())))
        }
    own = town.acme_office.spoken.recording.recording_id
    assert browser("agent@acme.test").get(f"/media/{own}").status_code == 200


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fcallbench.sqlite", "%2e%2e", "..\\..\\x", "a%00b", "A" * 32, "f" * 4096, "%E2%80%AEabc", "x.webm"],
)
def test_nothing_but_an_id_reaches_the_disk(browser, name: str) -> None:
    assert browser("owner@acme.test").get(f"/media/{name}").status_code == 404


@pytest.fixture(scope="session")
def wicked(town) -> dict[str, str]:
    """Recordings of acme whose path in the warehouse leads elsewhere; a name for each → its id."""
    clock, rng = SystemClock(), random.Random(3)
    root = town.settings.recordings_dir
    secret = town.settings.data / "secret.txt"
    secret.write_text("the secret")
    link = root / town.acme.tenant_id / "link.webm"
    link.symlink_to(secret)
    paths = {
        "outside": "../secret.txt",
        "absolute": str(secret),
        "neighbour": town.birch_office.spoken.recording.path,
        "link": f"{town.acme.tenant_id}/link.webm",
        "folder": town.acme.tenant_id,
        "gone": f"{town.acme.tenant_id}/2026/01/gone.webm",
    }
    calls, ids = [], {}
    for name, path in paths.items():
        call = facts.make_call(
            rng,
            town.acme,
            office.at(clock, 9999),
            disposition=Disposition.ANSWERED,
            talk_s=5.0,
            said=["x"],
            recorded=True,
        )
        assert call.recording is not None
        calls.append(replace(call, recording=replace(call.recording, path=path, peaks_path=path)))
        ids[name] = call.recording.recording_id
    facts.write(town.settings, clock, calls)
    office.load(town.settings)
    return ids


@pytest.mark.parametrize("name", ["outside", "absolute", "neighbour", "link", "folder", "gone"])
def test_a_path_that_leads_out_of_the_tenants_folder_is_not_followed(browser, wicked, name: str) -> None:
    client = browser("owner@acme.test")
    for tail in ("", "/peaks", "?format=m4a"):
        answer = client.get(f"/media/{wicked[name]}{tail}")
        assert answer.status_code == 404 and "secret" not in answer.text


def test_a_damaged_recording_gets_a_clear_answer(browser, town) -> None:
    record = town.acme_office.other.recording
    path = town.settings.recordings_dir / record.path
    kept = path.read_bytes()
    path.write_bytes(b"this is no sound")
    try:
        answer = browser("owner@acme.test").get(f"/media/{record.recording_id}?format=m4a")
        assert 400 <= answer.status_code < 500 and answer.json()["message"]
    finally:
        path.write_bytes(kept)


def test_listening_is_written_down_once_in_ten_minutes_and_session(browser, town, context: Context, clock) -> None:
    record = town.acme_office.spoken.recording
    client = browser("analyst@acme.test")

    def heard() -> list[tuple[str, str]]:
        rows = sa.select(schema.audit).where(schema.audit.c.action == "listened").order_by(schema.audit.c.id)
        with context.db.connect() as connection:
            return [(r.person_id, r.object_id) for r in connection.execute(rows)]

    for start in (0, 100, 200):
        client.get(f"/media/{record.recording_id}", headers={"Range": f"bytes={start}-"})
    client.get(f"/media/{record.recording_id}/peaks")
    client.head(f"/media/{record.recording_id}")
    me = client.get("/api/me").json()["person_id"]
    assert heard() == [(me, record.recording_id)]
    browser("analyst@acme.test").get(f"/media/{record.recording_id}")
    assert len(heard()) == 2
    clock.ahead += type(clock.ahead)(minutes=11)
    client.get(f"/media/{record.recording_id}")
    assert len(heard()) == 3
    client.get(f"/media/{UNKNOWN}")
    assert len(heard()) == 3
