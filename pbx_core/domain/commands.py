"""What the call's state machine asks of the shell. A command is a wish; what came of it arrives as an event."""

from __future__ import annotations

from dataclasses import dataclass, field

from pbx_core.domain.records import Party


@dataclass(frozen=True)
class Dial:
    """Invite the callee. Answered by `dialed` or `dial_failed`."""


@dataclass(frozen=True)
class Ring:
    """Tell the caller that it rings: 180, or 183 with the callee's early media."""

    status: int


@dataclass(frozen=True)
class Answer:
    """Answer the caller with 200."""


@dataclass(frozen=True)
class Bridge:
    """Let both legs hear each other."""


@dataclass(frozen=True)
class Unbridge:
    """Part the legs' sound; each hears silence."""


@dataclass(frozen=True)
class StartRecording:
    """Record both legs. Answered by `recording_started` or `recording_refused`."""


@dataclass(frozen=True)
class StopRecording:
    """Close both recorders; harmless when none runs."""


@dataclass(frozen=True)
class SendDtmf:
    """Pass one digit to a leg by the method by which it came."""

    leg: Party
    method: str
    digit: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True)
class Hangup:
    """End a leg: BYE, CANCEL or the final response `status`, whichever its dialog needs. Answered by `ended`."""

    leg: Party
    status: int
    reason: str


@dataclass(frozen=True)
class StartTimer:
    """Feed a `timer` event of this name after so many seconds."""

    name: str
    after_s: float


@dataclass(frozen=True)
class CancelTimer:
    """Forget the timer; harmless when it does not run."""

    name: str


@dataclass(frozen=True)
class Close:
    """The call is over: write its record."""


Command = (
    Dial
    | Ring
    | Answer
    | Bridge
    | Unbridge
    | StartRecording
    | StopRecording
    | SendDtmf
    | Hangup
    | StartTimer
    | CancelTimer
    | Close
)
