"""Exports through the doors: everything a filter shows, opened again by what people open it with; nobody gets more than
his pages show him."""

from __future__ import annotations

import base64
import csv
import io
import json
import zipfile
from datetime import UTC, datetime

import duckdb
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from analytics import queries
from analytics.export.frozen import Stopped
from analytics.queries import conversations
from dashboard.web import exporting
from pbx_core.store import directory, sessions
from tests.support.web import csrf, listed

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cells(client, **params: str) -> list[dict[str, str]]:
    answer = client.get("/api/exports/calls.csv", params=params)
    assert answer.status_code == 200 and "attachment" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8"), newline="")))


def test_csv_holds_every_page_of_the_filter(browser, town) -> None:
    client = browser("owner@acme.test")
    for params in ({}, {"disposition": "answered"}, {"said": "boiler"}, {"since": "2001-01-01", "until": "2001-01-02"}):
        assert [r["call_id"] for r in cells(client, **params)] == [r["call_id"] for r in listed(client, **params)]


def test_nothing_in_a_csv_is_a_formula(browser, town) -> None:
    client = browser("owner@acme.test")
    shown = {r["call_id"]: r["caller_name"] for r in listed(client)}
    for row in cells(client):
        assert not [text for text in row.values() if text.startswith(FORMULA)]
        assert row["caller_name"].removeprefix("'") == shown[row["call_id"]].replace("\x00", "")


def test_times_stand_by_the_tenants_clocks_with_their_offset(browser, town) -> None:
    row = cells(browser("owner@acme.test"))[0]
    assert row["started_at"].endswith("+06:00")
    assert pd.Timestamp(row["started_at"]) == pd.Timestamp(town.acme_office.spoken.cdr.started_at)


def test_parquet_and_excel_hold_the_same_with_their_types(browser, town, tmp_path) -> None:
    client = browser("owner@acme.test")
    shown = listed(client)
    path = tmp_path / "calls.parquet"
    path.write_bytes(client.get("/api/exports/calls.parquet").content)
    table = pq.read_table(path)
    assert str(table.schema.field("started_at").type) == "timestamp[us, tz=UTC]"
    assert str(table.schema.field("voicemail").type) == "bool" and str(table.schema.field("talk_s").type) == "double"
    assert table["call_id"].to_pylist() == [r["call_id"] for r in shown]
    assert table["caller_name"].to_pylist() == [r["caller_name"] for r in shown]  # as it came
    total = duckdb.execute("SELECT sum(talk_s) FROM read_parquet(?)", [str(path)]).fetchall()[0][0]
    assert total == pytest.approx(sum(r["talk_s"] for r in shown))
    book = openpyxl.load_workbook(io.BytesIO(client.get("/api/exports/calls.xlsx").content))
    sheet = book["Calls"]
    head = [c.value for c in sheet[1]]
    rows = [dict(zip(head, row, strict=True)) for row in sheet.iter_rows(min_row=2)]
    assert [r["call_id"].value for r in rows] == [r["call_id"] for r in shown]
    assert {c.data_type for row in sheet.iter_rows(min_row=2) for c in row} <= {"s", "n", "d", "b"}  # no formula
    local = rows[0]["started_at (Asia/Bishkek)"].value
    utc = pd.Timestamp(local, tz="Asia/Bishkek").tz_convert("UTC")
    assert abs(utc - pd.Timestamp(town.acme_office.spoken.cdr.started_at)) < pd.Timedelta("1s")
    assert rows[0]["talk_s"].value == pytest.approx(town.acme_office.spoken.cdr.talk_s)


def test_an_agent_exports_his_own_calls_and_nobody_another_tenants(browser, town) -> None:
    mine = {r["call_id"] for r in cells(browser("agent@acme.test"))}
    all_ = {r["call_id"] for r in cells(browser("analyst@acme.test"))}
    birch = {r["call_id"] for r in cells(browser("owner@birch.test"))}
    assert mine < all_ and not all_ & birch
    assert mine == {r["call_id"] for r in listed(browser("agent@acme.test"))}


def test_what_was_taken_is_written_down_before_it_leaves(browser, town, context) -> None:
    count = len(cells(browser("analyst@acme.test"), disposition="answered"))
    with town.db.connect() as connection:
        rows = connection.execute(sa.text("SELECT tenant_id, object_id FROM audit WHERE action = 'exported'")).all()
    assert rows == [(town.acme.tenant_id, f"calls.csv rows={count} disposition=answered")]


def test_texts_come_as_a_zip_of_files_that_players_read(browser, town) -> None:
    client = browser("owner@acme.test")
    with zipfile.ZipFile(io.BytesIO(client.get("/api/exports/transcripts.vtt.zip").content)) as archive:
        assert archive.testzip() is None
        texts = {n: archive.read(n).decode() for n in archive.namelist()}
    recording = town.acme_office.spoken.recording
    (mine,) = [t for n, t in texts.items() if recording.recording_id in n]
    assert mine.startswith("WEBVTT\n") and "boiler" in mine and "<img" not in mine.replace("&lt;img", "")
    with zipfile.ZipFile(io.BytesIO(client.get("/api/exports/transcripts.srt.zip?said=boiler").content)) as archive:
        assert len(archive.namelist()) == len([r for r in listed(client, said="boiler") if r["recording_id"]])


def test_a_vcon_says_who_when_and_what(browser, town) -> None:
    client = browser("owner@acme.test")
    lines = client.get("/api/exports/calls.vcon.jsonl").text.splitlines()
    made = {json.loads(line)["uuid"].replace("-", ""): json.loads(line) for line in lines}
    assert list(made) == [r["call_id"] for r in listed(client)]
    spoken = made[town.acme_office.spoken.cdr.call_id]
    assert (spoken["vcon"], len(spoken["parties"]), spoken["dialog"][0]["type"]) == ("0.4.0", 2, "recording")
    assert spoken["parties"][0]["tel"] == "101" and spoken["dialog"][0]["parties"] == [0, 1]
    (transcript,) = spoken["analysis"]
    assert transcript["vendor"] and transcript["encoding"] == "json" and "boiler" in json.dumps(transcript["body"])
    assert "body" not in spoken["dialog"][0] and "url" not in spoken["dialog"][0]  # no HTTPS address to name
    missed = made[town.acme_office.missed.cdr.call_id]
    assert missed["dialog"] == [
        {"type": "incomplete", "start": missed["dialog"][0]["start"], "parties": [0, 1], "disposition": "no-answer"}
    ]


def test_one_call_as_a_vcon_with_its_sound(browser, town) -> None:
    client = browser("owner@acme.test")
    call_id = town.acme_office.spoken.cdr.call_id
    dialog = client.get(f"/api/calls/{call_id}/vcon?audio=embed").json()["dialog"][0]
    sound = base64.urlsafe_b64decode(dialog["body"] + "=" * (-len(dialog["body"]) % 4))
    assert sound == (town.settings.recordings_dir / town.acme_office.spoken.recording.path).read_bytes()
    assert dialog["content_hash"].startswith("sha512-") and dialog["mediatype"] == "audio/webm"
    named = browser("owner@acme.test", https=True).get(f"/api/calls/{call_id}/vcon").json()["dialog"][0]
    assert named["url"].startswith("https://") and named["content_hash"] == dialog["content_hash"]
    assert browser("owner@birch.test").get(f"/api/calls/{call_id}/vcon").status_code == 404


def test_too_many_at_once_are_refused_and_one_is_stopped(browser, town, context) -> None:
    client = browser("owner@acme.test")
    person = directory.person_by_email(town.db, "owner@acme.test")
    session = sessions.look(town.db, context.clock, _token(town), 3600)
    assert person and session
    runs = [context.exports.begin(session, "calls.csv") for _ in range(exporting.OF_ONE_MAX)]
    assert client.get("/api/exports/calls.csv").status_code == 429
    shown = client.get("/api/exports").json()["exports"]
    assert {r["run_id"] for r in shown} == {r.run_id for r in runs}
    address = f"/api/exports/{runs[0].run_id}"
    assert client.delete(address).status_code == 403  # without the token against foreign pages
    assert browser("owner@birch.test").get("/api/exports").json()["exports"] == []
    assert client.delete(address, headers=csrf(client)).status_code == 200
    with pytest.raises(Stopped):
        runs[0].tell(1)
    for run in runs:
        context.exports.end(run)
    assert client.get("/api/exports/calls.csv").status_code == 200
    assert not list((town.settings.run_dir / "exports").iterdir())  # nothing is left behind


def _token(town) -> str:
    with town.db.connect() as connection:
        return connection.execute(sa.text("SELECT token_sha256 FROM web_session ORDER BY created_at DESC")).scalar_one()


@pytest.mark.parametrize("name", ["calls.exe", "transcripts.json.zip", "calls"])
def test_what_cannot_be_exported_is_refused(browser, name: str) -> None:
    assert browser("owner@acme.test").get(f"/api/exports/{name}").status_code == 404


def test_a_filter_that_does_not_fit_exports_nothing(browser) -> None:
    assert browser("owner@acme.test").get("/api/exports/calls.csv?disposition=maybe").status_code == 400


def test_conversations_come_with_the_filter_of_their_page(browser, town, context, tmp_path) -> None:
    scope = queries.Scope(town.acme.tenant_id)
    since, until = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    frame, _ = conversations.conversations(context.reader(), scope, since, until, kind="reached", limit=500)
    client = browser("owner@acme.test")
    params = {"class": "reached", "since": since.isoformat(), "until": until.isoformat()}
    path = tmp_path / "conversations.parquet"
    path.write_bytes(client.get("/api/exports/conversations.parquet", params=params).content)
    table = pq.read_table(path)
    assert len(frame) and table["conversation_id"].to_pylist() == list(frame["conversation_id"])
    assert str(table.schema.field("agents").type).startswith("list<") and set(table["class"].to_pylist()) == {"reached"}
    text = client.get("/api/exports/conversations.csv", params=params).content.decode()
    assert len(list(csv.DictReader(io.StringIO(text, newline="")))) == len(frame)
    assert client.get("/api/exports/conversations.csv", params={"class": "maybe"}).status_code == 400
