"""Queues as a worker serves them: its waiting callers stand in the database's line; twice a second, while there are
any, it asks where they stand and whose turn it is."""

from __future__ import annotations

import functools
from collections.abc import Callable

import sqlalchemy as sa

from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.domain.calls.commands import QueueJoin, QueueLeave, QueueOfferEnded, QueueTalkEnded
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.records import QueueEvent, to_json
from pbx_core.feed import Journal
from pbx_core.media.errands import Errands, Failed
from pbx_core.media.floor import Floor
from pbx_core.media.live_call import LiveCall
from pbx_core.settings import Settings
from pbx_core.store import models
from pbx_core.store.acd import Acd, Joined, Refused, Standing

_log = log.get(__name__)

POLL_S = 0.5  # a free agent's phone rings so much later at most
FULL, EMPTY = "full", "empty"


class Facts:
    """The journal of agents' facts; written by the background thread alone."""

    def __init__(self, settings: Settings, worker: str, clock: Clock) -> None:
        self._settings, self._name, self._clock = settings, f"{worker}-queue", clock
        self._journal: Journal | None = None

    def tell(self, event: QueueEvent) -> None:
        """Write one; the segment is opened with the first."""
        if self._journal is None:
            self._journal = Journal(self._settings.journal_dir, self._name, self._clock)
        self._journal.append("queue_event", event.event_id, event.tenant_id, event)

    def close(self) -> None:
        """Mark the segment complete."""
        if self._journal is not None:
            self._journal.close()


class Waiting:
    """All waiting callers of a worker."""

    def __init__(self, floor: Floor, db: sa.Engine, writes: Errands) -> None:
        self._floor = floor
        self._writes = writes
        self._facts = Facts(floor.settings, floor.worker, floor.clock)
        self._acd = Acd(db, floor.clock, lambda tenant_id: models.active(db, tenant_id)[1], self._facts.tell)
        self.told = self._facts.tell  # for others who change agents in the background thread
        self._asked = floor.clock.monotonic()
        self._asking = False

    def forget_predecessor(self) -> None:
        """Remove the callers of this worker's dead predecessor; before the first call."""
        self._acd.forget_worker(self._floor.worker)

    def turn(self) -> None:
        """Ask where the callers stand, if any wait and it is time."""
        now = self._floor.clock.monotonic()
        if self._asking or now - self._asked < POLL_S or not any(c.queue for c in self._floor.calls.values()):
            return
        self._asked, self._asking = now, True
        self._writes.send(lambda: self._acd.poll(self._floor.worker), self._stand)

    def join(self, live: LiveCall, wish: QueueJoin) -> None:
        """Stand in line."""
        live.queue = wish.queue

        def joined(answer: Joined | Refused | Failed) -> None:
            if live.queue != wish.queue:
                return  # left meanwhile; the leaving follows in the line of errands
            if isinstance(answer, Joined):
                detail = {"queue": wish.queue, "position": answer.position}
                self._floor.tell(live, EventType.QUEUE_JOINED, None, detail)
                self._place(live, answer.position, answer.wait_s)
                return
            live.queue = ""
            reason = answer.reason if isinstance(answer, Refused) else FULL
            self._floor.tell(live, EventType.QUEUE_FULL, None, {"reason": reason})

        ids = (live.tenant_id, wish.queue, live.call_id, wish.number, self._floor.worker)
        self._writes.send(lambda: self._acd.join(*ids), joined)

    def offer_ended(self, live: LiveCall, wish: QueueOfferEnded) -> None:
        """Say what became of an offer."""
        self._send(
            lambda: self._acd.offer_ended(live.tenant_id, live.call_id, wish.offer_id, wish.answered_by, wish.results)
        )

    def leave(self, live: LiveCall, wish: QueueLeave) -> None:
        """Wait no longer."""
        live.queue = ""
        self._send(lambda: self._acd.leave(live.tenant_id, live.call_id, wish.how))

    def talk_ended(self, live: LiveCall, wish: QueueTalkEnded) -> None:
        """The agent is free again, after his wrap-up."""
        self._send(lambda: self._acd.talk_ended(live.tenant_id, live.call_id, wish.agent, wish.talk_s))

    def close(self, live: LiveCall) -> None:
        """The call is over; nobody waits for it."""
        if live.queue:
            self.leave(live, QueueLeave("abandoned"))

    def shut(self) -> None:
        """Close the journal of agents' facts; after the background thread has ended."""
        self._facts.close()

    def _stand(self, answer: list[Standing] | Failed) -> None:
        self._asking = False
        if isinstance(answer, Failed):
            return  # the callers hear music until the database answers again
        for standing in answer:
            live = self._floor.find(standing.tenant_id, standing.entry_id)
            offer = standing.offer
            if live is None or live.queue != standing.queue:
                if offer is not None:
                    gone = (standing.tenant_id, standing.entry_id, offer.offer_id, "", ())
                    self._send(functools.partial(self._acd.offer_ended, *gone))
                continue
            self._place(live, standing.position, standing.wait_s)
            if offer is not None:
                detail = {"offer_id": offer.offer_id, "agents": [to_json(t) for t in offer.agents]}
                self._floor.tell(live, EventType.QUEUE_OFFER, None, detail)
            elif standing.empty:
                self._floor.tell(live, EventType.QUEUE_FULL, None, {"reason": EMPTY})

    def _place(self, live: LiveCall, position: int, wait_s: float | None) -> None:
        """Tell a caller's place when it has changed; the estimate alone changes all the time."""
        if position and position != live.position:
            live.position = position
            rounded = None if wait_s is None else round(wait_s, 1)
            self._floor.tell(live, EventType.QUEUE_POSITION, None, {"position": position, "wait_s": rounded})

    def _send(self, work: Callable[[], None]) -> None:
        def done(answer: Failed | None) -> None:
            if isinstance(answer, Failed):
                _log.error("queue not told", extra={"reason": answer.reason, "alarm": True})

        self._writes.send(work, done)
