"""What the call machine asks of the shell. A command is a wish; what came of it arrives as an event. Legs by name.

Facts that only the machine knows it writes itself, by `Note`: offer_ended, queue_left, menu_key, transferred,
voicemail_left, recording_paused, recording_resumed, closed, and transfer_asked when keys or an API asked. The shell
never feeds these. Everything else comes from the shell. Commands are carried out in order; an event that a command
causes at once is fed when all commands of the step have been carried out. `Close` always comes after `closed` has
been fed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pbx_core.domain.calls.events import EventType
from pbx_core.domain.nodes import Origin, Target, TrunkRoute


@dataclass(frozen=True)
class Route:
    """Ask the dialplan. Answered by `routed`, at once or some milliseconds later. The first, which follows `opened`,
    has what was dialled or the DID called; what was resolved beforehand answers it."""

    destination: str  # or
    dialled: str  # digits (a transfer's target, digits dialled in a menu)
    origin: Origin
    visited: tuple[str, ...]


@dataclass(frozen=True)
class Dial:
    """Invite on a new leg: extensions (several: one INVITE that the edge forks; the answering one is named in
    `answered`), or one outside number by one trunk route. Answered by `dialed` or `dial_failed`.
    caller_number and caller_name: who is shown."""

    leg: str
    targets: tuple[Target, ...]
    route: TrunkRoute | None
    caller_number: str
    caller_name: str


@dataclass(frozen=True)
class RingBack:
    """Tell a leg that called us that it rings: 180, or 183 which opens early media."""

    leg: str
    status: int


@dataclass(frozen=True)
class Answer:
    """Answer a leg that called us with 200; harmless when it is answered."""

    leg: str


@dataclass(frozen=True)
class Mix:
    """Who hears whom within this call from now on: all pairs (speaker, listener) and no others."""

    pairs: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Play:
    """Play sounds into a leg, one after another, once (then `played` with the token) or until stopped. Replaces what
    the leg heard from an earlier Play, whose `played` never comes then."""

    leg: str
    sounds: tuple[str, ...]
    token: str
    loop: bool = False


@dataclass(frozen=True)
class StopPlay:
    """Silence what Play began; harmless when nothing plays."""

    leg: str


@dataclass(frozen=True)
class StartRecording:
    """Record two legs as one segment; callee "" : the caller's side alone (a message). Answered by
    `recording_started` or `recording_refused`. paused: it begins in silence (a pause outlives a transfer)."""

    caller: str
    callee: str
    segment: int
    kind: str = "conversation"  # conversation, voicemail
    consent_basis: str = "tenant_policy"
    paused: bool = False


@dataclass(frozen=True)
class StopRecording:
    """Close the segment. Answered by `recording_stopped` when one ran."""


@dataclass(frozen=True)
class PauseRecording:
    """From now on the file holds exact silence on both sides, its time running on."""

    by: str


@dataclass(frozen=True)
class ResumeRecording:
    """The sound is recorded again."""

    by: str


@dataclass(frozen=True)
class SendDtmf:
    """Pass one digit to a leg by the method by which it came."""

    leg: str
    method: str
    digit: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True)
class TellTransfer:
    """Progress of a transfer to the leg that asked for it by REFER (NOTIFY, sipfrag): 100, 180, 200 or a failure."""

    leg: str
    status: int
    reason: str


@dataclass(frozen=True)
class Hangup:
    """End a leg: BYE, CANCEL or the final response `status`, whichever its dialog needs. Answered by `ended`.
    elsewhere: another leg took the call; the phone is told not to show it as missed."""

    leg: str
    status: int = 200
    reason: str = "Normal Clearing"
    elsewhere: bool = False


@dataclass(frozen=True)
class AdoptConsultation:
    """An attended transfer: take the far leg of the call in which `leg`'s phone consults (its dialog has this SIP
    Call-ID) into this call as `as_leg`. Answered by `adopted` or `join_failed`; the other call is told `given`."""

    leg: str
    sip_call_id: str
    as_leg: str


@dataclass(frozen=True)
class GiveCaller:
    """Give our caller's leg to another call (pickup, retrieve, listen, whisper, barge). Answered by `given` or
    `join_failed`; the other call is told `adopted` under a name that `machine.adopted_name` gives. target: the
    extension or slot asked for, which stands in `adopted` too."""

    call_id: str
    how: str
    target: str


@dataclass(frozen=True)
class JoinRoom:
    """Connect a leg to a conference room of the tenant. Answered by `joined`."""

    leg: str
    room: str
    people_max: int


@dataclass(frozen=True)
class LeaveRoom:
    """Take it out."""

    leg: str


@dataclass(frozen=True)
class QueueJoin:
    """Wait in a queue. Answered by `queue_joined` or `queue_full`; later `queue_position` and `queue_offer`."""

    queue: str
    number: str  # the caller's, for call-backs and lists


@dataclass(frozen=True)
class QueueOfferEnded:
    """What became of an offer. answered_by "" : nobody."""

    offer_id: str
    answered_by: str
    results: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class QueueLeave:
    """No longer waiting. how: answered, abandoned, key, overflow, empty, callback (keeps the place, without the
    call: whoever comes to the front is called back)."""

    how: str


@dataclass(frozen=True)
class QueueTalkEnded:
    """The conversation with an agent is over: wrap-up begins."""

    agent: str
    talk_s: float


@dataclass(frozen=True)
class Park:
    """Put this call into a free park slot of the tenant. Answered by `parked`."""

    by: str


@dataclass(frozen=True)
class Store:
    """Store a change of a person's own setting (nodes.Change)."""

    what: str
    value: str


@dataclass(frozen=True)
class Message:
    """A message was left (after `recording_started` of kind voicemail), or a kept one was deleted or heard."""

    mailbox: str
    what: str  # left, heard, deleted
    recording_id: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Note:
    """Write a fact that the machine itself found; comes back as the event it names."""

    type: EventType
    leg: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StartTimer:
    """Feed a `timer` event of this name after so many seconds; starts anew when it runs."""

    name: str
    after_s: float


@dataclass(frozen=True)
class CancelTimer:
    """Forget the timer; harmless when it does not run."""

    name: str


@dataclass(frozen=True)
class Close:
    """Every leg is gone: write the record."""


# by subject, as the shell carries them out
Signalling = RingBack | Answer | SendDtmf | TellTransfer | Hangup
Sound = Mix | Play | StopPlay
Recording = StartRecording | StopRecording | PauseRecording | ResumeRecording
Joining = AdoptConsultation | GiveCaller | JoinRoom | LeaveRoom
Queueing = QueueJoin | QueueOfferEnded | QueueLeave | QueueTalkEnded
AtDesk = Park | Store | Message
Timer = StartTimer | CancelTimer

Command = Route | Dial | Signalling | Sound | Recording | Joining | Queueing | AtDesk | Timer | Note | Close
