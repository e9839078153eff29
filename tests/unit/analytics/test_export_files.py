"""The files of an export, from rows put aside: hostile text, clocks that are put back, sheets that are full."""

from __future__ import annotations

import csv
import io
import threading
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics.export import commas, frozen, subjects, workbook, workshop
from analytics.export.frozen import Halt, Stopped
from analytics.queries import CallFilter, Scope
from pbx_core.errors import Unavailable
from tests.support import facts, lake

COLUMNS = subjects.columns("at time\nname text\nlength number\nflag flag\ntags list")
ZONE = "Europe/Berlin"
HOSTILE = (  # text → what a CSV shows
    ("=1+1", "'=1+1"),
    ("+1+1", "'+1+1"),
    ("-2", "'-2"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("\t=1", "'\t=1"),
    ("\r=1", "'\r=1"),
    ("  =1", "'  =1"),
    ("\u00a0=1", "'\u00a0=1"),
    ("＝1", "'＝1"),
    ("\u202e=1", "'\u202e=1"),
    ("+996555123456", "+996555123456"),
    ("+996 555", "'+996 555"),
    ('say "hi", you;=1', 'say "hi", you;=1'),
    ("line one\r\nline two", "line one\r\nline two"),
    ("nul\x00l", "null"),
    ("Zoë 📞", "Zoë 📞"),
    ("", ""),
    (None, ""),
)


def aside(folder: Path, rows: list[tuple]) -> Path:
    """Rows as `frozen` puts them aside."""
    kinds = [pa.timestamp("us", tz="UTC"), pa.string(), pa.float64(), pa.bool_(), pa.list_(pa.string())]
    arrays = [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
    path = folder / "rows.parquet"
    pq.write_table(pa.table(arrays, names=[c.name for c in COLUMNS]), path)
    return path


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def test_text_in_a_csv_is_never_a_formula(tmp_path) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    path = aside(tmp_path, [(at, text, 1.5, True, [text or ""]) for text, _ in HOSTILE])
    content = b"".join(commas.write(path, COLUMNS, ZONE, lambda rows: None))
    assert [row[1] for row in read(content)[1:]] == [shown for _, shown in HOSTILE]
    assert [row[4] for row in read(content)[1:]] == [shown for _, shown in HOSTILE]
    by_duckdb = duckdb.read_csv(io.BytesIO(content), all_varchar=True).fetchall()
    assert len(by_duckdb) == len(HOSTILE)


def test_the_two_equal_hours_of_autumn_stay_apart(tmp_path) -> None:
    hours = [datetime(2026, 10, 25, h, 30, tzinfo=UTC) for h in (0, 1)]
    path = aside(tmp_path, [(at, "", -2.5, None, []) for at in hours])
    rows = read(b"".join(commas.write(path, COLUMNS, ZONE, lambda rows: None)))[1:]
    assert [r[0] for r in rows] == ["2026-10-25T02:30:00.000+02:00", "2026-10-25T02:30:00.000+01:00"]
    assert [r[2] for r in rows] == ["-2.5", "-2.5"] and [r[3] for r in rows] == ["", ""]


def test_a_full_sheet_is_followed_by_another_and_nothing_is_a_formula(tmp_path) -> None:
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    path = aside(tmp_path, [(at, text, float(i), True, ["=1", "b"]) for i, (text, _) in enumerate(HOSTILE)])
    counted: list[int] = []
    workbook.make(path, tmp_path / "b.xlsx", "Rows", COLUMNS, ZONE, counted.append, sheet_rows=8)
    book = openpyxl.load_workbook(tmp_path / "b.xlsx")
    assert book.sheetnames == ["Rows", "Rows 2", "Rows 3"] and sum(counted) == len(HOSTILE)
    rows = [row for sheet in book for row in sheet.iter_rows(min_row=2)]
    assert [row[2].value for row in rows] == [float(i) for i in range(len(HOSTILE))]
    assert {cell.data_type for row in rows for cell in row} <= {"s", "n", "d", "b"}
    assert rows[0][0].value == datetime(2026, 7, 1, 14) and rows[0][4].value == "=1; b" and rows[0][3].value is True


def test_an_excel_file_that_is_stopped_leaves_no_process(tmp_path) -> None:
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    path = aside(tmp_path, [(at, "x", 1.0, True, ["a"])] * 100_000)
    halt = Halt()

    def tell(rows: int) -> None:
        halt.set()
        halt.check()

    with pytest.raises(Stopped):
        list(workshop.write(path, tmp_path / "b.xlsx", "Rows", COLUMNS, ZONE, tell))
    with pytest.raises(Unavailable):
        list(workshop.write(tmp_path / "nowhere", tmp_path / "c.xlsx", "Rows", COLUMNS, ZONE, lambda rows: None))


def test_a_halt_interrupts_the_query_that_runs(world, tmp_path) -> None:
    facts.write_calls(world.settings, world.clock, world.acme, 3)
    lake.ingest_once(world.settings, world.clock)
    values = subjects.call_values(Scope(world.acme.tenant_id), CallFilter())
    halt = Halt()
    halt.set()
    with pytest.raises(Stopped):
        frozen.rows(world.settings, tmp_path, subjects.CALLS, values, halt)
    con, halt, over = duckdb.connect(), Halt(), threading.Event()

    def insist() -> None:  # an interruption before the query has begun is none
        while not over.wait(0.05):
            halt.set()

    insisting = threading.Thread(target=insist)
    with pytest.raises(Stopped), halt.over(con):
        insisting.start()
        con.execute("SELECT sum(a.range * b.range) FROM range(1000000) AS a, range(1000000) AS b")
    over.set()
    insisting.join()


def test_what_was_put_aside_does_not_change(world, tmp_path) -> None:
    facts.write_calls(world.settings, world.clock, world.acme, 4, seed=1)
    lake.ingest_once(world.settings, world.clock)
    values = subjects.call_values(Scope(world.acme.tenant_id), CallFilter())
    calls = frozen.calls(world.settings, tmp_path, values, Halt())
    facts.write_calls(world.settings, world.clock, world.acme, 4, seed=2)
    lake.ingest_once(world.settings, world.clock)
    assert calls.count == 4 and len(list(calls.ids())) == 4
    calls.close()
