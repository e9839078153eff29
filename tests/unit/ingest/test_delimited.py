"""Text in columns, whole and damaged: every row knows its line, and what is bad costs nothing but itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.imports import delimited
from ingest.imports.delimited import Dialect


def read(path: Path, dialect: Dialect) -> tuple[list[tuple[int, list[str | None]]], list[tuple[int, str]]]:
    """Lines with their rows in order of lines, and bad lines with their reasons."""
    rows, bad = [], []
    for block in delimited.blocks(path, "x", dialect):
        assert block.position <= path.stat().st_size
        rows += zip(block.lines.to_pylist(), [list(r.values()) for r in block.columns.to_pylist()], strict=True)
        bad += [(b.line, b.reason) for b in block.bad]
    return sorted(rows), bad


DAMAGED = (
    b'\xef\xbb\xbf"a","b",1\n'
    b'"x ""q"" y","two\r\nlines",\n'
    b"\n"
    b'"p","q"\n'
    b'"broken,"z",3\n'
    b'"u","v",4\n'
    b'"\xff","w",NULL\r\n'
    b'"k","l",5,6\n'
    b'"nul\x00","",7'
)
ROWS = [
    (1, ["a", "b", "1"]),
    (2, ['x "q" y', "two\nlines", None]),
    (7, ["u", "v", "4"]),
    (8, ["\ufffd", "w", None]),
    (10, ["nul\ufffd", "", "7"]),
]
BAD = {5: "the row has 2 columns instead of 3", 6: "a quote is never closed", 9: "the row has 4 columns instead of 3"}


@pytest.mark.parametrize("size", [7, 40, 1 << 20])
def test_rows_and_damage_are_told_by_their_lines_whatever_the_blocks(tmp_path, monkeypatch, size):
    monkeypatch.setattr(delimited, "BLOCK_BYTES", size)
    path = tmp_path / "x.csv"
    path.write_bytes(DAMAGED)
    rows, bad = read(path, Dialect((3,)))
    assert rows == ROWS
    assert dict(bad) == BAD


def test_rows_of_several_widths_are_taken(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('"a","b"\n"c","d","e"\n"f"\n"g","h"\n')
    rows, bad = read(path, Dialect((2, 3)))
    assert rows == [(1, ["a", "b"]), (2, ["c", "d", "e"]), (4, ["g", "h"])]
    assert bad == [(3, "the row has 1 columns instead of 2 or 3")]


def test_a_header_is_skipped_and_quotes_may_mean_nothing(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('one|two\n"a|b"\nc|d\n')
    rows, bad = read(path, Dialect((2,), "|", None, skip_lines=1))
    assert rows == [(2, ['"a', 'b"']), (3, ["c", "d"])]
    assert not bad


def test_a_file_of_something_else_is_told_in_few_words(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "BAD_PER_BLOCK_MAX", 3)
    path = tmp_path / "x.csv"
    path.write_text("nothing\n" * 100)
    rows, bad = read(path, Dialect((3,)))
    assert not rows
    assert [line for line, _ in bad] == [1, 2, 3, 4]
    assert bad[-1][1] == "97 rows more like it"
