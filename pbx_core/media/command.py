"""`callbench worker`: one engine with its calls, as a process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import sqlalchemy as sa

from pbx_core import log
from pbx_core.clock import Clock, SystemClock
from pbx_core.feed import Journal
from pbx_core.media.worker import Worker
from pbx_core.settings import Settings, load
from pbx_core.store import engine as database
from pbx_core.store import heartbeat, services

if TYPE_CHECKING:
    from pbx_core.media.recovery import LastSeen

_log = log.get(__name__)

PUMP_S = 0.005  # the engine is served so often; 20 ms packets leave room
DRAIN_S = 4.0  # running calls have so long to end after SIGTERM
REALTIME_PRIORITY = 20
LEGS_FALLBACK = 4  # what the packaged engine takes
PROBE_S_MAX = 20.0


@click.command()
@click.option("--slot", type=click.IntRange(0, 99), default=0, show_default=True, help="Which worker this is.")
@click.pass_obj
def worker(data: Path, slot: int) -> None:
    """Carry calls between phones, and record them."""
    settings = load(data)
    name = f"worker-{slot}"
    log.setup(name, settings.log_level)
    asyncio.run(_run(settings, name, slot, SystemClock()))


async def _run(settings: Settings, name: str, slot: int, clock: Clock) -> None:
    from pbx_core.media import recovery
    from pbx_core.media.pjsip import AccountOptions, Engine, EngineOptions

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    db = database.connect(settings)
    legs = probe_legs()
    sip_port = settings.worker_port_base + slot
    journal = Journal(settings.journal_dir, name, clock)
    recovery.recover(settings, journal, clock, _last_seen(db))
    _ask_for_realtime()
    options = EngineOptions(
        sip_address="127.0.0.1",
        sip_port=sip_port,
        rtp_address=_public_address(settings),
        rtp_port=settings.rtp_port_base + 100 * slot,
        proxy=f"sip:127.0.0.1:{settings.sip_internal_port};transport=udp;lr",
        silence_s=settings.media_silence_s,
    )
    engine = Engine(options, clock)
    engine.add_account("worker", AccountOptions(f"sip:worker@127.0.0.1:{sip_port}"))
    shell = Worker(settings, name, engine, journal, clock, legs)

    def detail() -> dict[str, Any]:
        return {"sip_port": sip_port, "capacity_calls": 0 if shell.draining else legs // 2, "calls": shell.calls}

    with heartbeat.announced(db, clock, name, detail):
        _log.info("worker serves", extra={"sip_port": sip_port, "legs": legs})
        await _serve(shell, stop, clock)
    journal.close()
    engine.close()


async def _serve(shell: Worker, stop: asyncio.Event, clock: Clock) -> None:
    """Serve until told to stop, then until the last call has ended or DRAIN_S is over."""
    deadline = float("inf")
    while clock.monotonic() < deadline:
        if stop.is_set() and not shell.draining:
            deadline = clock.monotonic() + DRAIN_S
            shell.drain()
        try:
            shell.turn()
        except Exception:  # noqa: BLE001 - outermost loop: one call's trouble must not end the others
            _log.exception("turn failed")
        if shell.draining and not shell.calls:
            return
        await asyncio.sleep(PUMP_S)


def _last_seen(db: sa.Engine) -> LastSeen:
    """Asks the board, where a dead worker's row stays until its successor writes."""
    rows = {row.name: row for row in services.all_services(db)}

    def ask(name: str, since: datetime) -> datetime | None:
        row = rows.get(name)
        if row is None or row.started_at > since.timestamp():
            return None
        return datetime.fromtimestamp(row.heartbeat_at, UTC)

    return ask


def probe_legs() -> int:
    """How many dialogs the engine takes at once, found by a process that dies of it."""
    code = (
        "from pbx_core.media.pjsip import count_legs; from pbx_core.clock import SystemClock; count_legs(SystemClock())"
    )
    try:
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=PROBE_S_MAX, check=False).stdout
    except subprocess.TimeoutExpired as error:
        out = error.stdout or b""
    counted = [int(line) for line in out.splitlines() if line.isdigit()]
    if not counted:
        _log.warning("the engine's capacity could not be counted", extra={"assumed": LEGS_FALLBACK})
        return LEGS_FALLBACK
    return counted[-1]


def _ask_for_realtime() -> None:
    """Priority matters more than CPU for the sound; without the right to it the worker goes on."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(REALTIME_PRIORITY))
    except (OSError, AttributeError) as error:
        _log.warning("no real-time priority: recordings may suffer on a busy machine", extra={"reason": str(error)})


def _public_address(settings: Settings) -> str:
    return settings.public_address or "127.0.0.1"
