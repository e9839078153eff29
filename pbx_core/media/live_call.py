"""A call in progress with all that the shell needs of it: handles of its legs, timers, who hears whom, its tapes."""

from __future__ import annotations

from dataclasses import dataclass, field

from pbx_core.domain.calls.events import CallEvent, EventType
from pbx_core.domain.calls.state import Call
from pbx_core.media.guide import Advice
from pbx_core.media.tape import Tape

ANSWERS = (EventType.ANSWERED, EventType.CONFIRMED)  # by a person called, or by us: from then on somebody may pay


@dataclass
class Playing:
    """What a leg was last asked to hear. Its files may still be on their way."""

    token: str
    loop: bool
    fault: str = ""  # of those sounds that could not be had


@dataclass
class LiveCall:
    """One call of this worker. `domain` is the tenant's: what its extensions are called by."""

    call_id: str
    tenant_id: str
    domain: str
    handles: dict[str, int] = field(default_factory=dict)  # leg name → its dialog in the engine
    numbers: dict[str, str] = field(default_factory=dict)  # leg name → who that is
    sip_call_ids: dict[str, str] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)  # legs whose dialogs are up
    call: Call = field(default_factory=Call)
    events: list[CallEvent] = field(default_factory=list)
    timers: dict[str, float] = field(default_factory=dict)  # name → due on the monotonic clock
    pairs: frozenset[tuple[str, str]] = frozenset()  # (speaker, listener) as the machine wants them
    wired: frozenset[tuple[int, int]] = frozenset()  # the same in handles, as the engine has them
    playing: dict[str, Playing] = field(default_factory=dict)
    tapes: list[Tape] = field(default_factory=list)
    rooms: dict[str, str] = field(default_factory=dict)  # leg name → conference room
    queue: str = ""  # that it waits in
    position: int = 0  # there, as last told
    slot: str = ""  # that it is parked in
    parking: bool = False  # a slot is being looked for; the database has the call's row
    answer_ready: Advice | None = None  # the dialplan was asked before the call was opened
    closed: bool = False

    def must_last(self, event: CallEvent) -> bool:
        """Whether its line must be on disk before anything follows: the beginning, and the first answer."""
        first_answer = event.type in ANSWERS and not any(e.type is event.type for e in self.events)
        return event.type is EventType.OPENED or first_answer

    @property
    def headers(self) -> dict[str, str]:
        """On every response that the state machine decides: it tells the edge that the answer is final."""
        return {"X-Call-Id": self.call_id}

    @property
    def tape(self) -> Tape | None:
        """The recording that runs."""
        return self.tapes[-1] if self.tapes and self.tapes[-1].runs else None

    def leg_of(self, handle: int) -> str | None:
        """The leg's name."""
        return next((leg for leg, own in self.handles.items() if own == handle), None)
