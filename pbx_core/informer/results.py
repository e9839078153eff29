"""What came of calls, read from the workers' journals: it survives the death of whoever asks and of whoever calls.

Only lines of the calls asked about are decoded. A successor of a dead worker writes the end of its calls into a
segment of its own, so all workers' segments are read while there is something to learn, and none otherwise.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pbx_core import feed, log
from pbx_core.domain.records import CallEventRecord

PRODUCERS = "worker-*"
MARGIN_S = 5.0  # clocks and time stamps of files are that coarse at most
_HEAD = b'{"kind":"call_event","id":"'
_ID_BYTES = 32

_log = log.get(__name__)


class Results:
    """Follows the journals from `begin` on."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._offsets: dict[str, int] = {}
        self._events: dict[str, dict[int, CallEventRecord]] = {}

    def begin(self, since: float | None) -> None:
        """Follow from here: whatever was written after `since` (epoch seconds) is read, None: from now on."""
        self._events.clear()
        self._offsets = {}
        for path in self._directory.glob(f"{PRODUCERS}/*.jsonl"):
            there = path.stat()
            if since is None or there.st_mtime < since - MARGIN_S:
                self._offsets[self._name(path)] = there.st_size

    def read(self, calls: Collection[str]) -> dict[str, list[CallEventRecord]]:
        """The events so far of these calls, each in order; others are forgotten."""
        wanted = {call_id.encode() for call_id in calls}
        for path in self._directory.glob(f"{PRODUCERS}/*.jsonl"):
            name = self._name(path)
            offset = self._offsets.get(name, 0)
            while path.stat().st_size > offset:
                before = offset
                for line in feed.read(self._directory, name, offset):
                    offset = line.end
                    self._take(line, wanted)
                if offset == before:
                    break  # a line is being written
            self._offsets[name] = offset
        for call_id in self._events.keys() - set(calls):
            del self._events[call_id]
        return {call_id: [e for _, e in sorted(held.items())] for call_id, held in self._events.items()}

    def _take(self, line: feed.Line, wanted: Collection[bytes]) -> None:
        start = len(_HEAD)
        if not line.raw.startswith(_HEAD) or line.raw[start : start + _ID_BYTES] not in wanted:
            return
        try:
            event = feed.decode(line.raw).record
        except ValueError as error:
            _log.warning("journal line not understood", extra={"segment": line.segment, "reason": str(error)[:200]})
            return
        self._events.setdefault(event.call_id, {})[event.seq] = event

    def _name(self, path: Path) -> str:
        return f"{path.parent.name}/{path.name}"
