"""Finds a worker for a phone's INVITE: the next one when a worker has no slot, a short wait when none has."""

from __future__ import annotations

from collections.abc import Callable

from aiosipua.message import SipRequest, SipResponse

from pbx_core import log
from pbx_core.edge.context import LOOPBACK, Context
from pbx_core.edge.pool import Pool
from pbx_core.edge.relay import Relaying
from pbx_core.edge.transactions import ServerTransaction
from pbx_core.sip import message as sip
from pbx_core.sip import routing
from pbx_core.sip.flow import Flow

_log = log.get(__name__)
SILENCE_S = 2.0  # a worker on loopback that has not even said 100 is taken for dead
SILENCES_MAX = 2  # after so many silent workers it is the message, which must not be shown to all of them
POLL_S = 0.1
MESSAGE_BYTES_MAX = 3900  # the engine drops silently what is longer than 4000 (PJSIP_MAX_PKT_LEN); hops vary in length


class Hunt(Relaying):
    """The way of one INVITE to a worker."""

    def __init__(
        self,
        context: Context,
        server: ServerTransaction,
        pool: Pool,
        invite: SipRequest,
        phone: Flow,
        on_end: Callable[[int], None],
    ) -> None:
        """`invite` has its final headers but for Record-Route, Via and hops."""
        super().__init__(context, server, more_may_come=True, on_end=on_end)
        self._pool = pool
        self._invite = invite
        self._phone = phone
        self._call_id = sip.header(invite, "call-id")
        self._deadline = context.timers.time() + context.settings.slot_wait_s
        self._tried: dict[str, float] = {}
        self._silent: dict[int, str] = {}  # branches that have shown no sign of life → worker
        self._silences = 0
        self._waits = False

    def next(self) -> None:
        """Ask the best worker that was not asked lately, or wait, or give up."""
        self._wait(False)
        if self.fork.settled:
            return
        now = self.context.timers.time()
        self._tried = {name: at for name, at in self._tried.items() if now - at < 0.5}
        worker = routing.choose(self._pool.slots(), self._tried)
        if worker is None:
            if now >= self._deadline:
                _log.warning("no worker has a slot", extra={"call": self._call_id[:128]})
                self.run(self.fork.settle(503))
                return
            self._wait(True)
            self._pool.hurry()
            self.context.timers.call_later(POLL_S, self.next)
            return
        request = sip.clone(self._invite)
        self.context.record(request, self._phone, worker.port, to_phone=False)
        if len(bytes(request)) > MESSAGE_BYTES_MAX:
            self.run(self.fork.settle(513))
            return
        self._pool.take(self._call_id, worker.name)
        # its silence is noticed much sooner than by timer B
        number = self.send(request, Flow("int", LOOPBACK, worker.port))
        self._silent[number] = worker.name
        self.context.timers.call_later(SILENCE_S, self._check, number)

    def _wait(self, waits: bool) -> None:
        self._pool.waiting += waits - self._waits
        self._waits = waits

    def cancel(self) -> None:
        self._wait(False)
        super().cancel()

    def progressed(self, number: int) -> None:
        self._silent.pop(number, None)

    def _check(self, number: int) -> None:
        worker = self._silent.pop(number, None)
        if worker is not None and not self.fork.settled:
            _log.warning("worker does not answer", extra={"worker": worker})
            self._tried[worker] = self.context.timers.time()
            self._pool.refused(worker)
            self.run(self.fork.dropped(number))
            self._silences += 1
            if self._silences < SILENCES_MAX:
                self.next()
            else:
                self.run(self.fork.settle(503))

    def failed(self, number: int, status: int, response: SipResponse | None) -> bool:
        worker = self._silent.pop(number, None)
        if self.fork.settled or not self.fork.is_open(number):
            return False
        if response is None and worker is None:  # it had begun: another worker would make a second call of it
            self.fork.refused(number)
            self.run(self.fork.settle(503))
            return True
        if response is None or routing.lacks_slot(status, response):
            name = worker or self._name_of(number)
            self._tried[name] = self.context.timers.time()
            self._pool.refused(name)
            self._pool.release(self._call_id)
            self.fork.refused(number)
            self.next()
            return True
        self._finals[number] = response
        self.run(self.fork.failure(number, status))
        self.run(self.fork.settle(status))
        return True

    def _name_of(self, number: int) -> str:
        port = self._clients[number].flow.port
        return next((w.name for w in self._pool.slots() if w.port == port), "")
