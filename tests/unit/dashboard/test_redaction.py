"""A card number said in a real call: who has no right to originals never gets it, in text or in sound, by any route.

`tests/support/card.flac` was spoken by flite (voices slt and rms): the caller says 4539 1488, the callee "Go on
please", the caller 0343 6467; asked for the code on the back, he says 271. Left the caller.
"""

from __future__ import annotations

import io
import json
import random
import re
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import sqlalchemy as sa
from click.testing import CliRunner

from analytics import transcript
from analytics.after import STEPS, Conversation
from analytics.redact import HIDDEN
from dashboard.web import redacted
from dashboard.web.context import Context
from ingest import audio
from pbx_core.cli import callbench
from pbx_core.clock import SystemClock
from pbx_core.domain.model import Model
from pbx_core.domain.model_speech import Redaction, Speech
from pbx_core.domain.records import Disposition, Party, RecordingRecord
from pbx_core.errors import InputError, Unavailable
from pbx_core.feed import Journal
from pbx_core.store import directory, jobs, models, schema
from tests.support import facts, office, speech
from tests.support.waiting import until

NUMBER_S = ((5.9, 8.4), (10.4, 13.2), (16.6, 17.3))  # where the digits are spoken
OTHER_S = ((0.9, 4.4), (9.0, 9.7), (14.0, 15.8), (18.1, 20.9))
DIGITS = re.compile(r"(?<![\w.])(4539\w*|1488|0343|6467|271)(?!\w)")  # not those of ids and fractions
MODEL = Model(speech=Speech(redact=Redaction(cards=True)))


@dataclass(frozen=True)
class Shop:
    """A tenant that hides card numbers. spoken: the call; silent: its words are not known."""

    tenant: directory.Tenant
    spoken: RecordingRecord
    silent: RecordingRecord
    said: str


def record_of(call: facts.Call, length_s: float) -> RecordingRecord:
    assert call.recording is not None
    return replace(call.recording, duration_s=length_s, sha256="5" * 64)


@pytest.fixture(scope="module")
def shop(town) -> Shop:
    """Recorded, recognised by the real engine, looked through by the steps after it, read by ingest."""
    clock, rng = SystemClock(), random.Random(11)
    tenant = directory.add_tenant(town.db, clock, "Cedar Shop", "cedar.test")
    for role in ("owner", "manager"):
        directory.add_person(town.db, clock, tenant.tenant_id, f"{role}@cedar.test", role, role, "correct horse cedar")
    trusted = directory.add_person(
        town.db, clock, tenant.tenant_id, "trusted@cedar.test", "T", "analyst", "correct horse cedar"
    )
    directory.set_originals(town.db, tenant.tenant_id, trusted.person_id, True)
    models.apply(town.db, clock, tenant.tenant_id, MODEL, "test", "redaction")
    narrow = soundfile.read(Path(speech.__file__).with_name("card.flac"), dtype="float32")[0]
    samples = np.fft.irfft(np.fft.rfft(narrow, axis=0), 2 * len(narrow), axis=0).astype(np.float32) * 2
    length_s = len(samples) / transcript.asr.RATE
    wish = {"disposition": Disposition.ANSWERED, "talk_s": length_s, "said": ["x"], "recorded": True}
    calls = [facts.make_call(rng, tenant, office.at(clock, n), **wish) for n in (5, 9)]
    spoken, silent = (record_of(call, length_s) for call in calls)
    for record in (spoken, silent):
        path = town.settings.recordings_dir / record.path
        speech.write_webm(path, samples)
        peaks = {"version": 1, "per_s": 20, "caller": [50] * int(length_s * 20), "callee": [40] * int(length_s * 20)}
        (town.settings.recordings_dir / record.peaks_path).write_text(json.dumps(peaks))
    subject = transcript.Subject(spoken.recording_id, spoken.call_id, tenant.tenant_id)
    speaking = transcript.listen(samples)
    heard = transcript.transcribe(subject, samples, speaking, ("en",), speech.recogniser(), lambda share: None)
    turns = transcript.turns_record(subject, speaking)
    made = [replace(calls[0], recording=spoken, turns=turns, transcript=heard)]
    made.append(replace(calls[1], recording=silent, turns=None, transcript=None))
    facts.write(town.settings, clock, made)
    journal = Journal(town.settings.journal_dir, "transcribe-7", clock)
    told = Conversation(heard, turns, samples, MODEL, Party.CALLEE, "inbound")
    for step in STEPS:
        for kind, record in step(told):
            journal.append(kind, record.recording_id, record.tenant_id, record)
    journal.close()
    office.load(town.settings)
    return Shop(tenant, spoken, silent, " ".join(u.text for u in heard.utterances))


def loudness(path: Path, start_s: float, end_s: float) -> tuple[float, float]:
    """Level of caller and callee in dBFS."""
    samples, rate = audio.decode(path)
    part = samples[round(start_s * rate) : round(end_s * rate)]
    caller, callee = 20 * np.log10(np.sqrt((part**2).mean(axis=0)) + 1e-9)
    return float(caller), float(callee)


def original(town, record: RecordingRecord) -> Path:
    return town.settings.recordings_dir / record.path


def noted(context: Context, action: str) -> int:
    with context.db.connect() as connection:
        count = sa.select(sa.func.count()).where(schema.audit.c.action == action)
        return connection.scalar(count) or 0


def test_the_engine_wrote_the_number_down(shop: Shop) -> None:
    assert len(DIGITS.findall(shop.said)) >= 3


@pytest.mark.parametrize("who", ["owner", "manager"])
def test_without_the_right_the_number_is_silent_and_everything_else_is_as_it_was(
    browser, town, shop: Shop, tmp_path: Path, who: str
) -> None:
    answer = browser(f"{who}@cedar.test").get(f"/media/{shop.spoken.recording_id}")
    assert answer.status_code == 200 and answer.headers["cache-control"] == "private, no-store"
    got = tmp_path / "got.webm"
    got.write_bytes(answer.content)
    for start_s, end_s in NUMBER_S:
        assert max(loudness(got, start_s, end_s)) < -60 < max(loudness(original(town, shop.spoken), start_s, end_s))
    for start_s, end_s in OTHER_S:
        there, here = loudness(original(town, shop.spoken), start_s, end_s), loudness(got, start_s, end_s)
        assert max(here) == pytest.approx(max(there), abs=1.0)
    assert len(audio.decode(got)[0]) == len(audio.decode(original(town, shop.spoken))[0])


def test_no_byte_of_the_original_by_any_route(browser, town, shop: Shop, tmp_path: Path) -> None:
    client, address = browser("manager@cedar.test"), f"/media/{shop.spoken.recording_id}"
    whole = client.get(address).content
    assert whole != original(town, shop.spoken).read_bytes()
    for wanted in ("bytes=0-", "bytes=1000-2999", "bytes=-500", "bytes=0-99,200-299"):
        part = client.get(address, headers={"Range": wanted})
        assert part.status_code == 206
        if "," not in wanted:
            first = int(part.headers["content-range"].split()[1].split("-")[0])
            assert part.content == whole[first : first + len(part.content)]
    assert int(client.head(address).headers["content-length"]) == len(whole)
    again = client.get(address, headers={"If-None-Match": client.get(address).headers["etag"]})
    assert again.content in (whole, b"")
    m4a = tmp_path / "got.m4a"
    m4a.write_bytes(client.get(f"{address}?format=m4a").content)
    for start_s, end_s in NUMBER_S:
        assert max(loudness(m4a, start_s, end_s)) < -60
    assert max(loudness(m4a, *OTHER_S[0])) > -40
    peaks = client.get(f"{address}/peaks").json()
    for start_s, end_s in NUMBER_S:
        points = slice(int(start_s * 20), int(end_s * 20))
        assert not any(peaks["caller"][points]) and not any(peaks["callee"][points])
    assert set(peaks["caller"][20:80]) == {50} and len(peaks["caller"]) == int(shop.spoken.duration_s * 20)
    assert not list(town.settings.m4a_dir.rglob(f"{shop.spoken.recording_id}*"))


def test_the_text_shows_what_is_hidden_and_nothing_tells_what_it_was(browser, shop: Shop) -> None:
    client = browser("manager@cedar.test")
    detail = client.get(f"/api/calls/{shop.spoken.call_id}")
    texts = [detail.text]
    texts += [
        client.get(f"/api/calls/{shop.spoken.call_id}/transcript?format={f}").text
        for f in ("txt", "vtt", "srt", "json")
    ]
    texts.append(client.get(f"/api/calls/{shop.spoken.call_id}/edits").text)
    for text in texts:
        assert not DIGITS.search(text)
    assert all(HIDDEN in text and "parcel" in text for text in texts[:5])
    assert detail.json()["redaction"]["state"] == "hidden"
    words = [w for u in detail.json()["transcript"]["utterances"] for w in u["words"] if w["text"] == HIDDEN]
    assert words and all(w["end_s"] > w["start_s"] for w in words)


def test_exports_hide_it_too_and_give_no_original(browser, town, context, shop: Shop) -> None:
    def taken(who: str) -> tuple[str, dict[str, Any]]:
        client = browser(f"{who}@cedar.test")
        texts = []
        for form in ("vtt", "txt"):
            with zipfile.ZipFile(io.BytesIO(client.get(f"/api/exports/transcripts.{form}.zip").content)) as archive:
                texts += [archive.read(name).decode() for name in archive.namelist()]
        lines = client.get("/api/exports/calls.vcon.jsonl?audio=embed").text.splitlines()
        made = {json.loads(line)["attachments"][0]["body"]["call_id"]: json.loads(line) for line in lines}
        said = [json.dumps(a, ensure_ascii=False) for m in made.values() for a in m.get("analysis", [])]
        return "\n".join([*texts, *said]), made

    text, made = taken("manager")
    assert not DIGITS.search(text) and HIDDEN in text and "parcel" in text
    assert all("body" not in d and "url" not in d for m in made.values() for d in m["dialog"])  # no sound
    spoken = made[shop.spoken.call_id]
    assert spoken["redacted"]["uuid"].replace("-", "") == shop.spoken.call_id != spoken["uuid"].replace("-", "")
    text, made = taken("trusted")
    assert len(DIGITS.findall(text)) >= 3 and "redacted" not in made[shop.spoken.call_id]
    assert made[shop.spoken.call_id]["dialog"][0]["content_hash"].startswith("sha512-")
    with context.db.connect() as connection:
        notes = connection.scalars(sa.select(schema.audit.c.object_id).where(schema.audit.c.action == "exported")).all()
    assert sum("originals" in n for n in notes) == 3 and sum("audio" in n for n in notes) == 2


def test_words_that_are_hidden_are_not_put_right_nor_found(browser, shop: Shop) -> None:
    client, trusted = browser("manager@cedar.test"), browser("trusted@cedar.test")
    detail = client.get(f"/api/calls/{shop.spoken.call_id}").json()
    secret = next(u for u in detail["transcript"]["utterances"] if HIDDEN in u["text"])
    edit = {
        "recording_id": shop.spoken.recording_id, "kind": "text", "reference": secret["reference"],
        "party": secret["party"], "text": "nothing", "seen": "",
    }  # fmt: skip
    token = {"X-CSRF-Token": client.get("/api/me").json()["csrf"], "Idempotency-Key": "k" * 32}
    assert client.post(f"/api/calls/{shop.spoken.call_id}/edits", json=edit, headers=token).status_code == 403
    for said, found in (("4539", False), ("0343 6467", False), ("parcel", True)):
        assert [bool(c.get(f"/api/calls?said={said}").json()["calls"]) for c in (client, trusted)] == [found, True]


def test_a_comment_with_the_number_is_read_by_those_with_the_right_only(browser, shop: Shop) -> None:
    client = browser("manager@cedar.test")
    token = {"X-CSRF-Token": client.get("/api/me").json()["csrf"], "Idempotency-Key": "c" * 32}
    body = {"text": "his card is 4539 1488 0343 6467, call back", "at_s": 1.0}
    assert "4539" not in client.post(f"/api/calls/{shop.spoken.call_id}/comments", json=body, headers=token).text
    shown = [browser(f"{who}@cedar.test").get(f"/api/calls/{shop.spoken.call_id}").json()["comments"][0]["text"]
             for who in ("owner", "trusted")]  # fmt: skip
    assert shown == [f"his card is {' '.join([HIDDEN] * 4)} call back", body["text"]]


def test_with_the_right_the_original_comes_and_that_is_written_down(browser, town, context, shop: Shop) -> None:
    client, address = browser("trusted@cedar.test"), f"/media/{shop.spoken.recording_id}"
    assert client.get(address).content == original(town, shop.spoken).read_bytes()
    assert client.get(address, headers={"Range": "bytes=0-9"}).status_code == 206
    assert set(client.get(f"{address}/peaks").json()["caller"]) == {50}
    detail = client.get(f"/api/calls/{shop.spoken.call_id}").json()
    assert detail["redaction"]["state"] == "original" and "4539" in json.dumps(detail["transcript"])
    assert (noted(context, "listened_original"), noted(context, "read_original")) == (1, 1)
    browser("manager@cedar.test").get(address)
    assert (noted(context, "listened"), noted(context, "listened_original")) == (2, 1)


def test_words_that_nobody_knows_are_not_played_to_who_has_no_right(browser, town, context, shop: Shop) -> None:
    client, address = browser("owner@cedar.test"), f"/media/{shop.silent.recording_id}"
    routes = (address, f"{address}?format=m4a", f"{address}/peaks")
    for route in routes:
        answer = client.get(route, headers={"Range": "bytes=0-99"})
        assert answer.status_code == 403 and answer.json()["error"] == "not_redacted"
    assert client.get(f"/api/calls/{shop.silent.call_id}").json()["redaction"]["state"] == "unknown"
    payload = {"recording_id": shop.silent.recording_id, "call_id": shop.silent.call_id, "path": shop.silent.path}
    jobs.enqueue(context.db, context.clock, "transcribe", shop.silent.recording_id, shop.tenant.tenant_id, payload)
    for route in routes:
        answer = client.get(route)
        assert answer.status_code == 503 and answer.json()["error"] == "being_prepared"
        assert answer.headers["retry-after"] == "5"
    assert browser("trusted@cedar.test").get(address).content == original(town, shop.silent).read_bytes()


@pytest.fixture
def busy(context: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[redacted.Copies, threading.Event]]:
    """Copies whose maker does something else until the event is set."""
    monkeypatch.setattr(redacted, "WAIT_S", 0.05)
    copies, free = redacted.Copies(context), threading.Event()
    copies._worker.submit(free.wait, 60)
    yield copies, free
    free.set()
    copies._worker.shutdown()


def test_until_the_copy_is_made_there_is_nothing(town, shop: Shop, busy) -> None:
    copies, free = busy
    source = original(town, shop.silent)
    assert copies.of(shop.silent, source, [(1.0, 2.0)]) is None
    free.set()
    first = until(lambda: copies.of(shop.silent, source, [(1.0, 2.0)]), timeout_s=60, what="the copy")
    second = until(lambda: copies.of(shop.silent, source, [(1.0, 3.0)]), timeout_s=60, what="another copy")
    assert second.is_file() and not first.exists(), "of other stretches another, and only that"
    assert second.parent == town.settings.redacted_dir / shop.tenant.tenant_id
    assert not second.is_relative_to(town.settings.recordings_dir)


def test_what_is_deleted_while_its_copy_is_made_leaves_none(town, shop: Shop, busy) -> None:
    copies, free = busy
    gone = original(town, shop.silent).with_name("gone.webm")
    gone.write_bytes(original(town, shop.silent).read_bytes())
    assert copies.of(replace(shop.silent, recording_id="e" * 32), gone, [(1.0, 2.0)]) is None
    gone.unlink()
    free.set()
    copies._worker.shutdown()
    assert not list(town.settings.redacted_dir.rglob("e" * 32 + "*"))


def test_too_many_that_wait_are_refused(town, shop: Shop, busy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redacted, "PENDING_MAX", 1)
    source = original(town, shop.silent)
    assert busy[0].of(shop.silent, source, [(4.0, 5.0)]) is None
    with pytest.raises(Unavailable):
        busy[0].of(shop.silent, source, [(5.0, 6.0)])


def test_a_damaged_original_is_said_to_be_so(town, context: Context, shop: Shop, tmp_path: Path) -> None:
    broken = tmp_path / "broken.webm"
    broken.write_bytes(b"this is no sound")
    with pytest.raises(InputError):
        redacted.Copies(context).of(replace(shop.silent, recording_id="d" * 32), broken, [(1.0, 2.0)])
    assert not list(town.settings.redacted_dir.rglob("d" * 32 + "*"))


def test_where_nothing_is_hidden_nothing_changes(browser, town) -> None:
    record = town.acme_office.spoken.recording
    for who in ("owner", "agent"):
        client = browser(f"{who}@acme.test")
        assert client.get(f"/media/{record.recording_id}").content == original(town, record).read_bytes()
        assert client.get(f"/api/calls/{record.call_id}").json()["redaction"] == {"state": "open", "message": ""}


def test_a_new_wish_hides_at_once_and_after_the_command_the_search_goes_by_it(browser, town, context, shop) -> None:
    wider = replace(MODEL, speech=Speech(redact=Redaction(cards=True, names=("Parcel",))))
    models.apply(context.db, context.clock, shop.tenant.tenant_id, wider, "test", "a name more")
    client = browser("manager@cedar.test")

    def found(said: str) -> bool:
        return bool(client.get(f"/api/calls?said={said}").json()["calls"])

    assert "parcel" not in client.get(f"/api/calls/{shop.spoken.call_id}/transcript").text
    assert not found("order") and not found("parcel"), "nobody has looked for the new name yet"
    done = CliRunner().invoke(callbench, ["--data", str(town.settings.data), "redact", "cedar.test"])
    assert done.exit_code == 0 and "1 recordings" in done.output, done.output
    office.load(town.settings)
    again = CliRunner().invoke(callbench, ["--data", str(town.settings.data), "redact", "cedar.test"])
    assert "0 recordings" in again.output
    assert found("order") and not found("parcel")
    refused = CliRunner().invoke(callbench, ["--data", str(town.settings.data), "redact", "acme.test"])
    assert "nothing to do" in str(refused.exception)
