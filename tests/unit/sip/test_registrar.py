"""What a REGISTER changes."""

from __future__ import annotations

import pytest
from aiosipua.message import SipMessage, SipRequest

from pbx_core.sip.registrar import Binding, Limits, Outcome, decide

OWNER = ("t" * 32, "101")
NOW = 1_800_000_000.0


def register(*contacts: str, expires: str = "", call_id: str = "c", cseq: int = 1) -> SipRequest:
    lines = [f"Contact: {c}" for c in contacts] + ([f"Expires: {expires}"] if expires else [])
    text = "\r\n".join([*lines, f"Call-ID: {call_id}", f"CSeq: {cseq} REGISTER"])
    made = SipMessage.parse(f"REGISTER sip:acme.test SIP/2.0\r\n{text}\r\n\r\n")
    assert isinstance(made, SipRequest)
    return made


def apply(request: SipRequest, current: tuple[Binding, ...] = (), limit: int = 10, now: float = NOW) -> Outcome:
    return decide(request, current, Limits(60, 3600, limit), OWNER, "udp:198.51.100.7:5060", now)


def contacts(outcome: Outcome) -> list[str]:
    assert outcome.bindings is not None
    return [b.contact for b in outcome.bindings]


def test_a_contact_is_bound_for_as_long_as_asked_within_bounds() -> None:
    for asked, granted in (("120", 120), ("9999999999", 3600), ("", 3600), ("soon", 3600)):
        outcome = apply(register("<sip:101@192.0.2.1:5060>", expires=asked))
        assert outcome.status == 200 and outcome.bindings
        assert outcome.bindings[0].expires_at == NOW + granted
        assert outcome.headers == (("Contact", f"<sip:101@192.0.2.1:5060>;expires={granted}"),)


def test_the_contacts_own_expiry_wins_over_the_header() -> None:
    outcome = apply(register("<sip:101@192.0.2.1>;expires=90", expires="600"))
    assert outcome.bindings and outcome.bindings[0].expires_at == NOW + 90


def test_too_short_is_refused_and_told_the_least() -> None:
    outcome = apply(register("<sip:101@192.0.2.1>;expires=59"))
    assert outcome == Outcome(423, (("Min-Expires", "60"),))


def test_several_phones_share_an_extension_up_to_the_limit() -> None:
    held: tuple[Binding, ...] = ()
    for n in range(3):
        outcome = apply(register(f"<sip:101@192.0.2.{n}>", call_id=f"c{n}"), held, limit=3)
        assert outcome.bindings is not None
        held = outcome.bindings
    assert len(held) == 3
    assert apply(register("<sip:101@192.0.2.9>", call_id="c9"), held, limit=3).status == 403
    renewed = apply(register("<sip:101@192.0.2.1>", call_id="c1", cseq=2), held, limit=3)
    assert renewed.status == 200 and len(contacts(renewed)) == 3


def test_zero_removes_one_and_a_star_removes_all() -> None:
    first = apply(register("<sip:101@192.0.2.1>", "<sip:101@192.0.2.2>"))
    held = first.bindings or ()
    assert contacts(apply(register("<sip:101@192.0.2.1>;expires=0", cseq=2), held)) == ["sip:101@192.0.2.2"]
    assert contacts(apply(register("*", expires="0", cseq=2), held)) == []


@pytest.mark.parametrize(
    "request_",
    [
        register("*"),
        register("*", expires="60"),
        register("*", "<sip:101@192.0.2.1>", expires="0"),
        register("<http://192.0.2.1>"),
        register("<sip:>"),
        register("<sip:101@" + "a" * 600 + ">"),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(request_: SipRequest) -> None:
    outcome = apply(request_)
    assert outcome.status == 400 and outcome.bindings is None


def test_without_contact_the_bindings_are_told_and_kept() -> None:
    held = apply(register("<sip:101@192.0.2.1>")).bindings or ()
    outcome = apply(register(cseq=2), held, now=NOW + 100)
    assert outcome.bindings is None
    assert outcome.headers == (("Contact", "<sip:101@192.0.2.1>;expires=3500"),)


def test_what_has_expired_is_gone() -> None:
    held = apply(register("<sip:101@192.0.2.1>")).bindings or ()
    assert contacts(apply(register("<sip:101@192.0.2.2>", call_id="d"), held, now=NOW + 3601)) == ["sip:101@192.0.2.2"]


def test_an_older_request_does_not_undo_a_newer_one() -> None:
    held = apply(register("<sip:101@192.0.2.1>", cseq=5)).bindings or ()
    assert apply(register("<sip:101@192.0.2.1>;expires=0", cseq=4), held).status == 500
    assert apply(register("*", expires="0", cseq=5), held).status == 500


def test_a_restarted_phone_replaces_itself() -> None:
    one = apply(register('<sip:101@192.0.2.1:1111>;+sip.instance="<urn:uuid:1>"')).bindings or ()
    two = apply(register('<sip:101@192.0.2.1:2222>;+sip.instance="<urn:uuid:1>"', call_id="d"), one)
    assert contacts(two) == ["sip:101@192.0.2.1:2222"]


def test_a_display_name_with_a_bracket_does_not_shift_the_uri() -> None:
    outcome = apply(register('"a <b> c" <sip:101@192.0.2.1>;expires=60'))
    assert contacts(outcome) == ["sip:101@192.0.2.1"]


def test_a_phone_with_a_display_name_and_an_instance_is_bound_by_its_uri() -> None:
    contact = '"Some, \\"name" <sip:101@192.0.2.1;transport=TCP;ob>;reg-id=1;+sip.instance="<urn:uuid:0-1>"'
    outcome = apply(register(contact))
    assert contacts(outcome) == ["sip:101@192.0.2.1;transport=TCP;ob"]
    assert outcome.bindings and outcome.bindings[0].instance == "<urn:uuid:0-1>"
