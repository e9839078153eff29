"""Webhooks without a network: what is signed, where one may go, what follows an answer, what is told."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest

from pbx_core import feed
from pbx_core.clock import uuid7_hex
from pbx_core.domain.records import CallEventRecord, Disposition, MeaningRecord, Party, iso
from pbx_core.errors import InputError, Unavailable
from pbx_core.store.directory import Tenant
from pbx_core.webhooks import address, facts, retry, signing
from pbx_core.webhooks.facts import OFFERED
from pbx_core.webhooks.retry import Answer
from tests.support import facts as made

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ACME = Tenant("a" * 32, "Acme", "acme.test", "UTC", ("en",))


def test_the_signature_is_that_of_the_specification() -> None:
    """The example that receivers' libraries carry in their own tests."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = signing.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [key])
    assert found == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize(
    "url",
    [
        "", "crm.example", "ftp://crm.example/", "//crm.example/", "https://", "https:///x", "https://u:p@crm.example/",
        "https://crm.example/#x", "https://crm.example:22/", "https://crm.example:99999/", "https://crm.example:x/",
        "https://crm.example/a b", "https://crm.example/\r\nX: y", "https://crm.example/\u202e", "https://crm_x%00/",
        "https://[::1", "https://[zz]/", "javascript:alert(1)", "https://crm.example/" + "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_webhook_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="does not fit"):
        address.parse(url)


@pytest.mark.parametrize(
    "found",
    [
        "127.0.0.1", "127.8.9.10", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "::ffff:127.0.0.1",
        "::ffff:8.8.8.8", "::127.0.0.1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1",
        "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2001:0:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_nothing_inside_is_reached_whatever_its_name(found: str) -> None:
    target = address.parse("https://crm.example/")
    with pytest.raises(InputError, match="no public address"):
        address.locate(target, lambda *_: [found], ())
    with pytest.raises(InputError, match="no public address"):
        address.locate(target, lambda *_: ["93.184.215.14", found], ())  # one good one opens no door


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "017700000001", "127.1", "localhost", "[::1]"])
def test_odd_writings_of_this_machine_are_this_machine(host: str) -> None:
    with pytest.raises((InputError, Unavailable)):
        address.locate(address.parse(f"https://{host}/"), address.system_resolve, ())


def test_public_addresses_are_reached_and_allowed_networks_too() -> None:
    https, http = address.parse("https://crm.example/a?b=c"), address.parse("http://crm.example:8080/")
    assert (https.host, https.port, https.path) == ("crm.example", 443, "/a?b=c")
    assert address.locate(https, lambda *_: ["93.184.215.14"], ()) == "93.184.215.14"
    assert address.locate(https, lambda *_: ["2606:2800:21f:cb07::1"], ()) == "2606:2800:21f:cb07::1"
    inside = (ip_network("10.1.0.0/16"),)
    assert address.locate(http, lambda *_: ["10.1.2.3"], inside) == "10.1.2.3"
    for found in ("10.2.0.1", "93.184.215.14", "::ffff:10.1.2.3"):
        with pytest.raises(InputError):
            address.locate(http, lambda *_, f=found: [f], inside)
    assert not address.is_public(ip_address("10.1.2.3"))

    def nobody(*_: object) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(Unavailable):
        address.locate(https, nobody, ())


@pytest.mark.parametrize(
    ("answer", "tries", "failures", "wanted"),
    [
        (Answer(200), 1, 1, "delivered"),
        (Answer(204), 5, 5, "delivered"),
        (Answer(None, "no answer"), 1, 1, "again 5"),
        (Answer(500), 1, 1, "again 5"),
        (Answer(503), 2, 2, "again 30"),
        (Answer(408), 3, 3, "again 120"),
        (Answer(429, retry_after_s=900), 1, 1, "again 900 pause 900"),
        (Answer(503, retry_after_s=10**9), 1, 1, "again 21600 pause 21600"),
        (Answer(503), 9, 9, "again 21600"),
        (Answer(503), 30, 30, "again 21600"),
        (Answer(410), 1, 1, "disable"),
        (Answer(302), 1, 1, "again 5"),
        (Answer(404, retry_after_s=900), 1, 1, "again 5"),
        (Answer(401), 2, retry.REFUSALS_MAX, "disable"),
        (Answer(None, "forbidden", refused=True), 2, retry.REFUSALS_MAX, "disable"),
    ],
)  # fmt: skip
def test_what_follows_an_answer(answer: Answer, tries: int, failures: int, wanted: str) -> None:
    found = retry.after(answer, tries, failures, 0.0, 0.0)
    if found.delivered or found.disable:
        assert wanted == ("delivered" if found.delivered else "disable")
    else:
        assert f"again {found.again_s:g} pause {found.pause_s:g}".startswith(wanted)


def test_after_a_day_an_event_is_given_up_and_after_a_day_of_failures_the_endpoint_is() -> None:
    day = retry.GIVE_UP_S
    assert retry.after(Answer(503), 8, 8, 0.0, day - 1).again_s is None
    assert not retry.after(Answer(503), 8, 8, day - 1, 0.0).disable
    given_up = retry.after(Answer(503), 8, 8, day, 0.0)
    assert given_up.disable and "503" in given_up.reason


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0), ("Sun, 22 Nov 2026 10:01:00 GMT", 60.0), ("Sun, 22 Nov 2026 09:00:00 GMT", 0.0), (None, None),
        ("", None), ("-5", None), ("soon", None), ("9" * 400, None), ("١٢", None), ("Sun, 99 Nov 2026", None),
        ("Sun, 22 Nov 2026 10:01:00", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_or_left(text: str | None, seconds: float | None) -> None:
    assert retry.retry_after_s(text, NOW) == seconds


def lines() -> list[bytes]:
    """A recorded, transcribed call with a rule that alerts, as the processes write it."""
    call = made.make_call(random.Random(5), ACME, NOW, disposition=Disposition.ANSWERED, talk_s=20.0, recorded=True,
                          said=("my card is 4539 1488 0343 6467",))  # fmt: skip
    assert call.recording
    record = call.recording
    meant = MeaningRecord(
        record.recording_id, record.call_id, ACME.tenant_id, "1", "x", "en", Party.CALLEE, "inbound", "", None, (),
        -3.0, ("angry", "leaves"), ("angry", "leaves"), (), {}, (), (), (), (), (),
    )  # fmt: skip
    head = {"direction": "inbound", "caller_number": "+4915112345", "did": "+493012345", "conversation_id": ""}
    opened = CallEventRecord(record.call_id, ACME.tenant_id, 0, NOW, 1.0, "opened", "caller", head)
    told = [("call_event", f"{record.call_id}-0", opened), *call.lines(), ("meaning", record.recording_id, meant)]
    at = iso(NOW + timedelta(minutes=1))
    return [feed.encode(kind, id_, ACME.tenant_id, at, data)[:-1] for kind, id_, data in told]


def test_each_fact_is_told_once_with_an_id_of_its_own_that_never_changes() -> None:
    wanted = frozenset(OFFERED)
    events = [e for raw in lines() for e in facts.of_line(raw, wanted)]
    types = [e.type for e in events]
    assert sorted(types) == [
        "alert.raised", "alert.raised", "call.ended", "call.started", "recording.ready", "transcript.ready"
    ]  # fmt: skip
    again = [e for raw in lines() for e in facts.of_line(raw, wanted)]
    assert [e.event_id for e in again] == [e.event_id for e in events] and len({e.event_id for e in events}) == 6
    for e in events:
        body = json.loads(e.body)
        assert (body["id"], body["type"], body["schema_version"]) == (e.event_id, e.type, 1)
        assert datetime.fromisoformat(body["timestamp"]).tzinfo and body["data"]["call_id"]
        assert "4539" not in e.body, "what was said is not told"
    assert [e.type for raw in lines() for e in facts.of_line(raw, {"call.ended"})] == ["call.ended"]


def test_another_tenant_has_other_ids_and_old_calls_are_no_news() -> None:
    (ended,) = (raw for raw in lines() if raw.startswith(b'{"kind":"cdr"'))
    other = ended.replace(b"a" * 32, b"b" * 32)
    one, two = (next(facts.of_line(raw, {"call.ended"})) for raw in (ended, other))
    assert one.event_id != two.event_id and two.tenant_id == "b" * 32
    call = made.make_call(random.Random(5), ACME, NOW, disposition=Disposition.ANSWERED, talk_s=20.0, recorded=True,
                          said=("hello",))  # fmt: skip
    assert call.transcript
    for days, told in ((1, 1), (8, 0)):
        old_id = uuid7_hex(int((NOW - timedelta(days=days)).timestamp() * 1000), bytes(10))
        old = replace(call.transcript, call_id=old_id)
        raw = feed.encode("transcript", old.recording_id, ACME.tenant_id, iso(NOW), old)[:-1]
        assert len(list(facts.of_line(raw, {"transcript.ready"}))) == told


def test_hostile_names_travel_as_plain_ascii_and_come_out_as_they_were() -> None:
    name = "\x00\r\n\u202e\ud800<script>💥"
    fact = facts.Fact(ACME.tenant_id, facts.EventType.CALL_STARTED, "1", NOW, {"caller_name": name})
    told = facts.event(fact, 0.0)
    assert told.body.isascii() and told.body.isprintable()
    assert json.loads(told.body)["data"]["caller_name"] == name


@pytest.mark.parametrize(
    "raw", [b"", b"{", b'{"kind":"cdr"', b'{"kind":"cdr","id":"x"}', b'{"kind":"closed","id":"x"}', b"\xff" * 40]
)
def test_a_line_that_does_not_fit_tells_nothing(raw: bytes) -> None:
    try:
        assert list(facts.of_line(raw, frozenset(OFFERED))) == []
    except ValueError:
        pass
