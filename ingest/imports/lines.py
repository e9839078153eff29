"""Text files as blocks of numbered lines: exact line numbers, foreign encodings, NUL bytes and endless lines survive.

A block is an Arrow table (line int64 from 1, text string); whole blocks are handled at once, only lines that are not
UTF-8 are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BLOCK_BYTES = 16 << 20  # read at once
LINE_BYTES_MAX = 1 << 20  # a longer line is no record of any of these formats
TOO_LONG = "(a line of more than 1 MB)"  # stands in its place
OTHER_ENCODING = "cp1251"  # what is not UTF-8 is taken for it: the field's old exchanges in Cyrillic wrote so
_SCHEMA = pa.schema([("line", pa.int64()), ("text", pa.string())])


@dataclass(frozen=True)
class Block:
    """Some lines, and how many bytes of the file have been read with them."""

    rows: pa.Table
    position: int


def blocks(path: Path, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """All lines of a file in order. The last one counts also without its newline. CR before a newline and NUL bytes
    are taken away."""
    number = 1
    position = 0
    rest = b""
    with path.open("rb") as file:
        while block := file.read(block_bytes):
            data = rest + block
            end = data.rfind(b"\n")
            if end < 0:
                rest = data if len(data) <= LINE_BYTES_MAX else b"\0" * (LINE_BYTES_MAX + 1)
                continue
            rest = data[end + 1 :]
            found = _table(data[: end + 1], number)
            number += found.num_rows
            yield Block(found, file.tell() - len(rest))
        position = file.tell()
    if rest:
        yield Block(_table(rest + b"\n", number), position)


def first(path: Path, count: int, bytes_max: int = 1 << 18) -> list[str]:
    """The first lines of a file, for sniffing; fewer when `bytes_max` do not hold so many."""
    with path.open("rb") as file:
        data = file.read(bytes_max)
    if len(data) == bytes_max:
        data = data[: data.rfind(b"\n") + 1]
    if not data:
        return []
    return [str(text) for text in _table(data if data.endswith(b"\n") else data + b"\n", 1)["text"].to_pylist()[:count]]


def decoded(raw: bytes) -> str:
    """Text of foreign encoding: UTF-8 where it is, else OTHER_ENCODING."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode(OTHER_ENCODING, "replace")


def _table(data: bytes, number: int) -> pa.Table:
    """Lines of `data`, which ends with a newline."""
    data = data.replace(b"\r\n", b"\n")
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10)
    starts = np.concatenate([[0], ends[:-1] + 1])
    long = ends - starts > LINE_BYTES_MAX
    text = _text(data, ends)
    if long.any():
        text = pc.if_else(pa.array(long), pa.scalar(TOO_LONG, pa.string()), text)
    return pa.table({"line": pa.array(np.arange(number, number + len(ends), dtype=np.int64)), "text": text}, _SCHEMA)


def _text(data: bytes, ends: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Array:
    """The lines without their newlines, as strings."""
    offsets = np.concatenate([[0], ends + 1]).astype(np.int32)
    with_newline = pa.Array.from_buffers(
        pa.binary(), len(ends), [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data)]
    )
    return strings(pc.binary_slice(with_newline, 0, -1))


def strings(raw: pa.Array) -> pa.Array:
    """Binary values as text, each decoded() where not all are UTF-8; NUL bytes are taken away."""
    try:
        text = raw.cast(pa.string())
    except pa.ArrowInvalid:
        text = pa.array([None if value is None else decoded(value) for value in raw.to_pylist()], pa.string())
    return pc.replace_substring(text, "\0", "") if pc.any(pc.match_substring(text, "\0")).as_py() else text
