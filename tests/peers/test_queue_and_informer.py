"""A real edge, worker, informer and phones: a queue's caller is called back, and a list is told something."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import groupby, pairwise
from pathlib import Path

import pytest

from pbx_core import feed
from pbx_core.clock import SystemClock
from pbx_core.domain.campaign import Rules
from pbx_core.domain.queuelog import queue_log
from pbx_core.domain.records import Cdr, InformRecord, QueueEvent
from pbx_core.media.phone import Plan
from pbx_core.media.phones import Phones
from pbx_core.store import agents, campaign_report, campaigns, models, services
from tests.support.exchange import Exchange, call_back_at_once, exchange
from tests.support.ports import free_port, free_range
from tests.support.waiting import until

pytestmark = pytest.mark.peers

MODEL = """
languages = ["en"]
[recording]
default = "never"
[extensions]
101 = {{ name = "Alice", voicemail = false }}
103 = {{ name = "Carol", voicemail = false }}
[queues.sales]
name = "Sales"
number = "200"
agent_ring_s = 10.0
wrap_up_s = 0.0
announce_s = 0.0
callback_key = "5"
members = [{{ number = "101" }}]
[outbound]
country = "KG"
verified = ["+996312880101"]
[trunks.carrier]
host = "127.0.0.2"
port = {port}
"""
CUSTOMER = "+996312000001"


@contextmanager
def informer(office: Exchange) -> Iterator[None]:
    """`callbench informer` beside the worker."""
    worker = office.worker
    command = [sys.executable, "-m", "pbx_core.cli", "--data", str(worker.settings.data), "informer"]
    with (worker.directory / "informer.log").open("ab") as log:
        process = subprocess.Popen(command, env={**os.environ, **worker.environment}, stdout=log, stderr=log)
        try:
            until(lambda: any(s.name == "informer" for s in services.all_services(worker.db)), what="the informer")
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def told(office: Exchange, kind: str) -> list[object]:
    """The records of a kind in all journals."""
    directory = office.worker.settings.journal_dir
    lines = [feed.decode(line.raw) for s in feed.segments(directory) for line in feed.read(directory, s)]
    return [entry.record for entry in lines if entry.kind == kind]


def test_a_caller_who_asks_for_it_is_called_back_and_talks_with_the_agent(tmp_path: Path) -> None:
    facts: list[QueueEvent] = []
    with exchange(tmp_path, MODEL.format(port=free_port()), ("101", "103")) as office, informer(office):
        db, clock = office.worker.db, SystemClock()
        model = models.active(db, office.tenant_id)[1]
        about = (db, clock, facts.append, office.tenant_id, model, "sales", "101")
        agents.log_in(*about)
        agents.pause(*about, "lunch")
        office.plan("101", Plan(answer_after_s=0.3))
        office.plan("103", Plan(answer_after_s=0.3, hangup_after_s=4.0))
        office.call("103", "asks", "200")
        until(lambda: office.events("queue_joined"), what="he waits")
        office.phones["103"].dtmf("asks", "5")
        office.phones["103"].wait("ended", call="asks")
        first = office.cdrs(1)[0]
        assert first.queue_result == "callback"
        agents.unpause(*about)
        until(lambda: (row := office.worker.row()) and not row.detail["calls"], what="room at the worker")
        call_back_at_once(db)
        office.phones["103"].wait("incoming")
        office.phones["101"].wait("incoming")
        back = next(c for c in office.cdrs(2) if c.call_id != first.call_id)
        assert (back.direction, back.queue, back.queue_result) == ("callback", "sales", "answered")
        until(lambda: any(e.type == "wrap_up" for e in told(office, "queue_event")), what="the wrap-up")  # type: ignore[attr-defined]
        story = queue_log(office.worker.events(), [*facts, *told(office, "queue_event")])  # type: ignore[list-item]
    steps = [(e.event, e.agent) for e in story]
    tried_again = [s for s, then in pairwise(steps) if s == then]  # a busy machine had no room
    assert set(tried_again) <= {("CALLBACKDUE", "")}
    assert [step for step, _ in groupby(steps)] == [
        ("ADDMEMBER", "101"),
        ("PAUSE", "101"),
        ("ENTERQUEUE", ""),
        ("CALLBACK", ""),
        ("UNPAUSE", "101"),
        ("CALLBACKDUE", ""),
        ("CALLBACKDONE", ""),
        ("ENTERQUEUE", ""),
        ("CONNECT", "101"),
        ("COMPLETECALLER", "101"),
        ("WRAPUP", "101"),
    ]


def test_a_campaign_by_a_carrier_is_acknowledged_and_who_opts_out_is_not_called_again(tmp_path: Path) -> None:
    port = free_port()
    with ExitStack() as stack:
        office = stack.enter_context(exchange(tmp_path, MODEL.format(port=port), ("101",)))
        box = Phones(address="127.0.0.2", sip_port=port, rtp_port=free_range(60), rtp_ports=60)
        carrier = stack.enter_context(box)
        db, clock = office.worker.db, SystemClock()

        def campaign(pressed: str) -> tuple[dict[str, int], list[Cdr]]:
            carrier.carrier("carrier", office.edge(), Plan(answer_after_s=0.3, dtmf=((1.5, pressed),)))
            rules = Rules(("say:en:On Monday the water is off.",), quiet="", tries=1)
            made = campaigns.create(db, clock, office.tenant_id, "water", rules, [CUSTOMER], "test")
            campaigns.act(db, clock, office.tenant_id, made, "start")
            until(lambda: _done(office, made), 60, what=f"the campaign's end; see {tmp_path}")
            return campaign_report.report(db, office.tenant_id, made).states, office.worker.cdrs()

        stack.enter_context(informer(office))
        states, calls = campaign("1")
        assert states == {"acknowledged": 1}
        (cdr,) = calls
        assert (cdr.direction, cdr.trunk_id, cdr.menu_path) == ("informing", "carrier", "1")
        assert campaign("9")[0] == {"opted_out": 1}
        states, calls = campaign("1")
        assert states == {"opted_out": 1}
        assert len(calls) == 2
        results = [r for r in told(office, "inform") if isinstance(r, InformRecord)]
    assert sorted((r.call_id, r.result, r.key) for r in results) == sorted(
        (c.call_id, r, k) for c, (r, k) in zip(calls, (("acknowledged", "1"), ("opted_out", "9")), strict=True)
    )


def _done(office: Exchange, campaign_id: str) -> bool:
    with office.worker.db.connect() as connection:
        return campaigns.get(connection, office.tenant_id, campaign_id).state == "done"
