"""Our own journals as a source."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from ingest import convert, tables
from ingest.batch import Batch, Offset, Offsets
from pbx_core import feed, log
from pbx_core.clock import Clock
from pbx_core.domain import records

SOURCE = "feed"
SEGMENT_BYTES_MAX = 8 * 1024 * 1024  # of one segment in one round: no segment holds up the others
ROUND_BYTES_MAX = 32 * 1024 * 1024  # of all segments in one round: bounds memory and the length of a commit
FRESH_S = 2.0  # a directory changed so recently is listed again: its time stamp is coarser than two new files

# Lines with any of these are checked value by value before they join a batch: escaped surrogates, integers that may
# not fit 64 bits, NaN, Infinity, huge exponents.
_UNUSUAL = re.compile(rb"\\u[dD]|[0-9]{18}|NaN|Infinity|[0-9][eE]\+?[0-9]{2}")

_ID_FIELD = {"cdr": "call_id", "recording": "recording_id", "turns": "recording_id", "transcript": "recording_id"}

_NOT_HERE = frozenset({"comment", "transcript_edit"})  # they come from the operational database

_log = log.get(__name__)


class FeedSource:
    """Reads complete lines of all segments from the stored offsets. Segments known to be complete cost nothing;
    directories that have not changed are not listed."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._listed: dict[str, tuple[int, list[str]]] = {}  # producer → mtime_ns, segments

    def gather(self, offsets: Offsets, batch: Batch) -> bool:
        """Add what is new to the batch; whether more waits for the next round."""
        taken = 0
        backlog = False
        for segment in self._segments():
            offset = offsets.get((SOURCE, segment)) or Offset(SOURCE, segment)
            if offset.complete:
                continue
            if taken >= ROUND_BYTES_MAX:
                return True
            read, more = self._read(offset, batch)
            taken += read
            backlog = backlog or more
        return backlog

    def _segments(self) -> list[str]:
        """All segments; what feed.segments() gives, without listing directories in which nothing was added."""
        found: list[str] = []
        try:
            producers = sorted(entry.name for entry in os.scandir(self._directory) if entry.is_dir())
        except FileNotFoundError:
            return []
        for producer in producers:
            directory = self._directory / producer
            changed = directory.stat().st_mtime_ns
            known = self._listed.get(producer)
            if known is None or known[0] != changed:
                names = sorted(entry.name for entry in os.scandir(directory) if entry.name.endswith(".jsonl"))
                known = (changed, [f"{producer}/{n}" for n in names])
                if self._clock.now().timestamp() - changed / 1e9 > FRESH_S:
                    self._listed[producer] = known
            found += known[1]
        return found

    def _read(self, start: Offset, batch: Batch) -> tuple[int, bool]:
        """(bytes read, whether complete lines may be left)."""
        size = (self._directory / start.segment).stat().st_size
        if size == start.position:
            return 0, False
        position, number, closed = start.position, start.lines, False
        for line in feed.read(self._directory, start.segment, start.position, SEGMENT_BYTES_MAX):
            number += 1
            position = line.end
            closed = self._take(line, number, batch)
        if position == start.position:
            if size - position < feed.LINE_BYTES_MAX:
                return 0, False  # a line is being written
            end = self._skip_oversize(start)
            if end is None:
                return 0, False
            batch.reject(SOURCE, start.segment, position, number + 1, "the line is longer than the limit", b"")
            position, number = end, number + 1
        batch.advance(Offset(SOURCE, start.segment, position, number, closed and position >= size))
        return position - start.position, position < size

    def _take(self, line: feed.Line, number: int, batch: Batch) -> bool:
        """Add one line to the batch, as a row or as a reject; whether it is the segment's `closed` mark."""
        try:
            entry = feed.decode(line.raw)
            if entry.kind == "closed":
                return True
            at = records.iso(records.parse_iso(entry.at))
            self._check(entry, line.raw)
            batch.add(
                entry.kind, f"{at}/{hashlib.sha256(line.raw).hexdigest()[:16]}", entry.record, (SOURCE, line.segment)
            )
            batch.oldest_at = min(batch.oldest_at or at, at)
        except Exception as error:  # noqa: BLE001  batch item: one bad line stops nothing else
            reason = str(error) or type(error).__name__
            _log.warning(
                "journal line rejected", extra={"segment": line.segment, "line": number, "reason": reason[:200]}
            )
            batch.reject(SOURCE, line.segment, line.offset, number, reason, line.raw)
        return False

    @staticmethod
    def _check(entry: feed.Entry, raw: bytes) -> None:
        if entry.kind not in tables.FAMILIES or entry.kind in _NOT_HERE:
            raise ValueError(f"kind {entry.kind!r} does not travel in journals")
        if entry.kind in _ID_FIELD and getattr(entry.record, _ID_FIELD[entry.kind]) != entry.id:
            raise ValueError(f"id of the line is not its {_ID_FIELD[entry.kind]}")
        if _UNUSUAL.search(raw):
            convert.check(entry.kind, entry.record)

    def _skip_oversize(self, start: Offset) -> int | None:
        """The end of a line that is longer than any line may be; None while its newline is not there."""
        with (self._directory / start.segment).open("rb") as file:
            file.seek(start.position)
            while block := file.read(1 << 20):
                at = block.find(b"\n")
                if at >= 0:
                    return file.tell() - len(block) + at + 1
        return None
