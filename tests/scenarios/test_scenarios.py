"""Runs the scenario tables: the events of a call, the commands expected of each, and below the record that comes out.

A table is a text file whose path is a sentence; its language is described in tests/support/calltable.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pbx_core.domain import records
from pbx_core.domain.calls.cdr import fold
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.nodes import NODES
from tests.support.calltable import CALL_ID, DEFAULTS, OPENED, Run, agrees, read, say

__all__ = ["DEFAULTS", "OPENED"]
FOLDER = Path(__file__).parent
TABLES = sorted(p for p in FOLDER.glob("*/*.txt"))


@pytest.mark.parametrize("path", TABLES, ids=[f"{p.parent.name}/{p.stem}" for p in TABLES])
def test_a_call_goes_as_its_table_says(path: Path) -> None:
    table, run = read(path), Run()
    for row in table.rows:
        if row.expected is None:
            assert run.refuses(row), f"{row.mono_s:g} {row.type}"
            continue
        commands = run.feed(row)
        assert "; ".join(map(say, commands)) == row.expected, f"{row.mono_s:g} {row.type}"
    record = records.to_json(fold(run.events))
    legs = {leg["leg_id"].removeprefix(f"{CALL_ID}-"): leg for leg in record["legs"]}
    for name, value in table.record.items():
        leg, dot, field = name.partition(".")
        found = legs[leg][field] if dot else record[name]
        assert agrees(found, value), f"{name}: {found!r}"


def test_there_is_a_table_for_every_event_and_every_node() -> None:
    rows = [row for path in TABLES for row in read(path).rows]
    echoed = {EventType.CLOSED, EventType.OFFER_ENDED, EventType.QUEUE_LEFT, EventType.MENU_KEY}
    echoed |= {EventType.TRANSFERRED, EventType.VOICEMAIL_LEFT, EventType.RECORDING_PAUSED, EventType.RECORDING_RESUMED}
    assert {row.type for row in rows} | echoed == set(EventType)
    routed = [row for row in rows if row.type is EventType.ROUTED]
    assert {row.detail["node"]["kind"] for row in routed} == set(NODES)
