"""Framing of streams, flow tokens, choice of a worker, addresses, repeated headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_core.errors import PeerError
from pbx_core.sip import message as sip
from pbx_core.sip import routing
from pbx_core.sip.flow import Ends, Flow, FlowTokens
from pbx_core.sip.framing import PING, Framer
from pbx_core.sip.routing import WorkerSlot

MESSAGE = b"OPTIONS sip:a SIP/2.0\r\nl: 4\r\nSubject: content-length: 99\r\n\r\nbody"


@given(st.lists(st.integers(1, 30), max_size=40))
def test_a_stream_is_cut_the_same_however_it_arrives(sizes: list[int]) -> None:
    stream = b"\r\n\r\n" + MESSAGE + b"\r\n" + MESSAGE + b"\r\n\r\n" + MESSAGE
    framer, out, rest = Framer(1000), [], stream
    for size in [*sizes, len(stream)]:
        out += framer.feed(rest[:size])
        rest = rest[size:]
    assert [m for m in out if m is not PING] == [MESSAGE] * 3
    assert framer.pending == 0


def test_a_double_line_end_is_a_ping() -> None:
    assert Framer(1000).feed(b"\r\n\r\n") == [PING]


def test_a_stream_without_end_is_given_up() -> None:
    with pytest.raises(PeerError):
        Framer(1000).feed(b"x" * 1001)
    with pytest.raises(PeerError):
        Framer(1000).feed(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 999999999\r\n\r\n")


CARRIER = Flow("udp", "192.0.2.9", 5060)


@pytest.mark.parametrize(
    "ends",
    [
        Ends(Flow("tls", "2001:db8::1", 5061), 5080),
        Ends(CARRIER, 5080, True),
        Ends(CARRIER, 5080, True, "+996312000000@carrier.test", "+4930@carrier.test", 2),
    ],
)
def test_a_flow_token_opens_only_with_its_key_and_unchanged(ends: Ends) -> None:
    tokens = FlowTokens(b"k")
    token = tokens.seal(ends)
    assert tokens.open(token) == ends
    assert FlowTokens(b"other").open(token) is None
    for n in range(len(token)):
        changed = token[:n] + ("A" if token[n] != "A" else "B") + token[n + 1 :]
        assert tokens.open(changed) in (None, ends)  # the last character has spare bits
    for nonsense in ("", "A", "é", "=" * 9, "A" * 500):
        assert tokens.open(nonsense) is None


@given(st.text(max_size=60))
def test_a_flow_is_read_or_refused(text: str) -> None:
    flow = Flow.parse(text)
    assert flow is None or str(flow) == text or int(text.rpartition(":")[2]) == flow.port


def test_the_worker_with_most_room_is_chosen_and_full_ones_never() -> None:
    workers = [WorkerSlot("worker-0", 1, 2, 1), WorkerSlot("worker-1", 2, 4, 1), WorkerSlot("worker-2", 3, 9, 9)]
    assert routing.choose(workers, {}) == workers[1]
    assert routing.choose(workers, {"worker-1": 0.0}) == workers[0]
    assert routing.choose(workers, {"worker-0": 0.0, "worker-1": 0.0}) is None


def test_a_quoted_display_name_may_contain_anything() -> None:
    read = sip.address('"the \\"<boss>\\", Ltd;tag=no" <sip:101@acme.test;x=y>;tag=yes')
    assert (read.uri.user, read.uri.host, read.params["tag"]) == ("101", "acme.test", "yes")


def test_responses_keep_what_they_must_and_add_one_tag() -> None:
    raw = (
        b"OPTIONS sip:acme.test SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1, SIP/2.0/UDP g;branch=z9hG4bK2\r\n"
        b"From: <sip:a@acme.test>;tag=1\r\nTo: sip:acme.test\r\nCall-ID: x\r\nCSeq: 7 OPTIONS\r\n\r\n"
    )
    request = sip.parse(raw)
    assert isinstance(request, sip.SipRequest)
    made = sip.response(request, 200, "t")
    assert made.headers.get("via") == request.headers.get("via") and len(made.headers.get("via")) == 2
    assert made.headers.get("to") == ["<sip:acme.test>;tag=t"]
    assert "tag" not in sip.header(sip.response(request, 100, "t"), "to")
    request.headers.set_single("To", "<sip:acme.test>;tag=theirs")
    assert sip.response(request, 200, "t").headers.get("to") == ["<sip:acme.test>;tag=theirs"]


def test_the_source_is_stamped_where_responses_go() -> None:
    raw = (
        b"OPTIONS sip:acme.test SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bK1%s\r\n"
        b"From: <sip:a@acme.test>;tag=1\r\nTo: <sip:acme.test>\r\nCall-ID: x\r\nCSeq: 7 OPTIONS\r\n\r\n"
    )
    flow = Flow("udp", "198.51.100.7", 40000)
    for extra, port in ((b";rport", 40000), (b"", 5062)):
        request = sip.parse(raw % extra)
        assert isinstance(request, sip.SipRequest)
        sip.stamp_source(request, flow.host, flow.port)
        assert "received=198.51.100.7" in sip.header(request, "via")
        assert routing.reply_to(request, flow) == Flow("udp", flow.host, port)
