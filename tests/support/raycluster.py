"""A Ray cluster of several nodes on this machine, each with one processor."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support import speech
from tests.support.waiting import until

STORE_BYTES = 80 * 1024 * 1024  # of shared memory per node, about the least that Ray takes
SMALL = {"object_store_memory": STORE_BYTES, "include_dashboard": False}

SEEN_DEAD_SOON = {"RAY_health_check_period_ms": "1000", "RAY_health_check_failure_threshold": "4"}


class Nodes:
    """Starts and kills nodes. Ray is imported late: it reads its environment then."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **SMALL})
        self._nodes: dict[str, Any] = {}

    @property
    def address(self) -> str:
        return self._cluster.address

    def add(self, name: str) -> None:
        """A machine with one processor joins."""
        self._nodes[name] = self._cluster.add_node(num_cpus=1, **SMALL)

    def kill(self, name: str) -> None:
        """Everything of a machine dies at once, as by a power cut."""
        workers = self._raylet(name).children(recursive=True)
        self._cluster.remove_node(self._nodes.pop(name), allow_graceful=False)
        for worker in workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()

    def runs_on(self, name: str, pid: int) -> bool:
        """Whether a worker's process belongs to this machine."""
        return any(child.pid == pid for child in self._raylet(name).children(recursive=True))

    def _raylet(self, name: str) -> psutil.Process:
        return psutil.Process(self._nodes[name].all_processes["raylet"][0].process.pid)

    def close(self) -> None:
        self._cluster.shutdown()


@contextlib.contextmanager
def cluster(*names: str) -> Iterator[Nodes]:
    """A running cluster with these nodes; nothing of it is left afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="cb-ray-", dir="/tmp"))  # short: Ray makes sockets in it
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    try:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
            environment.setenv("RAY_TMPDIR", str(directory))
            environment.setenv("RAY_AUTH_MODE", "token")
            environment.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
            for name, value in SEEN_DEAD_SOON.items():
                environment.setenv(name, value)
            environment.setenv("CALLBENCH_MODEL_DIR", str(speech.model().path))
            environment.setenv("CALLBENCH_DATA", str(directory / "node"))
            nodes = Nodes()
            try:
                for name in names:
                    nodes.add(name)
                yield nodes
            finally:
                nodes.close()
    finally:
        _end([p for p in _rays(directory) if p.pid not in before | {os.getpid()}])
        shutil.rmtree(directory, ignore_errors=True)


def _rays(directory: Path) -> list[psutil.Process]:
    """Everything that works in the cluster's directory, orphans too."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if str(directory) in " ".join(process.cmdline()):
                found.append(process)
    return found


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    until(lambda: not psutil.wait_procs(processes, timeout=0.1)[1], 30, what="Ray's processes end")
