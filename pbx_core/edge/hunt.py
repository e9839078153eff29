"""Finds a worker for an INVITE from outside: the next one when a worker has no slot, a short wait when none has.

When the matter is settled and every worker that was asked has said its last word, it is known who writes the call's
record: a worker that named the call (X-Call-Id), answered it, or answered our CANCEL (487); else nobody, and
`untaken` is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from aiosipua.message import SipRequest, SipResponse

from pbx_core import log
from pbx_core.edge.context import LOOPBACK, Context
from pbx_core.edge.pool import Pool
from pbx_core.edge.relay import Relaying
from pbx_core.edge.transactions import ServerTransaction
from pbx_core.edge.turned_away import GAVE_UP, Outcome
from pbx_core.sip import message as sip
from pbx_core.sip import outside, routing
from pbx_core.sip.flow import Ends, Flow
from pbx_core.sip.routing import WorkerSlot
from pbx_core.sip.tally import Talk

_log = log.get(__name__)
SILENCE_S = 2.0  # a worker on loopback that has not even said 100 is taken for dead
SILENCES_MAX = 2  # after so many silent workers it is the message, which must not be shown to all of them
POLL_S = 0.1
MESSAGE_BYTES_MAX = 3900  # the engine drops silently what is longer than 4000 (PJSIP_MAX_PKT_LEN); hops vary in length
SENT_ON_MAX = 2  # workers that name another one: two that name each other must not go on for ever
NO_CALL = "none"  # X-Call-Id of an INVITE that a worker refuses for good without making a call of it
CALLER_GAVE_UP = "caller hung up before an answer"
NONE_FREE = "no worker was free"
NONE_ANSWERED = "no worker answered"
TOO_LONG = "the INVITE is too long"
DIED = "worker died"
STOPPED = "the exchange was stopped"


class Hunt(Relaying):
    """The way of one INVITE to a worker."""

    def __init__(
        self,
        context: Context,
        server: ServerTransaction,
        pool: Pool,
        invite: SipRequest,
        source: Flow,
        talk: Talk,
        *,
        trunk: bool = False,
        on_end: Callable[[int], None] | None = None,
        untaken: Callable[[Outcome], None] = lambda outcome: None,
    ) -> None:
        """`invite` has its final headers but for Record-Route, Via and hops; `talk` is what the call counts as."""
        super().__init__(context, server, more_may_come=True, on_end=on_end)
        self._pool = pool
        self._invite = invite
        self._source = source
        self._trunk = trunk
        self._talk = talk
        self._call_id = sip.header(invite, "call-id")
        self._deadline = context.timers.time() + context.settings.slot_wait_s
        self._tried: set[str] = set()  # for good: their engines take a second INVITE of the same call for a loop
        self._silent: dict[int, str] = {}  # branches that have shown no sign of life → worker
        self._silences = 0
        self._attempts: Counter[int] = Counter()
        self._wanted = ""  # the one worker where this call belongs
        self._sent_on = 0
        self._untaken = untaken
        self._asked: set[int] = set()  # branches that may still bring an answer
        self._doubtful = False
        self._cause = ""
        self._outcome: Outcome | None = None
        pool.take(self._call_id, "", talk)

    def next(self) -> None:
        """Ask the best worker that was not asked yet, or wait, or give up."""
        self._wait(False)
        if self.fork.settled:
            return
        now = self.context.timers.time()
        worker = self._choose()
        if worker is None:
            if now >= self._deadline or self._wanted:
                _log.warning("no worker has a slot", extra={"call": self._call_id[:128], "worker": self._wanted})
                self._give_up(503, NONE_FREE)
                return
            self._wait(True)
            self._pool.hurry()
            self.context.timers.call_later(POLL_S, self.next)
            return
        request = sip.clone(self._invite)
        self.context.record(request, Ends(self._source, worker.port, self._trunk), to_phone=False)
        if len(bytes(request)) > MESSAGE_BYTES_MAX:
            self._give_up(513, TOO_LONG)
            return
        self._pool.take(self._call_id, worker.name)
        branch = self.context.worker_branch(
            self.server.request, self._source.host, worker.port, self._attempts[worker.port]
        )
        self._attempts[worker.port] += 1
        # its silence is noticed much sooner than by timer B
        number = self.send(request, Flow("int", LOOPBACK, worker.port), branch)
        self._silent[number] = worker.name
        self._asked.add(number)
        self.context.timers.call_later(SILENCE_S, self._check, number)

    def _choose(self) -> WorkerSlot | None:
        if self._wanted:
            named = self._pool.named(self._wanted)
            return None if named is None or named.name in self._tried else named
        own = self._pool.of_extension(self._talk.tenant_id, self._talk.extension)
        tenants = self._pool.of_tenant(self._talk.tenant_id)
        return routing.choose(self._pool.slots(), self._tried, own, tenants)

    def _wait(self, waits: bool) -> None:
        if waits:
            self._pool.waiting.add(self._stopped)
        else:
            self._pool.waiting.discard(self._stopped)

    def _stopped(self) -> None:
        self._wait(False)
        self._give_up(503, STOPPED)

    def _give_up(self, status: int, cause: str) -> None:
        self._cause = cause
        self.run(self.fork.settle(status))

    def cancel(self, elsewhere: bool = False) -> None:
        self._wait(False)
        self._cause = self._cause or CALLER_GAVE_UP
        super().cancel(elsewhere)
        for number in self._asked:
            self._clients[number].hush()

    def _heard(self, number: int, response: SipResponse | None) -> None:
        if response is None:
            self._doubtful = True
        elif _takes(response):
            self._untaken = lambda outcome: None
        if response is None or response.status_code >= 200:
            self._asked.discard(number)
        super()._heard(number, response)
        self._tell()

    def _ended(self, status: int) -> None:
        super()._ended(status)
        self._outcome = Outcome(status, self._cause, self.context.timers.time())
        self._tell()

    def _tell(self) -> None:
        """Say that no worker took the call, once that is sure."""
        if self._outcome is not None and not self._asked:
            self._untaken(replace(self._outcome, doubtful=self._doubtful))
            self._untaken = lambda outcome: None

    def progressed(self, number: int) -> None:
        self._silent.pop(number, None)

    def _check(self, number: int) -> None:
        worker = self._silent.pop(number, None)
        if worker is not None and not self.fork.settled:
            _log.warning("worker does not answer", extra={"worker": worker})
            self._tried.add(worker)
            self._pool.refused(worker)
            self.run(self.fork.dropped(number))
            self._clients[number].hush()  # its successor must not make a second call of what goes on elsewhere
            self._silences += 1
            if self._silences < SILENCES_MAX:
                self.next()
            else:
                self._give_up(503, NONE_ANSWERED)

    def failed(self, number: int, status: int, response: SipResponse | None) -> bool:
        worker = self._silent.pop(number, None)
        if self.fork.settled or not self.fork.is_open(number):
            return False
        if response is None and worker is None:  # it had begun: another worker would make a second call of it
            self.fork.refused(number)
            self._give_up(503, DIED)
            return True
        if response is None or routing.lacks_slot(status, response):
            self._pool.take(self._call_id, "")
            self.fork.refused(number)
            wanted = sip.header(response, "x-worker") if response is not None else ""
            if wanted and self._sent_on < SENT_ON_MAX:
                self._sent_on += 1
                self._wanted = wanted
            else:
                name = worker or self._pool.name(self._clients[number].flow.port)
                self._tried.add(name)
                self._pool.refused(name)
            self.next()
            return True
        self._finals[number] = response
        self._cause = f"{status} {response.reason_phrase}".strip()
        self.run(self.fork.failure(number, status))
        self.run(self.fork.settle(status))
        return True

    def heard_of(self, response: SipResponse) -> None:
        known = sip.header(response, "x-call-id")
        if known:
            self._pool.tally.change(self._call_id, call_id=known[:64])

    def decorate(self, response: SipResponse, branch: int | None) -> None:
        if self._trunk:
            outside.mask(response, self.context.contact(self._source.transport))


def _takes(response: SipResponse) -> bool:
    """Whether a worker says that the call is its own; to our CANCEL its engine answers without naming the call."""
    status = response.status_code
    return 200 <= status < 300 or status == GAVE_UP or sip.header(response, "x-call-id") not in ("", NO_CALL)
