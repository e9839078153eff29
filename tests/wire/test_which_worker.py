"""Which worker a call goes to: where its extension talks already, where its tenant does, where a worker sends it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from pbx_core.edge.pool import held_calls
from pbx_core.sip import message as sip
from pbx_core.sip.tally import Talk
from pbx_core.store.schema import live_call
from tests.wire.conftest import ACME, Net, Peer, registered, worker_invite


def hint(worker: Peer, name: str) -> None:
    worker.answer, worker.answer_headers = (lambda *_: 503), [("X-Worker", name)]


def test_a_second_call_of_an_extension_goes_where_its_first_one_is(net: Net) -> None:
    alice, first, emptier = net.phone(), net.worker(0, capacity=2), net.worker(1, capacity=2, calls=0)
    net.edge.pool.take("held", "worker-0", Talk(tenant_id=net.world.acme.tenant_id, extension="101"))
    _, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and [r.method for r in first.requests] == ["INVITE"]
    assert not emptier.requests


def test_an_extension_that_was_called_counts_as_well(net: Net) -> None:
    bob, holding, _ = registered(net, "102"), net.worker(0), net.worker(1)
    taken = holding.send(worker_invite(net, holding))
    assert taken is not None and taken.status_code == 200
    _, answer = bob.invite("102", ACME, f"sip:103@{ACME}")
    assert answer is not None and [r.method for r in holding.requests] == ["INVITE"]


@pytest.mark.parametrize(("capacity", "expected"), [(2, 1), (50, 0)])
def test_a_tenant_stays_on_a_big_worker_and_spreads_over_small_ones(net: Net, capacity: int, expected: int) -> None:
    alice, workers = net.phone(), [net.worker(n, capacity=capacity) for n in range(2)]
    net.edge.pool.take("held", "worker-0", Talk(tenant_id=net.world.acme.tenant_id, extension="103"))
    alice.invite("101", ACME, f"sip:102@{ACME}")
    assert [bool(w.requests) for w in workers] == [n == expected for n in range(2)]


def test_the_other_tenant_is_no_reason_to_stay(net: Net) -> None:
    alice, workers = net.phone(), [net.worker(n, capacity=50) for n in range(2)]
    net.edge.pool.take("held", "worker-0", Talk(tenant_id=net.world.birch.tenant_id, extension="101"))
    alice.invite("101", ACME, f"sip:102@{ACME}")
    assert [bool(w.requests) for w in workers] == [False, True]


def test_a_worker_sends_a_call_to_where_it_belongs_even_if_that_one_seems_full(net: Net) -> None:
    alice, other, home = net.phone(), net.worker(1, capacity=4), net.worker(0, capacity=2, calls=2)
    hint(other, "worker-0")
    _, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 200 and "X-Worker" not in answer.headers
    assert [r.method for r in home.requests] == ["INVITE"]


def test_the_worker_where_it_belongs_has_no_room_and_nobody_else_is_asked(net: Net) -> None:
    alice, other, home, third = net.phone(), net.worker(1, capacity=4), net.worker(0), net.worker(2)
    hint(other, "worker-0")
    home.answer, home.answer_headers = (lambda *_: 486), []
    _, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 503
    assert not third.requests and net.edge.pool.calls == 0


def test_workers_that_name_each_other_do_not_go_on_for_ever(net: Net) -> None:
    alice, one, two = net.phone(), net.worker(1, capacity=4), net.worker(2)
    hint(one, "worker-2")
    hint(two, "worker-1")
    _, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 503
    assert len(one.requests) + len(two.requests) <= 8


def test_a_worker_that_does_not_exist_is_named(net: Net) -> None:
    alice, worker = net.phone(), net.worker()
    hint(worker, "worker-99")
    _, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 503 and net.edge.pool.calls == 0


def ringing_over_a_restart(net: Net, alice: Peer, worker: Peer):
    """Alice's call rings at a worker; a fresh edge knows nothing of it."""
    worker.answer = lambda _, request: 180 if request.method == "INVITE" else 200
    request = alice.request("INVITE", f"sip:102@{ACME}", "101", ACME)
    challenge = alice.send(request)
    assert challenge is not None
    invite = alice.authorised(request, challenge, f"pw-{ACME}-101")
    alice.send(invite, wait_s=1)
    net.start()
    net.edge.pool.seen(net._board)
    return invite


def test_a_caller_gives_up_over_a_restart_and_the_worker_hears_of_it(net: Net) -> None:
    alice, worker, other = net.phone(), net.worker(1, capacity=4), net.worker(0)
    invite = ringing_over_a_restart(net, alice, worker)
    cancelled = alice.send(sip.cancel_for(invite))
    assert cancelled is not None and cancelled.status_code == 200
    assert [r.method for r in worker.requests] == ["INVITE", "CANCEL"]
    assert sip.top_via(worker.requests[1]).branch == sip.top_via(worker.requests[0]).branch
    net.wire.to_edge(worker.flow, bytes(worker.response(worker.requests[0], 487)))
    net.run(1)
    assert alice.responses[-1].status_code == 487
    assert [r.method for r in other.requests] == ["CANCEL"]


def test_a_cancel_from_elsewhere_over_a_restart_ends_nothing(net: Net) -> None:
    alice, eve, worker = net.phone(), net.phone(), net.worker()
    invite = ringing_over_a_restart(net, alice, worker)
    refused = eve.send(sip.cancel_for(invite))
    assert refused is not None and refused.status_code == 481
    first, *others = worker.requests
    assert all(sip.top_via(r).branch != sip.top_via(first).branch for r in others)


def test_calls_from_before_a_restart_still_draw_their_extension_s_next_one(net: Net) -> None:
    row = {"tenant_id": net.world.acme.tenant_id, "call_id": "c1", "worker": "worker-0", "state": "talking"}
    with net.world.db.begin() as connection:
        connection.execute(sa.insert(live_call).values(**row, extensions='["101", "103"]', detail="{}", changed_at=0.0))
    alice, holding, emptier = net.phone(), net.worker(0, calls=1), net.worker(1)
    net.edge.pool.remember(held_calls(net.world.db))
    alice.invite("101", ACME, f"sip:102@{ACME}")
    assert holding.requests and not emptier.requests
    net.run(5)
    net.edge.pool.seen([replace(slot, calls=0) for slot in net._board])
    assert net.edge.pool.calls == 0
