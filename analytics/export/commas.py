"""CSV that a spreadsheet shows and never runs.

UTF-8 without a byte order mark (no reader that we tried needs it; for Excel there is Excel's own format), commas,
CRLF as RFC 4180 wants, every text in quotes. Times are ISO 8601 by the tenant's clocks with their offset.

A text that a spreadsheet would take for a formula begins with an apostrophe: first sign =, +, -, @ (also as wide
letters) or a control character, wherever blanks stand before it. A plain public number such as +996555123456 stays as
it is: as a formula it is that number. Parquet holds every text as it came.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from analytics.export import pieces
from analytics.export.subjects import Column, Kind

MEDIA_TYPE = "text/csv; charset=utf-8"
_FORMULA = r"^([\x00-\x1f\x7f]|[\s\x{00a0}\x{200b}-\x{200f}\x{2028}-\x{202e}\x{feff}]*[=+\-@＝＋－＠\t\r\n|])"
_NUMBER = r"^\+[0-9]{3,15}$"
_TEXT = (
    f"CASE WHEN regexp_matches({{c}}, '{_FORMULA}') AND NOT regexp_matches({{c}}, '{_NUMBER}') "
    "THEN '''' || replace({c}, chr(0), '') ELSE replace({c}, chr(0), '') END"
)
_FORMS = {
    Kind.TEXT: _TEXT,
    Kind.LIST: _TEXT.replace("{c}", "array_to_string({c}, '; ')"),
    Kind.TIME: r"regexp_replace(strftime({c}, '%Y-%m-%dT%H:%M:%S.%g%z'), '([+-]\d\d)$', '\1:00')",
    Kind.FLAG: "CASE WHEN {c} THEN 'yes' WHEN NOT {c} THEN 'no' END",
}
_OPTIONS = pa_csv.WriteOptions(include_header=False, eol="\r\n")


def write(path: Path, columns: tuple[Column, ...], time_zone: str, tell: Callable[[int], None]) -> Iterator[bytes]:
    """The rows that were put aside, a piece at a time; `tell` hears how many rows each piece has."""
    yield (",".join(f'"{c.name}"' for c in columns) + "\r\n").encode()
    for batch in pieces.batches(path, columns, {str(k): v for k, v in _FORMS.items()}, time_zone):
        target = io.BytesIO()
        pa_csv.write_csv(pa.Table.from_batches([batch]), target, _OPTIONS)
        tell(batch.num_rows)
        yield target.getvalue()
