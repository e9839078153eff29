"""A worker that does nothing but make calls: the real control socket, the real journal, the real board, no media.

with callmaker(world.settings, world.db) as maker:
    maker.answers["+4930123456"] = [ANSWERED, key("1")]     # what happens in the calls of this number
    …
    maker.asked                                              # the requests, in order
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from pbx_core.clock import Clock, SystemClock
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.records import CallEventRecord
from pbx_core.feed import Journal
from pbx_core.media.control import ControlSocket
from pbx_core.settings import Settings
from pbx_core.store import heartbeat, services
from tests.support.waiting import until

Happening = tuple[EventType, dict[str, Any]]
ANSWERED: Happening = (EventType.ANSWERED, {})


def key(pressed: str, menu: str) -> Happening:
    """A key in a menu."""
    return EventType.MENU_KEY, {"menu": menu, "key": pressed}


def closed(disposition: str = "answered", cause: str = "200 OK") -> Happening:
    """The end."""
    return EventType.CLOSED, {"disposition": disposition, "cause": cause}


class CallMaker:
    """answers: what happens in a number's calls, in turn (the last again and again); None: no end is told. refuse:
    the reply to every request."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answers: dict[str, list[list[Happening] | None]] = {}
        self.refuse: dict[str, Any] | None = None
        self._journal = Journal(settings.journal_dir, name, SystemClock())
        self._socket = ControlSocket(settings, name, self._handle)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def numbers(self) -> list[str]:
        """Whom it was asked to call, in order."""
        return [request["target"]["number"] for request in self.asked]

    def happen(self, request: dict[str, Any], *what: Happening) -> None:
        """Write a call's events into the journal."""
        call_id, tenant_id = request["call_id"], request["tenant_id"]
        for seq, (kind, detail) in enumerate([(EventType.OPENED, {"direction": request["direction"]}), *what]):
            leg = "caller" if kind is EventType.ANSWERED else None
            event = CallEventRecord(call_id, tenant_id, seq, SystemClock().now(), 0.0, kind.value, leg, detail)
            self._journal.append("call_event", f"{call_id}-{seq}", tenant_id, event)

    def close(self) -> None:
        """No more calls."""
        self.stop.set()
        self.thread.join()
        self._socket.close()
        self._journal.close()

    def _serve(self) -> None:
        while not self.stop.wait(0.005):
            self._socket.poll()

    def _handle(self, request: dict[str, Any], reply: Any) -> None:
        self.asked.append(request)
        if self.refuse is not None:
            reply(self.refuse)
            return
        script = self.answers.get(request["target"]["number"], [[closed("no_answer", "ring limit 40 s")]])
        what = script.pop(0) if len(script) > 1 else script[0]
        if what is not None:
            self.happen(request, *what)
        reply({"ok": True})


@contextmanager
def callmaker(
    settings: Settings, db: sa.Engine, name: str = "worker-0", calls: int = 50, clock: Clock | None = None
) -> Iterator[CallMaker]:
    """It stands on the board with room for so many calls. clock: the hands that the board's readers go by."""
    maker = CallMaker(settings, name)
    try:
        with heartbeat.announced(db, clock or SystemClock(), name, lambda: {"capacity_calls": calls, "calls": 0}):
            until(lambda: any(s.name == name for s in services.all_services(db)), what=f"{name} on the board")
            yield maker
    finally:
        maker.close()
