"""Trunks, queues, menus and requests by the control socket: the worker around a scripted engine, in virtual time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pbx_core import control
from pbx_core.domain.nodes import Target
from pbx_core.domain.records import Disposition, to_json
from pbx_core.errors import Unavailable
from pbx_core.media.port import DialTarget, Signal
from pbx_core.store import agents, models
from pbx_core.store.schema import agent, live_call, queue_call
from tests.support.stage import Stage
from tests.support.waiting import until


def log_in(stage: Stage, *numbers: str) -> None:
    _, model = models.active(stage.db, stage.tenant_id)
    for number in numbers:
        agents.log_in(stage.db, stage.clock, lambda _: None, stage.tenant_id, model, "support", number)


def ask(stage: Stage, request: dict[str, Any]) -> dict[str, Any]:
    """By the real socket, the worker taking its turns meanwhile."""
    got: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: got.append(control.ask(stage.settings, "worker-0", request)))
    thread.start()
    until(lambda: (stage.worker.turn(), got)[1], every_s=0.001, what="a reply")
    thread.join()
    stage.rest()
    return got[0]


def test_a_number_outside_is_called_with_all_that_the_edge_must_know(stage: Stage) -> None:
    stage.calls("101", "+996555123456")
    stage.run(0.2)
    (dial,) = stage.engine.all("dial")
    assert dial.detail.uri == "sip:+996555123456@trunk"
    assert dial.headers["X-Trunk"] == "main"
    assert dial.headers["X-Caller-Id"] == "+996312880101"
    assert dial.headers["X-Limits"] == "calls=10,international=2"
    assert "X-Emergency" not in dial.headers
    assert stage.events("opened")[0].detail["direction"] == "outbound"


def test_an_emergency_call_knows_no_limits(stage: Stage) -> None:
    stage.calls("101", "112")
    stage.run(0.2)
    (dial,) = stage.engine.all("dial")
    assert dial.headers["X-Emergency"] == "1"
    assert "X-Limits" not in dial.headers
    assert stage.events("opened")[0].detail["direction"] == "outbound"


def test_what_the_edge_says_of_a_refusal_stands_in_the_journal(stage: Stage) -> None:
    def refuse(handle: int, _: DialTarget) -> None:
        headers = {"x-reason": "tenant_limit", "x-offers": "+996555123456=503"}
        stage.engine.later(0.1, handle, Signal.ENDED, status=503, reason="Service Unavailable", headers=headers)

    stage.engine.callee = refuse
    stage.calls("101", "+996555123456")
    stage.run(3.0)
    ended = stage.events("ended")[0]
    assert ended.detail == {
        "status": 503,
        "reason": "tenant_limit",
        "by": "+996555123456",
        "offers": {"+996555123456": 503},
    }


def test_a_caller_from_outside_goes_by_the_menu_to_the_queue_and_an_agent(stage: Stage) -> None:
    log_in(stage, "103", "104")
    stage.answering["103"] = stage.answering["104"] = 1.0
    caller = stage.from_outside("+996555111222")
    stage.run(1.0)
    stage.presses(caller, "1")
    stage.run(4.0)
    (talking,) = [r for r in stage.rows(queue_call) if r["state"] == "talking"]
    (busy,) = [r["number"] for r in stage.rows(agent) if r["entry_id"] == talking["entry_id"]]
    assert stage.hear_each_other(caller, stage.dialled(busy)[-1].handle)
    stage.hangs_up(caller)
    stage.run(1.0)
    (cdr,) = stage.cdrs()
    assert (cdr.direction, cdr.did, cdr.trunk_id) == ("inbound", "+996312880101", "main")
    assert (cdr.menu_path, cdr.queue, cdr.queue_result, cdr.answered_by) == ("1", "support", "answered", busy)
    assert stage.rows(queue_call) == []
    wrap_up = {r["number"]: r["wrap_up_until"] for r in stage.rows(agent)}
    assert wrap_up[busy] > stage.clock.now().timestamp()


def test_a_caller_who_hangs_up_in_the_queue_frees_the_agent_who_rings(stage: Stage) -> None:
    log_in(stage, "103")
    caller = stage.calls("101", "201")
    stage.run(3.0)
    assert [r["state"] for r in stage.rows(queue_call)] == ["offered"]
    stage.hangs_up(caller)
    stage.run(1.0)
    assert stage.rows(queue_call) == []
    assert [r["offer_id"] for r in stage.rows(agent)] == [None]
    (cdr,) = stage.cdrs()
    assert (cdr.disposition, cdr.queue_result) == (Disposition.CANCELLED, "abandoned")


def test_a_call_is_originated_by_request(stage: Stage) -> None:
    stage.answering["104"] = 0.5
    stage.answering["105"] = 0.5
    request = {
        "do": "originate",
        "tenant_id": stage.tenant_id,
        "call_id": "e" * 32,
        "direction": "callback",
        "target": to_json(Target("104", "Daniyar")),
        "then": "extension:105",
        "shown": "+996312880101",
        "from_name": "Acme",
    }
    assert ask(stage, request) == {"ok": True}
    stage.run(3.0)
    one, two = stage.dialled("104")[0].handle, stage.dialled("105")[0].handle
    assert stage.hear_each_other(one, two)
    assert ask(stage, request) == {"ok": True}, "asked twice, called once"
    hangup = {"do": "hangup", "tenant_id": stage.tenant_id, "call_id": "e" * 32, "who": "boss"}
    assert ask(stage, {**hangup, "tenant_id": "f" * 32}) == {"error": "no_call"}
    assert ask(stage, hangup) == {"ok": True}
    stage.run(0.5)
    (cdr,) = stage.cdrs()
    assert (cdr.call_id, cdr.direction, cdr.disposition) == ("e" * 32, "callback", Disposition.ANSWERED)


def test_requests_pause_and_list(stage: Stage) -> None:
    stage.answering["102"] = 0.5
    stage.calls("101", "102")
    stage.run(1.0)
    (call,) = ask(stage, {"do": "calls"})["calls"]
    assert (call["state"], call["extensions"], call["recording"]) == ("talking", ["101", "102"], True)
    who = {"tenant_id": stage.tenant_id, "call_id": call["call_id"], "who": "boss"}
    assert ask(stage, {"do": "pause_recording", **who}) == {"ok": True}
    assert len(stage.engine.muted) == 2
    assert ask(stage, {"do": "resume_recording", **who}) == {"ok": True}
    assert stage.engine.muted == set()
    (row,) = stage.rows(live_call)
    assert row["extensions"] == '["101", "102"]'


@pytest.mark.parametrize(
    "request_",
    [{}, {"do": "dance"}, {"do": "hangup"}, {"do": "originate", "tenant_id": 5}, {"do": "originate", "tenant_id": "x"}],
)
def test_a_request_that_says_too_little_is_refused(stage: Stage, request_: dict[str, Any]) -> None:
    assert ask(stage, request_)["error"] == "bad_request"


def test_a_full_worker_originates_nothing(stage: Stage) -> None:
    stage.worker.overloaded = True
    request = {
        "do": "originate",
        "tenant_id": stage.tenant_id,
        "call_id": "e" * 32,
        "direction": "callback",
        "target": to_json(Target("104")),
        "then": "extension:105",
    }
    assert ask(stage, request) == {"error": "no_slot"}


def test_a_worker_that_is_not_there_is_unavailable(stage: Stage) -> None:
    with pytest.raises(Unavailable):
        control.ask(stage.settings, "worker-7", {"do": "calls"}, timeout_s=1.0)


def test_nonsense_on_the_socket_harms_nobody(stage: Stage) -> None:
    def talk(data: bytes) -> Callable[[], bool]:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with control.short(control.socket_path(stage.settings, "worker-0")) as address:
            link.connect(address)
        link.setblocking(False)
        link.send(data)

        def over() -> bool:
            stage.worker.turn()
            try:
                return not data or link.recv(4096) is not None
            except BlockingIOError:
                return False

        return over

    for data in (b"\xff\xfe\n", b"[]\n", b"x" * 70_000 + b"\n"):
        until(talk(data), every_s=0.001)
    assert ask(stage, {"do": "calls"}) == {"ok": True, "calls": []}
    assert oct(control.socket_path(stage.settings, "worker-0").stat().st_mode)[-3:] == "600"
