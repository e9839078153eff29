"""Closed hours and blocked callers: taken from logs that tell just that, and from no others."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ingest.imports import joining, staging
from tests.support import foreign_logs as foreign
from tests.support.foreign_logs import AT
from tests.support.importing import planned
from tests.support.offices.freepbx import HEADER


def _freepbx(folder: Path, *rows: dict[str, object]) -> None:
    with (folder / "cdr.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, HEADER.split(","), restval="")
        writer.writeheader()
        for n, row in enumerate(rows):
            at = AT + 100 * n
            writer.writerow({
                "calldate": foreign.stamp(at), "src": "+49151", "dst": "s", "channel": f"PJSIP/trunk-{n:08x}",
                "duration": 3, "billsec": 3, "disposition": "ANSWERED", "uniqueid": f"{at}.{n}",
                "linkedid": f"{at}.{n}", "did": "+4930222", "sequence": n,
            } | row)  # fmt: skip


def _turned_away(folder: Path) -> list[tuple[str, str]]:
    made = planned("t" * 32, folder, zone="Europe/Berlin")
    raw = staging.write_raw(made, folder / "part", lambda *_: None)
    with joining.scratch(folder / "part") as con:
        joining.join(con, folder / "part", raw, [], ("t" * 32, "i" * 32, "2026-03-01T00:00:00Z"), sounds=False)
        return con.execute("SELECT closed_hours, refused FROM all_call ORDER BY started_at").fetchall()


def test_freepbx_says_who_is_on_its_blacklist_but_not_when_it_is_closed(tmp_path: Path) -> None:
    talk = {"dstchannel": "PJSIP/101-0000000f", "lastapp": "Dial", "lastdata": "PJSIP/101", "dcontext": "ext-local"}
    _freepbx(
        tmp_path,
        {"dcontext": "app-blacklist-check", "lastapp": "Zapateller"},
        {"dcontext": "app-blacklist-check", "lastapp": "Hangup"},
        {"dcontext": "app-blackhole", "lastapp": "Congestion"},  # that it refused, not why
        {"dcontext": "timeconditions", "lastapp": "GotoIfTime"},  # either branch may be the closed one
        talk,
    )
    assert _turned_away(tmp_path) == [("", "blocked"), ("", "blocked"), ("", ""), ("", ""), ("", "")]


def test_mikopbx_says_when_it_is_closed(tmp_path: Path) -> None:
    away = {"dst_chan": "App:outworktimes", "dst_num": "outworktimes", "is_app": "1"}
    rows = [foreign.mikopbx_row(1), foreign.mikopbx_row(2, **away), foreign.mikopbx_row(3, dst_num="outworktimes")]
    foreign.table_file(tmp_path / "cdr.db", "cdr_general", rows)
    assert _turned_away(tmp_path) == [("", ""), ("outworktimes", ""), ("", "")]


@pytest.mark.parametrize(("context", "refused"), [("app-blacklist-check", "blocked"), ("app-blackhole", "")])
def test_channel_events_say_who_is_on_freepbx_blacklist(tmp_path: Path, context: str, refused: str) -> None:
    rows = []
    for kind, after in (("CHAN_START", 0), ("APP_START", 1), ("ANSWER", 1), ("HANGUP", 3), ("CHAN_END", 3)):
        app = "Zapateller" if kind == "APP_START" else ""
        rows.append({
            "eventtype": kind, "eventtime": foreign.stamp(AT + after), "cid_num": "+49151", "exten": "s",
            "context": context, "channame": "PJSIP/trunk-00000001", "appname": app, "appdata": "",
            "uniqueid": f"{AT}.1", "linkedid": f"{AT}.1", "extra": "",
        })  # fmt: skip
    foreign.table_file(tmp_path / "cel.db", "cel", rows)
    assert _turned_away(tmp_path) == [("", refused)]
