"""`callbench worker`: one engine with its calls, as a process."""

from __future__ import annotations

import asyncio
import math
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import sqlalchemy as sa

from pbx_core import log, realtime
from pbx_core.clock import Clock, SystemClock
from pbx_core.errors import ConfigError
from pbx_core.feed import Journal
from pbx_core.media import cpu, probe
from pbx_core.media.options import AccountOptions, EngineOptions
from pbx_core.media.worker import Worker
from pbx_core.netaddr import public_address
from pbx_core.settings import Settings, load
from pbx_core.store import engine as database
from pbx_core.store import heartbeat, services

if TYPE_CHECKING:
    from pbx_core.media.recovery import LastSeen

_log = log.get(__name__)

PUMP_S = 0.005  # the engine is served so often while there are calls
IDLE_PUMP_S = 0.02  # and while there are none: an INVITE may wait so long; costs 1.2 % of a core instead of 2.6 %
DRAIN_S = 4.0  # running calls have so long to end after SIGTERM
PORTS_PER_LEG = 2.1  # RTP and RTCP, and a tenth of the legs may still be closing theirs
PORT_MAX = 65535


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
    from pbx_core.media.pjsip import Engine

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    db = database.connect(settings)
    legs = probe.legs()
    if settings.worker_calls_max:
        legs = min(legs, 2 * settings.worker_calls_max)
    realtime.ask(realtime.WORKER)
    options = _options(settings, slot, legs)
    engine = Engine(options, clock)
    try:
        engine.add_account("worker", AccountOptions(f"sip:worker@127.0.0.1:{options.sip_port}"))
        journal = Journal(settings.journal_dir, name, clock)
        recovery.recover(settings, journal, clock, _last_seen(db))
        recovery.forget_rows(db, clock)
        shell = Worker(settings, name, engine, journal, clock, legs, db)

        def detail() -> dict[str, Any]:
            capacity = 0 if shell.draining else legs // 2
            if shell.overloaded:
                capacity = min(capacity, shell.calls)  # the edge brings no more
            row = {"sip_port": options.sip_port, "capacity_calls": capacity, "calls": shell.calls}
            return {**row, "overloaded": True} if shell.overloaded else row

        with heartbeat.announced(db, clock, name, detail):
            _log.info("worker serves", extra={"sip_port": options.sip_port, "legs": legs})
            await _serve(shell, stop, clock, settings.processor_wait_share_max)
        shell.close()
        if shell.settled:
            journal.close()
        else:
            _log.error("stopped before every record was written: the next worker recovers them")
    finally:
        engine.close()


def rtp_ports(settings: Settings, slot: int, legs: int) -> tuple[int, int]:
    """The first RTP port of a worker and how many are its own, in hundreds: 100 with the packaged engine. ConfigError
    when they would not end below 65536."""
    count = 100 * math.ceil(PORTS_PER_LEG * legs / 100)
    first = settings.rtp_port_base + count * slot
    if first + count > PORT_MAX + 1:
        raise ConfigError(
            f"Worker {slot} has no RTP ports: its {count} would begin at {first}. Lower rtp_port_base or workers_max."
        )
    return first, count


def _options(settings: Settings, slot: int, legs: int) -> EngineOptions:
    first, count = rtp_ports(settings, slot, legs)
    return EngineOptions(
        sip_address="127.0.0.1",
        sip_port=settings.worker_port_base + slot,
        rtp_address=public_address(settings),
        rtp_port=first,
        rtp_ports=count - 2,  # the engine uses the pair at the end of its range, too
        proxy=f"sip:127.0.0.1:{settings.sip_internal_port};transport=udp;lr",
        silence_s=settings.media_silence_s,
    )


async def _serve(shell: Worker, stop: asyncio.Event, clock: Clock, waited_max: float) -> None:
    """Serve until told to stop, then until the last call has ended or DRAIN_S is over."""
    deadline = float("inf")
    gauge = cpu.Gauge(clock.monotonic(), waited_max=waited_max)
    while clock.monotonic() < deadline:
        if stop.is_set() and not shell.draining:
            deadline = clock.monotonic() + DRAIN_S
            shell.drain()
        gauge.look(clock.monotonic())
        shell.overloaded = gauge.overloaded
        try:
            shell.turn()
        except Exception:  # noqa: BLE001 - outermost loop: one call's trouble must not end the others
            _log.exception("turn failed")
        if shell.draining and shell.idle:
            return
        await asyncio.sleep(PUMP_S if shell.calls else IDLE_PUMP_S)


def _last_seen(db: sa.Engine) -> LastSeen:
    """Asks the board, where a dead worker's row stays until its successor writes."""
    rows = {row.name: row for row in services.all_services(db)}

    def ask(name: str, since: datetime) -> datetime | None:
        row = rows.get(name)
        if row is None or row.started_at > since.timestamp():
            return None
        return datetime.fromtimestamp(row.heartbeat_at, UTC)

    return ask
