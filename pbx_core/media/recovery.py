"""After a crash: every call that a dead worker left open gets its one record, every segment recorded its end mark.

Segments of dead workers are held under their locks while their calls are closed in the new worker's journal, and
marked complete only after that. Killed in the middle, the next worker does the same again: what stands in any held
segment is not written twice, and end marks are written where they are missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pbx_core import feed, log
from pbx_core.clock import Clock
from pbx_core.domain.calls.cdr import fold
from pbx_core.domain.calls.events import CallEvent, EventType, from_record, to_record
from pbx_core.domain.records import CallEventRecord, Cdr
from pbx_core.errors import CallbenchError
from pbx_core.media import spool
from pbx_core.settings import Settings
from pbx_core.store import presence, services

_log = log.get(__name__)

NO_META_S = 60.0  # a living worker writes meta.json some milliseconds after making the folder
CAUSE = "worker died"
PAUSING = (EventType.RECORDING_PAUSED, EventType.RECORDING_RESUMED)
LastSeen = Callable[[str, datetime], datetime | None]  # (worker, not started later than) → its last heartbeat


@dataclass
class Traces:
    """What dead workers left of one call."""

    tenant_id: str
    events: list[CallEvent] = field(default_factory=list)
    record: Cdr | None = None


def recover(settings: Settings, journal: feed.Journal, clock: Clock, last_seen: LastSeen = lambda *_: None) -> int:
    """Close what dead workers left open; how many calls were. Call before serving, with the new, open journal."""
    closed = 0
    with ExitStack() as stack:
        held = list(feed.orphans(settings.journal_dir, "worker-"))
        for segment in held:
            stack.callback(segment.release)
        for call_id, traces in gather(e for segment in held for e in segment.entries()).items():
            try:
                closed += _finish(settings, journal, clock, traces, last_seen)
            except (CallbenchError, ValueError, OSError):
                _log.exception("call of a dead worker could not be closed", extra={"call_id": call_id})
        stack.pop_all()
        for segment in held:
            segment.close(clock)
    sweep(settings.spool_dir, clock.now())
    if closed:
        _log.warning("calls of a dead worker were closed", extra={"calls": closed})
    return closed


def forget_rows(db: sa.Engine, clock: Clock) -> None:
    """Remove what workers that live no more left of running calls and rooms; queues are tidied by their keeper."""
    now = clock.now().timestamp()
    try:
        alive = {service.name for service in services.all_services(db) if service.alive(now)}
        for worker in presence.workers(db) - alive:
            presence.clear(db, worker)
    except sa.exc.DatabaseError as error:
        _log.error("rows of dead workers not removed", extra={"reason": str(error.orig), "alarm": True})


def sweep(spool_dir: Path, now: datetime) -> None:
    """Remove folders whose worker died between making them and writing meta.json: they hold some milliseconds."""
    for folder in spool_dir.glob("*/*"):
        if not folder.is_dir() or (folder / "meta.json").exists() or (folder / "ended.json").exists():
            continue
        if now.timestamp() - folder.stat().st_mtime > NO_META_S:
            _log.warning("spool folder without a call removed", extra={"folder": folder.name})
            shutil.rmtree(folder, ignore_errors=True)


def gather(entries: Iterable[feed.Entry]) -> dict[str, Traces]:
    """The entries by call, events in order and each once."""
    found: dict[str, Traces] = {}
    for entry in entries:
        if isinstance(entry.record, CallEventRecord):
            traces = found.setdefault(entry.record.call_id, Traces(entry.tenant_id))
            traces.events.append(from_record(entry.record))
        elif isinstance(entry.record, Cdr):
            found.setdefault(entry.record.call_id, Traces(entry.tenant_id)).record = entry.record
    for traces in found.values():
        by_seq = {event.seq: event for event in traces.events}
        traces.events = [by_seq[n] for n in sorted(by_seq)]
    return found


def _finish(settings: Settings, journal: feed.Journal, clock: Clock, traces: Traces, last_seen: LastSeen) -> int:
    """Write what is missing of one call: its record, then its recordings' end marks. 1 when the record was missing."""
    record = traces.record
    made = 0
    folders = _folders_of(settings, traces)
    if record is None:
        if not traces.events or traces.events[0].type is not EventType.OPENED:
            return 0  # its beginning was never on disk: nobody was told of the call
        made = 1
        if traces.events[-1].type is not EventType.ABORTED:  # else a recovery was killed right here
            for event in _closing_events(traces, folders, clock, last_seen):
                traces.events.append(event)
                line = to_record(event, traces.tenant_id)
                journal.append("call_event", f"{event.call_id}-{event.seq}", traces.tenant_id, line, sync=False)
        record = fold(traces.events)
        journal.append("cdr", record.call_id, record.tenant_id, record)
    for folder in folders:
        if folder.exists() and spool.read_end(folder) is None:
            spool.write_end(folder, _end_of(folder, traces, record, bool(made) or record.aborted))
    return made


def _folders_of(settings: Settings, traces: Traces) -> list[Path]:
    """The spool folders of the call's recordings: those that its events name, and those whose meta names the call,
    the event not having been written yet."""
    if not traces.events:
        return []
    found = {
        str(event.detail["recording_id"]): spool.folder(
            settings.spool_dir, traces.tenant_id, str(event.detail["recording_id"])
        )
        for event in traces.events
        if event.type is EventType.RECORDING_STARTED
    }
    for path in (settings.spool_dir / traces.tenant_id).glob("*/meta.json"):
        try:
            meta = spool.read_meta(path.parent)
        except ValueError:
            continue
        if meta and meta.call_id == traces.events[0].call_id:
            found.setdefault(meta.recording_id, path.parent)
    return list(found.values())


def _closing_events(traces: Traces, folders: list[Path], clock: Clock, last_seen: LastSeen) -> list[CallEvent]:
    """`recording_started` where it is missing, then `aborted` at the best estimate of the worker's death."""
    opened, last = traces.events[0], traces.events[-1]
    made: list[CallEvent] = []
    named = {e.detail["recording_id"] for e in traces.events if e.type is EventType.RECORDING_STARTED}

    def add(at: datetime, mono_s: float, kind: EventType, detail: dict[str, Any]) -> None:
        made.append(CallEvent(at, mono_s, last.call_id, last.seq + 1 + len(made), None, kind, detail))

    for folder in folders:
        meta = _meta(folder)
        if meta is not None and folder.name not in named:
            detail = {"recording_id": folder.name, "segment": meta.segment, "kind": meta.kind}
            sides = {"caller": "caller", "callee": "" if meta.kind == "voicemail" else "callee"}
            add(last.at, last.mono_s, EventType.RECORDING_STARTED, {**detail, **sides})
    died = _died_at(last.at, folders, last_seen(str(opened.detail["worker"]), opened.at), clock.now())
    mono_s = last.mono_s + (died - last.at).total_seconds()
    add(died, mono_s, EventType.ABORTED, {"reason": CAUSE})
    return made


def _end_of(folder: Path, traces: Traces, record: Cdr, aborted: bool) -> spool.SpoolEnd:
    """How a segment ended: when it was stopped, or when the call was over."""
    meta = _meta(folder)
    stopped = next(
        (
            e.at
            for e in traces.events
            if e.type is EventType.RECORDING_STOPPED and e.detail.get("recording_id") == folder.name
        ),
        None,
    )
    ended_at = stopped or record.ended_at
    started_at = meta.started_at if meta else ended_at
    seconds = max(0.0, (ended_at - started_at).total_seconds())
    pauses = _pauses(traces.events, started_at, ended_at)
    return spool.SpoolEnd(ended_at, round(seconds, 3), aborted and stopped is None, (), pauses)


def _pauses(events: list[CallEvent], started_at: datetime, ended_at: datetime) -> tuple[tuple[float, float], ...]:
    """Silence on purpose within a segment, in seconds from its start."""
    found: list[tuple[float, float]] = []
    since: datetime | None = None
    for event in [*(e for e in events if e.type in PAUSING), None]:
        if event is not None and event.type is EventType.RECORDING_PAUSED:
            since = since or event.at
            continue
        until = ended_at if event is None else event.at
        if since is not None and until > started_at and since < ended_at:
            begin, end = max(since, started_at), min(until, ended_at)
            found.append(((begin - started_at).total_seconds(), (end - started_at).total_seconds()))
        since = None
    return tuple(found)


def _meta(folder: Path) -> spool.SpoolMeta | None:
    try:
        return spool.read_meta(folder)
    except ValueError:
        return None


def _died_at(last_event: datetime, folders: list[Path], heartbeat: datetime | None, now: datetime) -> datetime:
    """The latest sign of life: last event, last byte of sound (written every 256 ms), last heartbeat (every second)."""
    signs = [last_event]
    if heartbeat is not None:
        signs.append(heartbeat)
    for wav in (wav for folder in folders for wav in folder.glob("*.wav")):
        signs.append(datetime.fromtimestamp(wav.stat().st_mtime, UTC))
    return max(last_event, min(max(signs), now))
