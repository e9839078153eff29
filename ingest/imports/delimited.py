"""Delimited text of any exchange, read in blocks without a loop over rows: every row knows its line, damaged rows are
put aside with theirs, and a quote that is never closed costs its own row only."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ingest.imports.raw import Bad

BLOCK_BYTES = 8 << 20  # read at once: about 30 000 rows of Master.csv
RECORD_LINES_MAX = 20  # of one row with line breaks in its names; a quote open for longer belongs to a broken row
RAW_CHARS_MAX = 2000  # of a bad row are kept
BAD_PER_BLOCK_MAX = 2000  # rows told one by one; a file with more of them is not of this format
NULLS = ["", "NULL", "\\N"]  # without quotes
_BREAK = "\u2028"  # stands for a line break inside quotes while the block is parsed

_Lines = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Dialect:
    """How fields are parted. widths: the numbers of columns that rows may have; a row with another is bad."""

    widths: tuple[int, ...]
    delimiter: str = ","
    quote: str | None = '"'
    skip_lines: int = 0  # a header


@dataclass(frozen=True)
class Block:
    """Rows of one width as text columns c0, c1, … (null: nothing between the delimiters, NULL or \\N), the line of
    each, what was bad, and how many bytes of the file are done."""

    columns: pa.Table
    lines: pa.Array
    bad: tuple[Bad, ...]
    position: int


def blocks(path: Path, name: str, dialect: Dialect) -> Iterator[Block]:
    """The file piece by piece; within a piece the rows are in order for each width."""
    with path.open("rb") as file:
        number, position, rest = 1, 0, b""
        last = False
        while not last:
            read = file.read(BLOCK_BYTES)
            last = not read
            data = rest + read
            whole = len(data) if last else data.rfind(b"\n") + 1
            physical = data[:whole].split(b"\n")
            if physical[-1] == b"":
                physical.pop()
            records = _joined(physical, number, name, dialect, last=last)
            rest = b"\n".join([*physical[records.used :], data[whole:]])
            position += len(data) - len(rest)
            number += records.used
            yield from _parsed(records, name, dialect, position)


@dataclass(frozen=True)
class _Records:
    """Records without line breaks inside, the first line of each; `used` physical lines were taken."""

    texts: Sequence[bytes]
    lines: _Lines
    bad: list[Bad]
    used: int


def _joined(physical: list[bytes], first: int, name: str, dialect: Dialect, *, last: bool) -> _Records:
    """Join lines that one record's open quotes hold together; only lines with an odd number of quotes are looked at.
    A record that may go on in the next block is left for it."""
    numbers = np.arange(first, first + len(physical), dtype=np.int64)
    keep = numbers > dialect.skip_lines
    bad: list[Bad] = []
    used = len(physical)
    if dialect.quote is not None and physical:
        place, odd = 0, _odd(physical, dialect.quote)
        while place < len(odd):
            opened = int(odd[place])
            closed = int(odd[place + 1]) if place + 1 < len(odd) else None
            if closed is not None and closed - opened < RECORD_LINES_MAX:
                text = b"\n".join(physical[opened : closed + 1])
                if _is_record(text, dialect):
                    physical[opened] = text.replace(b"\r\n", b"\n").replace(b"\n", _BREAK.encode())
                    keep[opened + 1 : closed + 1] = False
                    place += 2
                    continue
            elif closed is None and not last and len(physical) - opened < RECORD_LINES_MAX:
                used = opened
                break
            bad.append(Bad(name, int(numbers[opened]), "a quote is never closed", _shown(physical[opened])))
            keep[opened] = False
            place += 1
    keep = keep[:used]
    texts = physical[:used] if keep.all() else [physical[i] for i in np.flatnonzero(keep)]
    return _Records(texts, numbers[:used][keep], bad, used)


def _odd(physical: list[bytes], quote: str) -> npt.NDArray[np.int64]:
    counts = pc.count_substring(pa.array(physical, pa.large_binary()), quote.encode())
    return np.flatnonzero(counts.to_numpy(zero_copy_only=False) % 2)


def _is_record(text: bytes, dialect: Dialect) -> bool:
    quote = dialect.quote or '"'
    lines = text.decode("utf-8", "replace").splitlines(keepends=True)
    rows = list(csv.reader(lines, delimiter=dialect.delimiter, quotechar=quote))
    return len(rows) == 1 and len(rows[0]) in dialect.widths


def _parsed(records: _Records, name: str, dialect: Dialect, position: int) -> Iterator[Block]:
    """Blocks of the most likely width first; rows of another are taken from what it refused."""
    text = b"\n".join(records.texts) + b"\n"
    text = text.replace(b"\r\n", b"\n").replace(b"\r", _BREAK.encode()).replace(b"\x00", "\ufffd".encode())
    lines = records.lines
    if b"\n\n" in text or text.startswith(b"\n"):
        filled = np.array([bool(t.strip(b"\r")) for t in records.texts], dtype=bool)
        lines, text = lines[filled], b"\n".join(t for t in text.split(b"\n") if t) + b"\n"
    bad = list(records.bad)
    for width in dialect.widths:
        if not len(lines):
            break
        columns, refused = _columns(_utf8(text), width, dialect)
        left = np.array([number for number, _ in refused], dtype=np.int64)
        kept = np.delete(lines, left)
        if len(kept):
            yield Block(columns, pa.array(kept), tuple(bad), position)
            bad = []
        lines, text = lines[left], "".join(f"{t}\n" for _, t in refused).encode()
    if len(lines):
        widths = " or ".join(map(str, dialect.widths))
        texts = text.decode().splitlines()
        for number, row in list(zip(lines.tolist(), texts, strict=False))[:BAD_PER_BLOCK_MAX]:
            found = len(next(csv.reader([row], delimiter=dialect.delimiter)))
            bad.append(Bad(name, number, f"the row has {found} columns instead of {widths}", row[:RAW_CHARS_MAX]))
        if len(lines) > BAD_PER_BLOCK_MAX:
            bad.append(Bad(name, int(lines[BAD_PER_BLOCK_MAX]), f"{len(lines) - BAD_PER_BLOCK_MAX} rows more like it"))
    if bad:
        empty = pa.table({f"c{i}": pa.array([], pa.string()) for i in range(dialect.widths[0])})
        yield Block(empty, pa.array([], pa.int64()), tuple(bad), position)


def _columns(text: bytes, width: int, dialect: Dialect) -> tuple[pa.Table, list[tuple[int, str]]]:
    """The columns of the rows that have `width` of them; place and text of those that have not."""
    refused: list[tuple[int, str]] = []

    def refuse(row: pacsv.InvalidRow) -> str:
        refused.append((row.number - 1, row.text))
        return "skip"

    names = [f"c{i}" for i in range(width)]
    quote = dialect.quote or False
    parsed = pacsv.read_csv(
        pa.BufferReader(text),
        read_options=pacsv.ReadOptions(use_threads=False, column_names=names, block_size=len(text) + 1),
        parse_options=pacsv.ParseOptions(
            delimiter=dialect.delimiter, quote_char=quote, double_quote=bool(quote), invalid_row_handler=refuse
        ),
        convert_options=pacsv.ConvertOptions(
            column_types={n: pa.string() for n in names},
            null_values=NULLS,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    if _BREAK.encode() in text:
        parsed = pa.table({n: pc.replace_substring(parsed[n], _BREAK, "\n") for n in names})
    return parsed, refused


def _utf8(text: bytes) -> bytes:
    """Bytes that are no UTF-8 become U+FFFD."""
    try:
        text.decode()
        return text
    except UnicodeDecodeError:
        return text.decode("utf-8", "replace").encode()


def _shown(raw: bytes) -> str:
    return raw[: 4 * RAW_CHARS_MAX].decode("utf-8", "replace")[:RAW_CHARS_MAX]
