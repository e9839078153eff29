"""SIP text between engine and edge: what is read from it, whatever stands there."""

from __future__ import annotations

import pytest

from pbx_core.media import siptext

RINGING = "SIP/2.0 180 Ringing\r\nX-By: 102\r\nx-offers : 101=486,102=0\r\nX-By: 103\r\nTo: <sip:x>\r\n\r\nX-Body: no"


def test_the_x_headers_of_a_response() -> None:
    assert siptext.x_headers(RINGING) == {"x-by": "103", "x-offers": "101=486,102=0"}


@pytest.mark.parametrize("text", ["", "\r\n\r\n", "SIP/2.0 200 OK", "X-First-Line: is not a header", "\x00" * 5000])
def test_text_without_headers(text: str) -> None:
    assert siptext.x_headers(text) == {}


def test_headers_have_limits() -> None:
    many = "SIP/2.0 200 OK\r\n" + "".join(f"X-N{n}: {'v' * 9000}\r\n" for n in range(500))
    found = siptext.x_headers(many)
    assert len(found) == siptext.HEADERS_MAX
    assert max(map(len, found.values())) == siptext.VALUE_CHARS_MAX


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("SIP/2.0 183 Session Progress\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n", True),
        ("SIP/2.0 183 Session Progress\r\nc : APPLICATION/SDP;a=b\r\n\r\nv=0\r\n", True),
        ("SIP/2.0 183 Session Progress\r\nContent-Type: text/plain\r\n\r\nv=0\r\n", False),
        ("SIP/2.0 180 Ringing\r\nContent-Type: application/sdp\r\n\r\n", False),
        ("", False),
    ],
)
def test_early_media_is_announced_by_a_session_description(message: str, expected: bool) -> None:
    assert siptext.has_sdp(message) is expected


@pytest.mark.parametrize(
    ("body", "refer_to", "refer_sub"),
    [
        ("REFER\r\nRefer-To: <sip:102@acme.test>\r\n", "<sip:102@acme.test>", True),
        ("REFER\nrefer-to: sip:102@acme.test\nRefer-Sub: false", "sip:102@acme.test", False),
        ("REFER\r\nRefer-To: one\r\nRefer-To: two\r\nRefer-Sub: true\r\n", "one", True),
    ],
)
def test_a_transfer_wish(body: str, refer_to: str, refer_sub: bool) -> None:
    wish = siptext.transfer_wish(body)
    assert wish is not None
    assert (wish["refer_to"], wish["refer_sub"]) == (refer_to, refer_sub)


@pytest.mark.parametrize("body", ["", "Hello", "REFER", "REFERRED\r\nRefer-To: x", "Refer-To: x\r\nREFER", "\x00\r\n"])
def test_another_message_is_no_transfer_wish(body: str) -> None:
    assert siptext.transfer_wish(body) is None


def test_progress_of_a_transfer() -> None:
    assert siptext.notify_headers(False)["Subscription-State"].startswith("active")
    assert siptext.notify_headers(True)["Subscription-State"].startswith("terminated")
    assert siptext.sipfrag(503, "No\r\nEvil: header") == "SIP/2.0 503 No Evil: header\r\n"
    assert siptext.sipfrag(486, "") == "SIP/2.0 486 Unknown\r\n"
