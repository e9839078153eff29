"""Calls that no worker took have one record each, by the edge; what a worker tells of itself the edge does not."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from aiosipua.message import SipRequest

from pbx_core import feed
from pbx_core.clock import SystemClock
from pbx_core.domain.calls.events import CallEvent, EventType, to_record
from pbx_core.domain.model import Did, Model, Trunk
from pbx_core.domain.records import CallEventRecord, Cdr, Disposition
from pbx_core.edge.ledger import PER_S_MAX
from pbx_core.errors import Unavailable
from pbx_core.sip import message as sip
from pbx_core.sip.flow import Flow
from tests.wire.conftest import ACME, WALL, Net, Peer

CARRIER, DID = "203.0.113.9", "+996312900101"
AGES_S = 40.0  # longer than the edge listens for a worker that said nothing


def written(net: Net) -> list[Any]:
    """What the edge has written."""
    asyncio.run(net.edge.ledger.round())
    found = []
    for segment in feed.segments(net.settings.journal_dir):
        if segment.startswith("edge/"):
            found += [feed.decode(line.raw).record for line in feed.read(net.settings.journal_dir, segment)]
    return found


def cdrs(net: Net) -> list[Cdr]:
    return [r for r in written(net) if isinstance(r, Cdr)]


def only(net: Net) -> Cdr:
    (cdr,) = cdrs(net)
    stories = [r for r in written(net) if isinstance(r, CallEventRecord)]
    assert [(e.type, e.call_id) for e in stories] == [(t, cdr.call_id) for t in ("opened", "ended", "closed")]
    return cdr


@pytest.fixture
def net(net: Net) -> Net:
    net.edge.ledger.open(SystemClock())
    return net


def begun(net: Net, alice: Peer, wait_s: float = 0.05) -> SipRequest:
    """Alice's INVITE, her digest answered, some moments ago."""
    request = alice.request("INVITE", f"sip:102@{ACME}", "101", ACME)
    challenge = alice.send(request)
    assert challenge is not None
    invite = alice.authorised(request, challenge, f"pw-{ACME}-101")
    alice.send(invite, wait_s=wait_s)
    return invite


def cancelled(net: Net, alice: Peer, invite: SipRequest) -> None:
    answer = alice.send(sip.cancel_for(invite))
    assert answer is not None and answer.status_code == 200
    assert alice.responses[-1].status_code in (200, 487)


def test_no_worker_came_up_in_time(net: Net) -> None:
    alice = net.phone()
    before = net.time.time()
    invite, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 503
    cdr = only(net)
    assert (cdr.disposition, cdr.cause, cdr.direction) == (Disposition.FAILED, "no worker was free", "internal")
    assert (cdr.caller_number, cdr.callee_number, cdr.worker) == ("101", "102", "edge")
    assert cdr.tenant_id == net.world.acme.tenant_id
    assert cdr.legs[0].sip_call_id == sip.header(invite, "call-id")
    assert net.settings.slot_wait_s <= cdr.wait_s <= net.time.time() - before


def test_the_caller_gives_up_while_no_worker_is_there(net: Net) -> None:
    alice = net.phone()
    invite = begun(net, alice, 1.0)
    cancelled(net, alice, invite)
    net.run(10)
    cdr = only(net)
    assert (cdr.disposition, cdr.hangup_party, cdr.legs[0].sip_status) == (Disposition.CANCELLED, "caller", 487)
    assert cdr.wait_s == pytest.approx(1.0, abs=0.2)


def test_an_exchange_that_is_stopped_lets_nobody_wait(net: Net) -> None:
    alice = net.phone()
    begun(net, alice, 1.0)
    net.edge.pool.shut()
    net.run(0.1)
    assert alice.responses[-1].status_code == 503
    net.run(10)
    assert only(net).cause == "the exchange was stopped"


def test_who_has_not_proven_who_he_is_leaves_nothing(net: Net) -> None:
    alice = net.phone()
    request = alice.request("INVITE", f"sip:102@{ACME}", "101", ACME)
    alice.send(request)
    alice.invite("101", "no.such.test", "sip:102@no.such.test")
    net.run(10)
    assert written(net) == []


@pytest.mark.parametrize("statuses", [200, [180, 200], [180, 486], 486, 603])
def test_a_call_that_a_worker_took_is_the_worker_s(net: Net, statuses: int | list[int]) -> None:
    alice, worker = net.phone(), net.worker()
    worker.answer = lambda _, request: statuses if request.method == "INVITE" else 200
    alice.invite("101", ACME, f"sip:102@{ACME}")
    net.run(AGES_S)
    assert written(net) == []


@pytest.mark.parametrize(
    ("last", "named", "whose"),
    [(487, False, "worker"), (503, False, "edge"), (503, True, "worker"), (200, True, "worker"), (488, False, "edge")],
)
def test_the_caller_gives_up_before_the_worker_said_anything(net: Net, last: int, named: bool, whose: str) -> None:
    """The edge answers 487 by itself; whether there is a call of the worker's is seen by its last word."""
    alice, worker = net.phone(), net.worker()
    worker.answer, worker.answer_headers = (lambda _, request: 100 if request.method == "INVITE" else 200), []
    invite = begun(net, alice, 0.3)
    cancelled(net, alice, invite)
    net.run(0.5)
    assert cdrs(net) == [], "not known yet"
    worker.answer_headers = [("X-Call-Id", "c0")] if named else []
    net.wire.to_edge(worker.flow, bytes(worker.response(worker.requests[0], last)))
    net.run(AGES_S)
    assert [c.disposition for c in cdrs(net)] == ([Disposition.CANCELLED] if whose == "edge" else [])


def test_a_worker_that_turned_the_call_away_before_another_took_it_changes_nothing(net: Net) -> None:
    alice, full, _ = net.phone(), net.worker(1, capacity=4), net.worker(0)
    full.answer, full.answer_headers = lambda *_: 503, []
    _, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 200
    net.run(AGES_S)
    assert written(net) == []


def test_workers_that_say_nothing(net: Net) -> None:
    alice, workers = net.phone(), [net.worker(n, capacity=4) for n in range(2)]
    for worker in workers:
        worker.silent = True
    begun(net, alice, 10.0)
    assert alice.responses[-1].status_code == 503
    assert cdrs(net) == [], "they may be asleep only"
    net.run(AGES_S)
    cdr = only(net)
    assert cdr.cause == "no worker answered" and cdr.wait_s < 5.0
    assert all(len(worker.raw) <= 4 for worker in workers), "nobody is asked again once he is given up"


def test_a_worker_that_slept_and_takes_the_call_after_all_tells_of_it_itself(net: Net) -> None:
    alice, sleeper = net.phone(), net.worker(0)
    sleeper.silent = True
    begun(net, alice, 10.0)
    request = sip.parse(sleeper.raw[0])
    assert isinstance(request, SipRequest)
    for status in (100, 487):
        net.wire.to_edge(sleeper.flow, bytes(sip.response(request, status, "late")))
        net.run(0.5)
    net.run(AGES_S)
    assert written(net) == []


@pytest.mark.parametrize("opened", [True, False])
def test_a_worker_dies_with_the_call(net: Net, opened: bool) -> None:
    """Had it opened the call, its successor closes it."""
    alice, dying = net.phone(), net.worker()
    dying.answer, dying.answer_headers = lambda *_: 100, []
    invite = begun(net, alice, 0.5)
    clock = SystemClock()
    journal = feed.Journal(net.settings.journal_dir, "worker-0", clock)
    name = sip.header(invite, "call-id") if opened else "another"
    event = CallEvent(clock.now(), 1.0, "c" * 32, 0, "caller", EventType.OPENED, {"sip_call_id": name})
    journal.append("call_event", "x", "t", to_record(event, "t"))
    os.utime(journal.path, (WALL + net.time.time(),) * 2)
    net.edge.pool.on_death(dying.flow.port)
    net.run(AGES_S)
    assert alice.responses[-1].status_code == 503
    assert [c.cause for c in cdrs(net)] == ([] if opened else ["worker died"])


@pytest.mark.parametrize(
    ("user", "target", "cause"),
    [("101", "sip:102@elsewhere.test", "404 Not Found"), ("101", f"sip:a%20b@{ACME}", "404 Not Found")],
)
def test_a_phone_that_dials_what_cannot_be_dialled(net: Net, user: str, target: str, cause: str) -> None:
    alice, worker = net.phone(), net.worker()
    _, answer = alice.invite(user, ACME, target)
    assert answer is not None and answer.status_code == 404 and not worker.requests
    assert only(net).cause == cause


def test_an_invite_too_long_for_a_worker(net: Net) -> None:
    alice, _ = net.phone(), net.worker()
    request = alice.request("INVITE", f"sip:102@{ACME}", "101", ACME, Subject="x" * 4000)
    challenge = alice.send(request)
    assert challenge is not None
    alice.send(alice.authorised(request, challenge, f"pw-{ACME}-101"))
    assert only(net).cause == "the INVITE is too long"


def call(peer: Peer, net: Net) -> SipRequest:
    return peer.request("INVITE", f"sip:{DID}@{net.edge.host}", "+491701234567", CARRIER)


def line_of(net: Net, **trunk: Any) -> Peer:
    net.office(Model(trunks=(Trunk("main", CARRIER, **trunk),), dids=(Did(DID, "extension:101"),)))
    return Peer(net, Flow("udp", CARRIER, 5060))


@pytest.mark.parametrize(
    ("trunk", "cause"),
    [
        ({"channels": 1}, "limit: calls at once over the trunk"),
        ({"calls_per_s": 1.0}, "limit: calls per second over the trunk"),
    ],
)
def test_a_call_beyond_the_trunk_s_limits_is_seen(net: Net, trunk: dict[str, Any], cause: str) -> None:
    peer, worker = line_of(net, **trunk), net.worker(capacity=9)
    invites = [call(peer, net) for _ in range(2)]
    assert [a.status_code for i in invites if (a := peer.send(i))] == [200, 503]
    net.wire.to_edge(peer.flow, bytes(invites[1]))  # the carrier did not hear us
    net.run(1)
    assert len(worker.requests) == 1
    cdr = only(net)
    assert (cdr.direction, cdr.did, cdr.trunk_id, cdr.callee_number) == ("inbound", DID, "main", DID)
    assert (cdr.disposition, cdr.cause, cdr.caller_number) == (Disposition.FAILED, cause, "+491701234567")


def test_a_forged_flood_over_a_trunk_fills_no_disk(net: Net) -> None:
    peer, _ = line_of(net, calls_per_s=2.0), net.worker(capacity=9)
    for _ in range(100):
        net.wire.to_edge(peer.flow, bytes(call(peer, net)))
    net.run(0.2)
    assert len(cdrs(net)) == 2


def test_a_phone_in_wrong_hands_fills_no_disk(net: Net) -> None:
    alice = net.phone()
    for _ in range(100):
        alice.invite("101", ACME, "sip:102@elsewhere.test")
    assert PER_S_MAX <= len(cdrs(net)) < 100


def test_a_disk_that_takes_nothing_stops_no_call_and_loses_no_record(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = net.phone()

    def full(*args: Any, **more: Any) -> None:
        raise Unavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(feed.Journal, "append", full)
        _, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
        assert answer is not None and answer.status_code == 503
        assert written(net) == []
    assert only(net).cause == "no worker was free"


def test_a_segment_of_an_edge_that_was_killed_is_marked_complete(net: Net) -> None:
    clock = SystemClock()
    left = net.settings.journal_dir / "edge" / f"{'0' * 32}.jsonl"
    left.write_bytes(b'{"kind":"torn')
    net.edge.ledger.open(clock)
    assert feed.is_complete(left)
