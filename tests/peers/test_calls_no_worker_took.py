"""Real phones call an exchange that is full: everybody who was let in has his one record, whoever writes it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pbx_core import feed
from pbx_core.domain.records import Cdr, Disposition
from pbx_core.media.phone import Plan
from pbx_core.media.phones import Phones
from pbx_core.store.schema import trunk_state
from tests.support.exchange import Exchange, exchange
from tests.support.ports import free_port, free_range
from tests.support.waiting import until

pytestmark = pytest.mark.peers

MODEL = """
languages = ["en"]
[recording]
default = "never"
[outbound]
country = "KG"
[extensions]
101 = {{ voicemail = false, ring_s = 110.0 }}
102 = {{ voicemail = false, ring_s = 110.0 }}
103 = {{ voicemail = false, ring_s = 110.0 }}
104 = {{ voicemail = false, ring_s = 110.0 }}
[rooms.600]
[trunks.main]
host = "127.0.0.2"
port = {port}
channels = {channels}
calls_per_s = 50.0
[dids."+996312880101"]
destination = "extension:104"
[dids."+996312880102"]
destination = "conference:600"
"""
DESK, ROOM = "+996312880101", "+996312880102"
EARLY_CANCELS = 60
FULL = (503, Disposition.FAILED, "no worker was free")
GAVE_UP = (487, Disposition.CANCELLED, "caller hung up before an answer")


@contextmanager
def town(directory: Path, channels: int, **settings: Any) -> Iterator[tuple[Exchange, Phones]]:
    """An exchange with phones, and the process in which the carrier is."""
    port = free_port()
    with exchange(directory, MODEL.format(port=port, channels=channels), ("101,102", "103,104"), **settings) as office:
        until(lambda: rows(office), what="the trunk")
        with Phones(address="127.0.0.2", sip_port=port, rtp_port=free_range(100), rtp_ports=100) as carrier:
            carrier.carrier("carrier", office.edge(), Plan())
            yield office, carrier


def rows(office: Exchange) -> list[Any]:
    with office.worker.db.connect() as connection:
        return list(connection.execute(sa.select(trunk_state)))


def status_of(box: Phones, call: str) -> int:
    return int(box.wait("ended", call=call)["status"])


def producers(office: Exchange) -> dict[str, str]:
    """Which process wrote a call's record."""
    directory = office.worker.settings.journal_dir
    lines = [(s, feed.decode(line.raw)) for s in feed.segments(directory) for line in feed.read(directory, s)]
    return {entry.id: segment.partition("/")[0] for segment, entry in lines if entry.kind == "cdr"}


def test_who_calls_a_full_exchange_is_seen(tmp_path: Path) -> None:
    with town(tmp_path, 1, worker_calls_max=1, slot_wait_s=6.0) as (office, carrier):
        office.plan("104", Plan(answer="ignore"))
        office.call("101", "holds", "104")
        office.phones["101"].wait("ringing", call="holds")
        told = {}
        office.call("102", "waits", "103")
        office.call("103", "waits too", "102")
        carrier.call_as("carrier", "from outside", "+996555000001", DESK, Plan())
        until(lambda: rows(office)[0].calls == 1, what="the trunk's channel taken")
        carrier.call_as("carrier", "beyond the channel", "+996555000002", DESK, Plan())
        told["+996555000002"] = status_of(carrier, "beyond the channel")
        told["+996555000001"] = status_of(carrier, "from outside")
        told["102"] = status_of(office.phones["102"], "waits")
        told["103"] = status_of(office.phones["103"], "waits too")
        office.call("103", "impatient", "102", Plan(cancel_after_s=0.5))
        gave_up = status_of(office.phones["103"], "impatient")
        office.say("101", do="hangup", call="holds")
        office.cdrs(6)
    cdrs, wrote = sorted(office.worker.cdrs(), key=lambda c: c.started_at), producers(office)
    assert len(cdrs) == len({c.call_id for c in cdrs}) == 6
    first, last = cdrs[0], cdrs[-1]
    assert (first.caller_number, first.disposition, wrote[first.call_id]) == ("101", Disposition.CANCELLED, "worker-0")
    assert (last.caller_number, gave_up, last.disposition, last.cause) == ("103", *GAVE_UP)
    assert 0.4 <= last.wait_s < 6.0
    assert {wrote[c.call_id] for c in cdrs[1:]} == {c.worker for c in cdrs[1:]} == {"edge"}
    seen = {c.caller_number: (told[c.caller_number], c.disposition, c.cause) for c in cdrs[1:-1]}
    beyond = (503, Disposition.FAILED, "limit: calls at once over the trunk")
    assert seen == {"102": FULL, "103": FULL, "+996555000001": FULL, "+996555000002": beyond}
    by_trunk = [c for c in cdrs if c.trunk_id]
    assert {(c.trunk_id, c.did, c.direction) for c in by_trunk} == {("main", DESK, "inbound")}
    assert all(c.wait_s >= 6.0 for c in cdrs if c.cause == FULL[2])
    own = list(office.worker.settings.journal_dir.glob("edge/*.jsonl"))
    assert len(own) == 1 and feed.is_complete(own[0])


def test_who_gives_up_while_workers_hand_him_on_has_one_record(tmp_path: Path) -> None:
    """The room is on one worker, and the edge asks the emptier one first, which names the other. A carrier's call needs
    no digest: every INVITE counts."""
    rng = random.Random(15)
    with town(tmp_path, 30, slots=2) as (office, carrier):
        office.call("101", "in the room", "600")
        office.phones["101"].wait("answered", call="in the room")
        for n in range(EARLY_CANCELS):
            plan = Plan(cancel_after_s=rng.uniform(0.0, 0.08), hangup_after_s=0.05)
            carrier.call_as("carrier", f"early {n}", f"+9965550001{n:02}", ROOM, plan)
            carrier.wait("ended", call=f"early {n}")
        office.say("101", do="hangup", call="in the room")
        office.cdrs(EARLY_CANCELS + 1)
    mine = [c for c in office.worker.cdrs() if c.trunk_id]  # all that there will be: everybody has stopped
    assert sorted(c.caller_number for c in mine) == [f"+9965550001{n:02}" for n in range(EARLY_CANCELS)], counted(mine)
    assert {c.disposition for c in mine} <= {Disposition.CANCELLED, Disposition.ANSWERED}, counted(mine)


def counted(cdrs: list[Cdr]) -> Counter[tuple[str, str, str]]:
    return Counter((c.worker, str(c.disposition), c.cause) for c in cdrs)
