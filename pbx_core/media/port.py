"""The media port: what the worker and the simulated phones ask of a SIP and media engine.

Two implementations: `pjsip.Engine` (real) and `fake.FakeEngine` (scripted, in virtual time). A leg is known by its
handle, a small number that is never used twice. Nothing here blocks; what happens arrives from `pump`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol


class Signal(StrEnum):
    """What an engine reports of a leg; beside it the fields of `detail`. RINGING, ANSWERED and ENDED of a leg that we
    dialled also carry `headers`: the X- headers of the response, names in lower case."""

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
    PLAYED = "played"  # what `play` was given has been heard to its end: token
    # the phone asks for a transfer: refer_to (URI as given), refer_sub (it wants NOTIFYs), referred_by
    TRANSFER = "transfer"
    TRANSFER_STATUS = "transfer_status"  # what became of a transfer that we asked for: status, reason, final
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

    def hear(self, speaker: int, listener: int, on: bool) -> None:
        """One leg hears another from now on (or no longer), whatever re-INVITEs come. Any number of pairs mix."""
        ...

    def play(self, handle: int, files: Sequence[Path], token: str, loop: bool) -> None:
        """Play WAV files (mono, 8 kHz, 16 bit) one after another into a leg, then report PLAYED with the token; or
        over and over. Replaces what was played into it. A file that cannot be played counts as heard, with `fault`
        in the detail. Legs that hear the same file in a loop share one player."""
        ...

    def stop_play(self, handle: int) -> None:
        """The leg no longer hears what `play` began; its PLAYED does not come."""
        ...

    def mute_recording(self, handle: int, on: bool) -> None:
        """The leg's recorder takes exact silence (True) or its sound again; the file's time runs on."""
        ...

    def tell_transfer(self, handle: int, status: int, reason: str, final: bool) -> None:
        """NOTIFY the phone that asked for a transfer (RFC 3515: event refer, a sipfrag status line)."""
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
