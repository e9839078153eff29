"""Our registration at a carrier: the REGISTER, what its answer means, and when to send the next one. RFC 3261 10.2."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aiosipua.headers import CaseInsensitiveDict
from aiosipua.message import SipRequest, SipResponse

from pbx_core.sip.message import Malformed, address, header

EXPIRES_S = 600  # asked for; carriers grant what they like
EXPIRES_S_MIN = 30  # a carrier that grants less is asked again no sooner
RETRY_S = 4.0  # first pause after a failure, doubling
RETRY_S_MAX = 300.0
REFUSED_S = 60.0  # first pause after a wrong password: carriers ban those who insist
REFUSED_S_MAX = 3600.0
REFRESH_SHARE = 0.8  # of the granted time, after which we sign in again


@dataclass(frozen=True)
class SignIn:
    """Where we stand with one carrier. `until`: the end of the granted time, in the seconds of `now`; 0: none."""

    until: float = 0.0
    asked_s: int = EXPIRES_S
    tries: int = 0  # failures in a row
    reason: str = ""

    def valid(self, now: float) -> bool:
        """Whether the carrier sends our calls to us now."""
        return self.until > now

    def granted(self, answer: SipResponse, contact_user: str, now: float) -> tuple[SignIn, float]:
        """After a 2xx; with it the seconds until the next REGISTER."""
        expires_s = max(EXPIRES_S_MIN, _expires(answer, contact_user, self.asked_s))
        return SignIn(now + expires_s, self.asked_s), expires_s * REFRESH_SHARE

    def refused(self, status: int, answer: SipResponse | None) -> tuple[SignIn, float]:
        """After any other final answer, or silence (408). What was granted before stays valid until its end."""
        if status == 423 and answer is not None:
            wanted = header(answer, "min-expires")
            if wanted.isascii() and wanted.isdigit() and self.asked_s < int(wanted[:6]) <= 86_400:
                return replace(self, asked_s=int(wanted[:6]), reason=""), 0.0
        wrong = status in (401, 403, 404, 407)
        first, most = (REFUSED_S, REFUSED_S_MAX) if wrong else (RETRY_S, RETRY_S_MAX)
        pause_s = min(most, first * 2.0 ** min(self.tries, 20))
        words = "no reply" if answer is None else f"{status} {answer.reason_phrase}"[:100]
        return replace(self, tries=self.tries + 1, reason=f"registration: {words}"), pause_s


def register(
    target: str, aor: str, contact: str, call_id: str, tag: str, cseq: int, expires_s: int, more: tuple[str, str] | None
) -> SipRequest:
    """A REGISTER without Via. `target`, `aor` and `contact` are URIs; `more`: a header, the credentials."""
    headers = CaseInsensitiveDict()
    headers.append("Max-Forwards", "70")
    headers.append("From", f"<{aor}>;tag={tag}")
    headers.append("To", f"<{aor}>")
    headers.append("Call-ID", call_id)
    headers.append("CSeq", f"{cseq} REGISTER")
    headers.append("Contact", f"<{contact}>")
    headers.append("Expires", str(expires_s))
    if more:
        headers.append(*more)
    return SipRequest(headers=headers, body=b"", method="REGISTER", uri=target)


def _expires(answer: SipResponse, contact_user: str, asked_s: int) -> int:
    for value in answer.headers.get("contact")[:20]:
        try:
            parsed = address(value)
        except Malformed:
            continue
        granted = parsed.params.get("expires") or ""
        if parsed.uri.user == contact_user and granted.isascii() and granted.isdigit():
            return int(granted[:6])
    text = header(answer, "expires")
    return int(text[:6]) if text.isascii() and text.isdigit() else asked_s
