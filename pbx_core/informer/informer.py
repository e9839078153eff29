"""The informer: calls the numbers of running campaigns and the callers who asked to be called back, learns what came
of these calls, and keeps the queues tidy. One process; what it was doing when it died stands in the database.
"""

from __future__ import annotations

import sqlalchemy as sa

from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.domain.campaign import Result
from pbx_core.domain.informing import PREFIX, result_of
from pbx_core.domain.model import Model
from pbx_core.domain.records import InformRecord, QueueEvent
from pbx_core.errors import Unavailable
from pbx_core.feed import Journal
from pbx_core.informer.calling import Call, Made, NotMade, make
from pbx_core.informer.results import Results
from pbx_core.settings import Settings
from pbx_core.store import callbacks, campaigns, live, models
from pbx_core.store.acd import Acd

BUSY_S = 0.25  # between two rounds while calls are under way
IDLE_S = 1.0  # while there is nothing to do
TIDY_S = 10.0  # between two looks for callers whom nobody has any more
NO_TRACE_S = 150.0  # a try that left no trace by then was never begun
TRACE_S_MAX = 5 * 3600.0  # one that left a trace but no end is given up then: calls last 4 h at most
STARTS_MAX = 20  # calls begun in one round: the others are heard in between
NO_ROOM_S = 2.0  # a call-back that found no worker waits so long

_log = log.get(__name__)


class Informer:
    """The loop's body. `started`: how many calls it made; for the board."""

    def __init__(self, settings: Settings, db: sa.Engine, clock: Clock, journal: Journal) -> None:
        self._settings, self._db, self._clock, self._journal = settings, db, clock, journal
        self._results = Results(settings.journal_dir)
        self._following = False
        self._acd = Acd(db, clock, self._model_of, self._tell_queue)
        self._tidied = float("-inf")
        self.started = 0

    def step(self) -> float:
        """One round; after how many seconds the next is due."""
        if self._clock.monotonic() - self._tidied >= TIDY_S:
            self._tidied = self._clock.monotonic()
            lost = self._acd.tidy()
            if lost:
                _log.warning("callers removed whom nobody had any more", extra={"callers": lost})
        tries, backs = campaigns.under_way(self._db), callbacks.calling(self._db)
        if tries or backs:
            begun = [t.started_at for t in tries] + [self._now() - callbacks.CALLING_S] * bool(backs)
            self._follow(min(begun))
            self._hear(tries, backs)
        else:
            self._following = False
        busy = bool(tries or backs)
        busy = self._call_back() or busy
        return BUSY_S if self._inform() or busy else IDLE_S

    def _follow(self, since: float | None) -> None:
        """Follow the journals, if they are not followed already."""
        if not self._following:
            self._results.begin(since)
            self._following = True

    def _hear(self, tries: list[campaigns.Try], backs: list[tuple[str, str]]) -> None:
        """End the tries and call-backs whose calls are over."""
        heard = self._results.read([*(t.call_id for t in tries), *(call_id for _, call_id in backs)])
        for taken in tries:
            events = heard.get(taken.call_id, [])
            with self._db.connect() as connection:
                rules = campaigns.get(connection, taken.tenant_id, taken.campaign_id).rules
            result = result_of(events, rules) or self._lost(taken, bool(events))
            if result is not None:
                self._finish(taken, result)
        for tenant_id, call_id in backs:
            closed = next((e for e in heard.get(call_id, []) if e.type in ("closed", "aborted")), None)
            if closed is not None:
                reason = str(closed.detail.get("cause") or closed.detail.get("disposition") or closed.type)
                callbacks.ended(self._db, self._clock, self._tell_queue, tenant_id, call_id, reason)

    def _lost(self, taken: campaigns.Try, traced: bool) -> Result | None:
        """The end of a try of which nobody will ever tell one."""
        age_s = self._now() - taken.started_at
        if age_s < NO_TRACE_S or live.call(self._db, taken.tenant_id, taken.call_id) is not None:
            return None
        if traced and age_s < TRACE_S_MAX:
            return None  # whoever succeeds the worker closes the call
        return Result("failed", "", "the call was lost")

    def _call_back(self) -> bool:
        """Call those back whose turn it is; whether there was one."""
        began = False
        for due in callbacks.due(self._db, self._model_of, self._now()):
            self._follow(None)
            call_id = self._clock.new_id()
            taken = callbacks.claim(self._db, self._clock, self._model_of, self._tell_queue, due, call_id)
            if taken is None:
                continue
            began = True
            call = Call(taken.tenant_id, call_id, "callback", taken.number, "", f"queue:{taken.queue}", taken.from_call)
            made = self._make(call)
            if isinstance(made, NotMade) and made.lasting:
                callbacks.ended(self._db, self._clock, self._tell_queue, taken.tenant_id, call_id, made.reason)
            elif isinstance(made, NotMade):
                callbacks.withdraw(self._db, taken, self._now(), NO_ROOM_S)
            else:
                self.started += 1
        return began

    def _inform(self) -> bool:
        """Begin the calls that the campaigns' pace allows now; whether there was one."""
        began = False
        for running in campaigns.running(self._db):
            for _ in range(STARTS_MAX):
                self._follow(None)
                taken = campaigns.claim(
                    self._db, self._clock, running.tenant_id, running.campaign_id, self._clock.new_id()
                )
                if taken is None:
                    break
                began = True
                if not self._begin(taken, running):
                    break
        if campaigns.close_finished(self._db, self._clock):
            _log.info("campaign done")
        return began

    def _begin(self, taken: campaigns.Try, running: campaigns.Campaign) -> bool:
        """Make the call of a try; False when there is no room for any now."""
        then = PREFIX + taken.campaign_id
        call = Call(taken.tenant_id, taken.call_id, "informing", taken.number, running.rules.shown, then)
        made = self._make(call)
        if not isinstance(made, NotMade):
            self.started += 1
            return True
        if made.lasting:
            self._finish(taken, Result("failed", "", made.reason, lasting=True))
            return True
        campaigns.withdraw(self._db, self._clock, taken)
        _log.info("informing waits", extra={"tenant_id": taken.tenant_id, "reason": made.reason})
        return False

    def _make(self, call: Call) -> Made | NotMade:
        """Ask for a call; a fault before anybody was asked (a tenant's model, say) puts it off and stops no other."""
        try:
            return make(self._settings, self._db, self._clock, call)
        except Exception as error:  # noqa: BLE001  item of the outer loop: `make` raises only what came before asking
            _log.exception("a call could not be prepared", extra={"tenant_id": call.tenant_id, "call_id": call.call_id})
            return NotMade(f"{type(error).__name__}: {error}", lasting=False)

    def _finish(self, taken: campaigns.Try, result: Result) -> None:
        campaigns.finish(self._db, self._clock, self._tell_inform, taken, result)
        about = {"tenant_id": taken.tenant_id, "call_id": taken.call_id, "attempt": taken.attempt}
        _log.info("informed", extra={**about, "result": result.result, "reason": result.reason})

    def _tell_queue(self, event: QueueEvent) -> None:
        self._journal.append("queue_event", event.event_id, event.tenant_id, event)

    def _tell_inform(self, record: InformRecord) -> None:
        self._journal.append("inform", record.call_id, record.tenant_id, record)

    def _model_of(self, tenant_id: str) -> Model:
        return models.active(self._db, tenant_id)[1]

    def _now(self) -> float:
        return self._clock.now().timestamp()


def run_round(informer: Informer) -> float:
    """One guarded round: a fault of the moment (a locked database, a full disk) is logged and passes."""
    try:
        return informer.step()
    except (sa.exc.OperationalError, Unavailable) as error:
        _log.error("the informer waits", extra={"reason": str(error)})
    except Exception:  # noqa: BLE001  the outer loop: one faulty row must not stop the rest for good
        _log.exception("the informer stumbled")
    return TIDY_S
