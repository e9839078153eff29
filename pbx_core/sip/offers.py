"""Several extensions rung at once: who they are, and what became of each, in the headers between worker and edge."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aiosipua.message import SipMessage, SipRequest

from pbx_core.sip.fork import rank
from pbx_core.sip.message import header, uri

FORK = "X-Fork"
BY = "X-By"
OFFERS = "X-Offers"
ELSEWHERE = "X-Elsewhere"
NUMBERS_MAX = 50  # extensions rung by one INVITE
CANCELLED = 0  # rang, or was invited, and was cancelled
NO_PHONE = 430  # none is signed in, or none can be reached
_NUMBER = re.compile(r"^[A-Za-z0-9+*#._~-]{1,64}$")


def numbers(request: SipRequest) -> list[str]:
    """The extensions that an INVITE (or its CANCEL) of a worker is for, each once."""
    named = header(request, FORK) or uri(request.uri).user or ""
    found = dict.fromkeys(part.strip() for part in named.split(",")[:NUMBERS_MAX])
    return [number for number in found if _NUMBER.match(number)]


class Offers:
    """What became of each extension; it may have several phones."""

    def __init__(self, asked: Iterable[str]) -> None:
        self._status: dict[str, int | None] = dict.fromkeys(asked)

    def ended(self, number: str, status: int) -> None:
        """A phone of the number ended with this status: the one that says most stays. A 2xx stays in any case."""
        held = self._status.get(number)
        if held is None or held == NO_PHONE or 200 <= status < 300:
            self._status[number] = status
        elif held >= 300:
            self._status[number] = min(held, status, key=rank)

    def write(self, message: SipMessage) -> None:
        """Put the sum into the header of an answer."""
        text = ",".join(f"{n}={CANCELLED if s is None else s}" for n, s in self._status.items())
        message.headers.set_single(OFFERS, text)
