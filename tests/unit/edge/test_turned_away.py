"""The events and the record of a call that no worker took, from what the edge knows of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pbx_core.domain import modelfile
from pbx_core.domain.calls.cdr import fold
from pbx_core.domain.records import Disposition
from pbx_core.edge.turned_away import Attempt, Outcome, attempt, story
from pbx_core.sip import message as sip

AT = datetime(2026, 3, 2, 9, 0, 0, 123_000, tzinfo=UTC)
TENANT = "a" * 32
MODEL = modelfile.read_toml("""
languages = ["de"]
[outbound]
country = "DE"
[extensions]
101 = { name = "Alice" }
102 = { name = "Bob" }
[trunks.main]
host = "sip.carrier.test"
[routes.all]
trunks = ["main"]
[dids."+4930123456"]
destination = "extension:101"
""")


def tried(dialled: str = "102", **more: str) -> Attempt:
    return Attempt(AT, 50.0, TENANT, "acme.test", "101", "Alice", dialled, "c1@phone", "udp:192.0.2.7:5060", **more)


def test_a_call_for_which_no_worker_was_free() -> None:
    events, cdr = story(tried(), Outcome(503, "no worker was free", 54.0), "c" * 32, MODEL)
    assert [e.type for e in events] == ["opened", "ended", "closed"] and cdr == fold(events)
    assert (cdr.disposition, cdr.cause, cdr.hangup_party) == (Disposition.FAILED, "no worker was free", "system")
    assert (cdr.call_id, cdr.tenant_id, cdr.worker) == ("c" * 32, TENANT, "edge")
    assert (cdr.caller_number, cdr.caller_name, cdr.callee_number) == ("101", "Alice", "102")
    assert (cdr.started_at, cdr.ended_at, cdr.wait_s) == (AT, AT + timedelta(seconds=4), 4.0)
    assert (cdr.talk_s, cdr.bill_s, cdr.recording_reason) == (0.0, 0, "not answered")
    (leg,) = cdr.legs
    assert (leg.party, leg.sip_call_id, leg.sip_status) == ("caller", "c1@phone", 503)


def test_a_caller_who_gives_up_has_cancelled() -> None:
    _, cdr = story(tried(), Outcome(487, "caller hung up before an answer", 50.25), "c" * 32, MODEL)
    assert (cdr.disposition, cdr.hangup_party, cdr.wait_s) == (Disposition.CANCELLED, "caller", 0.25)
    assert cdr.legs[0].sip_status == 487


@pytest.mark.parametrize(
    ("call", "direction"),
    [
        (tried("102"), "internal"),
        (tried("030987654"), "outbound"),
        (tried("110"), "outbound"),
        (tried("+4930123456"), "internal"),
        (tried("+4930123456", did="+4930123456", trunk_id="main"), "inbound"),
        (tried("no such number"), "outbound"),
    ],
)
def test_the_direction_is_that_of_the_dialplan(call: Attempt, direction: str) -> None:
    _, cdr = story(call, Outcome(503, "no worker was free", 54.0), "c" * 32, MODEL)
    assert cdr.direction == direction


def test_nothing_need_be_known_of_the_tenant() -> None:
    for call, direction in ((tried(), "internal"), (tried(trunk_id="main", did="+4930123456"), "inbound")):
        _, cdr = story(call, Outcome(503, "no worker was free", 54.0), "c" * 32, None)
        assert cdr.direction == direction


def test_hostile_text_is_cut_and_made_visible() -> None:
    lines = [
        f"INVITE sip:%00%0a{'9' * 500}@acme.test SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1",
        'From: "\u202eeve\u0007" <sip:101@acme.test>;tag=1',
        "To: <sip:1@acme.test>",
        f"Call-ID: {'x' * 900}",
        "CSeq: 1 INVITE",
        "Max-Forwards: 70",
        "",
        "",
    ]
    request = sip.parse("\r\n".join(lines).encode())
    known = attempt(request, AT, 1.0, "udp:192.0.2.7:5060", tenant_id=TENANT, domain="acme.test", caller_number="101")
    assert (known.dialled, known.caller_name, len(known.sip_call_id)) == ("9" * 64, "eve", 256)
    _, cdr = story(known, Outcome(404, "404 Not\u0000 Found" + "!" * 500, 1.0), "c" * 32, MODEL)
    assert cdr.cause.startswith("404 Not Found") and len(cdr.cause) <= 100
