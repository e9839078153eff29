"""Digest access authentication, the server's half: nonces, challenges, verdicts. RFC 7616, RFC 8760, RFC 3261 22."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from aiosipua.header_codec import parse_auth, parse_uri
from aiosipua.message import SipRequest

ALGORITHMS = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}  # in the order offered; strongest first
MD5_ONLY_AGENTS = ("baresip v0.", "baresip v1.", "re v0.", "re v1.", "sipp v3.")
OFFER_UNANSWERED_S = 5.0  # longer than all repetitions of a lost answer matter
_MAC_BYTES = 15
_HEX8 = re.compile(r"^[0-9a-fA-F]{8}$")


class Verdict(StrEnum):
    """What a request's credentials are worth."""

    OK = "ok"
    MISSING = "missing"  # none for this realm: challenge
    WRONG = "wrong"  # the digest does not fit, or the user does not exist: challenge, and count a guess
    STALE = "stale"  # the digest fits an expired or foreign nonce: challenge with stale=true
    REPLAYED = "replayed"  # the digest fits but its nonce count was used already


@dataclass(frozen=True)
class Credentials:
    """An (Proxy-)Authorization header."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str
    nc: str
    cnonce: str


@dataclass(frozen=True)
class Secret:
    """The two HA1 of a user; see `DUMMY` for users who do not exist."""

    ha1_md5: str
    ha1_sha256: str


DUMMY = Secret("0" * 32, "0" * 64)


def credentials(request: SipRequest, header: str, realm: str) -> Credentials | None:
    """The credentials for `realm` in `header`; None when there are none that we could have asked for."""
    for value in request.headers.get(header):
        if value[:7].lower() != "digest ":
            continue
        params = {k.lower(): v for k, v in parse_auth(value, credentials=True).params.items()}
        algorithm = params.get("algorithm", "MD5").upper()
        if params.get("realm", "").lower() != realm or algorithm not in ALGORITHMS:
            continue
        if params.get("qop", "").lower() != "auth" or not _HEX8.match(params.get("nc", "")):
            continue
        wanted = ("username", "nonce", "uri", "response", "cnonce")
        if all(params.get(name) for name in wanted):
            return Credentials(realm=realm, algorithm=algorithm, nc=params["nc"], **{n: params[n] for n in wanted})
    return None


def response_of(ha1: str, given: Credentials, method: str) -> str:
    """The request digest of RFC 7616 3.4.1 with qop=auth, lower-case hex."""
    name = ALGORITHMS[given.algorithm]
    ha2 = name(f"{method}:{given.uri}".encode(), usedforsecurity=False).hexdigest()
    text = f"{ha1}:{given.nonce}:{given.nc}:{given.cnonce}:auth:{ha2}"
    return name(text.encode(), usedforsecurity=False).hexdigest()


def meant_for(given: Credentials, request: SipRequest) -> bool:
    """Whether the digest was made for this request URI: same user, same host (an address instead is tolerated)."""
    theirs, ours = parse_uri(given.uri), parse_uri(request.uri)
    if theirs.user is not None and theirs.user != ours.user:
        return False
    return theirs.host.lower() == ours.host.lower() or theirs.host.replace(".", "").isdigit()


class Nonces:
    """Stateless nonces bound to a source host and to the key (one per start), and the counts used with them."""

    def __init__(self, key: bytes, ttl_s: float, counts_max: int = 200_000) -> None:
        self._key = key
        self._ttl_s = ttl_s
        self._counts_max = counts_max
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()  # nonce → highest nc, made at
        self._floor = float("-inf")  # nonces made earlier are no longer believed: their counts were dropped

    def make(self, source: str, now: float, random: bytes) -> str:
        """A nonce for requests from the host `source`; `random`: 6 bytes."""
        body = int(now * 1000).to_bytes(8, "big", signed=True) + random
        return base64.urlsafe_b64encode(body + self._mac(body, source)).rstrip(b"=").decode()

    def made_at(self, nonce: str, source: str) -> float | None:
        """When the nonce was made; None when it was not made by us for this source."""
        try:
            raw = base64.urlsafe_b64decode(nonce + "=" * (-len(nonce) % 4))
        except (binascii.Error, ValueError):
            return None
        body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if len(body) != 14 or not hmac.compare_digest(mac, self._mac(body, source)):
            return None
        return int.from_bytes(body[:8], "big", signed=True) / 1000

    def fresh(self, nonce: str, source: str, now: float) -> bool:
        """Ours, for this source, and young enough."""
        made = self.made_at(nonce, source)
        return made is not None and now - made <= self._ttl_s and made > self._floor

    def advance(self, nonce: str, nc: int, source: str, now: float) -> bool:
        """Use a nonce count; False when it, or a higher one, was used before. Only for correct digests."""
        last, _ = self._counts.get(nonce, (0, 0.0))
        if nc <= last:
            return False
        self._counts[nonce] = (nc, self.made_at(nonce, source) or now)
        self._prune(now)
        return True

    def _prune(self, now: float) -> None:
        while self._counts:
            nonce, (_, made) = next(iter(self._counts.items()))
            if now - made <= self._ttl_s and len(self._counts) <= self._counts_max:
                return
            if now - made <= self._ttl_s:
                self._floor = max(self._floor, made)
            del self._counts[nonce]

    def _mac(self, body: bytes, source: str) -> bytes:
        return hmac.new(self._key, body + source.encode(), hashlib.sha256).digest()[:_MAC_BYTES]


def check(
    nonces: Nonces, given: Credentials, request: SipRequest, secret: Secret | None, source: str, now: float
) -> Verdict:
    """Judge credentials. `secret` None: the user does not exist; the same work is done and the answer is WRONG."""
    held = secret or DUMMY
    expected = response_of(held.ha1_sha256 if given.algorithm == "SHA-256" else held.ha1_md5, given, request.method)
    right = hmac.compare_digest(expected, given.response.lower().encode("ascii", "replace").decode())
    fresh = nonces.fresh(given.nonce, source, now)
    if not right or secret is None or not meant_for(given, request):
        return Verdict.WRONG
    if not fresh:
        return Verdict.STALE
    if not nonces.advance(given.nonce, int(given.nc, 16), source, now):
        return Verdict.REPLAYED
    return Verdict.OK


def challenges(
    header: str, realm: str, nonce: str, *, stale: bool = False, md5_only: bool = False
) -> list[tuple[str, str]]:
    """One challenge header per algorithm, SHA-256 first. RFC 8760 2.4."""
    tail = ", stale=true" if stale else ""
    return [
        (header, f'Digest realm="{realm}", nonce="{nonce}", algorithm={name}, qop="auth"{tail}')
        for name in (("MD5",) if md5_only else ALGORITHMS)
    ]


class Offers:
    """Which phones are offered MD5 alone. Some stacks (libre before 2.0) give up when any challenge names an algorithm
    that they lack, instead of taking the one they know as RFC 8760 2.4 asks. They are known by name, or by coming
    back empty-handed from the same port some seconds after they were offered both."""

    def __init__(self, sources_max: int = 20_000) -> None:
        self._asked: OrderedDict[tuple[str, int], float] = OrderedDict()  # offered both at, not answered since
        self._max = sources_max

    def md5_only(self, source: tuple[str, int], user_agent: str, now: float) -> bool:
        """Decide for a request without credentials; `source`: host and port, `now`: seconds."""
        if user_agent.lower().startswith(MD5_ONLY_AGENTS):
            return True
        before = self._asked.get(source)
        if before is not None and now - before > OFFER_UNANSWERED_S:
            return True
        if before is None:
            self._asked[source] = now
            if len(self._asked) > self._max:
                self._asked.popitem(last=False)
        return False

    def answered(self, source: tuple[str, int]) -> None:
        """Credentials came from there: it understood."""
        self._asked.pop(source, None)
