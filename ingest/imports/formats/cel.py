"""Asterisk's Channel Event Logging: the CSV of cel_custom in its sample's order, and the table `cel` (cel_odbc,
cel_sqlite3, FreePBX) as SQLite or as delimited text."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from ingest.imports import asterisk, cel, delimited, sample, sqlite
from ingest.imports.ahead import ahead
from ingest.imports.raw import Evidence, Read
from pbx_core.errors import InputError

# cel_custom.conf.sample; older ones end with the user field, or go without it
_CUSTOM = (
    "eventtype", "eventtime", "cid_name", "cid_num", "cid_ani", "cid_rdnis", "cid_dnid", "exten", "context", "channame",
    "appname", "appdata", "amaflags", "accountcode", "uniqueid", "linkedid", "peer", "userfield", "userdeftype",
    "extra",
)  # fmt: skip
_ORDERS = {
    20: _CUSTOM,
    19: tuple(c for c in _CUSTOM if c != "userfield"),
    18: _CUSTOM[:18],
}
# FreePBX's table, dumped without names
_DUMPED = (
    "id", *_CUSTOM[:17], "userdeftype", "extra",
)  # fmt: skip
_ALSO = {"eventextra": "extra", "cidname": "cid_name", "cidnum": "cid_num", "ciddnid": "cid_dnid"}  # cel_sqlite3
_NEEDED = {"eventtype", "eventtime", "uniqueid", "linkedid", "channame"}
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_FITS = 0.8  # share of the rows that must look like events
_ROWS_LOOKED_AT = 400
TABLE = "cel"


class Cel:
    """variant: `sqlite`, or the delimiter's name, whether there is a header, and the columns in their order."""

    name = "asterisk-cel"
    system = "asterisk"
    title = "Asterisk channel events (CEL)"
    rank = 30  # of a call it tells whole, it knows more than any CDR

    def sniff(self, path: Path) -> Evidence | None:
        """By the table, the names in the header, or the places of events, times and unique ids."""
        if sqlite.is_sqlite(path):
            return self._of_table(path)
        for delimiter, called in _DELIMITERS.items():
            rows = sample.rows(path, delimiter)
            head = tuple(_ours(name) for name in rows[0]) if rows else ()
            if set(head) >= _NEEDED:
                return self._of_text(called, True, head, rows[1:])
            for order in (*_ORDERS.values(), _DUMPED):
                fit = [r for r in rows if len(r) == len(order)]
                if (
                    len(fit) >= _FITS * max(1, len(rows))
                    and asterisk.share(fit, order.index("eventtype"), cel.EVENTS) >= _FITS
                ):
                    return self._of_text(called, False, order, fit)
        return None

    def read(self, path: Path, name: str, found: Evidence) -> Iterator[Read]:
        """Calls are made when the whole file is read."""
        zone = found.zone or "UTC"
        if found.variant == "sqlite":
            known = {_ours(lower): written for lower, written in sqlite.columns(path, TABLE).items()}
            wanted = {c: known[c] for c in cel.COLUMNS if c in known}
            if not wanted.keys() >= _NEEDED:
                raise InputError(f"{name} has no table {TABLE} that could be read.", error_id="bad_file")
            yield from cel.legs(_numbered(path, wanted), name, zone, {c: c for c in wanted})
            return
        called, header, names = found.variant.split("/", 2)
        delimiter = next(d for d, n in _DELIMITERS.items() if n == called)
        head, skip = names.split(","), 0
        if header == "header":
            with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
                reader = csv.reader(file, delimiter=delimiter)
                next(reader, None)
                skip = reader.line_num
        columns = {n: f"c{place}" for place, n in enumerate(head) if n in cel.COLUMNS}
        dialect = delimited.Dialect((len(head),), delimiter, skip_lines=skip)
        yield from cel.legs(ahead(delimited.blocks(path, name, dialect)), name, zone, columns)

    def _of_table(self, path: Path) -> Evidence | None:
        columns = {_ours(lower): written for lower, written in sqlite.columns(path, TABLE).items()}
        if not columns.keys() >= _NEEDED:
            return None
        rows = sqlite.some(path, TABLE, [columns[c] for c in ("eventtime", "uniqueid")], _ROWS_LOOKED_AT)
        says = f"It is a SQLite database with the table {TABLE} of {len(columns)} columns."
        return self._evidence("sqlite", says, [tuple(r) for r in rows])

    def _of_text(self, called: str, header: bool, head: tuple[str, ...], rows: Sequence[Sequence[str]]) -> Evidence:
        time, unique = head.index("eventtime"), head.index("uniqueid")
        says = f"{len(head)} columns of events parted by {called}, "
        says += "named in the first line" if header else "in the order of cel_custom.conf.sample"
        told = [(r[time], r[unique]) for r in rows if len(r) == len(head)]
        return self._evidence(f"{called}/{'header' if header else 'bare'}/{','.join(head)}", says, told)

    def _evidence(self, variant: str, says: str, told: Sequence[tuple[str, ...]]) -> Evidence:
        """told: time and unique id of some events."""
        if all(time[:5].isdigit() for time, _ in told):
            return Evidence(self.name, 0.98, variant, "UTC", (says, "Its times are seconds since 1970."))
        clock = asterisk.clock_of((time, unique) for time, unique in told)
        return Evidence(self.name, 0.98, variant, None, (says,), clock=clock)


def _ours(name: str) -> str:
    name = name.strip().lower()
    return _ALSO.get(name, name)


def _numbered(path: Path, columns: dict[str, str]) -> Iterator[delimited.Block]:
    """The rows of the table; the line is the row's id where it has one, else its place."""
    place, size = 1, path.stat().st_size
    for block in sqlite.blocks(path, TABLE, columns):
        lines = pa.array(range(place, place + len(block)), pa.int64())
        if "id" in columns:
            lines = pa.compute.coalesce(_numbers(block["id"]), lines)
        yield delimited.Block(block, lines, (), size)
        place += len(block)


def _numbers(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    plain = pa.compute.match_substring_regex(texts, "^[0-9]{1,18}$")
    return pa.compute.if_else(plain, texts, None).cast(pa.int64())


FORMAT = Cel()
