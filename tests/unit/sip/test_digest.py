"""Digests: the vectors of the RFCs, nonces, counts."""

from __future__ import annotations

import hashlib

from aiosipua.message import SipMessage, SipRequest

from pbx_core.sip import digest
from pbx_core.sip.digest import Credentials, Nonces, Secret, Verdict

HOST = "198.51.100.7"


def request(authorization: str = "", method: str = "REGISTER", uri: str = "sip:acme.test") -> SipRequest:
    extra = f"Authorization: {authorization}\r\n" if authorization else ""
    made = SipMessage.parse(f"{method} {uri} SIP/2.0\r\n{extra}\r\n")
    assert isinstance(made, SipRequest)
    return made


def given(nonce: str, secret: Secret, algorithm: str = "SHA-256", nc: int = 1, method: str = "REGISTER") -> Credentials:
    blank = Credentials("101", "acme.test", nonce, "sip:acme.test", "", algorithm, f"{nc:08x}", "c")
    ha1 = secret.ha1_sha256 if algorithm == "SHA-256" else secret.ha1_md5
    return Credentials(**{**vars(blank), "response": digest.response_of(ha1, blank, method)})


def secret_of(password: str) -> Secret:
    text = f"101:acme.test:{password}".encode()
    return Secret(hashlib.md5(text).hexdigest(), hashlib.sha256(text).hexdigest())


RIGHT = secret_of("right")


def test_the_example_of_rfc_7616_comes_out_right_in_both_algorithms() -> None:
    nonce, cnonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    for name, expected in (
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        plain = b"Mufasa:http-auth@example.org:Circle of Life"
        ha1 = hashlib.new(name.replace("-", "").lower(), plain).hexdigest()
        asked = Credentials("Mufasa", "http-auth@example.org", nonce, "/dir/index.html", "", name, "00000001", cnonce)
        assert digest.response_of(ha1, asked, "GET") == expected


def test_a_correct_digest_counts_once_and_then_only_with_a_higher_count() -> None:
    nonces = Nonces(b"k", 60)
    nonce = nonces.make(HOST, 10.0, b"123456")
    verdicts = [
        digest.check(nonces, given(nonce, RIGHT, nc=nc), request(), RIGHT, HOST, 11.0) for nc in (1, 1, 3, 2, 4)
    ]
    assert verdicts == [Verdict.OK, Verdict.REPLAYED, Verdict.OK, Verdict.REPLAYED, Verdict.OK]


def test_a_wrong_digest_does_not_advance_the_count() -> None:
    nonces = Nonces(b"k", 60)
    nonce = nonces.make(HOST, 10.0, b"123456")
    poison = given(nonce, secret_of("wrong"), nc=0xFFFFFFFF)
    assert digest.check(nonces, poison, request(), RIGHT, HOST, 11.0) is Verdict.WRONG
    assert digest.check(nonces, given(nonce, RIGHT, nc=2), request(), RIGHT, HOST, 11.0) is Verdict.OK


def test_an_unknown_user_is_wrong_even_with_the_dummys_digest() -> None:
    nonces = Nonces(b"k", 60)
    nonce = nonces.make(HOST, 10.0, b"123456")
    assert digest.check(nonces, given(nonce, digest.DUMMY), request(), None, HOST, 11.0) is Verdict.WRONG


def test_a_nonce_is_good_for_its_source_its_time_and_its_key_only() -> None:
    nonces = Nonces(b"k", 60)
    nonce = nonces.make(HOST, 10.0, b"123456")
    assert nonces.fresh(nonce, HOST, 70.0)
    assert not nonces.fresh(nonce, HOST, 70.1)
    assert not nonces.fresh(nonce, "198.51.100.8", 11.0)
    assert not Nonces(b"other", 60).fresh(nonce, HOST, 11.0)
    for broken in ("", "A", "A" * 38, nonce[:-1], nonce + "A", "é"):
        assert not nonces.fresh(broken, HOST, 11.0)


def test_a_correct_digest_on_an_old_nonce_is_stale() -> None:
    nonces = Nonces(b"k", 60)
    nonce = nonces.make(HOST, 10.0, b"123456")
    assert digest.check(nonces, given(nonce, RIGHT), request(), RIGHT, HOST, 100.0) is Verdict.STALE
    before_restart = Nonces(b"older", 60).make(HOST, 10.0, b"123456")
    assert digest.check(nonces, given(before_restart, RIGHT), request(), RIGHT, HOST, 11.0) is Verdict.STALE


def test_dropping_counts_for_room_never_lets_a_replay_in() -> None:
    nonces = Nonces(b"k", 60, counts_max=5)
    made = [nonces.make(HOST, 10.0 + n, b"%06d" % n) for n in range(10)]
    first = given(made[0], RIGHT)
    for nonce in made:
        assert digest.check(nonces, given(nonce, RIGHT), request(), RIGHT, HOST, 20.0) is Verdict.OK
    assert digest.check(nonces, first, request(), RIGHT, HOST, 20.0) is Verdict.STALE


def test_a_digest_for_another_destination_is_wrong() -> None:
    nonces = Nonces(b"k", 60)
    nonce = nonces.make(HOST, 10.0, b"123456")
    blank = Credentials("101", "acme.test", nonce, "sip:102@acme.test", "", "MD5", "00000001", "c")
    stolen = Credentials(**{**vars(blank), "response": digest.response_of(RIGHT.ha1_md5, blank, "INVITE")})
    diverted = request(method="INVITE", uri="sip:900@acme.test")
    assert digest.check(nonces, stolen, diverted, RIGHT, HOST, 11.0) is Verdict.WRONG


def test_credentials_for_another_realm_or_without_qop_are_none() -> None:
    common = 'username="101", nonce="n", uri="sip:acme.test", response="r", cnonce="c", nc=00000001'
    fits = f'Digest realm="acme.test", qop=auth, {common}'
    assert digest.credentials(request(fits), "Authorization", "acme.test") is not None
    for value in (
        fits.replace("acme.test", "birch.test"),
        fits.replace("qop=auth, ", ""),
        fits.replace("nc=00000001", "nc=1"),
        fits + ", algorithm=MD5-sess",
        fits.replace("Digest", "Basic"),
        "Digest",
    ):
        assert digest.credentials(request(value), "Authorization", "acme.test") is None, value
