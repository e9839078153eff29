"""GET /metrics: the figures of the whole service in Prometheus' text format, read afresh for every scrape.

Gauges are what the database says now. Counters: the calls of the warehouse survive restarts; those of a process begin
at 0 with it, as Prometheus expects, and `callbench_process_start_time_seconds` says when that was.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pbx_core.api.access import Here, Operating
from pbx_core.api.context import Context
from pbx_core.media import spool
from pbx_core.store import live, services
from pbx_core.store.schema import campaign, job
from pbx_core.store.services import Service

router = APIRouter(tags=["monitoring"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(token: Operating, here: Here) -> Response:
    """For Prometheus; with the operator's token."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(here))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Collector(Collector):
    """One scrape."""

    def __init__(self, here: Context) -> None:
        self.here = here
        self.now = here.now()
        self.domains = live.domains(here.db)

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        board = services.all_services(self.here.db)
        yield from self._processes(board)
        yield from self._workers([s for s in board if s.name.startswith("worker-") and s.alive(self.now)])
        yield from self._once(board)
        yield from self._offices()
        yield from self._queues()
        yield from self._trunks()
        yield from self._work()

    def _processes(self, board: list[Service]) -> Iterator[Metric]:
        up = _gauge("process_up", "1: the process lives and says so.", "process")
        age = _gauge("process_heartbeat_age_seconds", "Since the process last said that it lives.", "process")
        start = _gauge("process_start_time_seconds", "When it started, seconds since 1970.", "process")
        for s in board:
            up.add_metric([s.name], float(s.alive(self.now)))
            age.add_metric([s.name], max(0.0, self.now - s.heartbeat_at))
            start.add_metric([s.name], s.started_at)
        yield from (up, age, start)

    def _workers(self, workers: list[Service]) -> Iterator[Metric]:
        capacity = _gauge("worker_capacity_calls", "Calls that fit into the worker.", "worker")
        calls = _gauge("worker_calls", "Calls that it carries now.", "worker")
        overloaded = _gauge("worker_overloaded", "1: it lacks processor time and takes no more calls.", "worker")
        for s in workers:
            capacity.add_metric([s.name], float(s.detail.get("capacity_calls", 0)))
            calls.add_metric([s.name], float(s.detail.get("calls", 0)))
            overloaded.add_metric([s.name], float(bool(s.detail.get("overloaded"))))
        yield from (capacity, calls, overloaded)

    def _once(self, board: list[Service]) -> Iterator[Metric]:
        """Of the processes that there is one of; a family is left out while its process is away."""
        detail = {s.name: s.detail for s in board if s.alive(self.now)}
        if edge := detail.get("edge"):
            yield _counter("edge_bans", "Addresses and accounts banned since the edge started.", edge.get("bans"))
            yield _counter("edge_messages", "SIP messages received since the edge started.", edge.get("messages"))
            yield _counter("edge_turned_away", "Calls since then that no worker took.", edge.get("turned_away"))
        if ingest := detail.get("ingest"):
            yield _counter("ingest_rows", "Rows taken in since ingest started.", ingest.get("rows"))
            yield _counter("ingest_rejects", "Journal lines not understood since its start.", ingest.get("rejects"))
            yield _value("ingest_lag_seconds", "Age of the oldest line of its last commit.", ingest.get("lag_s"))
            yield from self._ended(ingest.get("calls"))
        yield _counter("api_bans", "Addresses banned by the API since it started.", self.here.doorman.bans)

    def _ended(self, calls: Any) -> Iterator[Metric]:
        if isinstance(calls, dict) and calls:
            family = CounterMetricFamily("callbench_calls", "Calls in the warehouse, all time.", labels=["disposition"])
            for disposition, count in sorted(calls.items()):
                family.add_metric([str(disposition)], float(count))
            yield family

    def _offices(self) -> Iterator[Metric]:
        db = self.here.db
        for name, text, counted in (
            ("calls_active", "Calls under way.", live.calls_by_tenant(db)),
            ("phones", "Phones signed in.", live.phones_by_tenant(db, self.now)),
            ("extensions", "Extensions.", live.extensions_by_tenant(db)),
            ("voicemail_unheard", "Messages nobody has heard.", live.unheard_by_tenant(db)),
        ):
            family = _gauge(name, text, "tenant")
            for tenant_id, domain in self.domains.items():
                family.add_metric([domain], float(counted.get(tenant_id, 0)))
            yield family

    def _queues(self) -> Iterator[Metric]:
        waiting = _gauge("queue_waiting", "Callers who wait.", "tenant", "queue")
        longest = _gauge("queue_longest_wait_seconds", "How long the first has waited.", "tenant", "queue")
        callbacks = _gauge("queue_callbacks", "Callers to be called back.", "tenant", "queue")
        agents = _gauge("queue_agents", "Agents by state.", "tenant", "queue", "state")
        for q in live.queues(self.here.db, None, self.now):
            labels = [self.domains.get(q.tenant_id, ""), q.queue]
            waiting.add_metric(labels, q.waiting)
            longest.add_metric(labels, q.longest_wait_s)
            callbacks.add_metric(labels, q.callbacks)
            for state, count in sorted(Counter(a.state for a in q.agents).items()):
                agents.add_metric([*labels, state], count)
        yield from (waiting, longest, callbacks, agents)

    def _trunks(self) -> Iterator[Metric]:
        up = _gauge("trunk_up", "1: calls are sent to the trunk.", "tenant", "trunk")
        calls = _gauge("trunk_calls", "Calls on the trunk now.", "tenant", "trunk")
        for t in live.trunks(self.here.db, None, self.now):
            labels = [self.domains.get(t.tenant_id, ""), t.trunk_id]
            up.add_metric(labels, float(t.up))
            calls.add_metric(labels, t.calls)
        yield from (up, calls)

    def _work(self) -> Iterator[Metric]:
        settings = self.here.settings
        jobs = _gauge("jobs", "Work that waits, runs, is done or was given up.", "kind", "state")
        campaigns = _gauge("campaigns", "Campaigns of informing by state.", "state")
        by_kind = sa.select(job.c.kind, job.c.state, sa.func.count()).group_by(job.c.kind, job.c.state)
        by_state = sa.select(campaign.c.state, sa.func.count()).group_by(campaign.c.state)
        with self.here.db.connect() as connection:
            for kind, state, count in connection.execute(by_kind):
                jobs.add_metric([kind, state], count)
            for state, count in connection.execute(by_state):
                campaigns.add_metric([state], count)
        yield from (jobs, campaigns)
        waiting = sum(1 for _ in spool.ready(settings.spool_dir))
        yield _value("recordings_waiting", "Recordings being prepared or waiting for it.", waiting)
        disk = shutil.disk_usage(settings.data)
        yield _value("disk_free_share", "Free share of the data directory's volume, 0 to 1.", disk.free / disk.total)
        yield _value("disk_free_bytes", "Free bytes of it.", disk.free)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"callbench_{name}", text, labels=labels)


def _value(name: str, text: str, value: Any) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"callbench_{name}", text, value=float(value or 0))


def _counter(name: str, text: str, value: Any) -> CounterMetricFamily:
    return CounterMetricFamily(f"callbench_{name}", text, value=float(value or 0))
