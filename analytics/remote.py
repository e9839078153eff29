"""Speech recognised by a worker on a Ray cluster, which looks to its user like a Recogniser of its own process.

A worker is stateless: it gets the sound of some calls and gives back their words, and it never sees the database. One
that dies is made again, wherever there is room. What it had in hand then fails with Unavailable, so that the try
counts: a recording that kills its workers is put aside in the end. Only cluster.py imports this, as Ray is optional.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ray
from ray.exceptions import RayError, RayTaskError

from analytics import models
from analytics.asr import VERSION, Progress, Recogniser, Talk, Told
from analytics.endings import Dropped
from analytics.models import Model
from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.errors import ConfigError, Unavailable
from pbx_core.settings import load

POLL_S = 0.5  # between looks at the work under way, at a stop and at leases
ANSWER_S = 10.0  # a worker that lives says how far it is long before; else it counts as lost
PLACE_WAIT_S = 60.0  # work in hand waits so long for another worker, then others may have it
REFUSED_RETRY_S = 10.0  # a node without the right model is tried again after so long
DIED_RETRY_S = 2.0  # after a worker died while it was made, as on a node of which nobody knows yet that it is gone

_log = log.get(__name__)


@dataclass(frozen=True)
class Ready:
    """A worker that can hear. place: host and process, for people."""

    place: str
    model: Model
    languages: frozenset[str]


@dataclass(frozen=True)
class Answer:
    """What the worker made of some calls; second_looks and cpu_s are what these cost."""

    told: list[Told]
    second_looks: int
    cpu_s: float


class Worker:
    """What runs on a node. Weights and directories are those of the node's own settings."""

    def __init__(self) -> None:
        self._recogniser: Recogniser | None = None
        self._share = 0.0

    def load(self, version: str, wanted: Model) -> Ready | str:
        """Load the models, which must be those that are wanted; or why this node is not used, for people."""
        host = socket.gethostname()
        if version != VERSION:
            return f"{host} has another version of Callbench ({VERSION} instead of {version}); install the same one."
        try:
            model = models.ensure(load(Path(os.environ.get("CALLBENCH_DATA", Path.home() / ".cache" / "callbench"))))
            if _hashes(model) != _hashes(wanted):
                return f"{host} has other speech models ({model.name}); give it the same settings of models."
            self._recogniser = Recogniser(model)
        except ConfigError as error:
            return f"{host}: {error}"
        return Ready(f"{host}/{os.getpid()}", model, self._recogniser.languages)

    def hear(self, talks: Sequence[Talk]) -> Answer:
        """As Recogniser.hear."""
        recogniser = self._recogniser
        assert recogniser is not None, "load() comes first"
        self._share = 0.0
        cpu_from, looks_from = time.process_time(), recogniser.second_looks
        told = recogniser.hear(talks, self._progress)
        return Answer(told, recogniser.second_looks - looks_from, time.process_time() - cpu_from)

    def share(self) -> float:
        """How much of the work under way is done; answered beside it."""
        return self._share

    def _progress(self, share: float) -> None:
        self._share = share


class RemoteRecogniser:
    """One worker after another. Used by one thread; ray.init() comes first."""

    def __init__(self, model: Model, clock: Clock) -> None:
        self.model = model  # the one that every worker must have
        self.place = ""  # where the worker is; empty: there is none
        self.refusal = ""  # why the last node cannot be used
        self.languages: frozenset[str] = frozenset()
        self.second_looks = 0
        self._clock = clock
        self._cpu_s = 0.0
        self._retry_at = float("-inf")
        self._lost_at = float("-inf")
        self._worker: ray.actor.ActorHandle | None = None
        self._loading: ray.ObjectRef | None = None

    def cpu_s(self) -> float:
        """What was spent so far, by all workers that came to an end of their work."""
        return self._cpu_s

    def ready(self) -> bool:
        """Whether there is a worker; one that is lacking is made, which takes a while and a free processor."""
        if self._worker is None:
            if self._clock.monotonic() < self._retry_at:
                return False
            # two threads: one for the work, one to say how far it is; max_restarts 0: a death shall be seen
            kind = ray.remote(num_cpus=1, max_restarts=0, max_concurrency=2)(Worker)
            self._worker = kind.remote()
            self._loading = self._worker.load.remote(VERSION, self.model)
        if self._loading is not None:
            self._look(self._loading)
        return bool(self.place)

    def hear(self, talks: Sequence[Talk], progress: Progress) -> list[Told]:
        """As Recogniser.hear. Unavailable: the worker died over it. Dropped: there was no worker to begin with."""
        worker = self._found(progress)
        work, share = worker.hear.remote(talks), 0.0
        while not ray.wait([work], timeout=POLL_S)[0]:
            share = self._asked(worker, share)
            try:
                progress(share)
            except Dropped:  # nobody wants it any more, and it cannot be stopped otherwise
                self._lose()
                raise
        try:
            answer: Answer = ray.get(work)
        except RayTaskError as error:
            raise error.cause from error
        except RayError as error:
            place = self.place
            self._lose()
            raise Unavailable(f"The worker {place} died while this recording was heard.") from error
        self.second_looks += answer.second_looks
        self._cpu_s += answer.cpu_s
        progress(1.0)
        return answer.told

    def close(self) -> None:
        """Let the worker go."""
        self._lose()

    def _look(self, loading: ray.ObjectRef) -> None:
        if not ray.wait([loading], timeout=0)[0]:
            return
        try:
            found: Ready | str = ray.get(loading)
        except RayError as error:
            _log.warning("worker died before its work", extra={"reason": str(error)})
            self._lose()
            self._retry_at = self._clock.monotonic() + DIED_RETRY_S
            return
        if isinstance(found, str):
            if found != self.refusal:
                _log.error("node of the cluster not used", extra={"reason": found})
            self._lose()
            self.refusal, self._retry_at = found, self._clock.monotonic() + REFUSED_RETRY_S
            return
        self._loading, self.refusal = None, ""
        self.place, self.languages = found.place, found.languages
        _log.info("worker ready", extra={"place": self.place})

    def _found(self, progress: Progress) -> ray.actor.ActorHandle:
        """A worker that answers: one that died while it had nothing to do is no fault of what comes now."""
        while True:
            progress(0.0)
            if self.ready() and self._worker is not None:
                try:
                    ray.get(self._worker.share.remote(), timeout=ANSWER_S)
                except RayError:
                    self._lose()
                    continue
                return self._worker
            if self._clock.monotonic() > self._lost_at + PLACE_WAIT_S:
                raise Dropped("no node of the cluster has room for a worker")
            time.sleep(POLL_S)

    def _asked(self, worker: ray.actor.ActorHandle, before: float) -> float:
        """How far it is; as before when it does not say."""
        try:
            return float(ray.get(worker.share.remote(), timeout=POLL_S))
        except RayError:
            return before

    def _lose(self) -> None:
        if self._worker is not None:
            ray.kill(self._worker)
        if self.place:
            self._lost_at = self._clock.monotonic()
        self._worker, self._loading, self.place = None, None, ""


def _hashes(model: Model) -> set[tuple[str, str, str]]:
    """What makes models the same, wherever they lie."""
    return {(one.language, one.written_as, one.sha256) for one in (model, *model.others)}
