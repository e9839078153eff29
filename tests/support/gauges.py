"""What a running system uses, and what its recordings are worth: read from /proc, the journal and the files."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import psutil

from ingest.audio import decode
from pbx_core import feed
from pbx_core.domain.records import Cdr, RecordingRecord
from pbx_core.errors import InputError
from pbx_core.settings import Settings
from tests.support.system import System

RECORDING_SLACK_S = 0.25  # reliability.md promise 13
RATE = 8000
LOUD = 0.05  # of full scale; the tone of sipp.tone has 0.27
RUN_S_MIN = 0.4  # that tone comes and goes every 0.5 s: a shorter stretch is a gap, or a piece out of place


def engine() -> str:
    """The pjsua2 that this environment uses."""
    origin = Path(importlib.util.find_spec("pjsua2").origin or "")  # type: ignore[union-attr]
    mark = origin.parent / "BUILD"
    if mark.exists():
        return f"own build, {mark.read_text().splitlines()[0]}"
    return f"wheel, pjsua2-python {importlib.metadata.version('pjsua2-python')}"


def cpu_s(system: System, prefix: str) -> float:
    """User and system seconds used so far by the processes whose name begins so."""
    times = [psutil.Process(row.pid).cpu_times() for name, row in system.board().items() if name.startswith(prefix)]
    return sum(t.user + t.system for t in times)


def memory_mib(system: System, prefix: str) -> list[int]:
    """Resident memory of each of them."""
    return [
        psutil.Process(row.pid).memory_info().rss >> 20
        for name, row in system.board().items()
        if name.startswith(prefix)
    ]


def realtime(system: System, prefix: str) -> str:
    """Scheduling of their threads, with how many have it: "RR 99: 2, RR 20: 6"."""
    names = {os.SCHED_RR: "RR", os.SCHED_FIFO: "FIFO", os.SCHED_OTHER: "normal"}
    found: Counter[str] = Counter()
    for name, row in system.board().items():
        if name.startswith(prefix):
            for thread in psutil.Process(row.pid).threads():
                policy = names.get(os.sched_getscheduler(thread.id), "other")
                found[f"{policy} {os.sched_getparam(thread.id).sched_priority}"] += 1
    return ", ".join(f"{what}: {count}" for what, count in sorted(found.items(), reverse=True))


def records(settings: Settings) -> tuple[list[Cdr], dict[str, list[RecordingRecord]]]:
    """Every call's record, and the recordings by call."""
    cdrs: list[Cdr] = []
    recordings: dict[str, list[RecordingRecord]] = {}
    for segment in feed.segments(settings.journal_dir):
        for line in feed.read(settings.journal_dir, segment):
            match feed.decode(line.raw).record:
                case Cdr() as cdr:
                    cdrs.append(cdr)
                case RecordingRecord() as recording:
                    recordings.setdefault(recording.call_id, []).append(recording)
    return cdrs, recordings


def faults(cdr: Cdr, recordings: list[RecordingRecord], settings: Settings) -> list[str]:
    """Every rule that the recording of an answered call breaks: missing; the recorder's own verdict; its length;
    gaps in the tone that sipp played on both sides."""
    if not recordings:
        return ["missing"]
    found = [re.sub(r"\d+(\.\d+)?", "n", r.quality_reason or r.quality) for r in recordings if r.quality != "ok"]
    if abs(sum(r.duration_s for r in recordings) - cdr.talk_s) > RECORDING_SLACK_S:
        found.append("length")
    for recording in recordings:
        try:
            samples, _ = decode(settings.recordings_dir / recording.path, RATE)
        except InputError:
            found.append("unreadable")
            continue
        found += [f"gap, {side}" for n, side in enumerate(("caller", "callee")) if gaps(samples[:, n])]
    return found


def gaps(samples: np.ndarray) -> int:
    """How many stretches of sound or silence are too short for the tone of sipp.tone; the ends do not count."""
    block = RATE // 100
    whole = samples[: len(samples) // block * block].reshape(-1, block)
    loud = np.sqrt((whole**2).mean(axis=1)) > LOUD
    edges = np.flatnonzero(np.diff(loud))
    runs_s = np.diff(edges) / 100
    return int((runs_s < RUN_S_MIN).sum()) if len(edges) > 1 else 1
