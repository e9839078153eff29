"""The edge with scripted peers in virtual time: registration, calls, forking, loss, forged messages."""

from __future__ import annotations

import pytest

from pbx_core.sip import message as sip
from pbx_core.sip.flow import Flow
from tests.wire.conftest import ACME, Net, Peer, next_attempt, registered, worker_invite


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_phone_registers_and_the_binding_survives_a_restart(net: Net, transport: str) -> None:
    phone = registered(net, "101", transport=transport)
    net.start()
    held = net.edge.location.get((net.world.acme.tenant_id, "101"))
    assert [b.source for b in held] == [f"{transport}:{phone.address}"]


def test_both_algorithms_are_offered_and_the_stronger_first(net: Net) -> None:
    phone = net.phone()
    answer = phone.send(phone.request("REGISTER", f"sip:{ACME}", "101", ACME, to=f"sip:101@{ACME}"))
    assert answer is not None
    offered = answer.headers.get("www-authenticate")
    assert ["SHA-256" in v for v in offered] == [True, False] and "MD5" in offered[1]
    assert all(f'realm="{ACME}"' in v for v in offered)


def test_an_old_stack_is_offered_md5_alone(net: Net) -> None:
    phone = net.phone()
    request = phone.request("REGISTER", f"sip:{ACME}", "101", ACME, User_Agent="baresip v1.0.0 (x86_64/linux)")
    answer = phone.send(request)
    assert answer is not None and len(answer.headers.get("www-authenticate")) == 1
    assert "MD5" in sip.header(answer, "www-authenticate")


def test_a_phone_that_comes_back_empty_handed_is_offered_md5_alone(net: Net) -> None:
    phone = net.phone()
    for expected in (2, 1):
        answer = phone.send(phone.request("REGISTER", f"sip:{ACME}", "101", ACME))
        assert answer is not None and len(answer.headers.get("www-authenticate")) == expected
        net.run(6)


def test_unknown_users_and_wrong_passwords_get_the_same_answer(net: Net) -> None:
    answers = []
    for user, domain in (("101", ACME), ("999", ACME), ("101", "nobody.test")):
        phone = net.phone()
        answer = phone.register(user, domain, "wrong password")
        assert answer is not None and answer.status_code == 401
        answers.append(sorted((n, len(v), [len(x) for x in v]) for n, v in answer.headers.items() if n != "Via"))
    assert answers[0] == answers[1]
    assert [a[0] for a in answers[0]] == [a[0] for a in answers[2]]


def test_nobody_registers_for_somebody_else(net: Net) -> None:
    phone = net.phone()
    request = phone.request("REGISTER", f"sip:{ACME}", "101", ACME, to=f"sip:102@{ACME}")
    challenge = phone.send(request)
    assert challenge is not None
    answer = phone.send(phone.authorised(request, challenge, f"pw-{ACME}-101"))
    assert answer is not None and answer.status_code == 403
    assert not net.edge.location.get((net.world.acme.tenant_id, "102"))


def test_the_same_number_in_two_tenants_is_two_phones(net: Net) -> None:
    registered(net, "102", ACME)
    birch = registered(net, "102", "birch.test")
    worker = net.worker()
    answer = worker.send(worker_invite(net, worker, "102", net.world.birch.tenant_id, "birch.test"))
    assert answer is not None and answer.status_code == 200
    assert [r.method for r in birch.requests] == ["INVITE"]


def test_a_tenant_cannot_be_called_under_the_domain_of_another(net: Net) -> None:
    registered(net, "102", "birch.test")
    worker = net.worker()
    answer = worker.send(worker_invite(net, worker, "102", net.world.acme.tenant_id, "birch.test"))
    assert answer is not None and answer.status_code == 404


def test_a_replayed_register_is_refused_from_anywhere(net: Net) -> None:
    phone, eve = net.phone(), net.phone()
    request = phone.request("REGISTER", f"sip:{ACME}", "101", ACME, to=f"sip:101@{ACME}")
    challenge = phone.send(request)
    assert challenge is not None
    good = phone.authorised(request, challenge, f"pw-{ACME}-101")
    assert phone.send(good).status_code == 200  # type: ignore[union-attr]
    for thief in (phone, eve):
        answer = thief.send(next_attempt(good))
        assert answer is not None and answer.status_code == 401


def test_a_wrong_digest_with_a_high_count_does_not_lock_the_victim_out(net: Net) -> None:
    phone = net.phone()
    request = phone.request("REGISTER", f"sip:{ACME}", "101", ACME, to=f"sip:101@{ACME}")
    challenge = phone.send(request)
    assert challenge is not None
    poison = phone.authorised(request, challenge, "wrong", nc=0xFFFFFFFF)
    assert phone.send(poison).status_code == 401  # type: ignore[union-attr]
    good = phone.authorised(next_attempt(request), challenge, f"pw-{ACME}-101", nc=2)
    assert phone.send(good).status_code == 200  # type: ignore[union-attr]


def test_an_expired_nonce_is_stale_not_wrong(net: Net) -> None:
    phone = net.phone()
    request = phone.request("REGISTER", f"sip:{ACME}", "101", ACME, to=f"sip:101@{ACME}")
    challenge = phone.send(request)
    assert challenge is not None
    net.run(61)
    answer = phone.send(phone.authorised(request, challenge, f"pw-{ACME}-101"))
    assert answer is not None and answer.status_code == 401
    assert "stale=true" in sip.header(answer, "www-authenticate")


def test_a_phones_call_reaches_a_worker_with_the_truth_about_the_caller(net: Net) -> None:
    alice, worker = net.phone(), net.worker()
    request = alice.request("INVITE", f"sip:102@{ACME}", "101", ACME)
    for name in ("X-Tenant", "X-Auth-User", "X-Source", "X-Call-Id", "P-Asserted-Identity"):
        request.headers.append(name, "forged")
    challenge = alice.send(request)
    assert challenge is not None and challenge.status_code == 407
    answer = alice.send(alice.authorised(request, challenge, f"pw-{ACME}-101"))
    assert answer is not None and answer.status_code == 200
    got = worker.requests[0]
    assert got.uri == f"sip:102@{ACME}"
    assert got.headers.get("x-tenant") == [net.world.acme.tenant_id]
    assert got.headers.get("x-auth-user") == ["101"]
    assert got.headers.get("x-source") == [f"udp:{alice.address}"]
    for absent in ("X-Call-Id", "P-Asserted-Identity", "Proxy-Authorization"):
        assert absent not in got.headers
    assert "X-Call-Id" not in answer.headers


def test_the_caller_named_in_from_must_be_the_one_who_signed_in(net: Net) -> None:
    alice, worker = net.phone(), net.worker()
    request = alice.request("INVITE", f"sip:103@{ACME}", "101", ACME)
    challenge = alice.send(request)
    assert challenge is not None
    again = alice.authorised(request, challenge, f"pw-{ACME}-101")
    again.headers.set_single("From", f"<sip:102@{ACME}>;tag=x")
    answer = alice.send(again)
    assert answer is not None and answer.status_code == 403
    assert not worker.requests


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_dialog_runs_both_ways_through_the_edge(net: Net, transport: str) -> None:
    alice, worker = net.phone(transport), net.worker()
    invite, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 200
    net.wire.to_edge(alice.flow, bytes(alice.in_dialog(invite, answer, "ACK")))
    net.run(1)
    assert [r.method for r in worker.requests] == ["INVITE", "ACK"]
    bye = sip.response(worker.requests[0], 200, "t6000")  # from the worker's side: From and To change places
    request = worker.request("BYE", f"sip:101@{alice.address}", "102", ACME)
    request.headers.set_single("From", sip.header(bye, "to"))
    request.headers.set_single("To", sip.header(bye, "from"))
    request.headers.set_single("Call-ID", sip.header(bye, "call-id"))
    for value in worker.requests[0].headers.get("record-route"):
        request.headers.append("Route", value)
    ended = worker.send(request)
    assert ended is not None and ended.status_code == 200
    assert [r.method for r in alice.requests] == ["BYE"]
    assert "Route" not in alice.requests[0].headers
    assert net.edge.pool.calls == 0


def test_a_bye_from_the_phone_ends_the_call_at_the_worker(net: Net) -> None:
    alice, worker = net.phone(), net.worker()
    invite, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None
    assert net.edge.pool.calls == 1
    ended = alice.send(alice.in_dialog(invite, answer, "BYE"))
    assert ended is not None and ended.status_code == 200
    assert worker.requests[-1].method == "BYE"
    assert net.edge.pool.calls == 0


def test_a_forged_bye_from_another_address_gets_nowhere(net: Net) -> None:
    alice, eve, worker = net.phone(), net.phone(), net.worker()
    invite, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None
    assert eve.send(alice.in_dialog(invite, answer, "BYE")) is None
    assert [r.method for r in worker.requests if r.method == "BYE"] == []


def test_a_token_that_was_tampered_with_opens_nothing(net: Net) -> None:
    alice, worker = net.phone(), net.worker()
    invite, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None
    bye = alice.in_dialog(invite, answer, "BYE")
    forged = [v.replace(";ft=", ";ft=A") for v in bye.headers.get("route")]
    bye.headers.remove("Route")
    for value in forged:
        bye.headers.append("Route", value)
    refused = alice.send(bye)
    assert refused is not None and refused.status_code == 481
    assert worker.requests[-1].method == "INVITE"


def test_the_next_worker_is_asked_when_one_has_no_slot(net: Net) -> None:
    alice, full, free = net.phone(), net.worker(1, capacity=4), net.worker(0)
    full.answer, full.answer_headers = lambda *_: 486, []
    _, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 200
    assert [r.method for r in full.requests] == ["INVITE"]
    assert [r.method for r in free.requests] == ["INVITE"]


def test_busy_decided_by_the_call_is_final(net: Net) -> None:
    alice, first, second = net.phone(), net.worker(1, capacity=4), net.worker(0)
    first.answer = lambda *_: 486  # with X-Call-Id
    _, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 486
    assert not second.requests and net.edge.pool.calls == 0


def test_a_silent_worker_is_passed_over(net: Net) -> None:
    alice, dead, alive = net.phone(), net.worker(1, capacity=4), net.worker(0)
    dead.silent = True
    _, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 200
    assert alive.requests


def test_a_call_that_no_worker_reacts_to_is_told_so_soon(net: Net) -> None:
    alice, workers = net.phone(), [net.worker(n, capacity=4) for n in range(5)]
    for worker in workers:
        worker.silent = True
    before = net.time.time()
    _, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 503
    assert net.time.time() - before < 10


def test_an_invite_too_large_for_a_worker_is_refused_at_once(net: Net) -> None:
    alice, worker = net.phone(), net.worker()
    request = alice.request("INVITE", f"sip:102@{ACME}", "101", ACME, Subject="x" * 4000)
    challenge = alice.send(request)
    assert challenge is not None
    answer = alice.send(alice.authorised(request, challenge, f"pw-{ACME}-101"))
    assert answer is not None and answer.status_code == 513
    assert not worker.raw and net.edge.pool.calls == 0


def test_a_call_whose_worker_died_in_the_middle_is_not_begun_again_elsewhere(net: Net) -> None:
    alice, dying, other = net.phone(), net.worker(1, capacity=4), net.worker(0)
    dying.answer = lambda *_: 180
    net.time.call_later(3.0, lambda: net.edge.pool.on_death(dying.flow.port))
    _, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 503
    assert not other.requests and net.edge.pool.calls == 0


def test_phones_that_a_dead_worker_made_ring_are_cancelled(net: Net) -> None:
    desk, worker = registered(net, "102"), net.worker()
    desk.answer = lambda _, request: 180 if request.method == "INVITE" else 200
    net.time.call_later(1.0, lambda: net.edge.pool.on_death(worker.flow.port))
    worker.send(worker_invite(net, worker))
    net.run(1)
    assert [r.method for r in desk.requests] == ["INVITE", "CANCEL"]


def test_a_call_waits_for_a_worker_and_then_is_told_to_come_back(net: Net) -> None:
    alice = net.phone()
    before = net.time.time()
    _, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 503 and "Retry-After" in answer.headers
    assert net.time.time() - before >= net.settings.slot_wait_s
    assert any(r.status_code == 100 for r in alice.responses)


def test_a_worker_that_comes_up_in_time_gets_the_waiting_call(net: Net) -> None:
    alice = net.phone()
    net.time.call_later(2.0, lambda: setattr(net, "late", net.worker()))
    _, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 200


def test_the_first_phone_to_answer_wins_and_the_other_is_cancelled(net: Net) -> None:
    desk, mobile = registered(net, "102"), registered(net, "102", transport="tcp")
    desk.answer = lambda *_: 180
    mobile.answer = lambda *_: [180, 200]
    worker = net.worker()
    answer = worker.send(worker_invite(net, worker))
    net.run(1)
    assert answer is not None and answer.status_code == 200
    assert sip.header(answer, "contact") == f"<sip:{mobile.address}>"
    assert [r.method for r in desk.requests] == ["INVITE", "CANCEL"]
    assert "completed elsewhere" in sip.header(desk.requests[1], "reason")
    assert [r.method for r in mobile.requests] == ["INVITE"]
    for name in ("X-Tenant", "X-Call-Id", "Route"):
        assert name not in desk.requests[0].headers


def test_a_phone_that_answers_too_late_is_hung_up_once(net: Net) -> None:
    desk, mobile = registered(net, "102"), registered(net, "102")
    desk.answer = lambda *_: 180
    mobile.answer = lambda *_: 200
    worker = net.worker()
    worker.send(worker_invite(net, worker))
    net.run(0.5)
    invite = desk.requests[0]
    for _ in range(3):  # it does not hear our ACK
        net.wire.to_edge(desk.flow, bytes(desk.response(invite, 200)))
        net.run(1)
    methods = [r.method for r in desk.requests if r.method in ("ACK", "BYE")]
    assert methods == ["ACK", "BYE", "ACK", "ACK"]


def test_the_best_refusal_goes_back(net: Net) -> None:
    for status in (480, 486):
        phone = registered(net, "102")
        phone.answer = lambda *_, status=status: status
    worker = net.worker()
    answer = worker.send(worker_invite(net, worker))
    assert answer is not None and answer.status_code == 486


def test_a_declined_call_stops_ringing_everywhere(net: Net) -> None:
    desk, mobile = registered(net, "102"), registered(net, "102")
    desk.answer = lambda *_: 180
    mobile.answer = lambda *_: 603
    worker = net.worker()
    answer = worker.send(worker_invite(net, worker))
    net.run(1)
    assert answer is not None and answer.status_code == 603
    assert [r.method for r in desk.requests] == ["INVITE", "CANCEL"]


def test_giving_up_cancels_every_branch(net: Net) -> None:
    phones = [registered(net, "102"), registered(net, "102", transport="tls")]
    for phone in phones:
        phone.answer = lambda _, request: 180 if request.method == "INVITE" else 200
    worker = net.worker()
    invite = worker_invite(net, worker)
    net.time.call_later(1.0, lambda: net.wire.to_edge(worker.flow, bytes(sip.cancel_for(invite))))
    answer = worker.send(invite)
    net.run(1)
    assert answer is not None and answer.status_code == 487
    for phone in phones:
        assert [r.method for r in phone.requests] == ["INVITE", "CANCEL"]


def ring_and_restart(net: Net, worker: Peer, *phones: Peer):
    """Phones ring for a worker, and a fresh edge knows nothing of it."""
    for phone in phones:
        phone.answer = lambda _, request: 180 if request.method == "INVITE" else 200
    invite = worker_invite(net, worker)
    worker.send(invite, wait_s=1)
    net.start()
    net.edge.pool.seen(net._board)
    return invite


def test_phones_that_ring_over_a_restart_are_answered_at_the_worker(net: Net) -> None:
    desk, worker = registered(net, "102"), net.worker()
    ring_and_restart(net, worker, desk)
    net.wire.to_edge(desk.flow, bytes(desk.response(desk.requests[0], 200)))
    net.run(1)
    assert [r.status_code for r in worker.responses] == [100, 180, 200]


def test_phones_that_ring_over_a_restart_can_be_cancelled(net: Net) -> None:
    desk, mobile, worker = registered(net, "102"), registered(net, "102", transport="tls"), net.worker()
    invite = ring_and_restart(net, worker, desk, mobile)
    net.wire.to_edge(worker.flow, bytes(sip.cancel_for(invite)))
    net.run(1)
    for phone in (desk, mobile):
        assert [r.method for r in phone.requests] == ["INVITE", "CANCEL"]
        vias = [r.headers.get("via")[0] for r in phone.requests]
        assert vias[0] == vias[1]
    assert worker.responses[-1].status_code == 487


def test_a_phone_that_answers_a_cancel_over_a_restart_is_hung_up(net: Net) -> None:
    desk, worker = registered(net, "102"), net.worker()
    invite = ring_and_restart(net, worker, desk)
    net.wire.to_edge(worker.flow, bytes(sip.cancel_for(invite)))
    net.run(0.015)
    net.wire.to_edge(desk.flow, bytes(desk.response(desk.requests[0], 200)))
    net.run(1)
    assert [r.method for r in desk.requests if r.method in ("ACK", "BYE")] == ["ACK", "BYE"]


def test_a_caller_hears_the_answer_over_a_restart(net: Net) -> None:
    alice, worker = net.phone(), net.worker()
    worker.answer = lambda *_: 180
    net.time.call_later(2.0, net.start)
    net.time.call_later(3.0, lambda: net.wire.to_edge(worker.flow, bytes(worker.response(worker.requests[0], 200))))
    _, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 200 and "X-Call-Id" not in answer.headers


@pytest.mark.parametrize("change", ["branch", "port", "upstream"])
def test_an_answer_to_nothing_we_asked_reaches_no_worker(net: Net, change: str) -> None:
    desk, worker = registered(net, "102"), net.worker()
    ring_and_restart(net, worker, desk)
    heard = len(worker.raw)
    answer = desk.response(desk.requests[0], 200)
    vias = answer.headers.get("via")
    if change == "branch":
        vias[0] = vias[0].replace("branch=z9hG4bKcB", "branch=z9hG4bKcB0")
    elif change == "port":
        vias[1] = f"SIP/2.0/UDP 127.0.0.1:\u00b2;branch={sip.top_via(worker_invite(net, worker)).branch};rport=x"
    else:
        vias[1] = vias[1].replace("branch=z9hG4bKt", "branch=z9hG4bKt9")
    net.wire.to_edge(desk.flow, bytes(answer))
    net.run(1)
    assert len(worker.raw) == heard


def test_a_cancel_from_another_address_is_refused(net: Net) -> None:
    alice, eve, worker = net.phone(), net.phone(), net.worker()
    worker.answer = lambda *_: 180
    request = alice.request("INVITE", f"sip:102@{ACME}", "101", ACME)
    challenge = alice.send(request)
    assert challenge is not None
    invite = alice.authorised(request, challenge, f"pw-{ACME}-101")
    alice.send(invite, wait_s=1)
    answer = eve.send(sip.cancel_for(invite))
    assert answer is not None and answer.status_code == 481
    assert [r.method for r in worker.requests] == ["INVITE"]


def test_unknown_and_absent_extensions_are_told_apart_for_the_worker(net: Net) -> None:
    worker = net.worker()
    unknown = worker.send(worker_invite(net, worker, "999"))
    absent = worker.send(worker_invite(net, worker, "103"))
    assert unknown is not None and unknown.status_code == 404
    assert absent is not None and absent.status_code == 480


def test_a_broken_connection_counts_as_an_absent_phone(net: Net) -> None:
    phone = registered(net, "102", transport="tls")
    del net.wire.peers[phone.flow]
    worker = net.worker()
    answer = worker.send(worker_invite(net, worker))
    assert answer is not None and answer.status_code == 480


def test_a_tcp_phone_whose_connection_broke_is_called_at_its_contact(net: Net) -> None:
    phone = net.phone("tcp")
    listening = Peer(net, Flow("tcp", phone.flow.host, 5062))
    phone.register("102", ACME, Contact=f"<sip:102@{phone.flow.host}:5062;transport=tcp>")
    del net.wire.peers[phone.flow]
    net.wire.connectable.add(listening.flow)
    worker = net.worker()
    answer = worker.send(worker_invite(net, worker))
    assert answer is not None and answer.status_code == 200
    assert listening.requests[0].method == "INVITE"


def test_everything_works_on_a_bad_line_and_nothing_is_left_over(net: Net) -> None:
    net.wire.loss, net.wire.doubling = 0.25, 0.2
    bob = net.phone()
    alice, worker = net.phone(), net.worker(capacity=10)
    for _ in range(3):  # the challenge is stateless: a lost 401 costs a retransmission only
        answer = bob.register("102", ACME)
        assert answer is not None and answer.status_code == 200
        _, called = alice.invite("101", ACME, f"sip:102@{ACME}")
        assert called is not None and called.status_code == 200
        out = worker.send(worker_invite(net, worker))
        assert out is not None and out.status_code == 200
    assert net.wire.lost > 3
    net.run(300)
    assert net.edge.layer.count == 0


def test_an_unanswered_branch_does_not_live_for_ever(net: Net) -> None:
    phone = registered(net, "102")
    phone.answer = lambda *_: 180
    worker = net.worker()
    worker.send(worker_invite(net, worker), wait_s=400)
    net.run(1)
    assert worker.raw[-1].startswith(b"SIP/2.0 408")
    assert phone.requests[-1].method == "CANCEL"
    net.run(200)
    assert net.edge.layer.count == 0


def test_a_request_that_comes_back_loops(net: Net) -> None:
    alice, worker = net.phone(), net.worker()
    alice.invite("101", ACME, f"sip:102@{ACME}")
    again = sip.clone(worker.requests[0])
    sip.prepend(again.headers, "Via", f"SIP/2.0/UDP {alice.address};branch=z9hG4bKloop;rport")
    answer = alice.send(again)
    assert answer is not None and answer.status_code == 482


def test_hops_run_out(net: Net) -> None:
    alice = net.phone()
    request = alice.request("INVITE", f"sip:102@{ACME}", "101", ACME, Max_Forwards="0")
    answer = alice.send(request)
    assert answer is not None and answer.status_code == 483


@pytest.mark.parametrize(
    ("method", "status"),
    [("OPTIONS", 200), ("SUBSCRIBE", 489), ("MESSAGE", 405), ("NOTIFY", 405), ("BYE", 481), ("FOO", 405)],
)
def test_other_requests_get_a_sane_answer_that_names_no_product(net: Net, method: str, status: int) -> None:
    alice = net.phone()
    answer = alice.send(alice.request(method, f"sip:{ACME}", "101", ACME))
    assert answer is not None and answer.status_code == status
    assert "Server" not in answer.headers and "User-Agent" not in answer.headers
    assert b"callbench" not in bytes(answer).lower() and b"aiosipua" not in bytes(answer).lower()


def test_a_flood_is_banned_and_others_are_served(net: Net) -> None:
    eve, alice = net.phone(), net.phone()
    for _ in range(200):
        net.wire.to_edge(eve.flow, bytes(eve.request("REGISTER", f"sip:{ACME}", "101", ACME)))
    net.run(1)
    assert len(eve.raw) == net.settings.flood_requests_max
    assert net.edge.banned(eve.flow.host)
    answer = alice.register("101", ACME)
    assert answer is not None and answer.status_code == 200
    net.run(net.settings.ban_s + 1)
    assert not net.edge.banned(eve.flow.host)


def test_an_office_that_signed_in_is_not_banned_by_a_burst(net: Net) -> None:
    office = registered(net, "101")
    for port in range(6000, 6060):
        other = Peer(net, Flow("udp", office.flow.host, port))
        net.wire.to_edge(other.flow, bytes(other.request("REGISTER", f"sip:{ACME}", "102", ACME)))
    net.run(1)
    assert not net.edge.banned(office.flow.host)
    assert registered_again(net, office)


def registered_again(net: Net, phone: Peer) -> bool:
    answer = phone.register("101", ACME)
    return answer is not None and answer.status_code == 200


def test_guessing_is_banned_and_the_victim_still_registers(net: Net) -> None:
    eve = net.phone()
    answered = 0
    for _ in range(14):
        answer = eve.register("101", ACME, "guess")
        answered += answer is not None
        net.run(1)  # slow enough not to be a flood
    assert answered == net.settings.guess_failures_max - 1
    assert net.edge.banned(eve.flow.host)
    registered(net, "101")


def test_an_offices_wrong_phone_does_not_lock_the_office_out(net: Net) -> None:
    office = registered(net, "101")
    broken = Peer(net, Flow("udp", office.flow.host, 7000))
    for _ in range(15):
        broken.register("102", ACME, "wrong")
    assert broken.register("102", ACME, "wrong") is None  # that account is not listened to from there
    assert registered_again(net, office)
    registered(net, "102")  # from elsewhere


def test_a_contact_that_points_at_the_server_is_refused(net: Net) -> None:
    phone = net.phone()
    answer = phone.register("101", ACME, Contact=f"<sip:101@127.0.0.1:{net.settings.sip_port}>")
    assert answer is not None and answer.status_code == 403


@pytest.mark.parametrize("host", [ACME, "birch.test", "ACME.test:5061"])
def test_a_contact_at_a_domain_of_ours_is_refused(net: Net, host: str) -> None:
    phone = net.phone()
    answer = phone.register("101", ACME, Contact=f"<sip:102@{host}>")
    assert answer is not None and answer.status_code == 403
