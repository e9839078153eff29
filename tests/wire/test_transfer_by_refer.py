"""A phone's REFER reaches the worker as a MESSAGE that no phone can send itself."""

from __future__ import annotations

import pytest
from aiosipua.message import SipRequest, SipResponse

from pbx_core.sip import message as sip
from tests.wire.conftest import ACME, Net, Peer, registered, worker_invite


def in_call(net: Net) -> tuple[Peer, Peer, SipRequest, SipResponse]:
    alice, worker = net.phone(), net.worker()
    invite, answer = alice.invite("101", ACME, f"sip:102@{ACME}")
    assert answer is not None and answer.status_code == 200
    return alice, worker, invite, answer


def refer(alice: Peer, invite: SipRequest, answer: SipResponse, *targets: str) -> SipRequest:
    made = alice.in_dialog(invite, answer, "REFER")
    for target in targets:
        made.headers.append("Refer-To", target)
    return made


def test_a_refer_is_a_message_to_the_worker_and_accepted_for_the_phone(net: Net) -> None:
    alice, worker, invite, answer = in_call(net)
    request = refer(alice, invite, answer, f"<sip:103@{ACME}?Replaces=a%3Bto-tag%3Db>")
    request.headers.append("Referred-By", f"<sip:101@{ACME}>")
    request.headers.append("Refer-Sub", "false")
    accepted = alice.send(request)
    assert accepted is not None and (accepted.status_code, accepted.reason_phrase) == (202, "Accepted")
    assert sip.header(accepted, "cseq") == "3 REFER"
    got = worker.requests[-1]
    assert (got.method, sip.header(got, "cseq"), sip.header(got, "content-type")) == (
        "MESSAGE",
        "3 MESSAGE",
        "text/plain",
    )
    assert got.body.decode().splitlines() == [
        "REFER",
        f"Refer-To: <sip:103@{ACME}?Replaces=a%3Bto-tag%3Db>",
        "Refer-Sub: false",
        f"Referred-By: <sip:101@{ACME}>",
    ]
    assert sip.tag_of(got, "to") and "Refer-To" not in got.headers


def test_the_worker_s_refusal_reaches_the_phone(net: Net) -> None:
    alice, worker, invite, answer = in_call(net)
    worker.answer = lambda *_: 403
    refused = alice.send(refer(alice, invite, answer, "<sip:+900@elsewhere.test>"))
    assert refused is not None and refused.status_code == 403


@pytest.mark.parametrize("targets", [(), ("<sip:103@a.test>", "<sip:104@a.test>"), ("nonsense",), ("<>",)])
def test_a_refer_to_nobody_or_to_two_is_refused(net: Net, targets: tuple[str, ...]) -> None:
    alice, worker, invite, answer = in_call(net)
    refused = alice.send(refer(alice, invite, answer, *targets))
    assert refused is not None and refused.status_code == 400
    assert worker.requests[-1].method == "INVITE"


def test_a_refer_from_another_address_gets_nowhere(net: Net) -> None:
    alice, worker, invite, answer = in_call(net)
    eve = net.phone()
    assert eve.send(refer(alice, invite, answer, f"<sip:103@{ACME}>")) is None
    assert worker.requests[-1].method == "INVITE"


def test_a_refer_outside_a_dialog_is_refused(net: Net) -> None:
    alice, worker = registered(net, "101"), net.worker()
    answer = alice.send(alice.request("REFER", f"sip:102@{ACME}", "101", ACME, Refer_To=f"<sip:103@{ACME}>"))
    assert answer is not None and answer.status_code == 405
    assert not worker.requests


def test_a_message_of_a_phone_never_reaches_a_worker(net: Net) -> None:
    alice, worker, invite, answer = in_call(net)
    message = alice.in_dialog(invite, answer, "MESSAGE")
    message.headers.append("Content-Type", "text/plain")
    message.body = b"REFER\r\nRefer-To: <sip:+900@x>\r\n"
    refused = alice.send(message)
    assert refused is not None and refused.status_code == 405
    assert worker.requests[-1].method == "INVITE"


def test_the_progress_of_a_transfer_reaches_the_phone(net: Net) -> None:
    bob, worker = registered(net, "102"), net.worker()
    invite = worker_invite(net, worker)
    answer = worker.send(invite)
    assert answer is not None
    notify = worker.in_dialog(invite, answer, "NOTIFY")
    notify.headers.append("Event", "refer")
    notify.headers.append("Subscription-State", "active;expires=60")
    taken = worker.send(notify)
    assert taken is not None and taken.status_code == 200
    assert [r.method for r in bob.requests] == ["INVITE", "NOTIFY"]
    assert sip.header(bob.requests[1], "event") == "refer"
