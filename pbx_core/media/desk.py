"""What calls leave in the database beside queues: park slots taken, settings changed by code, messages in mailboxes."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from pbx_core import log
from pbx_core.domain.calls.commands import Message, Park, Store
from pbx_core.domain.calls.events import CALLER, EventType
from pbx_core.media.errands import Errands, Failed
from pbx_core.media.floor import Floor
from pbx_core.media.guide import Guide
from pbx_core.media.live import row_of
from pbx_core.media.live_call import LiveCall
from pbx_core.store import agents, models, presence, usersettings, voicemail
from pbx_core.store.acd import Tell

_log = log.get(__name__)

BY_PHONE = "phone"  # who changed a setting


class Desk:
    """Writes by the background thread. `tell` is the journal of agents' facts, which that thread owns."""

    def __init__(self, floor: Floor, db: sa.Engine, guide: Guide, writes: Errands, tell: Tell) -> None:
        self._floor = floor
        self._db = db
        self._guide = guide
        self._writes = writes
        self._tell = tell

    def park(self, live: LiveCall, wish: Park) -> None:
        """Take a free slot of the tenant."""
        slots = self._guide.model(live.tenant_id).park_slots
        row = row_of(live)
        live.parking = True

        def parked(slot: str | Failed) -> None:
            live.parking = False
            live.slot = "" if isinstance(slot, Failed) else slot
            if isinstance(slot, Failed) or not slot:
                reason = slot.reason if isinstance(slot, Failed) else "every park slot is taken"
                self._floor.tell(live, EventType.JOIN_FAILED, None, {"reason": reason})
                return
            self._floor.tell(live, EventType.PARKED, None, {"slot": slot, "by": wish.by})

        floor = self._floor
        self._writes.send(lambda: presence.park(self._db, floor.clock, floor.worker, row, slots), parked)

    def store(self, live: LiveCall, wish: Store) -> None:
        """A feature code changed a setting of the caller's own."""
        number = live.numbers.get(CALLER, "")
        self._send(lambda: self._change(live.tenant_id, number, wish.what, wish.value), live)

    def message(self, live: LiveCall, wish: Message) -> None:
        """A message was left, heard or deleted."""
        db, clock, tenant_id = self._db, self._floor.clock, live.tenant_id
        match wish.what:
            case "left":
                caller = live.numbers.get(CALLER, "")
                ids = (wish.mailbox, wish.recording_id, live.call_id, caller)
                self._send(lambda: voicemail.left(db, clock, tenant_id, *ids, wish.seconds), live)
            case "heard":
                self._send(lambda: voicemail.heard(db, clock, tenant_id, wish.mailbox, wish.recording_id), live)
            case _:
                self._send(lambda: voicemail.deleted(db, clock, tenant_id, wish.mailbox, wish.recording_id), live)

    def _change(self, tenant_id: str, number: str, what: str, value: str) -> None:
        db, clock = self._db, self._floor.clock
        if not what.startswith("queue_"):
            changed = {what: value == "on" if what == "dnd" else value}
            usersettings.change_user(db, clock, tenant_id, number, changes=changed, by=BY_PHONE)
            return
        _, model = models.active(db, tenant_id)
        who = (db, clock, self._tell, tenant_id, model)
        match what:
            case "queue_login":
                agents.log_in(*who, value, number)
            case "queue_logout":
                agents.log_out(*who, value, number)
            case "queue_pause":
                agents.pause(*who, "", number, value)
            case "queue_unpause":
                agents.unpause(*who, value, number)

    def _send(self, work: Callable[[], None], live: LiveCall) -> None:
        def done(answer: Failed | None) -> None:
            if isinstance(answer, Failed):
                extra = {"call_id": live.call_id, "reason": answer.reason, "alarm": True}
                _log.error("not stored", extra=extra)

        self._writes.send(work, done)
