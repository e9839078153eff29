"""FreeSWITCH's three logs: every shipped template, encoded or not, damaged or not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from ingest.imports.formats import freeswitch_csv, freeswitch_json, freeswitch_xml
from ingest.imports.raw import Bad, Format
from tests.support import foreign_logs as foreign
from tests.support.foreign_logs import AT, uuid

TEMPLATES = ("example", "default", "sql", "linksys", "snom", "asterisk", "opencdrrate")


def read(form: Format, path: Path, zone: str = "Europe/Berlin") -> tuple[list[dict[str, Any]], list[Bad]]:
    """All rows and all bad ones of a file."""
    found = form.sniff(path)
    assert found is not None
    reads = list(form.read(path, path.name, found if found.zone else replace(found, zone=zone)))
    assert reads[-1].position == path.stat().st_size
    return [row for r in reads for row in r.rows.to_pylist()], [bad for r in reads for bad in r.bad]


def _csv(tmp_path: Path, *texts: str | bytes) -> tuple[list[dict[str, Any]], list[Bad]]:
    path = tmp_path / "Master.csv"
    path.write_bytes(b"".join((t if isinstance(t, bytes) else t.encode()) + b"\n" for t in texts))
    return read(freeswitch_csv.FORMAT, path)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_tells_the_same_call(tmp_path: Path, template: str) -> None:
    rows, bad = _csv(tmp_path, foreign.freeswitch_line(1, template))
    assert not bad
    (row,) = rows
    started = AT + 100 + (5 if template == "opencdrrate" else 0)  # which has no start: it begins with the answer
    assert (row["unique_id"], row["src"], row["dst"], row["account"]) == (uuid(1), "+4930111", "1001", "office")
    assert (row["disposition"], row["bill_s"]) == ("answered", 55.0)
    times = tuple(row[name].timestamp() for name in ("started_at", "answered_at", "ended_at"))
    assert times == (started, AT + 105, AT + 160)
    if template != "opencdrrate":
        assert row["src_name"] == "Anna"
    assert row["recording"] == ("/rec/1.wav" if template == "snom" else None)


def test_templates_may_change_from_line_to_line(tmp_path: Path) -> None:
    rows, bad = _csv(tmp_path, *(foreign.freeswitch_line(i, t) for i, t in enumerate(TEMPLATES)))
    assert not bad
    assert [row["unique_id"] for row in rows] == [uuid(i) for i in range(len(TEMPLATES))]


@pytest.mark.parametrize("name", ['A "B" C', 'x","y', '","', 'O\'Neil, "Sr"', "=cmd()|'x'", "Ünal 電話", "a\tb"])
@pytest.mark.parametrize("template", ["example", "default", "snom", "linksys"])
def test_quotes_in_a_name_break_nothing(tmp_path: Path, template: str, name: str) -> None:
    rows, bad = _csv(tmp_path, foreign.freeswitch_line(1, template, name=name), foreign.freeswitch_line(2, template))
    assert not bad
    assert [(row["src_name"], row["src"], row["unique_id"]) for row in rows] == [
        (name, "+4930111", uuid(1)),
        ("Anna", "+4930111", uuid(2)),
    ]


@pytest.mark.parametrize(
    ("cause", "disposition"),
    [
        ("USER_BUSY", "busy"),
        ("NO_ANSWER", "no_answer"),
        ("ORIGINATOR_CANCEL", "cancelled"),
        ("LOSE_RACE", "cancelled"),
        ("CALL_REJECTED", "failed"),
        ("SOMETHING_NEW", "failed"),
    ],
)
def test_an_unanswered_call_is_named_by_its_cause(tmp_path: Path, cause: str, disposition: str) -> None:
    (row,), _ = _csv(tmp_path, foreign.freeswitch_line(1, cause=cause, answer="", billsec="0", bleg=""))
    assert (row["disposition"], row["cause"], row["answered_at"], row["peer_channel"]) == (disposition, cause, None, "")


def test_a_b_leg_with_a_row_of_its_own_belongs_to_its_a_leg(tmp_path: Path) -> None:
    b_leg = foreign.freeswitch_line(501, context="default", dst="1007", bleg="", start=foreign.stamp(AT + 101))
    a_leg = foreign.freeswitch_line(1, dst="2000")
    rows, _ = _csv(tmp_path, b_leg, a_leg)
    told = {row["unique_id"]: (row["linked_id"], row["agent"]) for row in rows}
    assert told == {uuid(1): (uuid(1), None), uuid(501): (uuid(1), "1007")}


def test_damaged_lines_are_put_aside_with_their_numbers(tmp_path: Path) -> None:
    cyrillic = foreign.freeswitch_line(3, name="Анна").encode("cp1251")
    rows, bad = _csv(
        tmp_path,
        foreign.freeswitch_line(1),
        '"cut in two","+4930111","10',
        "something else",
        cyrillic,
        foreign.freeswitch_line(4, end="2026-13-41 10:00:00"),
        b'"\x00' + foreign.freeswitch_line(5)[1:].encode(),
        '"' + "x" * 2_000_000 + '"',
    )
    assert [(row["line"], row["src_name"]) for row in rows] == [(1, "Anna"), (4, "Анна"), (6, "Anna")]
    assert [(one.line, one.reason.split(":")[0]) for one in bad] == [
        (2, "the line is cut"),
        (3, "the line does not begin with a quote"),
        (5, "the line follows none of the templates"),
        (7, "the line does not begin with a quote"),
    ]


def test_json_is_the_same_encoded_or_not_by_file_or_by_line(tmp_path: Path) -> None:
    record = foreign.freeswitch_record(1)
    found = []
    for name, text in {
        "plain": foreign.as_json(record),
        "encoded": foreign.as_json(foreign.encoded(record)),
        "lines": f"{foreign.as_json(foreign.encoded(record))}\n{foreign.as_json(foreign.freeswitch_record(2))}\n",
    }.items():
        path = tmp_path / f"{name}.json"
        path.write_text(text)
        rows, bad = read(freeswitch_json.FORMAT, path)
        assert not bad
        found.append({k: v for k, v in rows[0].items() if k != "file"})
    assert found[0] == found[1] == found[2]
    row = found[0]
    assert (row["src"], row["src_name"], row["dst"], row["agent"]) == ("+4930111", 'Anna "A" Ünal', "2000", "1001")
    assert (row["mos"], row["codec"], row["hangup_party"], row["trunk_id"]) == (4.31, "PCMU", "caller", "gateway-1")
    assert row["recording"] == f"/rec/{uuid(1)}.wav"
    assert row["started_at"].timestamp() == AT + 100


def test_xml_is_the_same_as_json_also_as_it_was_posted(tmp_path: Path) -> None:
    record = foreign.freeswitch_record(1, cc_queue="support@office", cc_queue_joined_epoch=str(AT + 101),
                                       cc_queue_answered_epoch=str(AT + 105))  # fmt: skip
    (tmp_path / "a.json").write_text(foreign.as_json(record))
    text = foreign.freeswitch_xml(record)
    (tmp_path / "a.cdr.xml").write_text(text)
    (tmp_path / "b.cdr").write_text(f"cdr={quote_plus(text)}")
    rows = [read(freeswitch_json.FORMAT, tmp_path / "a.json")[0]]
    rows += [read(freeswitch_xml.FORMAT, tmp_path / name)[0] for name in ("a.cdr.xml", "b.cdr")]
    one, two, three = ({k: v for k, v in found[0].items() if k != "file"} for found in rows)
    assert one == two == three
    assert (one["queue"], one["queue_wait_s"], one["queue_result"]) == ("support", 4.0, "answered")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (foreign.freeswitch_xml(foreign.freeswitch_record(1))[:700], "it is not XML, or cut short"),
        ("<!DOCTYPE c [<!ENTITY a 'b'>]>" + foreign.freeswitch_xml(foreign.freeswitch_record(1)), "it declares"),
        ("<cdr><variables></variables></cdr>", "the record has no uuid"),
        ("<cdr><variables><uuid>x</uuid><start_epoch>never</start_epoch></variables></cdr>", "the record has no start"),
    ],
)
def test_a_damaged_xml_record_is_put_aside(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text(text)
    rows, (bad,) = read(freeswitch_xml.FORMAT, path)
    assert not rows and bad.reason.startswith(reason)


def test_damaged_json_records_are_put_aside_with_their_lines(tmp_path: Path) -> None:
    good = foreign.as_json(foreign.freeswitch_record(1))
    odd = foreign.freeswitch_record(2, rtp_audio_in_mos="NaN", hold_accum_seconds="1e999", read_codec="\ud800\0PCMA")
    texts = [good, good[:400], "[" * 100_000, '{"variables": {}}', '{"variables": [], "callflow": 1}', json.dumps(odd)]
    path = tmp_path / "cdr.json"
    path.write_text("\n".join(texts))
    rows, bad = read(freeswitch_json.FORMAT, path)
    assert [one.line for one in bad] == [2, 3, 4, 5]
    assert [(row["mos"], row["hold_s"], row["codec"]) for row in rows] == [(4.31, None, "PCMU"), (None, None, "PCMA")]
