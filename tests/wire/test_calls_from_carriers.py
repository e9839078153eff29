"""Calls that come in over trunks: only from listed addresses, only to public numbers of that tenant."""

from __future__ import annotations

from typing import Any

import pytest
from aiosipua.message import SipRequest

from pbx_core.domain.model import Did, Model, Outbound, Trunk
from pbx_core.sip import message as sip
from pbx_core.sip.flow import Flow
from tests.wire.conftest import ACME, Net, Peer, registered

CARRIER = "203.0.113.9"
DID = "+996312900101"


def office(**trunk: Any) -> Model:
    return Model(
        trunks=(Trunk("main", CARRIER, **trunk),),
        dids=(Did(DID, "extension:101", channels=2), Did("+996312900102", "extension:102")),
        outbound=Outbound(country="KG"),
    )


def carrier(net: Net, host: str = CARRIER, port: int = 5060) -> Peer:
    return Peer(net, Flow("udp", host, port))


def call(peer: Peer, net: Net, number: str = DID, caller: str = "+491701234567", **more: str) -> SipRequest:
    return peer.request("INVITE", f"sip:{number}@{net.edge.host}", caller, CARRIER, **more)


def test_a_call_to_a_public_number_reaches_a_worker_with_what_the_carrier_said(net: Net) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    answer = peer.send(call(peer, net, P_Asserted_Identity="<sip:+4930555@x>", X_Overflow="1", X_Auth_User="101"))
    assert answer is not None and answer.status_code == 200
    got = worker.requests[0]
    assert got.uri == f"sip:{DID}@{ACME}"
    wanted = {"x-tenant": net.world.acme.tenant_id, "x-trunk": "main", "x-did": DID, "x-caller": "+4930555"}
    assert {name: sip.header(got, name) for name in wanted} == wanted
    assert sip.header(got, "x-source") == f"udp:{CARRIER}:5060"
    assert "X-Auth-User" not in got.headers and "X-Overflow" not in got.headers
    assert "P-Asserted-Identity" not in got.headers
    assert sip.header(answer, "contact") == f"<sip:{net.edge.host}:{net.settings.sip_port}>"
    assert "X-Call-Id" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "caller", "expected"),
    [
        ({}, "+491701234567", "+491701234567"),
        ({}, "00491701234567", "+491701234567"),
        ({}, "0312900777", "+996312900777"),
        ({"Privacy": "id"}, "+491701234567", "anonymous"),
        ({}, "anonymous", "anonymous"),
        ({"P_Asserted_Identity": "<tel:+491701112233>"}, "anonymous", "+491701112233"),
    ],
)
def test_who_calls(net: Net, headers: dict[str, str], caller: str, expected: str) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    peer.send(call(peer, net, caller=caller, **headers))
    assert sip.header(worker.requests[0], "x-caller") == expected


@pytest.mark.parametrize(
    ("spelled", "number_format"),
    [
        (DID, "e164"),
        (DID[1:], "digits"),
        ("00" + DID[1:], "e164"),
        ("0312900101", "national"),
        (DID + ";user=phone", "e164"),
    ],
)
def test_a_number_is_known_however_the_carrier_spells_it(net: Net, spelled: str, number_format: str) -> None:
    net.office(office(number_format=number_format))
    peer, worker = carrier(net), net.worker()
    answer = peer.send(call(peer, net, spelled))
    assert answer is not None and answer.status_code == 200
    assert sip.header(worker.requests[0], "x-did") == DID


@pytest.mark.parametrize("number", ["+900123456789", "101", "+996312900999", "voicemail", "+4930123456", "*98", ""])
def test_a_carrier_reaches_neither_extensions_nor_the_world_outside(net: Net, number: str) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    answer = peer.send(call(peer, net, number) if number else peer.request("INVITE", f"sip:{CARRIER}", "1", CARRIER))
    assert answer is not None and answer.status_code == 404
    assert not worker.requests


def test_the_number_of_another_tenant_is_not_reached_over_this_one_s_trunk(net: Net) -> None:
    net.office(office())
    other = Model(trunks=(Trunk("main", "203.0.113.77"),), dids=(Did("+996312900500", "extension:101"),))
    net.office(other, net.world.birch)
    peer, worker = carrier(net), net.worker()
    refused = peer.send(call(peer, net, "+996312900500"))
    assert refused is not None and refused.status_code == 404 and not worker.requests


def test_two_tenants_of_one_carrier_get_each_their_own_calls(net: Net) -> None:
    net.office(office())
    net.office(Model(trunks=(Trunk("c", CARRIER),), dids=(Did("+996312900500", "extension:101"),)), net.world.birch)
    peer, worker = carrier(net), net.worker()
    peer.send(call(peer, net, "+996312900500"))
    got = worker.requests[0]
    assert sip.header(got, "x-tenant") == net.world.birch.tenant_id and got.uri == "sip:+996312900500@birch.test"


def test_a_stranger_who_calls_a_public_number_is_challenged_like_anybody(net: Net) -> None:
    net.office(office())
    eve, worker = net.phone(), net.worker()
    answer = eve.send(call(eve, net))
    assert answer is not None and answer.status_code == 407 and not worker.requests


def test_a_phone_behind_the_carrier_s_address_proves_who_it_is(net: Net) -> None:
    net.office(office())
    phone, worker = carrier(net, port=5099), net.worker()
    _, answer = phone.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 200
    assert sip.header(worker.requests[0], "x-auth-user") == "101" and "X-Trunk" not in worker.requests[0].headers


def test_further_addresses_and_networks_of_a_carrier_count(net: Net) -> None:
    net.office(office(addresses=("198.51.0.0/24", "192.0.2.1")))
    worker = net.worker(capacity=9)
    for host in ("198.51.0.77", "192.0.2.1"):
        peer = carrier(net, host)
        answer = peer.send(call(peer, net, "+996312900102"))
        assert answer is not None and answer.status_code == 200
    assert len(worker.requests) == 2


@pytest.mark.parametrize("listed", ["0.0.0.0/0", "192.0.0.0/8", "::/0", "carrier.test", ""])
def test_a_tenant_cannot_make_the_whole_world_his_carrier(net: Net, listed: str) -> None:
    net.office(office(addresses=(listed,)))
    eve, worker = net.phone(), net.worker()
    answer = eve.send(call(eve, net))
    assert answer is not None and answer.status_code == 407 and not worker.requests
    assert not net.edge.trunks.known(eve.flow.host)


def test_the_call_beyond_the_last_channel_is_marked_and_a_hang_up_frees_one(net: Net) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker(capacity=9)
    held = [(invite := call(peer, net), peer.send(invite)) for _ in range(3)]
    assert [sip.header(r, "x-overflow") for r in worker.requests] == ["", "", "1"]
    for invite, answer in held[:2]:
        assert answer is not None
        ended = peer.send(peer.in_dialog(invite, answer, "BYE"))
        assert ended is not None and ended.status_code == 200
    peer.send(call(peer, net))
    assert sip.header([r for r in worker.requests if r.method == "INVITE"][-1], "x-overflow") == ""


def test_calls_whose_bye_was_lost_do_not_fill_a_number_for_ever(net: Net) -> None:
    net.office(office())
    peer, _ = carrier(net), net.worker(capacity=9)
    for _ in range(2):
        peer.send(call(peer, net))
    tally = net.edge.pool.tally
    assert tally.count("did", net.world.acme.tenant_id, DID) == 2
    net.run(5)
    net.edge.pool.seen(net._board)  # the worker says: no call
    assert tally.count("did", net.world.acme.tenant_id, DID) == 0 and net.edge.pool.calls == 0


@pytest.mark.parametrize("trunk", [{"channels": 1}, {"calls_per_s": 1.0}])
def test_beyond_the_trunk_s_limits_the_carrier_is_told_to_come_back(net: Net, trunk: dict[str, Any]) -> None:
    net.office(office(**trunk))
    peer, worker = carrier(net), net.worker(capacity=9)
    statuses = [answer.status_code for _ in range(2) if (answer := peer.send(call(peer, net)))]
    assert statuses == [200, 503] and len(worker.requests) == 1


def test_a_dialog_may_go_on_from_another_address_of_the_carrier_but_not_from_a_stranger_s(net: Net) -> None:
    net.office(office(addresses=("198.51.0.0/24",)))
    peer, other, eve, worker = carrier(net), carrier(net, "198.51.0.8"), net.phone(), net.worker()
    invite = call(peer, net)
    answer = peer.send(invite)
    assert answer is not None
    assert eve.send(peer.in_dialog(invite, answer, "BYE")) is None
    assert [r.method for r in worker.requests] == ["INVITE"]
    bye = peer.in_dialog(invite, answer, "BYE")
    bye.headers.set_single("Via", f"SIP/2.0/UDP {other.address};branch=z9hG4bKother;rport")
    ended = other.send(bye)
    assert ended is not None and ended.status_code == 200


def test_a_carrier_s_refer_is_refused(net: Net) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    invite = call(peer, net)
    answer = peer.send(invite)
    assert answer is not None
    request = peer.in_dialog(invite, answer, "REFER")
    request.headers.append("Refer-To", "<sip:+900123@x>")
    refused = peer.send(request)
    assert refused is not None and refused.status_code == 405 and worker.requests[-1].method == "INVITE"


def test_forged_floods_from_the_carrier_s_address_do_not_cut_it_off(net: Net) -> None:
    net.office(office())
    peer, worker = carrier(net), net.worker()
    for _ in range(3000):
        net.wire.to_edge(peer.flow, bytes(peer.request("REGISTER", f"sip:{ACME}", "101", ACME)))
    net.run(1)
    assert not net.edge.banned(CARRIER)
    answer = peer.send(call(peer, net))
    assert answer is not None and answer.status_code == 200 and worker.requests


def test_a_call_goes_to_an_extension_s_phone_and_its_dialog_is_the_carrier_s(net: Net) -> None:
    net.office(office())
    registered(net, "101")
    peer, worker = carrier(net), net.worker()
    invite = call(peer, net)
    answer = peer.send(invite)
    assert answer is not None
    net.wire.to_edge(peer.flow, bytes(peer.in_dialog(invite, answer, "ACK")))
    net.run(1)
    assert [r.method for r in worker.requests] == ["INVITE", "ACK"]
