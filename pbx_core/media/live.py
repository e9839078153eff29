"""The worker's calls and rooms as others see them in the database: written by the background thread, at most every
WRITE_S, and only what has changed."""

from __future__ import annotations

import sqlalchemy as sa

from pbx_core.domain.calls.events import CALLER, EventType
from pbx_core.domain.records import iso
from pbx_core.media.errands import Errands, Failed
from pbx_core.media.floor import Floor
from pbx_core.media.live_call import LiveCall
from pbx_core.media.rooms import Rooms
from pbx_core.store import presence
from pbx_core.store.presence import CallRow, RoomRow

WRITE_S = 0.1
RETRY_S = 2.0  # after the database has refused

Key = tuple[str, str]


class Board:
    """What was written last, and what is to be written next."""

    def __init__(self, floor: Floor, db: sa.Engine, rooms: Rooms, writes: Errands) -> None:
        self._floor = floor
        self._db = db
        self._rooms = rooms
        self._writes = writes
        self._written: dict[Key, CallRow] = {}
        self._rooms_written: tuple[RoomRow, ...] = ()
        self._busy = False
        self._next = floor.clock.monotonic()
        self._touched: set[str] = set()
        self._gone: set[Key] = set()

    def touch(self, live: LiveCall) -> None:
        """Something happened in the call."""
        self._touched.add(live.call_id)

    def remove(self, live: LiveCall) -> None:
        """The call is over."""
        self._touched.discard(live.call_id)
        self._gone.add((live.tenant_id, live.call_id))

    @property
    def settled(self) -> bool:
        """Whether everything is written."""
        return not (self._touched or self._gone or self._busy)

    def turn(self) -> None:
        """Write what has changed, if it is time and the last writing is done."""
        now = self._floor.clock.monotonic()
        if self._busy or now < self._next or not (self._touched or self._gone):
            return
        calls = [live for call_id in self._touched if (live := self._floor.calls.get(call_id))]
        rows = {(live.tenant_id, live.call_id): row_of(live) for live in calls if not live.parking}
        changed = {key: row for key, row in rows.items() if self._written.get(key) != row}
        gone, self._gone = self._gone, set()
        self._touched = {live.call_id for live in calls if live.parking}
        rooms = self._room_rows()
        if not changed and not gone and rooms == self._rooms_written:
            return
        self._next, self._busy = now + WRITE_S, True

        def written(answer: Failed | None) -> None:
            self._busy = False
            if isinstance(answer, Failed):
                self._next = self._floor.clock.monotonic() + RETRY_S
                self._touched |= {call_id for _, call_id in changed}
                self._gone |= gone
                return
            self._rooms_written = rooms
            self._written.update(changed)
            for key in gone:
                self._written.pop(key, None)

        self._writes.send(lambda: self._write(list(changed.values()), list(gone), rooms), written)

    def _write(self, changed: list[CallRow], gone: list[Key], rooms: tuple[RoomRow, ...]) -> None:
        presence.write(self._db, self._floor.clock, self._floor.worker, changed, gone, rooms)

    def _room_rows(self) -> tuple[RoomRow, ...]:
        return tuple(
            RoomRow(room.tenant_id, room.number, len(room.members), room.since.timestamp())
            for room in self._rooms.rooms
        )


def row_of(live: LiveCall) -> CallRow:
    """The call as others see it."""
    opened = live.events[0] if live.events else None
    head = opened.detail if opened else {}
    detail = {
        "caller": live.numbers.get(CALLER, ""),
        "caller_name": head.get("caller_name", ""),
        "callee": head.get("callee_number", ""),
        "direction": head.get("direction", ""),
        "since": iso(opened.at) if opened else "",
        "answered_by": live.call.person,
        "queue": live.queue,
        "recording": live.tape is not None,
        "recording_id": live.tape.recording_id if live.tape else "",
        "paused": live.tape is not None and live.tape.paused_mono_s is not None,
        "route": next((e.detail["destination"] for e in live.events if e.type is EventType.ROUTED), ""),
        "legs": dict(live.numbers),
    }
    return CallRow(live.tenant_id, live.call_id, live.call.doing, live.call.extensions, live.slot, detail)
