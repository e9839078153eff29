"""Digest authentication, the client's half: answers a carrier's challenge with MD5 or SHA-256. RFC 7616, RFC 8760."""

from __future__ import annotations

from aiosipua.auth import SipDigestAuth, build_credentials
from aiosipua.header_codec import parse_auth, stringify_auth
from aiosipua.message import SipRequest, SipResponse

_SIDES = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
_STRENGTH = {"SHA-256": 0, "MD5": 1}


def answer(
    challenge: SipResponse, request: SipRequest, username: str, password: str, cnonce: str
) -> tuple[str, str] | None:
    """The header (name, value) that answers a 401 or 407 to `request`; None when none of its challenges can be
    answered (no digest, an algorithm or qop that we lack)."""
    asked, given = _SIDES[challenge.status_code]
    offers = [parse_auth(value) for value in challenge.headers.get(asked)[:10]]
    digests = [o for o in offers if o.scheme.lower() == "digest"]
    for offer in sorted(digests, key=lambda o: _STRENGTH.get(o.params.get("algorithm", "MD5").upper(), 9)):
        made = build_credentials(SipDigestAuth(username, password), offer, request.method, request.uri, cnonce=cnonce)
        if made is not None:
            return given, stringify_auth(made)
    return None


def asks_again(challenge: SipResponse) -> bool:
    """Whether a second challenge only says that the nonce was too old, not that the password is wrong."""
    asked, _ = _SIDES[challenge.status_code]
    return any(parse_auth(v).params.get("stale", "").lower() == "true" for v in challenge.headers.get(asked)[:10])
