"""Asterisk's Master.csv and FreePBX's call records: every variant of their columns, days on which the clock changes,
rows that cannot be calls."""

from __future__ import annotations

import csv
import io
import zoneinfo
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.imports import zone
from ingest.imports.formats import asterisk_csv, freepbx
from ingest.imports.raw import Format

START = datetime(2024, 3, 1, 10, tzinfo=UTC)
HOSTILE = 'O\'Hara "Bob", - 101\nsecond <line> \u202e\U0001f4de'
VARIANTS = {16: (), 17: ("unique",), 18: ("unique", "user"), 19: ("new",), 20: ("unique", "new"),
            21: ("unique", "user", "new")}  # fmt: skip


def stamp(at: datetime | None, name: str) -> str:
    return f'"{at.astimezone(zoneinfo.ZoneInfo(name)):%Y-%m-%d %H:%M:%S}"' if at else ""


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def row(at: datetime, number: int, parts: tuple[str, ...], name: str, *, answered: bool = True) -> str:
    """One call of 60 s, taken after 12 s, as cdr_csv writes it."""
    unique = f"{int(at.timestamp())}.{number}"
    answer = at + timedelta(seconds=12) if answered else None
    fields = [quoted(t) for t in (
        "acc", "+49 30 1234", "101", "from-trunk", f'"{HOSTILE}" <+49301234>', "PJSIP/trunk-0000001a",
        "PJSIP/101-0000001b", "Dial", "PJSIP/101,20",
    )]  # fmt: skip
    fields += [stamp(at, name), stamp(answer, name), stamp(at + timedelta(seconds=60), name), "60"]
    fields += ["48" if answered else "0", quoted("ANSWERED" if answered else "NO ANSWER"), quoted("DOCUMENTATION")]
    more = {"unique": [quoted(unique)], "user": [quoted("note, here")], "new": ['""', quoted(unique), str(number)]}
    return ",".join([*fields, *(f for part in parts for f in more[part])])


def custom(at: datetime, number: int, name: str) -> str:
    told = next(csv.reader(io.StringIO(row(at, number, ("unique",), name))))
    account, src, dst, context, clid, *rest, unique = told
    return ",".join([*(quoted(t) for t in (clid, src, dst, context, *rest, account, unique, "u")), str(number)])


def legs(form: Format, path: Path, home: str = "UTC") -> tuple[list[dict], list]:
    found = form.sniff(path)
    assert found is not None
    decided = found.zone or zone.decide(found.clock, home).zone
    read = list(form.read(path, path.name, replace(found, zone=decided or home)))
    return [r for part in read for r in part.rows.to_pylist()], [b for part in read for b in part.bad]


@pytest.mark.parametrize("width", VARIANTS)
@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/New_York"])
def test_every_variant_gives_the_same_legs(tmp_path, width, name):
    path = tmp_path / "Master.csv"
    lines = [row(START + timedelta(minutes=i), i, VARIANTS[width], name, answered=i % 3 > 0) for i in range(30)]
    path.write_text("\n".join(lines) + "\n")
    found, bad = legs(asterisk_csv.FORMAT, path, home=name)
    assert not bad
    assert len(found) == 30
    for i, leg in enumerate(found):
        at = START + timedelta(minutes=i)
        unique = f"{int(at.timestamp())}.{i}"
        assert leg["started_at"] == at
        assert leg["ended_at"] == at + timedelta(seconds=60)
        assert leg["answered_at"] == (at + timedelta(seconds=12) if i % 3 else None)
        assert leg["disposition"] == ("answered" if i % 3 else "no_answer")
        assert leg["src_name"] == HOSTILE
        assert leg["line"] == 2 * i + 1  # the name holds a line break
        assert leg["unique_id"] == (unique if "unique" in VARIANTS[width] else None)
        assert leg["user_field"] == ("note, here" if "user" in VARIANTS[width] else None)
        assert (leg["linked_id"], leg["sequence"]) == ((unique, i) if "new" in VARIANTS[width] else (None, None))


def test_the_seventeenth_column_may_be_the_users(tmp_path):
    path = tmp_path / "Master.csv"
    path.write_text("\n".join(row(START, i, ("user",), "UTC") for i in range(5)) + "\n")
    found, bad = legs(asterisk_csv.FORMAT, path)
    assert not bad
    assert {(leg["unique_id"], leg["user_field"]) for leg in found} == {(None, "note, here")}


def test_the_order_of_cdr_custom_is_known(tmp_path):
    path = tmp_path / "Master.csv"
    path.write_text("\n".join(custom(START, i, "UTC") for i in range(5)) + "\n")
    found, bad = legs(asterisk_csv.FORMAT, path)
    assert not bad
    assert found[3]["unique_id"] == f"{int(START.timestamp())}.3"
    assert (found[3]["src"], found[3]["account"], found[3]["sequence"]) == ("+49 30 1234", "acc", 3)


def test_a_file_in_which_the_columns_changed_is_read_to_its_end(tmp_path):
    path = tmp_path / "Master.csv"
    old = [row(START, i, VARIANTS[18], "UTC") for i in range(10)]
    new = [row(START, i, VARIANTS[21], "UTC") for i in range(10, 15)]
    path.write_text("\n".join([*old, *new]) + "\n")
    found, bad = legs(asterisk_csv.FORMAT, path)
    assert not bad
    assert [leg["linked_id"] is None for leg in found] == [True] * 10 + [False] * 5


def test_the_hour_that_comes_twice_is_told_apart_by_unique_ids(tmp_path):
    path = tmp_path / "Master.csv"
    days = [START + timedelta(days=i) for i in range(5)]
    twice = [datetime(2024, 10, 27, 0, 30, tzinfo=UTC), datetime(2024, 10, 27, 1, 30, tzinfo=UTC)]
    over = [datetime(2024, 10, 27, 0, 59, 30, tzinfo=UTC), datetime(2024, 3, 31, 0, 59, 30, tzinfo=UTC)]
    moments = [*days, *twice, *over]
    path.write_text("\n".join(row(at, i, VARIANTS[21], "Europe/Berlin") for i, at in enumerate(moments)) + "\n")
    found, bad = legs(asterisk_csv.FORMAT, path, home="Europe/Berlin")
    assert not bad
    assert [leg["started_at"] for leg in found] == moments
    assert all(leg["ended_at"] - leg["started_at"] == timedelta(seconds=60) for leg in found)
    assert all(leg["answered_at"] - leg["started_at"] == timedelta(seconds=12) for leg in found)


def test_rows_that_cannot_be_calls_are_put_aside(tmp_path):
    good = [row(START, i, VARIANTS[18], "UTC") for i in range(20)]
    unique = quoted(f"{int(START.timestamp())}.3")
    wrong = {
        "no unique id": good[3].replace(unique, "NULL"),
        "unknown disposition: ODD": good[3].replace('"ANSWERED"', '"ODD"'),
        "the start is no time: soon": good[3].replace(stamp(START, "UTC"), '"soon"'),
        "the clock was not set: 1970-01-01 00:00:09": good[3].replace(stamp(START, "UTC"), '"1970-01-01 00:00:09"'),
        "the duration is no number of seconds": good[3].replace(",60,48,", ",x,48,"),
    }
    path = tmp_path / "Master.csv"
    path.write_text("\n".join([*good, *wrong.values()]) + "\n")
    found, bad = legs(asterisk_csv.FORMAT, path)
    assert len(found) == 20
    assert [b.reason for b in bad] == list(wrong)
    assert bad[0].line == 41
    assert "101" in bad[0].raw


HEAD = (
    "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,amaflags,"
    "accountcode,uniqueid,userfield,did,cnum,cnam,outbound_cnum,outbound_cnam,dst_cnam,recordingfile,linkedid,"
    "peeraccount,sequence"
)


@pytest.mark.parametrize(("delimiter", "header"), [(",", True), (";", True), ("\t", False)])
def test_freepbx_exports_and_dumps_are_read(tmp_path, delimiter, header):
    names = HEAD.split(",") if header else list(freepbx._DUMPED)
    told = {
        "calldate": "2024-03-01 11:00:00", "clid": '"A" <+49301>', "src": "+49301", "dst": "101", "dcontext": "x",
        "channel": "PJSIP/trunk-0000001a", "dstchannel": "PJSIP/101-0000001b", "lastapp": "Dial",
        "lastdata": "PJSIP/101",
        "duration": "60", "billsec": "48", "disposition": "ANSWERED", "amaflags": "3", "accountcode": "",
        "userfield": "", "did": "4930999", "cnum": "+49301", "cnam": HOSTILE, "outbound_cnum": "", "outbound_cnam": "",
        "dst_cnam": "", "recordingfile": "in-101.wav", "peeraccount": "",
    }  # fmt: skip
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    if header:
        writer.writerow(names)
    for i in range(5):
        unique = f"{int(START.timestamp())}.{i}"
        writer.writerow([{**told, "uniqueid": unique, "linkedid": unique, "sequence": str(i)}[n] for n in names])
    path = tmp_path / "cdr.csv"
    path.write_text(out.getvalue())
    found, bad = legs(freepbx.FORMAT, path, home="Europe/Berlin")
    assert not bad
    assert asterisk_csv.FORMAT.sniff(path) is None
    leg = found[2]
    assert (leg["started_at"], leg["answered_at"]) == (START, START + timedelta(seconds=12))
    assert (leg["did"], leg["recording"], leg["src_name"]) == ("4930999", "in-101.wav", HOSTILE)
    assert leg["line"] == (2 + 2 * 2 if header else 1 + 2 * 2)


@pytest.mark.parametrize("content", [b"", b"\x00" * 500, b"a,b\n1,2\n", b"\xff\xfe" + b"x" * 300, b'"' * 1000])
def test_other_files_are_nobodys(tmp_path, content):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    assert asterisk_csv.FORMAT.sniff(path) is None
    assert freepbx.FORMAT.sniff(path) is None
