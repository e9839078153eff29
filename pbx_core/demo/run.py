"""The demo from beginning to end: start the system, let the phones call, look at everything through the dashboard."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import sqlalchemy as sa
from rich.console import Console
from rich.live import Live
from rich.table import Table

from pbx_core.clock import SystemClock
from pbx_core.demo import dialogues, office, table
from pbx_core.demo.check import DashboardVisitor, SeenCall
from pbx_core.demo.progress import Progress, assign, faults
from pbx_core.demo.script import CALLS, FRONT_DESK, KEYS_AFTER_S
from pbx_core.demo.stage import BEEP_S, Spoken, Stage
from pbx_core.domain.model import Model
from pbx_core.domain.records import Party
from pbx_core.errors import ConfigError, Unavailable
from pbx_core.media.prompts import Prompts
from pbx_core.settings import Settings, load
from pbx_core.store import engine, services

READY_S = 90.0  # a first start on a slow machine, speech model included
RESULTS_S = 240.0  # after the last call, on a slow machine
LOOK_S = 1.0  # how often the dashboard is asked
MAILBOX_RING_S, GREETING_S = 5.0, 7.0  # of the mailbox that the script calls: its ringing, its greeting
MARK = ".made-by-callbench-demo"


class Demo:
    """One run on a data directory of its own, made anew each time."""

    def __init__(self, data: Path, console: Console, stop: threading.Event) -> None:
        self._console = console
        self._stop = stop
        self.stages: dict[str, float] = {}
        self.settings = _settings(_fresh(data), console)
        self.progress = [Progress(call) for call in CALLS]
        for item in self.progress:
            if item.call.dialogue:
                talk = dialogues.load(item.call.dialogue)
                item.expected_words = {party: len(talk.text(party).split()) for party in Party}
            if item.call.message:
                item.expected_words = {Party.CALLER: len(item.call.message.split())}

    def run(self, stay: bool) -> bool:
        """True when every call went as its script says. With `stay` the system then goes on until `stop` is set."""
        with self._stage("offices made"):
            db = engine.migrate(self.settings)
            self._offices = office.make(db, SystemClock())
        system = self._start()
        try:
            with self._stage("system started"):
                self._wait_ready(db, system)
            self._sign_in_data()
            good = self._calls()
            if not self._stop.is_set():
                self._report(good)
            if stay and not self._stop.is_set():
                self._sign_in_data()
                self._console.print("The system goes on running. Ctrl-C stops it.")
                self._wait(system)
            return good
        finally:
            with self._stage("system stopped"):
                _end(system)
            db.dispose()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {f"CALLBENCH_{k.upper()}": str(v) for k, v in _for_children(self.settings).items()}
        log = (self.settings.data / "up.log").open("wb")
        return subprocess.Popen(
            [sys.executable, "-m", "pbx_core.cli", "--data", str(self.settings.data), "up"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **environment},
            start_new_session=True,
        )

    def _wait_ready(self, db: sa.Engine, system: subprocess.Popen[bytes]) -> None:
        """Until every process lives and the dashboard answers; Unavailable names what is missing."""
        needed = {"edge", "worker-0", "recorder", "ingest", "transcribe-0", "web"}
        deadline = time.monotonic() + READY_S
        while not self._stop.is_set():
            missing = needed - {s.name for s in services.all_services(db) if s.alive(time.time())}
            if not missing and self._web_answers():
                return
            if system.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(
                    f"The system did not come up: {', '.join(sorted(missing)) or 'the dashboard'} missing. "
                    f"Look into {self.settings.data / 'up.log'} and {self.settings.logs_dir}."
                )
            self._stop.wait(0.2)

    def _web_answers(self) -> bool:
        try:
            return httpx.get(f"{_web(self.settings)}/healthz", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _calls(self) -> bool:
        rtp = self.settings.rtp_port_base + 100 * self.settings.workers_max
        edge = f"127.0.0.1:{self.settings.sip_port}"
        managers = {s.domain: s for s in self._offices.sign_ins if s.role == "manager"}
        with self._stage("phones registered"):
            spoken = self._spoken()
            stage = Stage(self.progress, self._offices.sip_passwords, edge, rtp, self.settings.logs_dir, spoken)
        visitors = {d: DashboardVisitor(_web(self.settings), s.email, s.password) for d, s in managers.items()}
        try:
            with Live(console=self._console, refresh_per_second=4, transient=not self._console.is_terminal) as live:
                self._watch(stage, visitors, live)
        finally:
            stage.close()
            for visitor in visitors.values():
                visitor.__exit__()
        return all(item.complete and not faults(item) for item in self.progress)

    def _spoken(self) -> Spoken:
        """What the front desk and the callers of the voicemail say, spoken by the exchange's own voice."""
        prompts = Prompts(self.settings)
        messages: dict[str, tuple[Path, float]] = {}
        front = next(p.call.domain for p in self.progress if p.call.through)
        owner = self._offices.tenants[front]
        model = Model(languages=("en",))
        for call in (p.call for p in self.progress if p.call.message):
            path = prompts.render(self._offices.tenants[call.domain].tenant_id, f"say:en:{call.message}", model)
            messages[call.title] = (path, KEYS_AFTER_S + MAILBOX_RING_S + GREETING_S + BEEP_S)
        return Spoken(prompts.render(owner.tenant_id, f"say:en:{FRONT_DESK}", model), messages)

    def _watch(self, stage: Stage, visitors: dict[str, DashboardVisitor], live: Live) -> None:
        """Until every call is complete, or too long after the last one."""
        began = time.monotonic()
        over_at: float | None = None
        looked = 0.0
        while not self._stop.is_set() and not all(item.complete for item in self.progress):
            elapsed_s = time.monotonic() - began
            stage.act(elapsed_s)
            if over_at is None and all(item.over for item in self.progress):
                over_at = time.monotonic()
                self.stages["calls"] = over_at - began
            if over_at is not None and time.monotonic() - over_at > RESULTS_S:
                break
            if time.monotonic() - looked >= LOOK_S:
                looked = time.monotonic()
                self._look(visitors)
                live.update(table.draw(self.progress, elapsed_s))
            self._stop.wait(0.05)
        self._look(visitors)
        live.update(table.draw(self.progress, time.monotonic() - began))
        if over_at is not None:
            self.stages["last recording and transcript after the last call"] = time.monotonic() - over_at

    def _look(self, visitors: dict[str, DashboardVisitor]) -> None:
        """Ask the dashboard for every call that is not complete yet, and listen to each recording once."""
        known = {p.seen.cdr.call_id: p.seen for p in self.progress if p.seen and p.seen.complete}
        seen: dict[str, list[SeenCall]] = {}
        for domain, visitor in visitors.items():
            seen[domain] = [known.get(i) or visitor.call(i) for i in visitor.call_ids()]
        assign(self.progress, dict(seen))
        for item in self.progress:
            recording = item.seen.recording if item.seen else None
            if item.seen and item.seen.complete and recording and item.sound_faults is None:
                item.sound_faults = visitors[item.call.domain].recording_faults(recording)

    def _report(self, good: bool) -> None:
        if not self._console.is_terminal:
            self._console.print(table.draw(self.progress, self.stages.get("calls", 0.0)))
        times = Table("stage", "seconds", box=None, pad_edge=False)
        for name, seconds in self.stages.items():
            times.add_row(name, f"{seconds:.1f}")
        self._console.print(times)
        answered = sum(1 for item in self.progress if item.call.taker)
        messages = sum(1 for item in self.progress if item.call.message)
        if good:
            self._console.print(
                f"[green]All {len(self.progress)} calls went as scripted[/]: {answered} answered, recorded in stereo, "
                f"measured and transcribed; {messages} left a message, "
                f"{len(self.progress) - answered - messages} missed."
            )
            return
        self._console.print("[red]Not everything went as scripted:[/]")
        for item in self.progress:
            for fault in faults(item) or ([] if item.complete else ["is not complete"]):
                self._console.print(f"  {item.call.domain} {item.call.title}: {fault}", markup=False)
        self._console.print(f"Logs: {self.settings.logs_dir}", markup=False)

    def _sign_in_data(self) -> None:
        people = Table("office", "role", "e-mail", "password", box=None, pad_edge=False)
        for who in self._offices.sign_ins:
            people.add_row(who.office, who.role, who.email, who.password)
        self._console.print(f"\nDashboard: [bold]{_web(self.settings)}[/]   sign in as", highlight=False)
        self._console.print(people, "")

    def _wait(self, system: subprocess.Popen[bytes]) -> None:
        while not self._stop.wait(0.5):
            if system.poll() is not None:
                raise Unavailable(f"The system ended by itself; look into {self.settings.data / 'up.log'}.")

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        with self._console.status(name) if self._console.is_terminal else _nothing():
            yield
        self.stages[name] = time.monotonic() - began
        self._console.print(f"{name} ({self.stages[name]:.1f} s)", markup=False, highlight=False)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _fresh(data: Path) -> Path:
    """An empty directory for the demo; ConfigError when something else lies there."""
    data = data.absolute()
    if data.exists() and any(data.iterdir()):
        if not (data / MARK).exists():
            raise ConfigError(
                f"{data} holds data that no demo made; nothing was touched. Name another directory: "
                "callbench --data demo-data demo"
            )
        shutil.rmtree(data)
    data.mkdir(parents=True, exist_ok=True)
    (data / MARK).touch()
    return data


def _settings(data: Path, console: Console) -> Settings:
    """Everything on loopback; a port that is taken is replaced by a free one, and said."""
    wanted = load(data, sip_host="127.0.0.1")
    moved: dict[str, int] = {}
    for name in ("sip_port", "sip_tls_port", "sip_internal_port", "web_port", "api_port"):
        port = getattr(wanted, name)
        if not _free(port):
            moved[name] = _any_port()
            console.print(f"Port {port} ({name}) is in use; the demo takes {moved[name]} instead.", highlight=False)
    return wanted.model_copy(update=moved)


def _for_children(settings: Settings) -> dict[str, object]:
    names = ("sip_host", "sip_port", "sip_tls_port", "sip_internal_port", "web_port", "api_port")
    return {name: getattr(settings, name) for name in names}


def _free(port: int) -> bool:
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                if kind is socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _web(settings: Settings) -> str:
    return f"http://{settings.web_host}:{settings.web_port}"


def _end(system: subprocess.Popen[bytes]) -> None:
    system.terminate()
    try:
        system.wait(90)
    except subprocess.TimeoutExpired:
        system.kill()
        system.wait()
