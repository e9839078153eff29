"""Asterisk's channel events: who called, rang and talked is put together from what each channel lived through."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingest.imports import zone
from ingest.imports.formats import cel
from ingest.imports.raw import Bad
from tests.support import foreign_logs as foreign
from tests.support.foreign_logs import AT
from tests.support.offices.cel import COLUMNS

ROOT, PHONE = f"{AT}.1", f"{AT}.2"
TRUNK = "PJSIP/carrier-00000001"


def event(kind: str, after_s: float, channel: str, unique: str = ROOT, **told: str) -> dict[str, str]:
    """One row by the names of the sample's columns; what `extra` tells may be given as cause, source and status."""
    extra = {"hangupcause": told.pop("cause", ""), "hangupsource": told.pop("source", ""),
             "dialstatus": told.pop("status", "")}  # fmt: skip
    row = dict.fromkeys(COLUMNS, "") | {
        "eventtype": kind, "eventtime": f"{AT + after_s:.6f}", "exten": "s", "context": "from-trunk",
        "channame": channel, "amaflags": "3", "uniqueid": unique, "linkedid": ROOT,
    }  # fmt: skip
    row["extra"] = json.dumps(extra) if any(extra.values()) else ""
    return row | told


def over(after_s: float, channel: str, unique: str = ROOT, **told: str) -> list[dict[str, str]]:
    return [event(kind, after_s, channel, unique, **told) for kind in ("HANGUP", "CHAN_END")]


def answered() -> list[dict[str, str]]:
    """From outside to +4930222: 101 rings after 1 s, takes it after 6 s and hangs up after 66 s."""
    dial = {"appname": "Dial", "appdata": "PJSIP/101,20", "exten": "+4930222", "cid_num": "+49151"}
    phone = "PJSIP/101-00000002"
    return [
        event("CHAN_START", 0, TRUNK, exten="+4930222", cid_num="+49151", cid_name='O"Hara,\n1'),
        event("APP_START", 0.5, TRUNK, **dial),
        event("CHAN_START", 1, phone, PHONE),
        event("ANSWER", 6, phone, PHONE, appname="AppDial"),
        event("ANSWER", 6, TRUNK, **dial),
        event("BRIDGE_ENTER", 6.25, phone, PHONE, appname="AppDial"),
        event("BRIDGE_ENTER", 6.25, TRUNK, **dial),
        *over(66, phone, PHONE, source=phone, cause="16"),
        *over(66.5, TRUNK, source=phone, cause="16", status="ANSWER", **dial),
        event("LINKEDID_END", 66.5, TRUNK),
    ]


def write(path: Path, rows: Sequence[dict[str, str]], columns: Sequence[str] = COLUMNS, **how: Any) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", **{"quoting": csv.QUOTE_ALL, **how})
        if how.get("delimiter"):
            writer.writeheader()
        writer.writerows(rows)
    return path


def read(path: Path, home: str = "Europe/Berlin") -> tuple[list[dict[str, Any]], list[Bad]]:
    found = cel.FORMAT.sniff(path)
    assert found is not None
    decided = found.zone or zone.decide(found.clock, home).zone
    reads = list(cel.FORMAT.read(path, path.name, replace(found, zone=decided)))
    return [row for r in reads for row in r.rows.to_pylist()], [bad for r in reads for bad in r.bad]


def after(row: dict[str, Any], name: str) -> float | None:
    return None if row[name] is None else round(row[name].timestamp() - AT, 3)


def test_a_call_from_outside_tells_who_rang_who_talked_and_who_hung_up(tmp_path):
    (caller, phone), bad = read(write(tmp_path / "Master.csv", answered()))
    assert not bad
    assert (caller["src"], caller["src_name"], caller["did"], caller["linked_id"]) == (
        "+49151", 'O"Hara,\n1', "+4930222", ROOT,
    )  # fmt: skip
    assert (caller["peer_channel"], caller["last_data"], caller["hangup_party"]) == ("", "PJSIP/101,20", "callee")
    assert [after(caller, name) for name in ("started_at", "answered_at", "ended_at")] == [0.0, 6.0, 66.5]
    assert (phone["peer_channel"], phone["peer_unique_id"], phone["disposition"]) == (
        "PJSIP/101-00000002", PHONE, "answered",
    )  # fmt: skip
    assert [after(phone, name) for name in ("started_at", "answered_at", "ended_at")] == [1.0, 6.25, 66.0]


@pytest.mark.parametrize("width", [18, 19, 20])
def test_older_samples_have_fewer_columns(tmp_path, width):
    columns = {20: COLUMNS, 19: [c for c in COLUMNS if c != "userfield"], 18: COLUMNS[:18]}[width]
    rows, bad = read(write(tmp_path / "Master.csv", answered(), columns))
    assert not bad
    assert [row["disposition"] for row in rows] == ["answered", "answered"]
    assert rows[0]["hangup_party"] == (None if width == 18 else "callee")  # it stands in the last column


@pytest.mark.parametrize("kind", ["sqlite", "header", "bare"])
def test_the_table_has_local_times_and_its_own_order(tmp_path, kind):
    """Half an hour before Berlin's clock goes back, and an hour later by the same clock."""
    before = 1_792_890_000 - 1800
    rows = []
    for number, at in enumerate((before, before + 3600)):
        made = [r | {"eventtime": foreign.stamp(float(r["eventtime"]) - AT + at, ZoneInfo("Europe/Berlin"))}
                for r in answered()]  # fmt: skip
        ids = {ROOT: f"{at}.{number}1", PHONE: f"{at}.{number}2"}
        rows += [r | {c: ids[r[c]] for c in ("uniqueid", "linkedid")} for r in made]
    rows = [{"id": str(n), **r} for n, r in enumerate(rows, 1)][::-1]
    columns = ["id", *COLUMNS[:17], "userdeftype", "extra"]
    match kind:
        case "sqlite":
            path = foreign.table_file(tmp_path / "cel.db", "cel", rows)
        case "header":
            path = write(tmp_path / "cel.tsv", rows, [*columns, "userfield"], delimiter="\t")
        case _:
            path = write(tmp_path / "cel.csv", rows, columns)
    found, bad = read(path)
    assert not bad
    starts = sorted(row["started_at"].timestamp() for row in found if row["peer_channel"] == "")
    assert starts == [before, before + 3600]
    assert [row["disposition"] for row in found] == ["answered"] * 4


def test_half_a_call_and_rows_that_are_no_events_are_put_aside(tmp_path):
    other = f"{AT - 60}.9"
    begun = event("CHAN_START", 90, TRUNK, f"{AT + 90}.7", linkedid=f"{AT + 90}.7")
    rows = [
        *over(-20, TRUNK, other, linkedid=other),
        *answered(),
        event("HANGUP", 1, TRUNK, eventtime="yesterday"),
        event("HANGUP", 1, TRUNK, eventtime="12.5"),
        event("hang up", 1, TRUNK),
        event("HANGUP", 1, TRUNK, unique=""),
        begun,
    ]
    path = write(tmp_path / "Master.csv", rows)
    path.write_text(path.read_text() + '"HANGUP","cut')
    found, bad = read(path)
    assert len(found) == 2
    last = len(path.read_text().splitlines())  # a name of answered() has a line break
    assert sorted((b.line - last, b.reason) for b in bad) == [
        (1 - last, "the log begins in the middle of this call"),
        (-5, "the time is none: yesterday"),
        (-4, "the time is none: 12.5"),
        (-3, "unknown event: hang up"),
        (-2, "no unique id"),
        (-1, "the log does not say how this call ended"),
        (0, "a quote is never closed"),
    ]


def test_a_queue_that_is_left_by_hanging_up_is_told_from_one_that_sends_the_caller_away(tmp_path):
    for source, result, party in ((TRUNK, "abandoned", "caller"), ("dialplan/builtin", "overflow", "system")):
        rows = [
            event("CHAN_START", 0, TRUNK, exten="+4930222"),
            event("APP_START", 2, TRUNK, appname="Queue", appdata="400,t,,,300"),
            event("CHAN_START", 5, "Local/101@agents-00000001;1", f"{AT}.3"),
            event("CHAN_START", 5, "Local/101@agents-00000001;2", f"{AT}.4"),
            event("CHAN_START", 5, "PJSIP/101-00000002", PHONE),
            *over(20, "PJSIP/101-00000002", PHONE, cause="19"),
            *over(20, "Local/101@agents-00000001;1", f"{AT}.3"),
            *over(20, "Local/101@agents-00000001;2", f"{AT}.4"),
            *over(30, TRUNK, source=source),
        ]
        (caller, phone), bad = read(write(tmp_path / "Master.csv", rows))
        assert not bad
        assert (caller["queue_result"], caller["queue_wait_s"], caller["hangup_party"]) == (result, 28.0, party)
        assert (phone["peer_channel"], phone["last_data"], phone["disposition"]) == (
            "PJSIP/101-00000002", "400,t,,,300", "no_answer",
        )  # fmt: skip


def test_a_log_without_bridges_takes_the_answer_for_the_talk(tmp_path):
    rows = [row for row in answered() if row["eventtype"] != "BRIDGE_ENTER"]
    (_, phone), _ = read(write(tmp_path / "Master.csv", rows))
    assert (phone["disposition"], after(phone, "answered_at")) == ("answered", 6.0)


def test_a_call_that_leaves_by_a_trunk_names_the_number_of_its_dial_string(tmp_path):
    out = "PJSIP/carrier-00000002"
    rows = [
        event("CHAN_START", 0, TRUNK, exten="+4930222"),
        event("APP_START", 0, TRUNK, appname="Dial", appdata="PJSIP/+491701234567@carrier,30"),
        event("CHAN_START", 1, out, PHONE),
        *over(9, out, PHONE, cause="17"),
        *over(10, TRUNK, status="BUSY"),
    ]
    (caller, phone), _ = read(write(tmp_path / "Master.csv", rows))
    assert (phone["agent"], phone["disposition"], caller["disposition"]) == ("+491701234567", "busy", "busy")


def test_who_sends_the_other_on_and_leaves_does_not_take_the_talk_with_him(tmp_path):
    """101 calls 102, sends 102 to 103 and hangs up; the two talk on, under the linked id of 101's channel."""
    caller, other, third = "PJSIP/101-00000001", "PJSIP/102-00000002", "PJSIP/103-00000003"
    rows = [
        event("CHAN_START", 0, caller, exten="102"),
        event("APP_START", 0, caller, appname="Dial", appdata="PJSIP/102"),
        event("CHAN_START", 1, other, PHONE),
        event("BRIDGE_ENTER", 5, other, PHONE),
        event("BRIDGE_ENTER", 5, caller, appname="Dial", appdata="PJSIP/102"),
        event(
            "BLINDTRANSFER", 20, caller, extra=json.dumps({"extension": "103", "transferee_channel_uniqueid": PHONE})
        ),
        *over(20, caller, source=caller),
        event("CHAN_START", 21, third, f"{AT}.3"),
        event("BRIDGE_ENTER", 30, third, f"{AT}.3"),
        event("BRIDGE_ENTER", 30, other, PHONE),
        *over(60, third, f"{AT}.3"),
        *over(60, other, PHONE),
    ]
    found, bad = read(write(tmp_path / "Master.csv", rows))
    assert not bad
    phones = {
        row["peer_channel"]: (row["disposition"], after(row, "answered_at")) for row in found if row["peer_channel"]
    }
    assert phones == {other: ("answered", 5.0), third: ("answered", 30.0)}
    assert [row["transferred"] for row in found if not row["peer_channel"]] == ["blind"]


def test_two_transfers_without_named_channels_stay_two_calls(tmp_path):
    nobody = json.dumps({"transferee_channel_uniqueid": "N/A", "channel2_uniqueid": "N/A"})
    later = {ROOT: f"{AT + 500}.8", PHONE: f"{AT + 500}.9"}
    rows = [*answered(), event("ATTENDEDTRANSFER", 60, TRUNK, extra=nobody)]
    rows += [r | {"uniqueid": later[r["uniqueid"]], "linkedid": later[ROOT]} for r in rows]
    found, bad = read(write(tmp_path / "Master.csv", rows))
    assert not bad
    assert {row["linked_id"] for row in found} == {ROOT, later[ROOT]}
