"""The media port: what the worker and the simulated phones ask of a SIP and media engine.

Two implementations: `pjsip.Engine` (real) and `fake.FakeEngine` (scripted, in virtual time). A leg is known by its
handle, a small number that is never used twice. Nothing here blocks; what happens arrives from `pump`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol


class Signal(StrEnum):
    """What an engine reports of a leg; beside it the fields of `detail`."""

    INCOMING = "incoming"  # an INVITE: message (all of it as text), source ("address:port")
    RINGING = "ringing"  # 18x to our INVITE: status, media
    ANSWERED = "answered"  # 200 to our INVITE
    CONFIRMED = "confirmed"  # ACK to our 200
    HELD = "held"
    UNHELD = "unheld"
    DTMF = "dtmf"  # method; the digit travels in PortEvent.digit
    MEDIA_LOST = "media_lost"  # no RTP for silence_s: last_media_mono_s, silence_s
    QUALITY = "quality"  # stream, and the fields of domain.quality.StreamSample
    ENDED = "ended"  # the dialog is over, the slot free: status, reason
    REGISTERED = "registered"  # an account's registration: account, status, reason (status 0: removed)


@dataclass(frozen=True)
class PortEvent:
    """One report. `handle` is 0 for an account's."""

    at: datetime
    mono_s: float
    handle: int
    signal: Signal
    detail: dict[str, Any] = field(default_factory=dict)
    digit: str = field(default="", repr=False)


@dataclass(frozen=True)
class DialTarget:
    """Whom to invite, in whose name, with which extra headers."""

    uri: str
    from_uri: str  # a name-addr or an address of ours; empty: the account's
    headers: Mapping[str, str] = field(default_factory=dict)


class MediaPort(Protocol):
    """Legs, sound and recorders of one engine. A handle whose leg has ended is accepted everywhere and does nothing:
    commands and ends cross."""

    def pump(self) -> list[PortEvent]:
        """Let the engine work without waiting, and take what happened since the last pump."""
        ...

    def legs_in_use(self) -> int:
        """Dialogs that occupy a slot now, ringing and closing ones included."""
        ...

    def dial(self, target: DialTarget) -> tuple[int, str]:
        """Send an INVITE; (handle, SIP Call-ID). Unavailable when the engine has no slot or refuses."""
        ...

    def ring(self, handle: int, status: int, headers: Mapping[str, str]) -> None:
        """Answer an INVITE provisionally with 180 or 183 (183 starts early media)."""
        ...

    def answer(self, handle: int, headers: Mapping[str, str]) -> None:
        """Answer an INVITE with 200."""
        ...

    def hangup(self, handle: int, status: int, reason: str, headers: Mapping[str, str]) -> None:
        """End a leg: BYE when it talks, CANCEL when we called and wait, the final response `status` otherwise."""
        ...

    def bridge(self, one: int, two: int) -> None:
        """Let two legs hear each other from now on, whatever re-INVITEs come."""
        ...

    def unbridge(self, one: int, two: int) -> None:
        """Part them."""
        ...

    def start_recording(self, handle: int, path: Path) -> float:
        """Write what the leg's phone says to a WAV file (mono, 8 kHz, 16 bit), gaps as silence; the monotonic second
        of its first sample. Unavailable when the file cannot be made."""
        ...

    def stop_recording(self, handle: int) -> None:
        """Close the leg's file; its header is right and its last samples are in it some milliseconds later."""
        ...

    def send_dtmf(self, handle: int, digit: str, method: str) -> None:
        """Send one digit by `rfc2833` or `info`."""
        ...

    def close(self) -> None:
        """Free everything; running legs are ended."""
        ...
