"""Calls that go out over trunks: what the carrier sees, limits, challenges, fail-over, the circuit breaker."""

from __future__ import annotations

from typing import Any

import pytest
from aiosipua.message import SipRequest, SipResponse

from pbx_core.domain.model import Did, Model, Outbound, Trunk
from pbx_core.edge.carrier_call import REPLY_S
from pbx_core.sip import message as sip
from pbx_core.sip.circuit import FAILURES_MAX, PROBE_S, State
from pbx_core.sip.flow import Flow
from tests.wire.conftest import Net, Peer, registered

CARRIER = "203.0.113.9"
SHOWN = "+996312900101"
FAR = "+4930123456"


def office(**trunk: Any) -> Model:
    return Model(
        trunks=(Trunk("main", CARRIER, **trunk),),
        dids=(Did(SHOWN, "extension:101"),),
        outbound=Outbound(country="KG", verified=("+996312900199",)),
    )


def carrier(net: Net, transport: str = "udp", port: int = 5060) -> Peer:
    peer = Peer(net, Flow(transport, CARRIER, port))
    peer.answer = lambda _, request: [180, 200] if request.method == "INVITE" else 200
    return peer


def dial(net: Net, worker: Peer, number: str = FAR, **more: str) -> SipRequest:
    headers = {"X_Tenant": net.world.acme.tenant_id, "X_Trunk": "main", "X_Caller_Id": SHOWN, "X_Call_Id": "c1", **more}
    request = worker.request("INVITE", f"sip:{number}@trunk", "101", "acme.test", **headers)
    request.headers.append("Route", f"<sip:127.0.0.1:{net.settings.sip_internal_port};lr>")
    return request


def call(net: Net, worker: Peer, **more: str) -> SipResponse:
    answer = worker.send(dial(net, worker, **more))
    assert answer is not None
    return answer


def test_the_carrier_sees_the_verified_number_and_nothing_of_what_a_phone_claimed(net: Net) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    claims = dict.fromkeys(
        ("P_Asserted_Identity", "P_Preferred_Identity", "Remote_Party_ID", "Diversion"), "<sip:+1@x>"
    )
    request = dial(net, worker, **claims, Privacy="id", User_Agent="callbench", X_Limits="calls=9")
    answer = worker.send(request)
    assert answer is not None and answer.status_code == 200
    got = peer.requests[0]
    assert got.uri == f"sip:{FAR}@{CARRIER}"
    assert sip.header(got, "to") == f"<sip:{FAR}@{CARRIER}>"
    assert sip.header(got, "from") == f"<sip:{SHOWN}@{CARRIER}>;tag={sip.tag_of(request, 'from')}"
    assert got.headers.get("p-asserted-identity") == [f"<sip:{SHOWN}@{CARRIER}>"]
    assert sip.header(got, "contact") == f"<sip:{net.edge.host}:{net.settings.sip_port}>"
    text = bytes(got).decode().lower()
    for absent in ("acme", "\nx-", "sip:+1@x", "privacy", "callbench", "<sip:101", "\nroute:"):
        assert absent not in text, absent


def test_the_worker_finds_its_own_names_in_the_answer(net: Net) -> None:
    net.office(office())
    carrier(net)
    worker = net.worker()
    request = dial(net, worker)
    answer = worker.send(request)
    assert answer is not None and sip.header(answer, "from") == sip.header(request, "from")
    assert sip.header(answer, "to").startswith(sip.header(request, "to"))
    assert sip.tag_of(answer, "to") == "t5060"
    assert sip.header(answer, "cseq") == sip.header(request, "cseq")


@pytest.mark.parametrize("claimed", ["+15550001111", "", "911", "+996312900101;x=1"])
def test_a_number_that_is_not_verified_is_not_shown(net: Net, claimed: str) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    assert call(net, worker, X_Caller_Id=claimed).status_code == 200
    got = peer.requests[0]
    assert sip.user_host(sip.header(got, "from")) == ("anonymous", "anonymous.invalid")
    assert "P-Asserted-Identity" not in got.headers


def test_a_carrier_of_digits_sees_no_plus_in_from(net: Net) -> None:
    net.office(office(number_format="digits"))
    peer, worker = carrier(net), net.worker()
    call(net, worker, X_Caller_Id="+996312900199")
    assert sip.user_host(sip.header(peer.requests[0], "from"))[0] == "996312900199"


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_is_answered_and_the_dialog_goes_on(net: Net, status: int, algorithm: str) -> None:
    net.office(office(username="acme"), main="geheim")
    peer, worker = carrier(net), net.worker()
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"

    def challenge(_: Peer, request: SipRequest) -> int | list[int]:
        given = request.headers.get("authorization") + request.headers.get("proxy-authorization")
        if request.method == "INVITE" and not given:
            return status
        return [180, 200] if request.method == "INVITE" else 200

    peer.answer = challenge
    peer.answer_headers = [(name, f'Digest realm="c", nonce="n1", qop="auth", algorithm={algorithm}')]
    request = dial(net, worker)
    answer = worker.send(request)
    assert answer is not None and answer.status_code == 200
    invites = [r for r in peer.requests if r.method == "INVITE"]
    assert [sip.cseq_of(r)[0] for r in invites] == [1, 2]
    given = sip.header(invites[1], "authorization" if status == 401 else "proxy-authorization")
    assert 'username="acme"' in given and f"algorithm={algorithm}" in given.replace('"', "")
    net.wire.to_edge(worker.flow, bytes(worker.in_dialog(request, answer, "ACK")))
    ended = worker.send(worker.in_dialog(request, answer, "BYE"))
    assert ended is not None and ended.status_code == 200
    ack, bye = peer.requests[-2:]
    assert (sip.header(ack, "cseq"), sip.header(bye, "cseq")) == ("2 ACK", "3 BYE")
    assert sip.header(bye, "from").startswith(f"<sip:{SHOWN}@{CARRIER}>;tag=")
    assert sip.header(ended, "cseq") == "2 BYE" and net.edge.pool.calls == 0


def test_a_wrong_password_is_tried_once(net: Net) -> None:
    net.office(office(username="acme"), main="falsch")
    peer, worker = carrier(net), net.worker()
    peer.answer = lambda *_: 407
    peer.answer_headers = [("Proxy-Authenticate", 'Digest realm="c", nonce="n1", qop="auth"')]
    answer = call(net, worker)
    assert (answer.status_code, sip.header(answer, "x-reason")) == (503, "not_registered")
    assert len([r for r in peer.requests if r.method == "INVITE"]) == 2


def test_a_silent_trunk_is_given_up_within_its_time_and_a_late_answer_is_hung_up(net: Net) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    peer.silent = True
    before = net.time.time()
    answer = call(net, worker)
    assert (answer.status_code, sip.header(answer, "x-reason")) == (408, "no_reply")
    assert net.time.time() - before <= REPLY_S + 0.1
    sent = len(peer.raw)
    net.run(20)
    assert len(peer.raw) == sent, "a dead trunk is not asked on and on"
    peer.silent = False
    invite = SipRequest.parse(peer.raw[0])
    assert isinstance(invite, SipRequest)
    net.wire.to_edge(peer.flow, bytes(peer.response(invite, 200)))
    net.run(1)
    assert [r.method for r in peer.requests] == ["ACK", "BYE"] and net.edge.pool.calls == 0


@pytest.mark.parametrize("status", [500, 503, 504])
def test_a_refusal_of_the_trunk_is_passed_on_at_once(net: Net, status: int) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    peer.answer = lambda *_: status
    before = net.time.time()
    assert call(net, worker).status_code == status
    assert net.time.time() - before < 0.5


def test_after_three_failures_the_circuit_opens_and_a_probe_closes_it(net: Net) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    net.edge.upkeep.start()
    peer.answer = lambda _, request: 503
    line = net.edge.trunks.lines()[0]
    for _ in range(FAILURES_MAX):
        assert call(net, worker).status_code == 503
    assert line.circuit.state is State.OPEN
    asked = len(peer.requests)
    refused = call(net, worker)
    assert (refused.status_code, sip.header(refused, "x-reason")) == (503, "circuit_open")
    assert len(peer.requests) == asked
    peer.answer = lambda _, request: [180, 200] if request.method == "INVITE" else 200
    net.run(PROBE_S + 2)
    assert peer.requests[-1].method == "OPTIONS" and line.circuit.state is State.CLOSED
    assert call(net, worker).status_code == 200


def test_a_trunk_that_answers_no_probe_gets_one_call_a_round_to_prove_itself(net: Net) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    net.edge.upkeep.start()
    peer.silent = True
    for _ in range(FAILURES_MAX):
        call(net, worker)
    net.run(PROBE_S + 6)  # the probe was silent too
    reasons = [sip.header(call(net, worker), "x-reason") for _ in range(3)]
    assert reasons == ["no_reply", "circuit_open", "circuit_open"]
    net.run(PROBE_S + 6)
    peer.silent = False
    peer.answer = lambda _, request: [180, 200] if request.method == "INVITE" else 200
    assert call(net, worker).status_code == 200
    assert net.edge.trunks.lines()[0].circuit.state is State.CLOSED


def test_what_the_callee_says_is_no_failure_of_the_trunk(net: Net) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    for status in (486, 404, 603, 480, 486):
        peer.answer = lambda _, request, status=status: status
        assert call(net, worker).status_code == status
    assert net.edge.trunks.lines()[0].circuit.state is State.CLOSED


@pytest.mark.parametrize(
    ("trunk", "headers", "reason"),
    [
        ({"channels": 1}, {}, "trunk_full"),
        ({"calls_per_s": 1.0}, {}, "trunk_rate"),
        ({}, {"X_Limits": "calls=1"}, "tenant_limit"),
        ({}, {"X_Limits": "calls=9,international=1", "X_International": "1"}, "international_limit"),
        ({}, {"X_Limits": "calls=0"}, "tenant_limit"),
    ],
)
def test_limits_refuse_the_call_beyond_them_but_never_an_emergency_call(
    net: Net, trunk: dict[str, Any], headers: dict[str, str], reason: str
) -> None:
    net.office(office(**trunk))
    carrier(net)
    worker = net.worker()
    first = call(net, worker, X_International="1")
    assert first.status_code == 200
    second = call(net, worker, **headers)
    assert (second.status_code, sip.header(second, "x-reason")) == (503, reason)
    emergency = dial(net, worker, "112", **headers, X_Emergency="1")
    answer = worker.send(emergency)
    assert answer is not None and answer.status_code == 200


def test_a_call_that_ended_makes_room(net: Net) -> None:
    net.office(office(channels=1))
    peer, worker = carrier(net), net.worker()
    peer.answer = lambda *_: 486
    for _ in range(3):
        assert call(net, worker).status_code == 486
    peer.answer = lambda _, request: [180, 200] if request.method == "INVITE" else 200
    request = dial(net, worker)
    answer = worker.send(request)
    assert answer is not None and answer.status_code == 200
    assert sip.header(call(net, worker), "x-reason") == "trunk_full"
    worker.send(worker.in_dialog(request, answer, "BYE"))
    assert call(net, worker).status_code == 200


def test_an_unknown_trunk_or_one_of_another_tenant_is_none(net: Net) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    for more in ({"X_Trunk": "other"}, {"X_Tenant": net.world.birch.tenant_id}):
        answer = call(net, worker, **more)
        assert (answer.status_code, sip.header(answer, "x-reason")) == (503, "unknown_trunk")
    assert not peer.requests


def test_what_is_no_number_is_not_dialled(net: Net) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    answer = worker.send(dial(net, worker, "alice"))
    assert answer is not None and answer.status_code == 404 and not peer.requests


def test_a_trunk_that_points_at_ourselves_is_refused(net: Net) -> None:
    port = net.settings.sip_port
    net.office(Model(trunks=(Trunk("main", "127.0.0.1", port=port),), dids=(Did(SHOWN, "extension:101"),)))
    answer = call(net, net.worker())
    assert (answer.status_code, sip.header(answer, "x-reason")) == (503, "no_reply")


def test_a_trunk_whose_name_is_not_found_is_passed_over_at_once(net: Net) -> None:
    net.office(Model(trunks=(Trunk("main", "nowhere.test"),), dids=(Did(SHOWN, "extension:101"),)))
    before = net.time.time()
    assert sip.header(call(net, net.worker()), "x-reason") == "no_reply"
    assert net.time.time() - before < 0.5


def test_the_next_address_of_a_name_is_asked_after_one_that_did_not_reply(net: Net) -> None:
    net.office(Model(trunks=(Trunk("main", "carrier.test"),), dids=(Did(SHOWN, "extension:101"),)))
    net.edge.trunks.names._held["carrier.test"] = ("203.0.113.8", CARRIER)
    carrier(net)
    worker = net.worker()
    assert [call(net, worker).status_code for _ in range(3)] == [408, 200, 200]


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_connections_to_a_carrier_are_opened_and_used_again(net: Net, transport: str) -> None:
    net.office(office(transport=transport, port=5066))
    peer, worker = carrier(net, transport, 5066), net.worker()
    held = net.wire.peers.pop(peer.flow)
    net.wire.connectable.add(peer.flow)
    net.time.call_later(0.005, lambda: net.wire.peers.update({peer.flow: held}))
    for _ in range(2):
        assert call(net, worker).status_code == 200
    assert peer.requests[0].uri == f"sip:{FAR}@{CARRIER}:5066;transport={transport}"


def test_a_carrier_that_takes_no_connection_is_passed_over(net: Net) -> None:
    net.office(office(transport="tcp"))
    before = net.time.time()
    assert sip.header(call(net, net.worker()), "x-reason") == "no_reply"
    assert net.time.time() - before < REPLY_S


def test_giving_up_cancels_at_the_carrier(net: Net) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    peer.answer = lambda _, request: 180 if request.method == "INVITE" else 200
    invite = dial(net, worker)
    worker.send(invite, wait_s=1)
    net.wire.to_edge(worker.flow, bytes(sip.cancel_for(invite)))
    net.run(1)
    assert [r.method for r in peer.requests] == ["INVITE", "CANCEL"]
    assert worker.responses[-1].status_code == 487 and net.edge.pool.calls == 0


def test_the_carrier_hangs_up(net: Net) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    request = dial(net, worker)
    answer = worker.send(request)
    assert answer is not None
    got = peer.requests[0]
    bye = peer.request("BYE", "sip:x@y", "far", CARRIER)
    answered = sip.response(got, 200, "t5060")
    bye.headers.set_single("From", sip.header(answered, "to"))
    bye.headers.set_single("To", sip.header(answered, "from"))
    bye.headers.set_single("Call-ID", sip.header(got, "call-id"))
    for value in got.headers.get("record-route"):
        bye.headers.append("Route", value)
    ended = peer.send(bye)
    assert ended is not None and ended.status_code == 200
    assert worker.requests[-1].method == "BYE" and net.edge.pool.calls == 0


def test_a_carrier_that_dies_in_mid_call_leaves_nothing_behind(net: Net) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    request = dial(net, worker)
    answer = worker.send(request)
    assert answer is not None and answer.status_code == 200
    peer.silent = True
    ended = worker.send(worker.in_dialog(request, answer, "BYE"))  # its media watch noticed
    assert ended is None or ended.status_code == 408
    net.run(100)
    assert net.edge.pool.calls == 0 and net.edge.layer.count == 0


def test_a_phone_cannot_dial_a_trunk_itself(net: Net) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    alice = registered(net, "101")
    request = alice.request(
        "INVITE", f"sip:{FAR}@acme.test", "101", "acme.test", X_Trunk="main", X_Tenant=net.world.acme.tenant_id
    )
    challenge = alice.send(request)
    assert challenge is not None and challenge.status_code == 407
    alice.send(alice.authorised(request, challenge, "pw-acme.test-101"))
    assert not peer.requests and "X-Trunk" not in worker.requests[0].headers


def test_a_hundred_calls_over_a_dead_trunk_and_a_living_one(net: Net) -> None:
    """Promise 7: every call is connected by the second trunk, none twice, none after more than four seconds."""
    second = "203.0.113.10"
    net.office(
        Model(
            trunks=(Trunk("main", CARRIER, channels=200, calls_per_s=1000), Trunk("next", second, channels=200,
                    calls_per_s=1000)),
            dids=(Did(SHOWN, "extension:101"),),
        )
    )  # fmt: skip
    dead, alive, worker = carrier(net), Peer(net, Flow("udp", second, 5060)), net.worker(capacity=200)
    alive.answer = lambda _, request: [180, 200] if request.method == "INVITE" else 200
    dead.silent = True
    net.edge.upkeep.start()
    slowest = 0.0
    for _ in range(100):
        before = net.time.time()
        first = call(net, worker)
        assert first.status_code in (408, 503)
        assert call(net, worker, X_Trunk="next").status_code == 200
        slowest = max(slowest, net.time.time() - before)
    assert slowest <= 4.0
    assert len([r for r in alive.requests if r.method == "INVITE"]) == 100
    assert net.edge.pool.tally.count("outside", net.world.acme.tenant_id) == 100
