"""call.missed: once, when the conversation is over, never when somebody talked after all."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from analytics.conversations.rules import REPEAT_WINDOW_S
from pbx_core.domain.records import Disposition, iso
from pbx_core.store import services
from pbx_core.store.schema import live_call, webhook_event
from pbx_core.webhooks.collector import load_source
from tests.support import facts
from tests.support.lake import ingest_once
from tests.unit.webhooks.conftest import Telling, telling_of

CALLER = "+4915112345678"
OTHER = "+4915187654321"


@pytest.fixture
def office(world, receiver) -> Iterator[Telling]:
    made = telling_of(world, receiver, load_source)
    made.endpoint(events=("call.missed",))
    yield made
    made.sender.close()


def call(office: Telling, number: str, at: datetime, *, answered: bool, asked: str = "102", by: str = "102") -> str:
    """Somebody outside calls; its id."""
    how = Disposition.ANSWERED if answered else Disposition.NO_ANSWER
    made = facts.make_call(random.Random(f"{number}{at}"), office.world.acme, at, disposition=how, caller=number,
                           callee="102", talk_s=40.0, recorded=False)  # fmt: skip
    cdr = replace(
        made.cdr,
        direction="inbound",
        did="+493012345",
        trunk_id="carrier",
        destination=f"extension:{asked}",
        answered_by=by if answered else "",
    )
    facts.write(office.settings, office.clock, [replace(made, cdr=cdr, events=())])
    return cdr.call_id


def ask(office: Telling, ingest: bool = True) -> list[dict]:
    """Ingest has read everything just now; what is told then."""
    if ingest:
        ingest_once(office.settings, office.clock)
    now = office.clock.now()
    services.beat(office.world.db, office.clock, "ingest", 0.0, {"last_round": iso(now), "backlog": False})
    office.collector._asked_at = float("-inf")  # its turn has come
    office.gather()
    with office.world.db.connect() as connection:
        return [json.loads(b) for b in connection.scalars(sa.select(webhook_event.c.body)).all()]


def test_only_who_reached_nobody_is_told_of_and_only_when_it_is_over(office) -> None:
    start = office.clock.now()
    lost = call(office, CALLER, start, answered=False)
    again = call(office, OTHER, start, answered=False)
    call(office, OTHER, start + timedelta(seconds=120), answered=True)  # the same caller, two minutes later
    call(office, "+4915100000001", start, answered=True, asked="101", by="103")  # a colleague picked it up
    office.clock.turn(REPEAT_WINDOW_S - 60)
    assert ask(office) == [], "he may call again"
    office.clock.turn(120)
    (told,) = ask(office, ingest=False)
    assert told["type"] == "call.missed" and told["data"]["conversation_id"] == lost
    assert (told["data"]["class"], told["data"]["outside_number"]) == ("missed", CALLER)
    assert told["data"]["rule"].startswith("inbound.missed/") and told["data"]["evidence"]
    assert ask(office, ingest=False) == [told], "once"
    office.send()
    assert [g.event["data"]["conversation_id"] for g in office.receiver.got] == [lost] != [again]


@contextmanager
def live(office: Telling, caller: str) -> Iterator[None]:
    """A call of this number is under way, as far as the board says."""
    detail = json.dumps({"caller": caller, "callee": "102"})
    row = {"tenant_id": office.world.acme.tenant_id, "call_id": "f" * 32, "worker": "worker-0", "state": "talking"}
    with office.world.db.begin() as connection:
        connection.execute(sa.insert(live_call).values(**row, extensions="[]", changed_at=0.0, detail=detail))
    yield
    with office.world.db.begin() as connection:
        connection.execute(sa.delete(live_call))


def test_of_who_is_in_another_call_nothing_is_told_until_it_is_known_what_became_of_it(office) -> None:
    start = office.clock.now()
    lost = call(office, CALLER, start, answered=False)
    call(office, OTHER, start, answered=False)
    with live(office, CALLER):
        office.clock.turn(REPEAT_WINDOW_S + 60)
        assert [t["data"]["outside_number"] for t in ask(office)] == [OTHER]
    office.clock.turn(30)
    assert lost in [t["data"]["conversation_id"] for t in ask(office, ingest=False)], "that call was no answer either"


def test_a_second_try_that_takes_long_and_is_answered_takes_the_first_back(office) -> None:
    start = office.clock.now()
    call(office, CALLER, start, answered=False)
    with live(office, "015112345678"):  # written as a phone shows it
        office.clock.turn(REPEAT_WINDOW_S + 60)
        assert ask(office) == []
    call(office, CALLER, start + timedelta(seconds=200), answered=True)
    office.clock.turn(30)
    assert ask(office) == []


def test_while_ingest_is_behind_or_away_nothing_is_told(office) -> None:
    call(office, CALLER, office.clock.now(), answered=False)
    ingest_once(office.settings, office.clock)
    office.clock.turn(REPEAT_WINDOW_S + 60)
    now = office.clock.now()
    for detail in ({}, {"last_round": iso(now), "backlog": True}, {"last_round": iso(now), "problem": "locked"},
                   {"last_round": iso(now - timedelta(seconds=400))}):  # fmt: skip
        services.beat(office.world.db, office.clock, "ingest", 0.0, detail)
        office.collector._asked_at = float("-inf")
        assert office.gather() == 0, detail
    assert len(ask(office, ingest=False)) == 1
