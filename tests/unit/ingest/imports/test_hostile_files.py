"""Every format against files that were cut, overwritten, or are not what their name says: nothing but InputError."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from ingest.imports import formats
from ingest.imports.raw import RAW_LEG
from pbx_core.errors import InputError
from tests.support import foreign_logs as foreign
from tests.support.offices import cel, draw, people
from tests.support.offices.calls import Call

TRIES = 8  # damaged copies of each file


def _csv(rows: list[dict[str, object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _database(path: Path, table: str, row: Callable[[int], dict[str, object]]) -> bytes:
    return foreign.table_file(path, table, [row(i) for i in range(200)]).read_bytes()


def _calls() -> list[Call]:
    office = people.Office("acme", "Europe/Berlin", "t")
    return draw.plan(office, 3, people_outside=4, grain_s=1.0, plain=True).calls


MAKE: dict[str, Callable[[Path], bytes]] = {
    "queue_log": lambda p: b"100000340|C.1|s|NONE|ENTERQUEUE||1|1\n100000355|C.1|s|A|CONNECT|15|X.1|4\n" * 20,
    "cel.csv": lambda p: cel.master(cel.events(_calls())).encode(),
    "Master.csv": lambda p: "\n".join(foreign.freeswitch_line(i) for i in range(40)).encode(),
    "a.json": lambda p: json.dumps(foreign.freeswitch_record(1)).encode(),
    "a.xml": lambda p: foreign.freeswitch_xml(foreign.freeswitch_record(1)).encode(),
    "cdr.db": lambda p: _database(p, "cdr_general", foreign.mikopbx_row),
    "fusion.sql": lambda p: foreign.postgres_dump(
        p, "v_xml_cdr", [foreign.fusionpbx_row(i) for i in range(20)]
    ).read_bytes(),
    "fusion.db": lambda p: _database(p, "v_xml_cdr", foreign.fusionpbx_row),
    "v_xml_cdr.csv": lambda p: _csv([foreign.fusionpbx_row(i) for i in range(20)]),
    "a.vcon": lambda p: json.dumps({
        "vcon": "0.4.0", "uuid": "u", "parties": [{"tel": "1"}, {"tel": "2"}],
        "dialog": [{"type": "recording", "start": "2026-03-01T10:00:00Z", "duration": 3, "parties": [0, 1]}],
    }).encode(),
}  # fmt: skip


def _damaged(whole: bytes, rng: Random) -> bytes:
    """Cut, some bytes replaced, a stretch of zeros, or lines in disorder."""
    match rng.randrange(4):
        case 0:
            return whole[: rng.randrange(len(whole))]
        case 1:
            out = bytearray(whole)
            for _ in range(1 + len(out) // 200):
                out[rng.randrange(len(out))] = rng.randrange(256)
            return bytes(out)
        case 2:
            at = rng.randrange(len(whole))
            return whole[:at] + b"\0" * 4096 + whole[at + 4096 :]
    parts = whole.split(b"\n")
    rng.shuffle(parts)
    return b"\n".join(parts)


@pytest.mark.parametrize("name", MAKE)
def test_a_damaged_file_gives_rows_bad_rows_or_a_refusal(tmp_path: Path, name: str) -> None:
    rng = Random(name)
    path = tmp_path / name
    whole = MAKE[name](path)
    path.write_bytes(whole)
    known = {form.name: found for form in formats.installed().values() if (found := form.sniff(path))}
    assert known
    for _ in range(TRIES):
        path.write_bytes(_damaged(whole, rng))
        for form in formats.installed().values():
            found = form.sniff(path) or known.get(form.name)
            if found is None:
                continue
            try:
                reads = list(form.read(path, name, replace(found, zone=found.zone or "Europe/Berlin")))
            except InputError:
                continue
            for read in reads:
                assert read.rows.schema == RAW_LEG
                read.rows.validate(full=True)
                assert all(bad.line >= 0 and bad.reason for bad in read.bad)


@pytest.mark.parametrize("odd", ["1e308", "-5", "inf", "nan", "99999999999999999999", "0x10", "", "1" * 400])
def test_odd_numbers_leave_the_calendar_alone(tmp_path: Path, odd: str) -> None:
    fusion = ("start_epoch", "answer_epoch", "duration", "billsec", "cc_queue_joined_epoch", "rtp_audio_in_mos")
    content = {
        "Master.csv": "\n".join(foreign.freeswitch_line(1, **{k: odd}) for k in ("duration", "billsec")).encode(),
        "queue_log": f"100000340|C|s|NONE|ENTERQUEUE||1|1\n100000355|C|s|A|CONNECT|{odd}|X.1|{odd}\n"
        f"100000360|C|s|A|COMPLETEAGENT|{odd}|{odd}|1\n100000361|D|s|NONE|ABANDON|1|1|{odd}\n"
        f"100000362|E|s|B|RINGNOANSWER|{odd}\n".encode(),
        "v_xml_cdr.csv": _csv([foreign.fusionpbx_row(i, **{k: odd}) for i, k in enumerate(fusion)]),
    }
    for name, raw in content.items():
        (tmp_path / name).write_bytes(raw)
    miko = [foreign.mikopbx_row(i, **{k: odd}) for i, k in enumerate(("duration", "billsec", "endtime", "answer"))]
    foreign.table_file(tmp_path / "cdr.db", "cdr_general", miko)
    for path in sorted(tmp_path.iterdir()):
        found, form = next((f, form) for form in formats.installed().values() if (f := form.sniff(path)))
        for read in form.read(path, path.name, replace(found, zone=found.zone or "Europe/Berlin")):
            for row in read.rows.to_pylist():
                assert 1972 < row["started_at"].year < 2030
                assert all(
                    row[name] is None or 0 <= row[name] < 1e9 for name in ("duration_s", "bill_s", "queue_wait_s")
                )
