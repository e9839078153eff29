"""A table out of a plain dump of PostgreSQL (pg_dump without -F): the lines between `COPY table (…) FROM stdin;` and
`\\.`, tab-separated, with backslashes before what would part them."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ingest.imports import lines
from ingest.imports.raw import SNIFF_BYTES, Bad

BEGINS = b"-- PostgreSQL database dump"
HEAD_BYTES = 4096  # in which that stands
RAW_CHARS_MAX = 2000  # of a bad row are kept
BAD_PER_BLOCK_MAX = 2000
_END = "\\."
_ESCAPED = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True)
class Piece:
    """Rows with the columns that were asked for and `line`; those of another number of columns aside."""

    rows: pa.Table
    bad: tuple[Bad, ...]
    position: int


def sample(path: Path, table: str) -> tuple[list[str], list[list[str]]] | None:
    """The columns of a table and some of its rows, as they stand; None when the file is no dump that has it. A dump is
    looked through for it: the table may stand anywhere."""
    with path.open("rb") as file:
        if BEGINS not in file.read(HEAD_BYTES):
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            found = _head(table).search(whole)
            if found is None:
                return None
            names, rest = (
                _names(found.group(1).decode("utf-8", "replace")),
                whole[found.end() : found.end() + SNIFF_BYTES],
            )
    texts = rest.decode("utf-8", "replace").split("\n")[1:-1]
    rows = texts[: texts.index(_END)] if _END in texts else texts
    return names, [row.split("\t") for row in rows]


def blocks(path: Path, name: str, table: str, wanted: Sequence[str]) -> Iterator[Piece]:
    """All rows of the table, some at a time; columns that it does not have are left out."""
    head: list[str] | None = None
    last = 0
    for block in lines.blocks(path):
        texts = block.rows["text"].combine_chunks()
        numbers = block.rows["line"].combine_chunks()
        marks = pc.or_(pc.equal(texts, _END), pc.starts_with(texts, "COPY "))
        at = 0
        for mark in [*pc.indices_nonzero(marks).to_pylist(), len(texts)]:
            told = str(texts[mark].as_py()) if mark < len(texts) else None
            begins = _head(table).match(b"\n" + told.encode()) if told and head is None else None
            if told is not None and not begins and (head is None or told != _END):
                continue  # of another table, or a row that looks like it
            if head is not None and mark > at:
                yield _piece(texts[at:mark], numbers[at:mark], name, head, wanted, block.position)
            if told is not None:
                head = _names(begins.group(1).decode("utf-8", "replace")) if begins else None
            at = mark + 1
        last = numbers[-1].as_py() if len(numbers) else last
    if head is not None:
        empty = pa.table({n: pa.array([], pa.string()) for n in head if n in wanted})
        reason = "the dump ends in the middle of the table"
        bad = (Bad(name, last, reason),)
        yield Piece(empty.append_column("line", pa.array([], pa.int64())), bad, path.stat().st_size)


def _piece(
    texts: pa.StringArray, numbers: pa.Int64Array, name: str, head: list[str], wanted: Sequence[str], position: int
) -> Piece:
    parts = pc.split_pattern(texts, "\t")
    whole = pc.equal(pc.list_value_length(parts), len(head))
    torn = pc.indices_nonzero(pc.invert(whole)).to_pylist()[:BAD_PER_BLOCK_MAX]
    bad = tuple(
        Bad(name, numbers[n].as_py(), f"the row has {len(parts[n])} columns instead of {len(head)}",
            str(texts[n].as_py())[:RAW_CHARS_MAX])
        for n in torn
    )  # fmt: skip
    fit = parts.filter(whole)
    columns = {n: _plain(pc.list_element(fit, place)) for place, n in enumerate(head) if n in wanted}
    return Piece(pa.table({**columns, "line": numbers.filter(whole)}), bad, position)


def _plain(told: pa.StringArray) -> pa.StringArray:
    told = pc.if_else(pc.equal(told, "\\N"), pa.scalar(None, pa.string()), told)
    if not pc.any(pc.match_substring(told, "\\")).as_py():
        return told
    return pa.array([None if v is None else _ESCAPED.sub(_meant, v) for v in told.to_pylist()], pa.string())


def _meant(escaped: re.Match[str]) -> str:
    told = escaped.group(1)
    if told[0] == "x" and len(told) > 1:
        return chr(int(told[1:], 16)).replace("\0", "")
    return chr(int(told, 8)).replace("\0", "") if told[0] in "01234567" else _LETTERS.get(told, told)


def _head(table: str) -> re.Pattern[bytes]:
    return re.compile(
        rb'\nCOPY (?:"?[A-Za-z0-9_]+"?\.)?"?' + table.encode() + rb'"? \(([^)\n]*)\) FROM stdin;\r?(?=\n|$)'
    )


def _names(told: str) -> list[str]:
    return [name.strip().strip('"').lower() for name in told.split(",")]
