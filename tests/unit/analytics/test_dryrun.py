"""A changed model on past calls: which would have gone elsewhere, by a real warehouse and the command itself."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from analytics.dryrun import dry_run
from analytics.dryrun_command import dry_run as command
from pbx_core.domain.modelfile import to_toml
from pbx_core.domain.records import Disposition
from pbx_core.errors import CallbenchError
from pbx_core.store import models
from tests.conftest import World
from tests.support import facts
from tests.support.dialplan import CITY, OFFICE, changed
from tests.support.lake import ingest_once

STRANGER = "+996555123456"
SATURDAY = datetime.fromisoformat("2026-11-21T12:00:00+06:00")
NIGHT = datetime.fromisoformat("2026-11-23T22:00:00+06:00")
DAY = datetime.fromisoformat("2026-11-23T11:00:00+06:00")


def _call(at: datetime = DAY, direction: str = "inbound", caller: str = STRANGER, called: str = CITY,
          ended: str = "answered", keys: str = "", queue: str = "") -> dict[str, Any]:  # fmt: skip
    return {
        "call_id": f"{at:%d%H}-{keys}-{ended}", "started_at": at, "direction": direction, "caller_number": caller,
        "callee_number": called, "did": called if direction == "inbound" else "", "trunk_id": "main",
        "disposition": ended, "menu_path": keys, "queue_result": queue, "destination": "",
    }  # fmt: skip


CHANGES = {
    "closed on Saturdays": {"hours": {"office": {
        "open": ["mon-fri 09:00-18:00"], "then": "menu:main", "otherwise": "announcement:closed"}}},
    "key 1 is the queue": {"menus": {"main": {
        "greeting": ["prompt:welcome"], "keys": {"1": "queue:support"}, "on_timeout": "group:sales"}}},
    "nobody is looked for": {"groups": {"sales": {"members": ["101", "102", "105"], "on_no_answer": "hangup:busy",
                                                  "number": "200"}}},
    "the support overflows to Bob": {"queues": {"support": {
        "name": "Support", "number": "201", "members": ["103"], "on_overflow": "extension:102"}}},
    "no calls abroad": {"outbound": {"international": False}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "call", "before", "after"),
    [
        ("closed on Saturdays", _call(SATURDAY), "menu main", "hears prompt:closed; leaves a message for 101"),
        ("closed on Saturdays", _call(DAY), "menu main", None),
        ("closed on Saturdays", _call(NIGHT), "hears prompt:closed; leaves a message for 101", None),
        ("key 1 is the queue", _call(keys="1"), "menu main; rings 101 Aigul, 102 Bob, 105 Eva",
         "menu main; waits in queue support"),
        ("key 1 is the queue", _call(keys="t,i,1"), "menu main; rings 101 Aigul, 102 Bob, 105 Eva",
         "menu main; waits in queue support"),
        ("key 1 is the queue", _call(keys="t,t,t"), "menu main; rings 101 Aigul, 102 Bob, 105 Eva", None),
        ("nobody is looked for", _call(keys="1"), "menu main; rings 101 Aigul, 102 Bob, 105 Eva", None),
        ("nobody is looked for", _call(keys="1", ended="no_answer"),
         "menu main; rings 101 Aigul, 102 Bob, 105 Eva; leaves a message for 101",
         "menu main; rings 101 Aigul, 102 Bob, 105 Eva; ends: busy (486 Busy Here)"),
        ("the support overflows to Bob", _call(keys="2", queue="overflow", ended="failed"),
         "menu main; waits in queue support; leaves a message for 103",
         "menu main; waits in queue support; rings 102 Bob"),
        ("the support overflows to Bob", _call(keys="2", queue="answered"), "menu main; waits in queue support", None),
        ("no calls abroad", _call(direction="outbound", caller="102", called="+493012345678"),
         "rings +493012345678 by backup or main", "ends: not allowed (403 Forbidden)"),
        ("no calls abroad", _call(direction="internal", caller="102", called="103"), "rings 103 Chynara", None),
    ],
)  # fmt: skip
def test_a_call_goes_elsewhere_or_not(change: str, call: dict[str, Any], before: str, after: str | None) -> None:
    done = dry_run(OFFICE, changed(**CHANGES[change]), [call])
    assert done.calls == 1
    assert [("; ".join(m.before), "; ".join(m.after)) for m in done.moved] == ([(before, after)] if after else [])


def test_what_cannot_be_tried_is_counted_with_its_reason() -> None:
    calls = [
        _call(direction="internal", caller="199", called="101"),
        _call(direction="internal", caller="101", called=""),
        {**_call(), "did": ""},
    ]
    done = dry_run(OFFICE, OFFICE, calls)
    assert (done.calls, done.moved, sum(done.left_out.values()), len(done.left_out)) == (0, (), 3, 3)


def test_the_command_reads_the_tenants_own_calls(world: World, tmp_path: Path) -> None:
    models.apply(world.db, world.clock, world.acme.tenant_id, OFFICE, "alice")
    now, rng = world.clock.now(), random.Random(1)
    made = []
    for i, (tenant, caller, called) in enumerate(
        [(world.acme, "102", "+493012345678"), (world.acme, "102", "103"), (world.birch, "102", "+493012345678")]
    ):
        call = facts.make_call(rng, tenant, now - timedelta(hours=i + 1), disposition=Disposition.ANSWERED,
                               caller=caller, callee=called)  # fmt: skip
        direction = "outbound" if called.startswith("+") else "internal"
        made.append(replace(call, cdr=replace(call.cdr, direction=direction)))
    facts.write(world.settings, world.clock, made)
    ingest_once(world.settings, world.clock)
    file = tmp_path / "new.toml"
    file.write_text(to_toml(changed(outbound={"international": False})))
    result = CliRunner().invoke(command, [str(file), "--tenant", "acme.test"], obj=world.settings.data)
    assert result.exit_code == 0, result.exception
    lines = result.output.splitlines()
    assert lines[0] == "1 of 2 calls of the last 7 days would have gone elsewhere."
    assert lines[1] == "1\trings +493012345678 by backup or main\tends: not allowed (403 Forbidden)"
    assert "\t102\t+493012345678\t" in lines[2] and made[0].cdr.call_id in lines[2]
    assert "which phones were signed in" in lines[-1]
    assert made[2].cdr.call_id not in result.output
    assert models.active(world.db, world.acme.tenant_id)[1] == OFFICE


def test_without_calls_it_says_so(world: World, tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    file.write_text("")
    result = CliRunner().invoke(command, [str(file), "--tenant", "acme.test"], obj=world.settings.data)
    assert isinstance(result.exception, CallbenchError)
    assert "no past calls" in str(result.exception)
