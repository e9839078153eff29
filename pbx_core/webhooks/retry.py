"""What follows from an answer: delivered, again later, never, or the endpoint is spoken to no more. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

GIVE_UP_S = 24 * 3600.0  # after its first try an event is given up
DELAYS_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 21600.0)  # after the n-th try; then the last
PAUSE_S = 5.0  # of the whole endpoint after a failure; doubles with each one in a row
PAUSE_S_MAX = 300.0  # and no longer: an endpoint that is back is found within minutes
RETRY_AFTER_S_MAX = 6 * 3600.0  # what an endpoint may ask for
REFUSALS_MAX = 20  # failures in a row after which an answer that says no (400, 401, 302 …) disables the endpoint

REPEAT = frozenset({408, 425, 429})  # and all from 500 on: the receiver cannot now
GONE = 410


@dataclass(frozen=True)
class Answer:
    """What came of a try. status None: no answer, reason says why. refused: our own rules forbid the address."""

    status: int | None
    reason: str = ""
    retry_after_s: float | None = None
    refused: bool = False


@dataclass(frozen=True)
class Next:
    """What is done. again_s None: never again; pause_s: of everything for this endpoint."""

    delivered: bool
    reason: str = ""
    again_s: float | None = None
    pause_s: float = 0.0
    disable: bool = False


def after(answer: Answer, tries: int, failures: int, failing_s: float, age_s: float) -> Next:
    """tries: this one included; failures: of the endpoint in a row, this one included, since failing_s; age_s: of the
    event."""
    status = answer.status
    if status is not None and 200 <= status < 300:
        return Next(True)
    reason = answer.reason or f"answered {status}"
    if status == GONE:
        return Next(False, f"{reason}: it wants no more", None, 0.0, True)
    cannot_now = not answer.refused and (status is None or status in REPEAT or status >= 500)
    disable = failing_s >= GIVE_UP_S or (not cannot_now and failures >= REFUSALS_MAX)
    if disable:
        reason = f"{failures} failures in a row, the last: {reason}"
    asked = min(answer.retry_after_s or 0.0, RETRY_AFTER_S_MAX) if cannot_now else 0.0
    again = max(DELAYS_S[min(tries, len(DELAYS_S)) - 1], asked)
    pause = max(min(PAUSE_S * 2 ** min(failures - 1, 10), PAUSE_S_MAX), asked)
    return Next(False, reason, again if age_s + again <= GIVE_UP_S else None, pause, disable)


def retry_after_s(text: str | None, now: datetime) -> float | None:
    """The header Retry-After: seconds, or a date. None for anything else."""
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    try:
        at = parsedate_to_datetime(text[:64])
        return max(0.0, (at - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # no date, or one without a zone
        return None
