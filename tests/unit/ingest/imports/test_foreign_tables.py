"""MikoPBX's and FusionPBX's tables: read without touching them, whatever stands in them."""

from __future__ import annotations

import csv
import hashlib
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest.imports import zone
from ingest.imports.formats import fusionpbx, mikopbx
from ingest.imports.raw import Bad, Evidence, Format
from pbx_core.errors import InputError
from tests.support import foreign_logs as foreign
from tests.support.foreign_logs import AT, uuid


def _read(form: Format, path: Path, found: Evidence | None) -> tuple[list[dict[str, Any]], list[Bad]]:
    assert found is not None
    reads = list(form.read(path, path.name, found if found.zone else replace(found, zone="Europe/Berlin")))
    return [row for r in reads for row in r.rows.to_pylist()], [bad for r in reads for bad in r.bad]


def _miko(tmp_path: Path, *rows: dict[str, Any]) -> Path:
    return foreign.table_file(tmp_path / "cdr.db", mikopbx.TABLE, list(rows))


def test_a_row_of_mikopbx_tells_trunk_agent_and_times(tmp_path: Path) -> None:
    path = _miko(tmp_path, foreign.mikopbx_row(1, recordingfile="/storage/x.mp3"))
    (row,), bad = _read(mikopbx.FORMAT, path, mikopbx.FORMAT.sniff(path))
    assert not bad
    assert (row["direction"], row["trunk_id"], row["agent"], row["did"]) == ("inbound", "SIP-TRUNK-1", "201", "4930999")
    times = tuple(row[name].timestamp() for name in ("started_at", "answered_at", "ended_at"))
    assert times == pytest.approx((AT + 100.123, AT + 105.123, AT + 160.123))
    assert (row["disposition"], row["recording"], row["line"]) == ("answered", "/storage/x.mp3", 1)


def test_the_zone_of_mikopbx_is_told_by_its_unique_ids(tmp_path: Path) -> None:
    path = _miko(tmp_path, *(foreign.mikopbx_row(i) for i in range(20)))
    found = mikopbx.FORMAT.sniff(path)
    assert found and found.zone is None
    assert zone.decide(found.clock, "Europe/Berlin").zone == "Europe/Berlin"


def test_the_hour_that_comes_twice_is_told_apart_by_the_unique_id(tmp_path: Path) -> None:
    before = 1_792_890_000 - 1800  # half an hour before Berlin's clock goes back, and the same clock an hour later
    rows = [
        foreign.mikopbx_row(
            i, start=foreign.stamp(at), endtime=foreign.stamp(at), answer="", UNIQUEID=f"mikopbx-{at}.{i}_x"
        )
        for i, at in enumerate((before, before + 3600))
    ]
    assert rows[0]["start"] == rows[1]["start"]
    path = _miko(tmp_path, *rows)
    found, _ = _read(mikopbx.FORMAT, path, mikopbx.FORMAT.sniff(path))
    assert [row["started_at"].timestamp() for row in found] == [before, before + 3600]


def test_an_application_of_mikopbx_is_nobody_of_ours(tmp_path: Path) -> None:
    path = _miko(tmp_path, foreign.mikopbx_row(1, is_app="1", appname="queue", dst_num="2200", dst_chan="App:2200"))
    (row,), _ = _read(mikopbx.FORMAT, path, mikopbx.FORMAT.sniff(path))
    assert (row["queue"], row["agent"], row["peer_channel"]) == ("2200", None, "")


def test_what_another_process_has_not_yet_put_into_the_file_is_read_and_nothing_is_touched(tmp_path: Path) -> None:
    path = _miko(tmp_path, foreign.mikopbx_row(1))
    with closing(sqlite3.connect(path)) as con:
        con.execute("PRAGMA journal_mode=WAL")
        con.execute(f"UPDATE {mikopbx.TABLE} SET src_name = 'late'")  # noqa: S608
        con.commit()
        before = {
            p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in tmp_path.iterdir() if p.suffix != ".db-shm"
        }
        (row,), _ = _read(mikopbx.FORMAT, path, mikopbx.FORMAT.sniff(path))
        after = {
            p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in tmp_path.iterdir() if p.suffix != ".db-shm"
        }
    assert row["src_name"] == "late"
    assert after == before


def test_odd_values_of_mikopbx_are_put_aside_or_made_text(tmp_path: Path) -> None:
    path = _miko(
        tmp_path,
        foreign.mikopbx_row(1, start="yesterday"),
        foreign.mikopbx_row(2, UNIQUEID=None),
        foreign.mikopbx_row(3, src_name="Анна".encode("cp1251")),
        foreign.mikopbx_row(4, duration="long", src_name="a\0b"),
        foreign.mikopbx_row(5, start="1970-01-01 00:00:00"),
    )
    rows, bad = _read(mikopbx.FORMAT, path, mikopbx.FORMAT.sniff(path))
    assert [(row["line"], row["src_name"]) for row in rows] == [(3, "Анна"), (4, "ab")]
    assert [(one.line, one.reason.split(":")[0]) for one in bad] == [
        (1, "the start is no time"),
        (2, "no unique id"),
        (5, "the clock was not set"),
    ]


def test_a_torn_database_is_refused_or_not_taken_for_one(tmp_path: Path) -> None:
    path = _miko(tmp_path, *(foreign.mikopbx_row(i) for i in range(500)))
    whole, found = path.read_bytes(), mikopbx.FORMAT.sniff(path)
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(InputError, match="cannot be read as a SQLite database"):
        _read(mikopbx.FORMAT, path, found)
    path.write_bytes(whole[:3000])
    assert mikopbx.FORMAT.sniff(path) is None
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 9000)
    assert mikopbx.FORMAT.sniff(path) is None and fusionpbx.FORMAT.sniff(path) is None


FUSION = [
    foreign.fusionpbx_row(1, record_path="/var/rec/a.example/archive/2026/März/01", record_name=f"{uuid(1)}.wav"),
    foreign.fusionpbx_row(2, bridge_uuid="", last_app="voicemail", voicemail_message="true"),
    foreign.fusionpbx_row(3, cc_queue="support@a.example", cc_side="member", cc_queue_joined_epoch=AT + 301,
                          cc_queue_canceled_epoch=AT + 341, cc_cancel_reason="BREAK_OUT", bridge_uuid=""),
    foreign.fusionpbx_row(4, cc_queue="support@a.example", cc_side="agent", cc_agent_bridged="true",
                          cc_member_session_uuid=uuid(1), destination_number="1007"),
    foreign.fusionpbx_row(5, caller_id_name='B, "C"\nD', hangup_cause="USER_BUSY", answer_epoch="", billsec=0),
    foreign.fusionpbx_row(6, start_epoch="never"),
]  # fmt: skip


def _fusion(tmp_path: Path, kind: str, rows: list[dict[str, Any]]) -> Path:
    if kind == "sqlite":
        return foreign.table_file(tmp_path / "fusionpbx.db", fusionpbx.TABLE, rows)
    if kind == "dump":
        return foreign.postgres_dump(tmp_path / "fusionpbx.sql", fusionpbx.TABLE, rows)
    path = tmp_path / "v_xml_cdr.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("kind", ["csv", "sqlite", "dump"])
def test_fusionpbx_tells_queues_voicemail_recordings_and_quality(tmp_path: Path, kind: str) -> None:
    path = _fusion(tmp_path, kind, FUSION)
    found = fusionpbx.FORMAT.sniff(path)
    assert found and found.zone == "UTC" and found.sure == 1.0
    rows, bad = _read(fusionpbx.FORMAT, path, found)
    by_id = {row["unique_id"]: row for row in rows}
    first = by_id[uuid(1)]
    assert first["recording"].endswith(f"/März/01/{uuid(1)}.wav")
    assert (first["mos"], first["hangup_party"], first["did"], first["peer_channel"]) == (
        4.41,
        "callee",
        "+4930999",
        None,
    )
    assert (by_id[uuid(2)]["voicemail"], by_id[uuid(2)]["peer_channel"]) == (True, "")
    third = by_id[uuid(3)]
    assert (third["queue"], third["queue_wait_s"], third["queue_result"]) == ("support", 40.0, "abandoned")
    assert (by_id[uuid(4)]["linked_id"], by_id[uuid(4)]["agent"]) == (uuid(1), "1007")
    assert (by_id[uuid(5)]["disposition"], by_id[uuid(5)]["src_name"]) == ("busy", 'B, "C"\nD')
    assert [one.reason for one in bad] == ["the start is no time"]


@pytest.mark.parametrize("kind", ["csv", "sqlite", "dump"])
def test_of_several_domains_a_person_chooses_one(tmp_path: Path, kind: str) -> None:
    rows = [foreign.fusionpbx_row(1), foreign.fusionpbx_row(2, domain_name="b.example")]
    path = _fusion(tmp_path, kind, rows)
    found = fusionpbx.FORMAT.sniff(path)
    assert found and found.sure < 0.7
    assert set(found.options) == {f"{kind}:a.example", f"{kind}:b.example", f"{kind}:*"}
    taken, _ = _read(fusionpbx.FORMAT, path, replace(found, variant=f"{kind}:b.example"))
    assert [row["unique_id"] for row in taken] == [uuid(2)]


def test_a_dump_that_was_cut_keeps_its_rows_and_says_so(tmp_path: Path) -> None:
    path = _fusion(tmp_path, "dump", [foreign.fusionpbx_row(n) for n in range(5)])
    found = fusionpbx.FORMAT.sniff(path)
    whole = path.read_text()
    path.write_text(whole[: whole.index(uuid(4)) + 80])
    rows, bad = _read(fusionpbx.FORMAT, path, found)
    assert [row["unique_id"] for row in rows] == [uuid(n) for n in range(4)]
    assert len(bad) == 2
    assert bad[0].reason.startswith("the row has ") and bad[1].reason == "the dump ends in the middle of the table"
    line = 1 + whole[: whole.index(uuid(4))].count("\n")
    assert [b.line for b in bad] == [line, line]
