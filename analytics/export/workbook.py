"""Excel's own format: real numbers and dates, text that is never a formula, as many sheets as the rows need.

A sheet holds 1 048 576 rows; what is more goes on on further sheets.
Dates on a sheet know no zone: they stand by the tenant's clocks, which the heading names. Excel keeps 32 767 characters
in a cell; a longer text is cut and ends with an ellipsis.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from analytics.export import pieces
from analytics.export.subjects import Column, Kind

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHEET_ROWS_MAX = 1_048_576  # of Excel, with the heading
CELL_CHARS_MAX = 32_767  # of Excel
_FORMS = {
    Kind.TIME: "timezone(current_setting('TimeZone'), {c})",
    Kind.LIST: "array_to_string({c}, '; ')",
}


def make(
    path: Path,
    target: Path,
    title: str,
    columns: tuple[Column, ...],
    time_zone: str,
    tell: Callable[[int], None],
    sheet_rows: int = SHEET_ROWS_MAX,
) -> None:
    """Make the file of the rows that were put aside; `tell` hears how many rows each batch has."""
    options = {"constant_memory": True, "tmpdir": str(target.parent), "use_zip64": True}
    with xlsxwriter.Workbook(str(target), options) as book:
        sheets = _Sheets(book, title, columns, time_zone, sheet_rows)
        for batch in pieces.batches(path, columns, {str(k): v for k, v in _FORMS.items()}, time_zone):
            sheets.add([column.to_pylist() for column in batch.columns])
            tell(batch.num_rows)


class _Sheets:
    """Writes rows, and begins a new sheet where one is full."""

    def __init__(
        self, book: xlsxwriter.Workbook, title: str, columns: tuple[Column, ...], time_zone: str, sheet_rows: int
    ) -> None:
        self._book, self._title, self._columns = book, title, columns
        self._heads = [f"{c.name} ({time_zone})" if c.kind is Kind.TIME else c.name for c in columns]
        self._bold = book.add_format({"bold": True, "bottom": 1})
        self._time = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._sheet_rows = sheet_rows
        self._count = 0
        self._row = sheet_rows
        self._sheet: Worksheet = self._begin()

    def _begin(self) -> Worksheet:
        self._count += 1
        sheet: Worksheet = self._book.add_worksheet(self._title if self._count == 1 else f"{self._title} {self._count}")
        sheet.freeze_panes(1, 0)
        for i, column in enumerate(self._columns):
            sheet.set_column(i, i, column.width)
            sheet.write_string(0, i, self._heads[i], self._bold)
        self._row = 1
        return sheet

    def add(self, columns: list[list[Any]]) -> None:
        for values in zip(*columns, strict=True):
            if self._row >= self._sheet_rows:
                self._sheet = self._begin()
            self._put(values)
            self._row += 1

    def _put(self, values: tuple[Any, ...]) -> None:
        sheet, row = self._sheet, self._row
        for i, value in enumerate(values):
            if value is None or value == "":
                continue
            match self._columns[i].kind:
                case Kind.TEXT | Kind.LIST:
                    sheet.write_string(
                        row, i, value if len(value) <= CELL_CHARS_MAX else f"{value[: CELL_CHARS_MAX - 1]}…"
                    )
                case Kind.NUMBER | Kind.COUNT:
                    sheet.write_number(row, i, value)
                case Kind.FLAG:
                    sheet.write_boolean(row, i, value)
                case Kind.TIME:
                    sheet.write_datetime(row, i, value, self._time)
