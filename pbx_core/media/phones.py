"""Drives a process of simulated phones (pbx_core.media.phone) from Python: commands out, events in."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from pbx_core.domain import records
from pbx_core.errors import Unavailable

if TYPE_CHECKING:
    from pbx_core.media.phone import Plan

EVENTS_MAX = 10_000  # not yet taken; more are dropped
WAIT_S = 60.0  # for an event, on a machine that has much to do
Event = dict[str, Any]


class Phones:
    """A process of phones. All methods may be called from any one thread; `with Phones() as phones:` ends it."""

    def __init__(
        self,
        *,
        address: str = "127.0.0.1",
        sip_port: int = 0,
        rtp_port: int = 28000,
        rtp_ports: int = 200,
        log: Path | None = None,
    ) -> None:
        """Start it. Several processes need ranges of RTP ports that do not overlap. `log` takes its stderr."""
        command = [sys.executable, "-m", "pbx_core.media.phone", "--address", address]
        command += ["--sip-port", str(sip_port), "--rtp-port", str(rtp_port), "--rtp-ports", str(rtp_ports)]
        self._log: IO[bytes] | None = log.open("ab") if log else None
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log or subprocess.DEVNULL, text=True
        )
        self._events: queue.Queue[Event] = queue.Queue(EVENTS_MAX)
        self._later: list[Event] = []  # seen by wait(), not yet taken by events()
        threading.Thread(target=self._listen, name="phones", daemon=True).start()
        self.wait("ready")

    def register(
        self, account: str, number: str, domain: str, password: str, edge: str, plan: Plan, name: str = ""
    ) -> None:
        """Register an extension. `name` is shown to whom it calls, `edge` is like "sip:127.0.0.1:5060;transport=tcp",
        `plan` is for calls that come in."""
        self.say(
            do="register",
            name=name,
            account=account,
            number=number,
            domain=domain,
            password=password,
            edge=edge,
            plan=plan,
        )

    def carrier(self, account: str, edge: str, plan: Plan) -> None:
        """A carrier: calls in without a password, from this process's address, as any number."""
        self.say(do="carrier", account=account, edge=edge, plan=plan)

    def call_as(self, account: str, call: str, number: str, to: str, plan: Plan) -> None:
        """A carrier's call from somebody's number."""
        self.say(do="call", account=account, call=call, to=to, plan=plan, **{"from": number})

    def play(self, call: str, file: Path) -> None:
        """Speak a WAV file now."""
        self.say(do="play", call=call, file=str(file))

    def plan(self, account: str, plan: Plan) -> None:
        """From now on calls to this account are treated so."""
        self.say(do="plan", account=account, plan=plan)

    def call(self, account: str, call: str, to: str, plan: Plan) -> None:
        """Call a number of the account's domain; `call` is your name for it in the events."""
        self.say(do="call", account=account, call=call, to=to, plan=plan)

    def hangup(self, call: str) -> None:
        """End a call, whatever its plan says."""
        self.say(do="hangup", call=call)

    def hold(self, call: str, on: bool) -> None:
        """Put the other side on hold, or take it back."""
        self.say(do="hold", call=call, on=on)

    def dtmf(self, call: str, digits: str) -> None:
        """Press keys."""
        self.say(do="dtmf", call=call, digits=digits)

    def transfer(self, call: str, to: str) -> None:
        """Blind: the other side is to talk with this number."""
        self.say(do="transfer", call=call, to=to)

    def transfer_attended(self, call: str, consultation: str) -> None:
        """The other side of `call` is to talk with the other side of `consultation`."""
        self.say(do="transfer", call=call, **{"with": consultation})

    def say(self, **wish: Any) -> None:
        """Send one command; Unavailable when the process is gone."""
        if dataclasses.is_dataclass(wish.get("plan")):
            wish["plan"] = records.to_json(wish["plan"])
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(wish) + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise Unavailable("The process of the simulated phones is gone.", retryable=False) from error

    def events(self) -> list[Event]:
        """All events not taken yet, oldest first; does not wait."""
        found, self._later = self._later, []
        while True:
            try:
                found.append(self._events.get_nowait())
            except queue.Empty:
                return found

    def wait(self, event: str, timeout_s: float = WAIT_S, **fields: Any) -> Event:
        """Wait for one event with these fields and take it; others stay for events(). Unavailable when it does not
        come or an `error` does."""
        deadline = time.monotonic() + timeout_s
        for n, old in enumerate(self._later):
            if _fits(old, event, fields):
                return self._later.pop(n)
        while True:
            try:
                new = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise Unavailable(f"phones: no {event} {fields} within {timeout_s} s") from None
            if _fits(new, event, fields):
                return new
            if new["event"] == "error":
                raise Unavailable(f"phones: {new['reason']}")
            self._later.append(new)

    def close(self) -> None:
        """End the process; running calls are hung up."""
        if self.process.poll() is None:
            try:
                self.say(do="quit")
                self.process.wait(8)
            except (Unavailable, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self._log):
            if stream:
                with contextlib.suppress(BrokenPipeError):  # a command that a dead process did not take
                    stream.close()

    def __enter__(self) -> Phones:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        try:
            for line in self.process.stdout:
                if line.startswith("{"):
                    try:
                        self._events.put_nowait(json.loads(line))
                    except queue.Full:
                        continue
        except ValueError:
            return  # closed while reading


def _fits(event: Event, name: str, fields: dict[str, Any]) -> bool:
    return event["event"] == name and all(event.get(k) == v for k, v in fields.items())
