"""`callbench import` as a person runs it, or only its staging; and an Asterisk log that it can read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from ingest.imports import plan as plans
from ingest.imports import stage, staging
from ingest.imports.raw import Evidence
from pbx_core.cli import callbench
from pbx_core.clock import SystemClock
from pbx_core.errors import CallbenchError, InputError
from pbx_core.settings import Settings
from pbx_core.store import engine

START = datetime(2024, 3, 1, 10, tzinfo=UTC)


def line(number: int, src: str, dst: str, *, answered: bool = True, queue: str = "") -> str:
    """A row of 21 columns, times in GMT; calls come every minute and take 30 s."""
    at = START + timedelta(minutes=number)
    unique = f"{int(at.timestamp())}.{number}"
    channel, peer = (f"PJSIP/{n if len(n) == 3 else 'carrier'}-{number:08x}" for n in (src, dst))
    app, data = ("Queue", f"{queue},t") if queue else ("Dial", peer.rsplit("-", 1)[0])
    stamps = [f'"{at + timedelta(seconds=s):%Y-%m-%d %H:%M:%S}"' for s in (0, 10, 30)]
    text = [f'"{t}"' for t in ("", src, dst, "from", f'""{src}"" <{src}>', channel, peer, app, data)]
    fields = [*text, stamps[0], stamps[1] if answered else "", stamps[2], "30", "20" if answered else "0"]
    fields += ['"ANSWERED"' if answered else '"NO ANSWER"', '"DOCUMENTATION"', f'"{unique}"', '""', '""', f'"{unique}"']
    return ",".join([*fields, str(number)])


def unique(number: int) -> str:
    """The unique id of that row."""
    return f"{int((START + timedelta(minutes=number)).timestamp())}.{number}"


def planned(tenant_id: str, folder: Path, *, zone: str = "UTC", ask: plans.Ask | None = None) -> plans.Plan:
    """What lies in a folder. zone: the office's; ask: None refuses questions."""
    return plans.make(
        tenant_id,
        folder,
        sounds_in=None,
        only=None,
        home_zone=zone,
        given_zone=None,
        ask=ask or _refuse,
        told=lambda found, seen: None,
    )


def staged(
    settings: Settings,
    tenant_id: str,
    folder: Path,
    *,
    zone: str = "UTC",
    ask: plans.Ask | None = None,
    sounds: bool = True,
) -> staging.Manifest:
    """Read and stage a folder; the next round of ingest loads it."""
    db, clock = engine.connect(settings), SystemClock()
    try:
        made = planned(tenant_id, folder, zone=zone, ask=ask)
        return stage.stage(made, settings, clock, db, stage.Wish(sounds=sounds, transcribe=False), lambda *_: None)
    finally:
        db.dispose()


def _refuse(found: Evidence, question: str, answers: Sequence[str]) -> str:
    raise InputError(f"{found.format}: {question}", error_id="unsure")


def run(world: Any, *arguments: object, into: str = "acme.test") -> str:
    """What it prints; raises what it refuses."""
    command = ["--data", str(world.settings.data), "import", *map(str, arguments), "--tenant", into]
    done = CliRunner().invoke(callbench, command)
    if isinstance(done.exception, CallbenchError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output
