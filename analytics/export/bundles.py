"""The texts of many calls: one ZIP of files, made while it is sent. Its directory alone is kept in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator

MEDIA_TYPE = "application/zip"
FILES_MAX = 100_000  # in one ZIP: its directory takes about 500 bytes of memory for each
FLUSH_BYTES = 64 * 1024


class _Pipe:
    """A file that can only be written, and is emptied while that goes on."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.waiting = 0

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        self.waiting += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        out = b"".join(self._parts)
        self._parts.clear()
        self.waiting = 0
        return out


def write(files: Iterable[tuple[str, str] | None]) -> Iterator[bytes]:
    """Names and texts, as they come; None: nothing to add now (yields an empty piece, so that it can be stopped)."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:  # type: ignore[call-overload]
        for file in files:
            if file is not None:
                archive.writestr(*file)
            yield pipe.take() if pipe.waiting >= FLUSH_BYTES else b""
    yield pipe.take()
