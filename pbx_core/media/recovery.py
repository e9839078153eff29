"""After a crash: every call that a dead worker left open gets its one record, every recording its end mark.

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

from pbx_core import feed, log
from pbx_core.clock import Clock
from pbx_core.domain.call import Call, step
from pbx_core.domain.cdr import fold
from pbx_core.domain.events import CallEvent, EventType, from_record, to_record
from pbx_core.domain.records import CallEventRecord, Cdr
from pbx_core.errors import CallbenchError, InvalidTransition
from pbx_core.media import spool
from pbx_core.settings import Settings

_log = log.get(__name__)

NO_META_S = 60.0  # a living worker writes meta.json some milliseconds after making the folder
CAUSE = "worker died"
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


def possible(events: list[CallEvent]) -> list[CallEvent]:
    """The events without those that cannot have happened, which is so when lines before them were lost."""
    call, kept = Call(), []
    for event in events:
        try:
            call, _ = step(call, event)
        except InvalidTransition:
            _log.warning("event of a dead worker passed over", extra={"call_id": event.call_id, "type": event.type})
            continue
        kept.append(event)
    return kept


def _finish(settings: Settings, journal: feed.Journal, clock: Clock, traces: Traces, last_seen: LastSeen) -> int:
    """Write what is missing of one call: its record, then its recording's end mark. 1 when the record was missing."""
    record = traces.record
    made = 0
    if record is None:
        if not traces.events or traces.events[0].type is not EventType.OPENED:
            return 0  # its beginning was never on disk: nobody was told of the call
        made = 1
        traces.events = possible(traces.events)
        if traces.events[-1].type is not EventType.ABORTED:  # else a recovery was killed right here
            folder = _folder_of(settings, traces)
            for event in _closing_events(traces, folder, clock, last_seen):
                traces.events.append(event)
                line = to_record(event, traces.tenant_id)
                journal.append("call_event", f"{event.call_id}-{event.seq}", traces.tenant_id, line, sync=False)
        record = fold(traces.events)
        journal.append("cdr", record.call_id, record.tenant_id, record)
    if record.recording_id:
        folder = spool.folder(settings.spool_dir, record.tenant_id, record.recording_id)
        if folder.exists() and spool.read_end(folder) is None:
            spool.write_end(folder, spool.SpoolEnd(record.ended_at, record.talk_s, bool(made) or record.aborted, ()))
    return made


def _folder_of(settings: Settings, traces: Traces) -> Path | None:
    """The spool folder of the call's recording, found by its event or, when that was not written yet, by its meta."""
    for event in traces.events:
        if event.type is EventType.RECORDING_STARTED:
            return spool.folder(settings.spool_dir, traces.tenant_id, str(event.detail["recording_id"]))
    for path in (settings.spool_dir / traces.tenant_id).glob("*/meta.json"):
        try:
            meta = spool.read_meta(path.parent)
        except ValueError:
            continue
        if meta and meta.call_id == traces.events[0].call_id:
            return path.parent
    return None


def _closing_events(traces: Traces, folder: Path | None, clock: Clock, last_seen: LastSeen) -> list[CallEvent]:
    """`recording_started` if it is missing, then `aborted` at the best estimate of the worker's death."""
    opened, last = traces.events[0], traces.events[-1]
    made: list[CallEvent] = []
    seq = last.seq + 1
    answered = any(e.type is EventType.ANSWERED for e in traces.events)
    if answered and folder and not any(e.type is EventType.RECORDING_STARTED for e in traces.events):
        detail = {"recording_id": folder.name}
        made.append(CallEvent(last.at, last.mono_s, last.call_id, seq, None, EventType.RECORDING_STARTED, detail))
        seq += 1
    died = _died_at(last.at, folder, last_seen(str(opened.detail["worker"]), opened.at), clock.now())
    mono_s = last.mono_s + (died - last.at).total_seconds()
    made.append(CallEvent(died, mono_s, last.call_id, seq, None, EventType.ABORTED, {"reason": CAUSE}))
    return made


def _died_at(last_event: datetime, folder: Path | None, heartbeat: datetime | None, now: datetime) -> datetime:
    """The latest sign of life: last event, last byte of sound (written every 256 ms), last heartbeat (every second)."""
    signs = [last_event]
    if heartbeat is not None:
        signs.append(heartbeat)
    for wav in folder.glob("*.wav") if folder else ():
        signs.append(datetime.fromtimestamp(wav.stat().st_mtime, UTC))
    return max(last_event, min(max(signs), now))
