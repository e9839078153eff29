"""FreeSWITCH's json_cdr: a file per leg, or one record per line; values URL-encoded or not. Times are epochs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ingest.imports import freeswitch, freeswitch_record, lines, values
from ingest.imports.raw import Bad, Evidence, Read
from pbx_core.errors import InputError

FILE_BYTES_MAX = 16 << 20  # of one record; a real one has 20 to 60 KB
LOOKED_AT_BYTES = 256 << 10
RAW_CHARS_MAX = 2000  # of a bad record are kept
MARKS = ('"core-uuid"', '"variables"', '"callflow"', '"app_log"')


class FreeswitchJson:
    """See the module."""

    name = "freeswitch-json"
    system = freeswitch.SYSTEM
    title = "FreeSWITCH json_cdr"
    rank = 3

    def sniff(self, path: Path) -> Evidence | None:
        """A record begins with a brace and has the parts that json_cdr writes."""
        with path.open("rb") as file:
            text = lines.decoded(file.read(LOOKED_AT_BYTES))
        found = [mark for mark in MARKS if mark in text]
        if not text.lstrip().startswith("{") or '"variables"' not in found or len(found) < 2:
            return None
        per_line = _load(text.split("\n", 1)[0]) is not None and text.count("\n") > 1
        says = (f"It has the parts {', '.join(found)} of a json_cdr record.", "Its times are seconds since 1970.")
        return Evidence(self.name, 0.95, "a record per line" if per_line else "one record", "UTC", says)

    def read(self, path: Path, name: str, found: Evidence) -> Iterator[Read]:
        """The legs of a file."""
        if found.variant == "a record per line":
            for block in lines.blocks(path):
                numbered = zip(block.rows["line"].to_pylist(), block.rows["text"].to_pylist(), strict=True)
                yield _taken(name, [(n, text) for n, text in numbered if text.strip()], block.position)
            return
        size = path.stat().st_size
        if size > FILE_BYTES_MAX:
            raise InputError(f"{name} is no CDR: it has more than {FILE_BYTES_MAX >> 20} MB.", error_id="too_big")
        yield _taken(name, [(1, lines.decoded(path.read_bytes()))], size)


def _taken(name: str, texts: Sequence[tuple[int, str]], position: int) -> Read:
    rows, bad = [], []
    for line, text in texts:
        try:
            rows.append({"file": name, "line": line, **_row(_load(text))})
        except ValueError as error:
            bad.append(Bad(name, line, str(error), text[:RAW_CHARS_MAX]))
    return Read(values.rows(rows), tuple(bad), position)


def _load(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _row(record: dict[str, Any] | None) -> freeswitch_record.Row:
    if record is None:
        raise ValueError("it is not a JSON object, or cut short")
    variables = record.get("variables")
    if not isinstance(variables, dict):
        raise ValueError("the record has no variables")
    encoded = freeswitch_record.is_encoded(variables)
    variables = freeswitch_record.decoded(variables, encoded)
    flows = record.get("callflow")
    flows = freeswitch_record.decoded(flows if isinstance(flows, list) else [flows], encoded)
    return freeswitch_record.row(variables, [f for f in flows if isinstance(f, dict)], _applications(record, encoded))


def _applications(record: dict[str, Any], encoded: bool) -> list[tuple[str, str]]:
    log = record.get("app_log")
    ran = log.get("applications") if isinstance(log, dict) else None
    ran = freeswitch_record.decoded(ran, encoded) if isinstance(ran, list) else []
    return [(str(a.get("app_name", "")), str(a.get("app_data", ""))) for a in ran if isinstance(a, dict)]


FORMAT = FreeswitchJson()
