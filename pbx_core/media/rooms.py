"""Conference rooms over the calls of this worker: everybody in a room hears everybody else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pbx_core.media.live_call import LiveCall
from pbx_core.media.port import MediaPort

Member = tuple[LiveCall, str]  # a call and its leg


@dataclass
class Room:
    """One room that lives."""

    tenant_id: str
    number: str
    since: datetime
    members: list[tuple[LiveCall, str, int]] = field(default_factory=list)  # call, leg, handle


class Rooms:
    """All rooms of this worker."""

    def __init__(self, port: MediaPort) -> None:
        self._port = port
        self._rooms: dict[tuple[str, str], Room] = {}

    @property
    def rooms(self) -> list[Room]:
        """Those with people in them."""
        return list(self._rooms.values())

    def join(self, live: LiveCall, leg: str, number: str, people_max: int, now: datetime) -> list[Member] | None:
        """Connect a leg with all who are there; those who were there before. None: the room is full."""
        room = self._rooms.get((live.tenant_id, number)) or Room(live.tenant_id, number, now)
        if len(room.members) >= people_max:
            return None
        self._rooms[live.tenant_id, number] = room
        handle = live.handles[leg]
        for _, _, other in room.members:
            self._port.hear(handle, other, True)
            self._port.hear(other, handle, True)
        before = [(member, own) for member, own, _ in room.members]
        room.members.append((live, leg, handle))
        live.rooms[leg] = number
        return before

    def people(self, tenant_id: str, number: str) -> int:
        """How many are in it."""
        room = self._rooms.get((tenant_id, number))
        return len(room.members) if room else 0

    def leave(self, live: LiveCall, leg: str) -> list[Member]:
        """Take a leg out of its room; those who remain there."""
        number = live.rooms.pop(leg, "")
        room = self._rooms.get((live.tenant_id, number))
        if room is None:
            return []
        gone = next((m for m in room.members if m[0] is live and m[1] == leg), None)
        if gone is None:
            return []
        room.members.remove(gone)
        for _, _, other in room.members:
            self._port.hear(gone[2], other, False)
            self._port.hear(other, gone[2], False)
        if not room.members:
            del self._rooms[live.tenant_id, number]
        return [(member, own) for member, own, _ in room.members]
