"""What should run: pure decisions of the supervisor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pbx_core.store.services import Service

RESTART_DELAYS_S = (0.0, 0.5, 1.0, 2.0, 4.0)  # after the n-th quick death in a row; capped so that 10 s are kept
QUICK_DEATH_S = 5.0  # a process that lived longer starts again without delay
CAPACITY_GUESS = 2  # calls per worker until the first one has probed its engine
STRONG_CALLS = 50  # a worker that holds so many is bounded by its processor, not by its engine


@dataclass(frozen=True)
class ProcessSpec:
    """One process: its name on the board and the arguments of `callbench` that start it."""

    name: str
    arguments: tuple[str, ...]
    stop_stage: int  # processes of a lower stage are stopped, and waited for, first
    on_demand: bool = False  # ends by itself when nobody needs it, and is then not started again


def fixed_processes(transcribers: int, *, reports: bool = False) -> list[ProcessSpec]:
    """Everything but the workers. Stopping goes: informer (begins no more calls), workers (their goodbyes still pass
    the edge), edge, recorder, transcribers, ingest (takes in the last lines), api, web. reports: whether a mail
    server is named."""
    return [
        ProcessSpec("informer", ("informer",), -1),
        ProcessSpec("edge", ("edge",), 1),
        ProcessSpec("recorder", ("recorder",), 2),
        ProcessSpec("keeper", ("keeper",), 2),
        *(ProcessSpec(f"transcribe-{n}", ("transcribe", "--slot", str(n)), 3) for n in range(transcribers)),
        ProcessSpec("ingest", ("ingest",), 4),
        ProcessSpec("api", ("api",), 5),
        ProcessSpec("web", ("web",), 5),
        *([ProcessSpec("report", ("report",), 5)] if reports else []),
    ]


LISTENER = ProcessSpec("listen", ("listen", "--idle", "60"), 3, on_demand=True)  # while somebody reads a running call

TELLER = ProcessSpec("webhooks", ("webhook", "deliver"), 5, on_demand=True)  # while somebody is to be told


def worker(slot: int) -> ProcessSpec:
    """The worker of a slot."""
    return ProcessSpec(f"worker-{slot}", ("worker", "--slot", str(slot)), 0)


def workers_wanted(
    running: int, board: Iterable[Service], now: float, *, spare: int, least: int, most: int, cores: int
) -> int:
    """How many workers should run so that `spare` more calls fit at once, and a quarter more than are under way; with
    a weak engine as many more as are under way, so that a call finds legs for a transfer on its worker; with a strong
    engine one per core at least, and no more than that until the first has said how strong it is. While one
    says that it lacks processor time, more would only make it worse.

    `running` counts started worker processes, on the board or not yet; it never shrinks: an idle worker costs about
    1 % of a core, stopping one could meet a call just arriving."""
    rows = [s for s in board if s.name.startswith("worker-") and s.alive(now)]
    capacities = [int(s.detail.get("capacity_calls", CAPACITY_GUESS)) for s in rows]
    each = max(capacities, default=CAPACITY_GUESS) or 1
    least = max(running, least, min(cores, most) if each >= STRONG_CALLS else 0)
    if not rows:
        most = max(least, min(cores, most))
    if any(s.detail.get("overloaded") for s in rows):
        return least
    calls = sum(int(s.detail.get("calls", 0)) for s in rows)
    starting = max(0, running - len(rows))
    free = sum(capacities) + starting * each - calls
    reserve = calls // 4 if each >= STRONG_CALLS else calls
    missing = max(spare, reserve) - free
    more = math.ceil(missing / each) if missing > 0 else 0
    return max(least, min(most, running + more))


def restart_delay_s(lifetimes_s: Sequence[float]) -> float:
    """How long to wait before starting a process again, from how long its last starts lived, newest last."""
    quick = 0
    for lifetime_s in reversed(lifetimes_s):
        if lifetime_s >= QUICK_DEATH_S:
            break
        quick += 1
    return RESTART_DELAYS_S[min(quick, len(RESTART_DELAYS_S) - 1)]


def disk_sentence(free_share: float, stop_share: float, *, low: bool) -> str:
    """What is said when the free share of the volume (0..1) has crossed the warning line."""
    if not low:
        return f"The disk has space again: {free_share:.0%} free."
    return (
        f"The disk is running full: {free_share:.1%} free. Calls go on; below {stop_share:.0%} no new recording is "
        "started. Free space on the volume of the data directory."
    )
