"""Trunks where we sign in: REGISTER with refresh and back-off, and calls that come to the registered Contact."""

from __future__ import annotations

import pytest
from aiosipua.message import SipRequest

from pbx_core.domain.model import Did, Model, Trunk
from pbx_core.sip import message as sip
from pbx_core.sip.flow import Flow
from tests.wire.conftest import ACME, Net, Peer

CARRIER = "203.0.113.9"
DID = "+996312900101"


class Registrar:
    """A carrier that challenges and grants `expires_s`; `status` refuses instead."""

    def __init__(self, net: Net, expires_s: int = 120) -> None:
        self.peer = Peer(net, Flow("udp", CARRIER, 5060), answer=self.answer)
        self.expires_s, self.status = expires_s, 200

    def answer(self, peer: Peer, request: SipRequest) -> int:
        peer.answer_headers = []
        if request.method != "REGISTER":
            return 200
        if self.status != 200:
            peer.answer_headers = [("Min-Expires", "900")] if self.status == 423 else []
            return self.status
        if not sip.header(request, "authorization"):
            peer.answer_headers = [("WWW-Authenticate", 'Digest realm="c", nonce="n", qop="auth", algorithm=SHA-256')]
            return 401
        peer.answer_headers = [("Expires", str(self.expires_s))]
        return 200

    @property
    def registers(self) -> list[SipRequest]:
        return [r for r in self.peer.requests if r.method == "REGISTER"]


def office(net: Net, *dids: Did, password: str = "geheim") -> None:
    trunk = Trunk("main", CARRIER, register=True, username="acme")
    net.office(Model(trunks=(trunk,), dids=dids or (Did(DID, "extension:101"),)), main=password)
    net.edge.upkeep.start()


def signed_in(net: Net) -> bool:
    return net.edge.trunks.lines()[0].signin.valid(net.time.time())


def test_we_sign_in_with_digest_and_again_before_it_runs_out(net: Net) -> None:
    carrier = Registrar(net, expires_s=120)
    office(net)
    net.run(1)
    first, second = carrier.registers
    assert first.uri == f"sip:{CARRIER}" and sip.header(first, "to") == f"<sip:acme@{CARRIER}>"
    assert sip.header(first, "call-id") == sip.header(second, "call-id")
    assert sip.cseq_of(second)[0] > sip.cseq_of(first)[0]
    assert signed_in(net) and len(carrier.registers) == 2
    net.run(118)
    assert len(carrier.registers) == 4 and signed_in(net)


def test_the_state_says_until_when(net: Net) -> None:
    Registrar(net, expires_s=600)
    office(net)
    net.run(1)
    [state] = net.edge.trunks.states()
    assert state.registered_until is not None
    assert abs(state.registered_until - (net.edge.server._context.wall() + 600)) < 5
    assert (state.circuit, state.failures, state.calls, state.reason) == ("closed", 0, 0, "")


def test_a_silent_carrier_is_asked_less_and_less(net: Net) -> None:
    carrier = Registrar(net)
    carrier.peer.silent = True
    office(net)
    net.run(600)
    times = len({SipRequest.parse(raw).headers.get("cseq")[0] for raw in carrier.peer.raw})
    assert 5 <= times <= 10 and not signed_in(net)
    assert net.edge.trunks.states()[0].reason == "registration: no reply"


def test_a_wrong_password_is_not_tried_again_soon(net: Net) -> None:
    carrier = Registrar(net)
    carrier.status = 403
    office(net)
    net.run(59)
    assert len(carrier.registers) == 1
    net.run(60)
    assert len(carrier.registers) == 2
    assert "403" in net.edge.trunks.states()[0].reason


def test_a_carrier_that_wants_longer_registrations_gets_them(net: Net) -> None:
    carrier = Registrar(net)
    carrier.status = 423
    office(net)
    net.run(0.5)
    carrier.status = 200
    net.run(5)
    assert sip.header(carrier.registers[-1], "expires") == "900" and signed_in(net)


def test_calls_come_to_the_contact_nobody_can_guess(net: Net) -> None:
    carrier, worker = Registrar(net), net.worker()
    office(net)
    net.run(1)
    contact = sip.header(carrier.registers[-1], "contact")
    token = sip.user_host(contact)[0]
    assert len(token) >= 16 and "acme" not in token
    invite = carrier.peer.request("INVITE", contact.strip("<>"), "+491701234567", CARRIER, to=f"sip:{DID}@{CARRIER}")
    answer = carrier.peer.send(invite)
    assert answer is not None and answer.status_code == 200
    assert worker.requests[0].uri == f"sip:{DID}@{ACME}"
    assert sip.header(worker.requests[0], "x-trunk") == "main"


def test_the_contact_from_another_address_is_worth_nothing(net: Net) -> None:
    carrier, worker, eve = Registrar(net), net.worker(), net.phone()
    office(net)
    net.run(1)
    contact = sip.header(carrier.registers[-1], "contact").strip("<>")
    answer = eve.send(eve.request("INVITE", contact, "+491701234567", CARRIER, to=f"sip:{DID}@{CARRIER}"))
    assert answer is not None and answer.status_code == 407 and not worker.requests


@pytest.mark.parametrize(("dids", "status"), [(1, 200), (2, 404)])
def test_an_account_with_one_number_needs_no_number_in_to(net: Net, dids: int, status: int) -> None:
    carrier = Registrar(net)
    net.worker()
    office(net, *[Did(f"+99631290010{n}", "extension:101", trunk="main") for n in range(dids)])
    net.run(1)
    contact = sip.header(carrier.registers[-1], "contact").strip("<>")
    answer = carrier.peer.send(carrier.peer.request("INVITE", contact, "+4917", CARRIER, to=f"sip:acme@{CARRIER}"))
    assert answer is not None and answer.status_code == status


def test_the_contact_stays_the_same_over_a_restart(net: Net) -> None:
    carrier = Registrar(net)
    office(net)
    net.run(40)  # the test's source of randomness begins anew: the carrier must have forgotten the old branches
    net.start()
    net.edge.upkeep.start()
    net.run(1)
    contacts = {sip.header(r, "contact") for r in carrier.registers}
    assert len(contacts) == 1
    numbers = [sip.cseq_of(r)[0] for r in carrier.registers]
    assert len(carrier.registers) >= 4 and numbers == sorted(numbers)


def test_no_call_goes_out_while_we_are_not_signed_in(net: Net) -> None:
    carrier, worker = Registrar(net), net.worker()
    carrier.status = 403
    office(net)
    net.run(1)
    request = worker.request(
        "INVITE", "sip:+4930123456@trunk", "101", ACME, X_Tenant=net.world.acme.tenant_id, X_Trunk="main"
    )
    answer = worker.send(request)
    assert answer is not None and (answer.status_code, sip.header(answer, "x-reason")) == (503, "not_registered")


def test_a_changed_password_signs_in_anew_and_an_unchanged_model_does_not(net: Net) -> None:
    carrier = Registrar(net)
    office(net)
    net.run(1)
    net.office(net._books[net.world.acme.tenant_id].model, main="geheim")
    net.run(3)
    assert len(carrier.registers) == 2
    net.office(net._books[net.world.acme.tenant_id].model, main="neu")
    net.run(3)
    assert len(carrier.registers) == 4
