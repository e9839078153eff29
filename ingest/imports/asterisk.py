"""What all logs of Asterisk's call records share: how a row's texts become a leg, and which rows cannot be one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files

import duckdb
import pyarrow as pa

from ingest.imports import delimited
from ingest.imports.raw import RAW_LEG, Bad, Read, table

DISPOSITIONS = {
    "ANSWERED": "answered",
    "NO ANSWER": "no_answer",
    "BUSY": "busy",
    "FAILED": "failed",
    "CONGESTION": "failed",
    "CANCEL": "cancelled",
}
STAMP = re.compile(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]+)?")
UNIQUE = re.compile(r"(?:[^\s\"]*[^0-9\"])?([0-9]{9,10})\.[0-9]+")  # a system's name may stand before the epoch

_TEXTS = (
    "account", "src", "dst", "context", "clid", "channel", "peer_channel", "last_app", "last_data", "start", "answer",
    "end", "duration", "billsec", "disposition", "unique_id", "linked_id", "sequence", "user_field", "did", "recording",
    "name",
)  # fmt: skip

_DISPOSITION = "CASE disposition_ " + " ".join(f"WHEN '{k}' THEN '{v}'" for k, v in DISPOSITIONS.items()) + " END"


class Reader:
    """Turns blocks of text into legs. zone: IANA name; unique: whether every row must have a unique id."""

    def __init__(self, name: str, zone: str, *, unique: bool) -> None:
        self._name = name
        self._told = {"zone": zone, "unique": unique}
        self._sql = (files("ingest.imports") / "sql" / "asterisk.sql").read_text()
        self._con = duckdb.connect()
        self._con.execute("SET TimeZone='UTC'; SET threads=2; SET enable_progress_bar=false")

    def legs(self, block: delimited.Block, expressions: Mapping[str, str]) -> Read:
        """expressions: for some of _TEXTS an SQL expression over c0, c1, …; the others are null."""
        columns = ", ".join(f"{expressions.get(t, 'NULL::VARCHAR')} AS {t}_" for t in _TEXTS)
        self._con.register("block", block.columns.append_column("line", block.lines))
        text = self._sql.replace("{columns}", columns).replace("{disposition}", _DISPOSITION)
        found = self._con.execute(text, self._told).to_arrow_table()
        self._con.unregister("block")
        bad = list(block.bad)
        if found["bad"].null_count < len(found):
            wrong = found.filter(pa.compute.is_valid(found["bad"]))
            rows = block.columns.filter(pa.compute.is_valid(found["bad"]))
            bad += _told(self._name, wrong, rows)
            found = found.filter(pa.compute.is_null(found["bad"]))
        kept = {n: found[n] for n in found.column_names if n in RAW_LEG.names}
        file = pa.DictionaryArray.from_arrays(pa.nulls(len(found), pa.int32()).fill_null(0), [self._name]).cast(
            pa.string()
        )
        return Read(table(file=file, **kept), tuple(bad), block.position)


def _told(name: str, wrong: pa.Table, rows: pa.Table) -> Iterable[Bad]:
    told = zip(wrong["line"].to_pylist(), wrong["bad"].to_pylist(), rows.to_pylist(), strict=True)
    for count, (line, reason, row) in enumerate(told):
        if count >= delimited.BAD_PER_BLOCK_MAX:
            yield Bad(name, line, f"{len(wrong) - count} rows more like it")
            return
        raw = ",".join("" if v is None else str(v) for v in row.values())
        yield Bad(name, line, reason[:200], raw[: delimited.RAW_CHARS_MAX])


def clock_of(stamps_and_ids: Iterable[tuple[str, str]], limit: int = 400) -> tuple[tuple[int, int], ...]:
    """(epoch, stamp ahead of it) for the first row of each unique id."""
    seen: dict[str, tuple[int, int]] = {}
    for stamp, unique in stamps_and_ids:
        made = UNIQUE.fullmatch(unique or "")
        if made and STAMP.fullmatch(stamp or "") and unique not in seen:
            try:
                at = datetime.fromisoformat(stamp).replace(tzinfo=UTC, microsecond=0)
            except ValueError:
                continue
            epoch = int(made.group(1))
            seen[unique] = (epoch, int(at.timestamp()) - epoch)
    found = tuple(seen.values())
    return found[:: max(1, len(found) // limit)]


def share(rows: Sequence[Sequence[str]], place: int, fits: Iterable[str] | re.Pattern[str]) -> float:
    """In how many of the rows, 0..1, the field at a place is one of these or matches."""
    if not rows:
        return 0.0
    if isinstance(fits, re.Pattern):
        return sum(len(r) > place and bool(fits.fullmatch(r[place])) for r in rows) / len(rows)
    wanted = frozenset(fits)
    return sum(len(r) > place and r[place] in wanted for r in rows) / len(rows)
