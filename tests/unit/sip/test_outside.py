"""Numbers as carriers write them, limits as workers write them, challenges as carriers make them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_core.sip import message as sip
from pbx_core.sip import outside, uac
from pbx_core.sip.message import response
from pbx_core.sip.outside import Carrier


def request(text: str = "", method: str = "INVITE"):
    raw = (
        f"{method} sip:+49@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        f"To: <sip:c@d>\r\nCall-ID: i\r\nCSeq: 7 {method}\r\n{text}\r\n"
    )
    return sip.parse(raw.encode())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("sip:+4930@host", "+4930"),
        ("<sip:0049-30.(12)@host;user=phone>;tag=1", "00493012"),
        ("sip:+4930;npdi;rn=1@host", "+4930"),
        ('"+1" <sips:12:secret@host>', "12"),
        ("tel:+4930;phone-context=+49", "+4930"),
        ("sip:alice@host", ""),
        ("sip:host", ""),
        ("sip:+4930", ""),
        ("sip:+" + "1" * 40 + "@host", ""),
        ("", ""),
    ],
)
def test_the_number_in_an_address(text: str, number: str) -> None:
    assert outside.number_in(text) == number


@given(st.text(max_size=80))
def test_whatever_stands_there_is_a_number_or_none(text: str) -> None:
    found = outside.number_in(text)
    assert found == "" or found.lstrip("+").isdigit()


@pytest.mark.parametrize(
    ("carrier", "expected"),
    [
        (Carrier("c.test", 5060, "udp"), "sip:+49@c.test"),
        (Carrier("c.test", 5061, "tls"), "sip:+49@c.test;transport=tls"),
        (Carrier("c.test", 5060, "tls"), "sip:+49@c.test:5060;transport=tls"),
        (Carrier("192.0.2.1", 5070, "tcp"), "sip:+49@192.0.2.1:5070;transport=tcp"),
    ],
)
def test_a_carrier_s_uri(carrier: Carrier, expected: str) -> None:
    assert carrier.uri("+49") == expected


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("calls=10,international=2", {"calls": 10, "international": 2}),
        (" calls=0 , x=abc, =4, international", {"calls": 0, "": 4}),
        ("", {}),
    ],
)
def test_limits(text: str, limits: dict[str, int]) -> None:
    assert outside.limits(request(f"X-Limits: {text}\r\n")) == limits


def test_counting_on_reaches_into_rack() -> None:
    prack = request("RAck: 776656 7 INVITE\r\n", "PRACK")
    outside.ahead(prack, 1)
    assert (sip.header(prack, "cseq"), sip.header(prack, "rack")) == ("8 PRACK", "776656 8 INVITE")


def challenge(*values: str):
    return response(request(), 401, "t", [("WWW-Authenticate", value) for value in values])


def test_the_strongest_challenge_that_can_be_answered_is() -> None:
    md5, sha = 'Digest realm="r", nonce="n"', 'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"'
    for offered, algorithm in (((md5, sha), "SHA-256"), ((md5,), "MD5"), (("Basic realm=x", md5), "MD5")):
        made = uac.answer(challenge(*offered), request(), "acme", "geheim", "c0")
        assert made is not None and made[0] == "Authorization"
        assert f"algorithm={algorithm}" in made[1].replace('"', "")


@pytest.mark.parametrize(
    "value", ["Basic realm=x", 'Digest realm="r", nonce="n", algorithm=SHA-512', "nonsense", "Digest"]
)
def test_what_cannot_be_answered_is_not(value: str) -> None:
    assert uac.answer(challenge(value), request(), "acme", "geheim", "c0") is None


def test_the_digest_is_that_of_rfc_2617() -> None:
    """The example of RFC 2617 3.5, with its method and URI."""
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    asked = challenge(f'Digest realm="testrealm@host.com", qop="auth", nonce="{nonce}", opaque="5ccc"')
    get = request()
    get.method, get.uri = "GET", "/dir/index.html"
    made = uac.answer(asked, get, "Mufasa", "Circle Of Life", "0a4f113b")
    assert made is not None and "6629fae49393a05397450978507c4ef1" in made[1] and "5ccc" in made[1]


def test_a_stale_nonce_is_told_apart_from_a_wrong_password() -> None:
    assert uac.asks_again(challenge('Digest realm="r", nonce="n", stale=TRUE'))
    assert not uac.asks_again(challenge('Digest realm="r", nonce="n"'))
