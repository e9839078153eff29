"""A call's recordings: segments begun, paused, ended, watched, and marked in the spool when the call is over."""

from __future__ import annotations

from pbx_core import log
from pbx_core.domain.calls.cdr_facts import queue_facts
from pbx_core.domain.calls.commands import StartRecording
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.records import Party
from pbx_core.errors import Unavailable
from pbx_core.media.floor import Floor
from pbx_core.media.live_call import LiveCall
from pbx_core.media.tape import Segment, Tape

_log = log.get(__name__)

WATCH_S = 1.0  # between looks at the files


class Taping:
    """All recordings of a worker."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._unmarked: list[Tape] = []  # of ended calls, their end mark not written yet
        self._watched = floor.clock.monotonic()

    @property
    def settled(self) -> bool:
        """Whether every ended call's recordings are marked in the spool."""
        return not self._unmarked

    def start(self, live: LiveCall, wish: StartRecording) -> None:
        """Begin a segment."""
        legs = {Party.CALLER: wish.caller} | ({Party.CALLEE: wish.callee} if wish.callee else {})
        segment = Segment(
            call_id=live.call_id,
            tenant_id=live.tenant_id,
            worker=self._floor.worker,
            number=wish.segment,
            kind=wish.kind,
            consent_basis=wish.consent_basis,
            handles={party: live.handles.get(leg, 0) for party, leg in legs.items()},
            numbers={party: live.numbers.get(leg, "") for party, leg in legs.items()},
            queue=queue_facts(live.events, 0.0)["queue"],
        )
        self.stop(live)
        try:
            tape = Tape.start(self._floor.settings, self._floor.port, self._floor.clock, segment)
        except Unavailable as error:
            _log.error("call is not recorded", extra={"call_id": live.call_id, "reason": str(error), "alarm": True})
            self._floor.tell(live, EventType.RECORDING_REFUSED, None, {"reason": str(error)})
            return
        live.tapes.append(tape)
        if wish.paused:
            tape.pause()
        detail = {
            "recording_id": tape.recording_id,
            "segment": wish.segment,
            "kind": wish.kind,
            "caller": wish.caller,
            "callee": wish.callee,
        }
        self._floor.tell(live, EventType.RECORDING_STARTED, None, detail)

    def stop(self, live: LiveCall) -> None:
        """End the segment that runs."""
        if (tape := live.tape) is not None:
            tape.stop()
            self._floor.tell(live, EventType.RECORDING_STOPPED, None, {"recording_id": tape.recording_id})

    def pause(self, live: LiveCall) -> None:
        """Exact silence from now on."""
        if live.tape:
            live.tape.pause()

    def resume(self, live: LiveCall) -> None:
        """Sound again."""
        if live.tape:
            live.tape.resume()

    def close(self, live: LiveCall, starved: dict[str, float]) -> None:
        """The call is over: say what is known of its sound, by handle, and mark it ready. starved: leg → share of its
        frames that a busy machine of ours lost."""
        for leg, share in starved.items():
            handle = live.handles.get(leg)
            for tape in live.tapes:
                for party in (p for p, h in tape.segment.handles.items() if h == handle):
                    tape.faults.append(f"starved: {100 * share:.1f} % of the {party}'s frames")
            _log.error("sound starved", extra={"call_id": live.call_id, "leg": leg, "alarm": True})
        self._unmarked.extend(tape for tape in live.tapes if not tape.end())

    def turn(self) -> None:
        """Mark what is ready by now; look after those that run."""
        self._unmarked = [tape for tape in self._unmarked if not tape.end()]
        now = self._floor.clock.monotonic()
        if now - self._watched < WATCH_S:
            return
        self._watched = now
        for live in self._floor.calls.values():
            fault = live.tape.check() if live.tape else None
            if fault:
                _log.error("recording is damaged", extra={"call_id": live.call_id, "fault": fault, "alarm": True})
                self._floor.tell(live, EventType.RECORDING_FAULT, None, {"fault": fault})
