"""Simulated phones, as a process of their own: `python -m pbx_core.media.phone`, JSON lines in and out.

They register at an edge, call, answer, speak WAV files, hold, transfer and hang up, over real SIP and RTP. One process
hosts up to 8 accounts and as many legs as the engine takes (4 with the packaged one). `phones.Phones` starts and drives
one; this page is the protocol for everybody else.

Into stdin, one object per line; end of file ends the process:
    {"do": "register", "account": "alice", "number": "101", "domain": "acme.test", "password": "…",
     "name": "Alice", "edge": "sip:127.0.0.1:5060;transport=udp", "plan": {…}}
                                                                   plan: what to do with calls that come in
    {"do": "carrier", "account": "world", "edge": "sip:127.0.0.1:5060;transport=udp", "plan": {…}}
                                                                   a carrier: knows no password, calls in from anybody
    {"do": "plan", "account": "alice", "plan": {…}}                changes it
    {"do": "call", "account": "alice", "call": "c1", "to": "102", "plan": {…}}     `call` is your name for it
                                            of a carrier also "from": "+996555123456"
    {"do": "hangup", "call": "c1"}
    {"do": "play", "call": "c1", "file": "hello.wav"}   speak it now
    {"do": "hold", "call": "c1", "on": true}         {"do": "dtmf", "call": "c1", "digits": "12#"}
    {"do": "transfer", "call": "c1", "to": "103"}    blind
    {"do": "transfer", "call": "c1", "with": "c2"}   attended: the one in c1 is to talk with the one in c2
    {"do": "quit"}
Out of stdout, one object per line, each with "event" and "at" (UTC):
    ready · registered {account, status, reason} · incoming {account, call, caller} · ringing {call, status} ·
    answered {call} · held / unheld {call} · dtmf {call, digit} · transfer {call, status, reason, final} ·
    ended {call, status, reason, talk_s} · error {reason}
`transfer` tells what comes of one; the phone hangs up after a final 2xx.
`call` of an incoming call is made up here: "<account>-1", "<account>-2" …
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import queue
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from pbx_core import log, realtime
from pbx_core.clock import Clock, SystemClock
from pbx_core.domain import records
from pbx_core.errors import CallbenchError, InputError
from pbx_core.media.invite import name_addr
from pbx_core.media.options import AccountOptions, EngineOptions
from pbx_core.media.pjsip import Engine
from pbx_core.media.port import DialTarget, PortEvent, Signal

_log = log.get(__name__)
PUMP_S = 0.005
DIGIT_S = 0.3  # between digits
AGAIN_S = 0.1  # until a re-INVITE is tried again that met another one
COMMANDS_MAX = 1000  # waiting commands; a driver that sends more is broken


@dataclass(frozen=True)
class Plan:
    """What a phone does in one call. Seconds count from the answer unless said otherwise."""

    answer: str = "answer"  # to an incoming call: answer | ignore | busy | decline
    answer_after_s: float = 1.0  # from the INVITE
    cancel_after_s: float | None = None  # an outgoing call not answered by then is given up; from the INVITE
    play: str | None = None  # WAV file, mono 8 kHz 16 bit, spoken once from the answer on; not heard while we hold
    early: str | None = None  # WAV file that the caller hears as early media (183) until we answer
    hangup_after_s: float | None = None
    hold: tuple[tuple[float, float], ...] = ()  # (from, to) each
    dtmf: tuple[tuple[float, str], ...] = ()  # (when, digits)
    dtmf_method: str = "rfc2833"  # or info
    transfer: tuple[float, str] | None = None  # blind: (when, to which number)


@dataclass
class PhoneCall:
    """One leg with what is still to be done in it."""

    name: str
    handle: int
    plan: Plan
    domain: str
    answered_mono_s: float | None = None
    todo: list[tuple[float, str, str]] = field(default_factory=list)  # (due on the monotonic clock, action, argument)


class PhoneBox:
    """The phones of one process."""

    def __init__(self, engine: Engine, clock: Clock, tell: Any, address: str) -> None:
        """`tell(event, **fields)` writes one line; `address` is ours."""
        self._engine = engine
        self._address = address
        self._clock = clock
        self._tell = tell
        self._domains: dict[str, str] = {}
        self._plans: dict[str, Plan] = {}
        self._calls: dict[int, PhoneCall] = {}
        self._incoming = 0
        self.running = True

    def obey(self, wish: dict[str, Any]) -> None:
        """Carry out one command; InputError or another CallbenchError says what is wrong with it."""
        try:
            match wish["do"]:
                case "register":
                    self._register(wish)
                case "carrier":
                    self._carrier(wish)
                case "plan":
                    self._plans[wish["account"]] = read_plan(wish.get("plan", {}))
                case "call":
                    self._call(wish)
                case "quit":
                    self.running = False
                case "hangup" | "hold" | "play" | "dtmf" | "transfer" as action:
                    for call in [c for c in self._calls.values() if c.name == wish["call"]]:
                        self._obey_in(call, action, wish)
                case unknown:
                    raise InputError(f"phones cannot {unknown!r}")
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"not a command of phones: {error!r}") from error

    def _obey_in(self, call: PhoneCall, action: str, wish: dict[str, Any]) -> None:
        match action:
            case "hangup":
                self._engine.hangup(call.handle, 603, "Decline", {})
            case "hold":
                self._act(call, "hold" if wish["on"] else "unhold", "")
            case "play":
                self._engine.play(call.handle, [Path(wish["file"])], "speech", False)
            case "dtmf":
                now = self._clock.monotonic()
                call.todo += [(now + DIGIT_S * n, "dtmf", digit) for n, digit in enumerate(str(wish["digits"]))]
            case "transfer" if "with" in wish:
                other = [c.handle for c in self._calls.values() if c.name == wish["with"]]
                if not other:
                    raise InputError(f"there is no call {wish['with']!r}")
                self._engine.refer(call.handle, "", other[0])
            case "transfer":
                self._act(call, "transfer", str(wish["to"]))

    def turn(self) -> None:
        """Let the engine work, report, and do what is due."""
        for event in self._engine.pump():
            self._report(event)
        now = self._clock.monotonic()
        for call in list(self._calls.values()):
            due = [item for item in call.todo if item[0] <= now]
            call.todo = [item for item in call.todo if item[0] > now]
            for _, action, argument in due:
                self._act(call, action, argument)

    def _register(self, wish: dict[str, Any]) -> None:
        account, number, domain = wish["account"], wish["number"], wish["domain"]
        self._domains[account] = domain
        self._plans[account] = read_plan(wish.get("plan", {}))
        options = AccountOptions(
            uri=name_addr(wish.get("name", ""), f"sip:{number}@{domain}"),
            registrar=f"sip:{domain}",
            username=number,
            password=wish["password"],
            proxy=f"{wish['edge']};lr",
        )
        self._engine.add_account(account, options)

    def _carrier(self, wish: dict[str, Any]) -> None:
        account, edge = wish["account"], str(wish["edge"])
        self._domains[account] = edge.removeprefix("sip:").partition(";")[0]
        self._plans[account] = read_plan(wish.get("plan", {}))
        self._engine.add_account(account, AccountOptions(uri=f"sip:{account}@{self._address}", proxy=f"{edge};lr"))

    def _call(self, wish: dict[str, Any]) -> None:
        account = wish["account"]
        caller = f"sip:{wish['from']}@{self._address}" if "from" in wish else ""
        target = DialTarget(f"sip:{wish['to']}@{self._domains[account]}", caller)
        plan = read_plan(wish.get("plan", {}))
        handle, _ = self._engine.dial(target, account)
        call = self._calls[handle] = PhoneCall(wish["call"], handle, plan, self._domains[account])
        if plan.cancel_after_s is not None:
            call.todo.append((self._clock.monotonic() + plan.cancel_after_s, "cancel", ""))

    def _report(self, event: PortEvent) -> None:
        if event.signal is Signal.REGISTERED:
            self._tell("registered", **event.detail)
        elif event.signal is Signal.INCOMING:
            self._ring(event)
        elif (call := self._calls.get(event.handle)) is not None:
            self._report_call(call, event)

    def _ring(self, event: PortEvent) -> None:
        account = event.detail["account"]
        plan = self._plans[account]
        self._incoming += 1
        name = f"{account}-{self._incoming}"
        call = self._calls[event.handle] = PhoneCall(name, event.handle, plan, self._domains[account])
        sender = next((x for x in event.detail["message"].split("\r\n") if x.lower().startswith("from:")), "")
        self._tell("incoming", account=account, call=call.name, caller=sender[5:].strip()[:200])
        if plan.answer in ("busy", "decline"):
            status, reason = (486, "Busy Here") if plan.answer == "busy" else (603, "Decline")
            self._engine.hangup(event.handle, status, reason, {})
            return
        self._engine.ring(event.handle, 183 if plan.early else 180, {})
        if plan.early:
            self._engine.play(event.handle, [Path(plan.early)], "early", True)
        if plan.answer == "answer":
            call.todo.append((self._clock.monotonic() + plan.answer_after_s, "answer", ""))

    def _report_call(self, call: PhoneCall, event: PortEvent) -> None:
        match event.signal:
            case Signal.RINGING:
                self._tell("ringing", call=call.name, status=event.detail["status"])
            case Signal.ANSWERED:
                self._answered(call, event.mono_s)
            case Signal.HELD | Signal.UNHELD:
                self._tell(str(event.signal), call=call.name)
            case Signal.DTMF:
                self._tell("dtmf", call=call.name, digit=event.digit)
            case Signal.TRANSFER_STATUS:
                self._tell("transfer", call=call.name, **event.detail)
                if event.detail["final"] and event.detail["status"] // 100 == 2:
                    self._engine.hangup(call.handle, 200, "", {})
            case Signal.PLAYED:
                if fault := event.detail.get("fault"):
                    self._tell("error", reason=fault)
            case Signal.ENDED:
                event.detail.pop("headers", None)
                del self._calls[call.handle]
                talk_s = 0.0 if call.answered_mono_s is None else event.mono_s - call.answered_mono_s
                self._tell("ended", call=call.name, talk_s=round(talk_s, 3), **event.detail)

    def _answered(self, call: PhoneCall, mono_s: float) -> None:
        plan = call.plan
        call.answered_mono_s = mono_s
        self._tell("answered", call=call.name)
        if plan.play:
            self._engine.play(call.handle, [Path(plan.play)], "speech", False)
        elif plan.early:
            self._engine.stop_play(call.handle)
        call.todo = []
        for begin, end in plan.hold:
            call.todo += [(mono_s + begin, "hold", ""), (mono_s + end, "unhold", "")]
        for when, digits in plan.dtmf:
            call.todo += [(mono_s + when + DIGIT_S * n, "dtmf", digit) for n, digit in enumerate(digits)]
        if plan.transfer is not None:
            call.todo.append((mono_s + plan.transfer[0], "transfer", plan.transfer[1]))
        if plan.hangup_after_s is not None:
            call.todo.append((mono_s + plan.hangup_after_s, "hangup", ""))
        call.todo.sort()

    def _act(self, call: PhoneCall, action: str, argument: str) -> None:
        match action:
            case "answer":
                self._engine.answer(call.handle, {})
                self._answered(call, self._clock.monotonic())
            case "cancel":
                if call.answered_mono_s is None:
                    self._engine.hangup(call.handle, 487, "", {})
            case "hangup":
                self._engine.hangup(call.handle, 200, "", {})
            case "hold" | "unhold":
                if not self._engine.hold(call.handle, action == "hold"):
                    call.todo.append((self._clock.monotonic() + AGAIN_S, action, ""))
            case "transfer":
                self._engine.refer(call.handle, f"sip:{argument}@{call.domain}")
            case "dtmf":
                self._engine.send_dtmf(call.handle, argument, call.plan.dtmf_method)


def read_plan(data: dict[str, Any]) -> Plan:
    """A plan from JSON; ValueError names a wrong field."""
    names = {f.name for f in dataclasses.fields(Plan)}
    if unknown := data.keys() - names:
        raise ValueError(f"a plan has no {sorted(unknown)[0]!r}")
    plan: Plan = records.from_json(Plan, data)
    if plan.answer not in ("answer", "ignore", "busy", "decline"):
        raise ValueError(f"a phone cannot {plan.answer!r}")
    return plan


async def _run(sip_port: int, rtp_port: int, rtp_ports: int, address: str, out: int) -> None:
    clock = SystemClock()
    wishes: queue.Queue[str | None] = queue.Queue(COMMANDS_MAX)

    def listen() -> None:
        for line in sys.stdin:
            wishes.put(line)
        wishes.put(None)

    def tell(event: str, **fields: Any) -> None:
        line = json.dumps({"event": event, "at": records.iso(clock.now()), **fields}, ensure_ascii=False)
        os.write(out, line.encode() + b"\n")

    realtime.ask(realtime.PHONE)
    engine = Engine(EngineOptions(address, sip_port, address, rtp_port, rtp_ports, tcp=True), clock)
    box = PhoneBox(engine, clock, tell, address)
    threading.Thread(target=listen, name="stdin", daemon=True).start()
    tell("ready")
    while box.running:
        try:
            while box.running and not wishes.empty():
                line = wishes.get()
                if line is None:
                    box.running = False
                elif line.strip():
                    box.obey(json.loads(line))
            box.turn()
        except (CallbenchError, json.JSONDecodeError) as error:
            tell("error", reason=str(error))
        await asyncio.sleep(PUMP_S)
    engine.close()


@click.command()
@click.option("--address", default="127.0.0.1", show_default=True, help="Address of the phones.")
@click.option("--sip-port", default=0, help="UDP and TCP port; 0: any.")
@click.option("--rtp-port", default=28000, show_default=True, help="First of --rtp-ports ports for sound.")
@click.option("--rtp-ports", default=200, show_default=True)
def main(address: str, sip_port: int, rtp_port: int, rtp_ports: int) -> None:
    """Simulated phones; JSON lines on stdin and stdout."""
    log.setup("phone", "WARNING")
    out = os.dup(1)
    os.dup2(2, 1)  # the engine's own chatter must not mix with our lines
    asyncio.run(_run(sip_port, rtp_port, rtp_ports, address, out))


if __name__ == "__main__":
    main()
