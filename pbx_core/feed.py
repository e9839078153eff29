"""Journals: append-only JSONL files, fsynced, one directory per producer, one segment per start of the producer.

`<data>/journal/<producer>/<id>.jsonl`, the id sortable by time. The producer holds an exclusive flock on its open
segment, so a segment that can be locked has lost its owner (kill -9 included). A segment is complete when its last
line is of kind `closed`. Readers keep byte offsets; a line exists once its newline is on disk.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pbx_core.clock import Clock
from pbx_core.domain import records
from pbx_core.errors import Unavailable

LINE_BYTES_MAX = 64 * 1024 * 1024  # the transcript of a 10-hour call is about 12 MB


@dataclass(frozen=True)
class Line:
    """One line as read: where it stands and its raw bytes without the newline."""

    segment: str  # path relative to the journal directory
    offset: int  # of its first byte
    end: int  # offset after its newline
    number: int | None  # 1-based line number, when the segment was read from its start
    raw: bytes


@dataclass(frozen=True)
class Entry:
    """A parsed line. `record` is one of pbx_core.domain.records, or None for kinds that carry none (`closed`)."""

    kind: str
    id: str
    tenant_id: str
    at: str
    record: Any


def encode(kind: str, id_: str, tenant_id: str, at: str, record: Any) -> bytes:
    """One journal line with its newline."""
    body = {"kind": kind, "id": id_, "tenant_id": tenant_id, "at": at, "data": records.to_json(record)}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def decode(raw: bytes) -> Entry:
    """Parse one line; ValueError says what is wrong with it."""
    try:
        body = json.loads(raw)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ValueError("not a JSON object")
    for name in ("kind", "id", "tenant_id", "at"):
        if not isinstance(body.get(name), str):
            raise ValueError(f"field {name!r} is missing or not text")
    kind = body["kind"]
    if kind == "closed":
        return Entry(kind, body["id"], "", body["at"], None)
    if kind not in records.KINDS:
        raise ValueError(f"unknown kind {kind!r}")
    record: Any = records.from_json(records.KINDS[kind], body.get("data"))
    if record.tenant_id != body["tenant_id"]:
        raise ValueError("tenant_id of the line and of its data differ")
    return Entry(kind, body["id"], body["tenant_id"], body["at"], record)


class Journal:
    """The writing end. Not thread-safe: one owner, one thread."""

    def __init__(self, directory: Path, producer: str, clock: Clock) -> None:
        """Open a fresh segment of `producer` and lock it; Unavailable when the disk refuses."""
        self._clock = clock
        self.path = directory / producer / f"{clock.new_id()}.jsonl"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _fsync_directory(self.path.parent)
        except OSError as error:
            raise Unavailable(f"The journal {self.path} cannot be opened ({error.strerror}).") from error

    def append(self, kind: str, id_: str, tenant_id: str, record: Any, *, sync: bool = True) -> None:
        """Write one line; with `sync` it is on disk when this returns. Unavailable(retryable) on a full disk: then
        nothing of the line is left behind."""
        self._write(encode(kind, id_, tenant_id, records.iso(self._clock.now()), record), sync)

    def sync(self) -> None:
        """Force everything appended so far to disk."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Mark the segment complete and release it."""
        self._write(encode("closed", self.path.stem, "", records.iso(self._clock.now()), None), True)
        os.close(self._fd)

    def _write(self, line: bytes, sync: bool) -> None:
        before = os.fstat(self._fd).st_size
        try:
            view = memoryview(line)
            while view:
                view = view[os.write(self._fd, view) :]
            if sync:
                os.fsync(self._fd)
        except OSError as error:
            os.ftruncate(self._fd, before)
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            why = "the disk is full" if full else error.strerror
            raise Unavailable(
                f"The journal {self.path} cannot take a line: {why}. Free space on its volume."
            ) from error


class OrphanSegment:
    """A segment whose owner died without closing it, held under its lock while it is recovered."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self._file = file

    def entries(self) -> Iterator[Entry]:
        """The readable lines; a torn last line and unreadable ones are passed over (ingest reports them)."""
        self._file.seek(0)
        for raw in self._file:
            if raw.endswith(b"\n"):
                try:
                    yield decode(raw[:-1])
                except ValueError:
                    continue

    def close(self, clock: Clock) -> None:
        """End a torn last line, mark the segment complete, release it. Call after what was recovered is on disk."""
        self._file.seek(0, os.SEEK_END)
        size = self._file.tell()
        if size:
            self._file.seek(size - 1)
            if self._file.read(1) != b"\n":
                self._file.write(b"\n")
        self._file.write(encode("closed", self.path.stem, "", records.iso(clock.now()), None))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def release(self) -> None:
        """Let go without closing; somebody else may recover it."""
        self._file.close()


def orphans(directory: Path, producer_prefix: str = "") -> Iterator[OrphanSegment]:
    """Segments of producers whose name starts with the prefix, that are unlocked and not complete. The consumer must
    call close() or release() on each."""
    for path in sorted(directory.glob(f"{producer_prefix}*/*.jsonl")):
        if is_complete(path):
            continue
        file = path.open("r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            continue
        if is_complete(path):  # closed between the look and the lock
            file.close()
            continue
        yield OrphanSegment(path, file)


def is_complete(path: Path) -> bool:
    """Whether the last line of the segment is its `closed` mark."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 512))
        tail = file.read()
    return tail.endswith(b"\n") and tail[:-1].rsplit(b"\n", 1)[-1].startswith(b'{"kind":"closed"')


def segments(directory: Path) -> list[str]:
    """All segments, as paths relative to the journal directory, oldest first within a producer."""
    return sorted(str(p.relative_to(directory)) for p in directory.glob("*/*.jsonl"))


def read(directory: Path, segment: str, offset: int = 0, bytes_max: int = 8 * 1024 * 1024) -> Iterator[Line]:
    """Complete lines of a segment from a byte offset, at most about bytes_max of them (always at least one)."""
    with (directory / segment).open("rb") as file:
        file.seek(offset)
        number = 1 if offset == 0 else None
        taken = 0
        while taken < bytes_max:
            raw = file.readline(LINE_BYTES_MAX)
            if not raw.endswith(b"\n"):
                return
            yield Line(segment, offset, offset + len(raw), number, raw[:-1])
            offset += len(raw)
            taken += len(raw)
            number = None if number is None else number + 1


def _fsync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
