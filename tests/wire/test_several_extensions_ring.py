"""A worker rings several extensions by one INVITE; it learns who rings, who answered, and what became of the others."""

from __future__ import annotations

import pytest

from pbx_core.sip import message as sip
from tests.wire.conftest import Net, Peer, registered, worker_invite


def rings(_: Peer, request) -> int:
    return 180 if request.method == "INVITE" else 200


def group(net: Net, worker: Peer, numbers: str = "101,102,103"):
    return worker_invite(net, worker, numbers.partition(",")[0], X_Fork=numbers)


def test_all_ring_and_the_answer_says_who_took_it(net: Net) -> None:
    one, two, three = (registered(net, n) for n in ("101", "102", "103"))
    one.answer, three.answer = rings, rings
    two.answer = lambda *_: [180, 200]
    worker = net.worker()
    answer = worker.send(group(net, worker))
    net.run(1)
    assert answer is not None and answer.status_code == 200
    assert sip.header(answer, "x-by") == "102" and sip.header(answer, "x-offers") == "101=0,102=200,103=0"
    assert {sip.header(r, "x-by") for r in worker.responses if r.status_code == 180} <= {"101", "102", "103"}
    for colleague in (one, three):
        assert [r.method for r in colleague.requests] == ["INVITE", "CANCEL"]
        assert "completed elsewhere" in sip.header(colleague.requests[1], "reason")
    assert not [name for r in two.requests for name, _ in r.headers.items() if name.lower().startswith("x-")]


def test_nobody_took_it_and_each_reason_is_told(net: Net) -> None:
    registered(net, "101").answer = lambda *_: 486
    registered(net, "102").answer = lambda *_: [180, 408]
    worker = net.worker()
    answer = worker.send(group(net, worker, "101,102,103,999"))
    assert answer is not None and answer.status_code == 486
    assert sip.header(answer, "x-offers") == "101=486,102=408,103=430,999=404"
    assert "X-By" not in answer.headers


def test_a_colleague_who_declines_silences_his_own_phones_only(net: Net) -> None:
    desk, mobile, other = registered(net, "101"), registered(net, "101"), registered(net, "102")
    desk.answer = lambda *_: 603
    mobile.answer = rings
    other.answer = rings
    worker = net.worker()
    worker.send(group(net, worker, "101,102"), wait_s=1)
    assert [r.method for r in mobile.requests] == ["INVITE", "CANCEL"]
    assert [r.method for r in other.requests] == ["INVITE"]
    net.wire.to_edge(other.flow, bytes(other.response(other.requests[0], 200)))
    net.run(1)
    final = worker.responses[-1]
    assert final.status_code == 200 and sip.header(final, "x-offers") == "101=603,102=200"


def test_one_extension_with_two_phones_is_answered_for_by_one(net: Net) -> None:
    registered(net, "102").answer = lambda *_: 486
    registered(net, "102").answer = lambda *_: [180, 200]
    worker = net.worker()
    answer = worker.send(worker_invite(net, worker))
    assert answer is not None and sip.header(answer, "x-offers") == "102=200"


def test_a_phone_that_cannot_be_reached_counts_less_than_one_that_is_busy(net: Net) -> None:
    lost = registered(net, "102", transport="tls")
    registered(net, "102").answer = lambda *_: 486
    del net.wire.peers[lost.flow]
    worker = net.worker()
    answer = worker.send(worker_invite(net, worker))
    assert answer is not None and sip.header(answer, "x-offers") == "102=486"


@pytest.mark.parametrize("elsewhere", [True, False])
def test_the_worker_takes_its_call_back_and_says_whether_another_took_it(net: Net, elsewhere: bool) -> None:
    phone = registered(net, "102")
    phone.answer = rings
    worker = net.worker()
    invite = worker_invite(net, worker)
    worker.send(invite, wait_s=1)
    cancel = sip.cancel_for(invite)
    if elsewhere:
        cancel.headers.append("X-Elsewhere", "1")
    net.wire.to_edge(worker.flow, bytes(cancel))
    net.run(1)
    assert ("completed elsewhere" in sip.header(phone.requests[1], "reason")) is elsewhere
    assert worker.responses[-1].status_code == 487
    assert sip.header(worker.responses[-1], "x-offers") == "102=0"


def test_a_fork_set_that_rings_over_a_restart_is_cancelled_everywhere(net: Net) -> None:
    phones = [registered(net, n) for n in ("101", "102")]
    for phone in phones:
        phone.answer = rings
    worker = net.worker()
    invite = group(net, worker, "101,102")
    worker.send(invite, wait_s=1)
    net.start()
    net.edge.pool.seen(net._board)
    cancel = sip.cancel_for(invite)
    cancel.headers.append("X-Fork", "101,102")
    net.wire.to_edge(worker.flow, bytes(cancel))
    net.run(1)
    for phone in phones:
        assert [r.method for r in phone.requests] == ["INVITE", "CANCEL"]


def test_a_phone_cannot_write_what_only_the_edge_writes(net: Net) -> None:
    phone = registered(net, "102")
    phone.answer_headers = [("X-Offers", "102=486"), ("X-By", "101"), ("X-Call-Id", "c9"), ("X-Reason", "trunk_full")]
    worker = net.worker()
    answer = worker.send(worker_invite(net, worker))
    assert answer is not None and answer.headers.get("x-by") == ["102"]
    assert answer.headers.get("x-offers") == ["102=200"]
    assert "X-Call-Id" not in answer.headers and "X-Reason" not in answer.headers
