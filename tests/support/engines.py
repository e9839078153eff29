"""Real engines, each in a process of its own (pjsua2 exists once per process), asked from the test by name."""

from __future__ import annotations

import multiprocessing
import time
from collections import deque
from multiprocessing.connection import Connection
from typing import Any

from pbx_core.media.port import DialTarget, PortEvent, Signal
from tests.support.ports import free_port, free_range
from tests.support.waiting import patient

START_S = 80.0
ANSWER_S = 40.0


class EngineProcess:
    """One engine with one account. Methods of `pjsip.Engine` by `ask(name, …)`; reports by `wait`."""

    def __init__(self, name: str, port: int = 0, proxy: str = "") -> None:
        self.port = port or free_port()
        self.uri = f"sip:{name}@127.0.0.1:{self.port}"
        self._reports: deque[PortEvent] = deque()
        self._answers: deque[Any] = deque()
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, self.port, free_range(100), name, proxy), daemon=True
        )
        self._left, self._died = False, None
        self.process.start()
        theirs.close()
        self._answer(START_S)

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the engine; its result, or the error it raised."""
        self._pipe.send((method, arguments))
        return self._answer(ANSWER_S)

    def wait(self, signal: Signal, handle: int = 0, timeout_s: float = 15.0, **detail: Any) -> PortEvent:
        """Wait for one report (of this leg, with these details) and take it; others stay."""
        deadline = time.monotonic() + patient(timeout_s)
        while True:
            for event in self._reports:
                fits = event.signal is signal and handle in (0, event.handle)
                if fits and all(event.detail.get(k) == v for k, v in detail.items()):
                    self._reports.remove(event)
                    return event
            assert self._read(deadline - time.monotonic()), f"no {signal} of {handle}: {list(self._reports)}"

    def seen(self, signal: Signal) -> list[PortEvent]:
        """Reports of this kind that came by now and were not taken; an answer comes after the reports before it."""
        self.ask("legs_in_use")
        return [event for event in self._reports if event.signal is signal]

    def leave(self) -> None:
        """Begin to end it, which takes a second; then close()."""
        self._died = self.process.exitcode
        if self._died is None:
            self._pipe.send(("close", ()))
        self._left = True

    def close(self) -> None:
        """End it; a process that died before is a failure."""
        if not self._left:
            self.leave()
        died = self._died
        self.process.join(40)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        assert died is None and self.process.exitcode == 0, f"the engine ended with {died or self.process.exitcode}"

    def _answer(self, timeout_s: float) -> Any:
        deadline = time.monotonic() + patient(timeout_s)
        while not self._answers:
            assert self._read(deadline - time.monotonic()), "the engine does not answer"
        answer = self._answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _read(self, timeout_s: float) -> bool:
        if not self._pipe.poll(max(0.0, timeout_s)):
            return False
        kind, value = self._pipe.recv()
        (self._reports if kind == "report" else self._answers).append(value)
        return True


def connect(caller: EngineProcess, callee: EngineProcess) -> tuple[int, int]:
    """A call that is answered: its leg in either engine."""
    ours, _ = caller.ask("dial", DialTarget(callee.uri, ""))
    theirs = callee.wait(Signal.INCOMING).handle
    callee.ask("answer", theirs, {})
    caller.wait(Signal.ANSWERED, ours)
    callee.wait(Signal.CONFIRMED, theirs)
    return ours, theirs


def _serve(pipe: Connection, sip_port: int, rtp_port: int, name: str, proxy: str) -> None:
    from pbx_core.clock import SystemClock
    from pbx_core.media.options import AccountOptions, EngineOptions
    from pbx_core.media.pjsip import Engine

    options = EngineOptions("127.0.0.1", sip_port, "127.0.0.1", rtp_port, 98, proxy)
    engine = Engine(options, SystemClock())
    engine.add_account(name, AccountOptions(f"sip:{name}@127.0.0.1:{sip_port}"))
    pipe.send(("answer", None))
    while True:
        for event in engine.pump():
            pipe.send(("report", event))
        if not pipe.poll(0.005):
            continue
        try:
            method, arguments = pipe.recv()
        except EOFError:
            break
        if method == "close":
            break
        try:
            pipe.send(("answer", getattr(engine, method)(*arguments)))
        except Exception as error:  # noqa: BLE001 - raised again on the other side
            pipe.send(("answer", error))
    engine.close()
