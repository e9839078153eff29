"""The queues' side in the database, shared by all workers: who waits, who is offered whom, who talks, who wraps up.

Decisions are those of domain.acd; here they are claimed, each claim in one BEGIN IMMEDIATE transaction, so that two
workers never offer the same agent. A worker claims for its own callers only and leaves the agents whose turn it is to
serve another worker's caller to that worker. Whatever a process holds when it dies is freed: offers run out by
themselves, a worker forgets its predecessor's callers at its start, and `tidy` removes what no live call stands for.

Agents' facts (domain.records.QueueEvent) are told before they are committed: a crash between the two leaves a line
too many in the journal, never an agent whose state nobody can explain.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil
import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.domain import acd
from pbx_core.domain.acd import EntryState
from pbx_core.domain.model import Model, QueueModel
from pbx_core.domain.nodes import Target
from pbx_core.domain.records import QueueEvent
from pbx_core.store import line, services
from pbx_core.store.engine import take_turn
from pbx_core.store.schema import agent, live_call, queue_call
from pbx_core.store.upsert import insert

LOST_S = 60.0  # an entry so old that no live call stands for is removed
HANG_UP_S = 15.0  # who asks to be called back has hung up by then
UNREACHABLE = ("", "anonymous")  # numbers that cannot be called back

Tell = Callable[[QueueEvent], None]  # writes a journal line; must be on disk when it returns


@dataclass(frozen=True)
class Joined:
    """The caller waits. position: 1 is the next; wait_s: estimate, None unknown."""

    position: int
    wait_s: float | None


@dataclass(frozen=True)
class Refused:
    """The caller cannot wait. reason: full, empty."""

    reason: str


@dataclass(frozen=True)
class Offer:
    """Ring these agents for the caller now; report with offer_ended."""

    offer_id: str
    agents: tuple[Target, ...]


@dataclass(frozen=True)
class Standing:
    """A waiting caller of one's own. empty: nobody is logged in any more (and the queue's model minds)."""

    tenant_id: str
    entry_id: str
    queue: str
    position: int
    wait_s: float | None
    offer: Offer | None = None
    empty: bool = False


class Acd:
    """One process's access; used by one thread. model_of: the tenant's model in force."""

    def __init__(self, db: sa.Engine, clock: Clock, model_of: Callable[[str], Model], tell: Tell) -> None:
        self._db = db
        self._clock = clock
        self._model_of = model_of
        self._tell = tell

    def join(self, tenant_id: str, queue_id: str, entry_id: str, number: str, worker: str) -> Joined | Refused:
        """Stand in line. A caller who was called back (entry_id = that call's id) gets his old place; joining twice
        is harmless."""
        now = self._now()
        model = self._model_of(tenant_id)
        queue = line.queue_of(model, queue_id)
        if queue is None:
            return Refused("empty")
        with write(self._db) as connection:
            here = queue_call.c.tenant_id == tenant_id, queue_call.c.entry_id == entry_id
            seen = line.snapshot(connection, tenant_id, model, queue, now)
            held = connection.execute(sa.select(queue_call).where(*here)).one_or_none()
            if held is not None:
                if held.worker == "":
                    self._say(tenant_id, queue_id, "", "callback_done", held.from_call, entry_id, now)
                values = {"worker": worker, "queue": queue_id, "state": "waiting", "offer_id": None, "lease_until": 0.0}
                connection.execute(sa.update(queue_call).where(*here).values(values))
            else:
                reason = acd.refusal(queue, seen.line, seen.agents)
                if reason:
                    return Refused(reason)
                connection.execute(
                    sa.insert(queue_call).values(
                        tenant_id=tenant_id,
                        entry_id=entry_id,
                        queue=queue_id,
                        worker=worker,
                        number=number,
                        joined_at=now,
                        state="waiting",
                    )
                )
            seen = line.snapshot(connection, tenant_id, model, queue, now)
        place = acd.position(seen.line, entry_id)
        return Joined(place, acd.estimated_wait_s(queue, place, seen.agents, now))

    def poll(self, worker: str) -> list[Standing]:
        """Where this worker's callers stand, with the offers that were just claimed for them. Costs one short read
        when nobody waits here, and writes only when there is something to claim."""
        now = self._now()
        waits = sa.select(queue_call.c.tenant_id, queue_call.c.queue).where(
            queue_call.c.worker == worker, queue_call.c.state.in_(("waiting", "offered"))
        )
        with self._db.connect() as connection:
            queues = sorted({(row.tenant_id, row.queue) for row in connection.execute(waits)})
        return [standing for tenant_id, queue_id in queues for standing in self._poll(tenant_id, queue_id, worker, now)]

    def _poll(self, tenant_id: str, queue_id: str, worker: str, now: float) -> Iterator[Standing]:
        model = self._model_of(tenant_id)
        # of a queue that the model has no more, the callers are told that it is empty
        queue = line.queue_of(model, queue_id) or QueueModel(queue_id, "", (), on_empty="hangup:unknown")
        with self._db.connect() as connection:
            seen = line.snapshot(connection, tenant_id, model, queue, now)
        offers: dict[str, Offer] = {}
        if _mine(seen, worker, now):
            with write(self._db) as connection:
                now = self._now()  # the lock may have been waited for: others have claimed since we looked
                seen = line.snapshot(connection, tenant_id, model, queue, now)
                for choice in _mine(seen, worker, now):
                    offers[choice.entry_id] = self._claim(connection, tenant_id, model, queue, choice, now)
        empty = bool(queue.on_empty) and acd.is_empty(seen.agents)
        for place, entry in enumerate(acd.in_order(seen.line), 1):
            if entry.worker == worker:
                wait_s = acd.estimated_wait_s(queue, place, seen.agents, now)
                offer = offers.get(entry.entry_id)
                yield Standing(tenant_id, entry.entry_id, queue_id, place, wait_s, offer, empty)

    def _claim(
        self,
        connection: sa.Connection,
        tenant_id: str,
        model: Model,
        queue: QueueModel,
        choice: acd.Choice,
        now: float,
    ) -> Offer:
        offer_id = self._clock.new_id()
        until = now + queue.agent_ring_s + acd.OFFER_SLACK_S
        connection.execute(
            sa.update(queue_call)
            .where(queue_call.c.tenant_id == tenant_id, queue_call.c.entry_id == choice.entry_id)
            .values(state="offered", offer_id=offer_id, lease_until=until)
        )
        for number in choice.agents:
            change_agent(connection, tenant_id, queue.id, number, offer_id=offer_id, offered_at=now)
        names = {e.number: e.name for e in model.extensions}
        return Offer(offer_id, tuple(Target(number, names.get(number, "")) for number in choice.agents))

    def offer_ended(
        self, tenant_id: str, entry_id: str, offer_id: str, answered_by: str, results: Sequence[tuple[str, str]]
    ) -> None:
        """What became of an offer; answered_by "": nobody. Telling it twice, or after the caller left, is harmless."""
        now = self._now()
        with write(self._db) as connection:
            here = queue_call.c.tenant_id == tenant_id, queue_call.c.entry_id == entry_id
            entry = connection.execute(sa.select(queue_call).where(*here)).one_or_none()
            rang = connection.execute(
                sa.select(agent).where(agent.c.tenant_id == tenant_id, agent.c.offer_id == offer_id)
            ).all()
            said = dict(results)
            for row in rang:
                if row.number != answered_by:
                    self._did_not_take(connection, row, said.get(row.number, "cancelled"), now)
            if entry is None:
                for row in rang:
                    change_agent(connection, tenant_id, row.queue, row.number, offer_id=None)
            elif answered_by and entry.state != "talking":
                values = {"offer_id": None, "entry_id": entry_id, "missed": 0, "calls": agent.c.calls + 1}
                change_agent(connection, tenant_id, entry.queue, answered_by, **values)
                talking = {"state": "talking", "offer_id": None, "lease_until": 0.0}
                connection.execute(sa.update(queue_call).where(*here).values(talking))
            elif entry.offer_id == offer_id:
                waiting = {"state": "waiting", "offer_id": None, "lease_until": 0.0}
                connection.execute(sa.update(queue_call).where(*here).values(waiting))

    def _did_not_take(
        self, connection: sa.Connection, row: sa.Row[tuple[object, ...]], result: str, now: float
    ) -> None:
        """One agent whose phone rang (or could not): he rests a little; who never answers is paused."""
        values: dict[str, object] = {"offer_id": None}
        if result != "cancelled":
            values["wrap_up_until"] = now + acd.REST_S
        if result == "no_answer":
            values["missed"] = row.missed + 1
            if row.missed + 1 >= acd.MISSED_MAX and row.pause_reason is None:
                values |= {"pause_reason": acd.MISSED_REASON, "paused_at": now, "missed": 0}
                self._say(row.tenant_id, row.queue, row.number, "pause", acd.MISSED_REASON, "", now)
        change_agent(connection, row.tenant_id, row.queue, row.number, **values)

    def talk_ended(self, tenant_id: str, entry_id: str, number: str, talk_s: float) -> None:
        """The agent and the caller have parted: wrap-up begins. Twice is harmless."""
        now = self._now()
        with write(self._db) as connection:
            talked = connection.execute(
                sa.select(agent).where(agent.c.tenant_id == tenant_id, agent.c.entry_id == entry_id)
            ).all()
            model = self._model_of(tenant_id) if talked else Model()
            for row in talked:
                queue = line.queue_of(model, row.queue)
                wrap_up_s = queue.wrap_up_s if queue else 0.0
                values = {"entry_id": None, "wrap_up_until": now + wrap_up_s, "idle_since": now + wrap_up_s}
                change_agent(
                    connection, tenant_id, row.queue, row.number, **values, talk_s=row.talk_s + max(0.0, talk_s)
                )
                self._say(tenant_id, row.queue, row.number, "wrap_up", f"{wrap_up_s:g}", entry_id, now)
            connection.execute(
                sa.delete(queue_call).where(
                    queue_call.c.tenant_id == tenant_id,
                    queue_call.c.entry_id == entry_id,
                    queue_call.c.state == "talking",
                )
            )

    def leave(self, tenant_id: str, entry_id: str, how: str) -> None:
        """No longer waiting. answered: `offer_ended` has said it already. callback: the place is kept without a call;
        the informer calls when the turn comes. Anything else frees the place and the agents who ring for it."""
        if how == "answered":
            return
        with write(self._db) as connection:
            here = queue_call.c.tenant_id == tenant_id, queue_call.c.entry_id == entry_id
            entry = connection.execute(
                sa.select(queue_call).where(*here, queue_call.c.state.in_(("waiting", "offered")))
            ).one_or_none()
            if entry is None:
                return
            if entry.offer_id is not None:
                connection.execute(
                    sa.update(agent)
                    .where(agent.c.tenant_id == tenant_id, agent.c.offer_id == entry.offer_id)
                    .values(offer_id=None)
                )
            if how == "callback" and entry.number not in UNREACHABLE:
                kept = {"state": "callback", "worker": "", "offer_id": None, "lease_until": 0.0}
                values = {**kept, "from_call": entry_id, "tries": 0, "not_before": self._now() + HANG_UP_S}
                connection.execute(sa.update(queue_call).where(*here).values(values))
            else:
                connection.execute(sa.delete(queue_call).where(*here))

    def forget_worker(self, worker: str) -> int:
        """Remove a dead worker's callers and free their agents; how many. Call at a worker's start, before its first
        join."""
        with write(self._db) as connection:
            rows = connection.execute(
                sa.select(queue_call.c.tenant_id, queue_call.c.entry_id).where(queue_call.c.worker == worker)
            ).all()
            _forget(connection, [(r.tenant_id, r.entry_id) for r in rows], self._now())
        return len(rows)

    def tidy(self) -> int:
        """Remove the callers of workers that do not live, and those older than LOST_S that no live call stands for;
        free their agents; how many. For the one process that keeps the queues (the informer)."""
        now = self._now()
        live = sa.select(live_call.c.call_id).where(live_call.c.tenant_id == queue_call.c.tenant_id)
        lost = sa.and_(queue_call.c.joined_at < now - LOST_S, queue_call.c.entry_id.not_in(live))
        held = sa.select(queue_call.c.tenant_id, queue_call.c.entry_id, queue_call.c.worker, lost.label("lost"))
        with self._db.connect() as connection:
            rows = connection.execute(held.where(queue_call.c.worker != "")).all()
        if not rows:
            return 0
        # read after the callers: whoever has one of them was on the board before
        alive = {s.name for s in services.all_services(self._db) if psutil.pid_exists(s.pid)}
        gone = [(r.tenant_id, r.entry_id) for r in rows if r.lost or r.worker not in alive]
        if gone:
            with write(self._db) as connection:
                _forget(connection, gone, now)
        return len(gone)

    def _say(self, tenant_id: str, queue: str, number: str, type_: str, reason: str, call_id: str, now: float) -> None:
        at = datetime.fromtimestamp(now, UTC)
        self._tell(QueueEvent(self._clock.new_id(), tenant_id, at, queue, number, type_, reason, call_id))

    def _now(self) -> float:
        return self._clock.now().timestamp()


@contextmanager
def write(db: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that holds the writers' lock from its beginning: what it reads stays true until it commits."""
    with db.begin() as connection:
        take_turn(connection)
        yield connection


def change_agent(connection: sa.Connection, tenant_id: str, queue: str, number: str, **values: object) -> None:
    """Change an agent's row of one queue; members who never logged in have none yet and get one."""
    ensure_agent(connection, tenant_id, queue, number)
    connection.execute(
        sa.update(agent)
        .where(agent.c.tenant_id == tenant_id, agent.c.queue == queue, agent.c.number == number)
        .values(values)
    )


def ensure_agent(connection: sa.Connection, tenant_id: str, queue: str, number: str) -> None:
    """Give a member his row if he has none."""
    fresh = {"tenant_id": tenant_id, "queue": queue, "number": number}
    connection.execute(insert(agent).values(fresh).on_conflict_do_nothing())


def _mine(seen: line.Snapshot, worker: str, now: float) -> list[acd.Choice]:
    """The next offers to callers of this worker."""
    waiting = {e.entry_id for e in seen.line if e.worker == worker and e.state is EntryState.WAITING}
    return [o for o in acd.decide(seen.queue, seen.line, seen.agents, now).offers if o.entry_id in waiting]


def _forget(connection: sa.Connection, entries: Collection[tuple[str, str]], now: float) -> None:
    for tenant_id, entry_id in entries:
        here = queue_call.c.tenant_id == tenant_id, queue_call.c.entry_id == entry_id
        offer_id = connection.execute(sa.select(queue_call.c.offer_id).where(*here)).scalar_one_or_none()
        whose = agent.c.tenant_id == tenant_id
        connection.execute(
            sa.update(agent).where(whose, agent.c.entry_id == entry_id).values(entry_id=None, idle_since=now)
        )
        if offer_id is not None:
            connection.execute(sa.update(agent).where(whose, agent.c.offer_id == offer_id).values(offer_id=None))
        connection.execute(sa.delete(queue_call).where(*here))
