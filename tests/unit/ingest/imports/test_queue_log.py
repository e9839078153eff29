"""queue_log: what became of each caller, who was rung, what agents did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingest.imports.formats.queue_log import FORMAT

# what stands in the log → queue row: (result, wait, talk, agent, who hung up, transferred, bridged)
VISITS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "caller hangs up at the end": (
        "100000340|C|support|NONE|ENTERQUEUE||+4930111|1\n100000355|C|support|SIP/1002|CONNECT|15|100000351.7|4\n"
        "100000400|C|support|SIP/1002|COMPLETECALLER|15|45|1",
        ("answered", 15.0, 45.0, "1002", "caller", None, "100000351.7"),
    ),
    "agent hangs up": (
        "100000340|C|support|NONE|ENTERQUEUE||1|1\n100000355|C|support|Local/1002@from-queue/n|CONNECT|15|X.1|4\n"
        "100000400|C|support|Local/1002@from-queue/n|COMPLETEAGENT|15|45|1",
        ("answered", 15.0, 45.0, "1002", "callee", None, "X.1"),
    ),
    "gives up": (
        "100000340|C|support|NONE|ENTERQUEUE||1|1\n100000370|C|support|NONE|ABANDON|1|1|30",
        ("abandoned", 30.0, None, None, "caller", None, None),
    ),
    "waits too long": (
        "100000340|C|support|NONE|ENTERQUEUE||1|1\n100000370|C|support|NONE|EXITWITHTIMEOUT|1|1|30",
        ("overflow", 30.0, None, None, None, None, None),
    ),
    "presses a key": (
        "100000340|C|support|NONE|ENTERQUEUE||1|1\n100000370|C|support|NONE|EXITWITHKEY|9|1|1|30",
        ("key", 30.0, None, None, None, None, None),
    ),
    "nobody is there": (
        "100000340|C|support|NONE|ENTERQUEUE||1|1\n100000341|C|support|NONE|EXITEMPTY|1|1|1",
        ("empty", 1.0, None, None, None, None, None),
    ),
    "is passed on": (
        "100000340|C|support|NONE|ENTERQUEUE||1|1\n100000355|C|support|Anna Berg|CONNECT|15|X.1|4\n"
        "100000365|C|support|Anna Berg|BLINDTRANSFER|200|default|15|10|1",
        ("answered", 15.0, 10.0, "Anna Berg", None, "blind", "X.1"),
    ),
    "entered in an earlier file": (
        "100000400|C|support|SIP/1002|COMPLETEAGENT|15|45|1",
        ("answered", 15.0, 45.0, "1002", "callee", None, None),
    ),
}


def _rows(tmp_path: Path, text: str | bytes, kind: str) -> list[dict[str, Any]]:
    path = tmp_path / "queue_log"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = FORMAT.sniff(path)
    assert found and found.zone == "UTC"
    return [
        row for read in FORMAT.read(path, "queue_log", found) for row in read.rows.to_pylist() if row["kind"] == kind
    ]


@pytest.mark.parametrize("name", VISITS)
def test_what_became_of_a_caller(tmp_path: Path, name: str) -> None:
    text, expected = VISITS[name]
    (row,) = _rows(tmp_path, text + "\n", "queue")
    names = ("queue_result", "queue_wait_s", "bill_s", "agent", "hangup_party", "transferred", "peer_unique_id")
    assert tuple(row[n] for n in names) == expected
    assert (row["unique_id"], row["queue"]) == ("C", "support")
    assert row["started_at"].timestamp() == 100000340


def test_a_caller_who_passes_two_queues_is_two_visits(tmp_path: Path) -> None:
    text = """100000340|C|sales|NONE|ENTERQUEUE||+4930111|1
100000350|C|sales|NONE|EXITWITHTIMEOUT|1|1|10
100000351|C|support|NONE|ENTERQUEUE||+4930111|1
100000360|C|support|SIP/1|CONNECT|9|X.1|2
100000380|C|support|SIP/1|COMPLETECALLER|9|20|1
"""
    rows = sorted(_rows(tmp_path, text, "queue"), key=lambda row: row["line"])
    assert [(r["queue"], r["queue_result"], r["src"]) for r in rows] == [
        ("sales", "overflow", "+4930111"),
        ("support", "answered", "+4930111"),
    ]


def test_rings_in_vain_are_told_beside_the_one_that_was_taken(tmp_path: Path) -> None:
    text = """100000340|C|support|NONE|ENTERQUEUE||1|1
100000350|C|support|SIP/1001|RINGNOANSWER|9000
100000355|C|support|SIP/1003|RINGCANCELED|4000
100000355|C|support|SIP/1002|CONNECT|15|X.1|4
"""
    rows = sorted(_rows(tmp_path, text, "offer"), key=lambda row: row["line"])
    told = [(r["agent"], r["disposition"], r["duration_s"]) for r in rows]
    assert told == [("1001", "no_answer", 9.0), ("1003", "cancelled", 4.0), ("1002", "answered", 4.0)]


def test_what_agents_do_has_no_call(tmp_path: Path) -> None:
    text = """100000310|NONE|support|SIP/1001|ADDMEMBER|
100000311|REALTIME|support|SIP/1001|PAUSE|lunch
100000312|NONE|NONE|SIP/1001|UNPAUSEALL|
100000313|MANAGER|support|SIP/1001|REMOVEMEMBER|
100000314|NONE|NONE|NONE|CONFIGRELOAD|
"""
    rows = sorted(_rows(tmp_path, text, "agent"), key=lambda row: row["line"])
    told = [(r["last_app"], r["queue"], r["agent"], r["cause"] or "") for r in rows]
    assert told == [
        ("login", "support", "1001", ""),
        ("pause", "support", "1001", "lunch"),
        ("unpause", "", "1001", ""),
        ("logout", "support", "1001", ""),
    ]
    assert not _rows(tmp_path, text, "queue")


def test_damaged_lines_are_put_aside_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "queue_log"
    head = b"100000340|C|support|NONE|ENTERQUEUE||1|1"
    name = "Анна".encode("cp1251")
    lines = [
        head,
        b"no line of it",
        b"",
        head.replace(b"|C|", b"|D|"),
        b"100000350|D|support|" + name + b"|CONNECT|10|X|1",
        b"\x00\x00100000360|D|support|" + name + b"|COMPLETEAGENT|10|10|1\r",
        b"x" * 3_000_000,
        b"100000370|D|supp",
    ]
    path.write_bytes(b"\n".join(lines))
    found = FORMAT.sniff(path)
    assert found
    reads = list(FORMAT.read(path, "queue_log", found))
    assert [bad.line for read in reads for bad in read.bad] == [2, 7, 8]
    visits = [r for read in reads for r in read.rows.to_pylist() if r["kind"] == "queue" and r["unique_id"] == "D"]
    assert [(v["agent"], v["queue_result"], v["bill_s"]) for v in visits] == [("Анна", "answered", 10.0)]
    assert reads[-1].position == path.stat().st_size


@pytest.mark.parametrize("content", [b"", b"\n\n", b"a,b,c\n", b"\xff" * 5000, b"1|2|3|4|5\n", b"SQLite format 3\0"])
def test_other_files_are_not_taken_for_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    assert FORMAT.sniff(path) is None
