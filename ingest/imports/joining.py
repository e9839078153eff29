"""The rows of an import joined into calls, in pieces that fit into memory, each written when it is made.

What is made lies in the import's folder as <name>.parquet; `all_<name>` are views of these files.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.imports import assemble
from ingest.imports.ahead import AT_ONCE, in_order
from ingest.imports.raw import RAW_LEG
from ingest.imports.staging import Manifest, RawFile, quoted

MEMORY_MB = 400  # of DuckDB while stories are joined; the rest goes to disk
BYTES_PER_ROW = 700  # more, for rows that are joined at once: half-made stories cannot go to disk
THREADS = AT_ONCE
PIECE_ROWS = 40_000  # joined at once
PIECES_HELD = 25_000  # rows in memory while they are parted


@dataclass(frozen=True)
class _Origin:
    """Whose rows are joined; sounds: whether there are any that `wanted` is to be made for."""

    tenant_id: str
    import_id: str
    stamp: str
    sounds: bool


@dataclass(frozen=True)
class _Made:
    """The tables of assemble.MADE, of one piece."""

    tables: dict[str, pa.Table]
    duplicates: int


@contextmanager
def scratch(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of its own with bounded memory; what does not fit goes to a folder that is removed."""
    spill = folder / "spill"
    shutil.rmtree(spill, ignore_errors=True)  # of a run that was killed
    con = _connected(spill, THREADS, MEMORY_MB)
    try:
        yield con
    finally:
        con.close()
        shutil.rmtree(spill, ignore_errors=True)


def join(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    raw: Sequence[RawFile],
    earlier: Iterable[tuple[Path, Manifest]],
    told: tuple[str, str, str],
    *,
    sounds: bool,
) -> int:
    """Make `all_<name>` for each of assemble.MADE out of this import's rows, and of those of earlier imports that
    tell of the same calls; calls in the order of time, as their ids tell it. told: tenant, import id, stamp; sounds:
    whether there are any that `wanted` is to be made for. How many rows stood there more than once."""
    duplicates = 0
    with ExitStack() as files:
        writers: dict[str, pq.ParquetWriter] = {}
        for made in _made(con, folder, raw, list(earlier), _Origin(*told, sounds)):
            duplicates += made.duplicates
            for name, table in made.tables.items():
                if name not in writers:
                    writer = pq.ParquetWriter(folder / f"{name}.parquet", table.schema, **_COMPRESSED)
                    writers[name] = files.enter_context(writer)
                writers[name].write_table(table)
    for name in assemble.MADE:
        path = folder / f"{name}.parquet"
        con.execute(f"CREATE OR REPLACE TEMP VIEW all_{name} AS FROM read_parquet({quoted(str(path))})")
    return duplicates


def _made(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    raw: Sequence[RawFile],
    before: Sequence[tuple[Path, Manifest]],
    origin: _Origin,
) -> Iterator[_Made]:
    for system, files in groupby(sorted(raw, key=lambda r: r.system), key=lambda r: r.system):
        mine = [(folder / f.file, f.rank * 1_000_000 + len(before)) for f in files if f.rows]
        con.execute(f"CREATE OR REPLACE TEMP VIEW own_leg AS {_union(mine)}")
        older = [
            (path / f.file, f.rank * 1_000_000 + age)
            for age, (path, manifest) in enumerate(before)
            for f in manifest.raw
            if f.system == system and f.rows and manifest.import_id != origin.import_id
        ]
        con.execute(
            _AGAIN.replace("{older}", _union(older))
            if older
            else "CREATE OR REPLACE TEMP VIEW every_leg AS FROM own_leg"
        )
        spill = folder / "spill"
        pieces = _pieces(con, spill / f"pieces-{system}", system)
        if pieces:
            yield from in_order(pieces, partial(_joined_apart, spill=spill, system=system, origin=origin))
        else:
            yield _joined(con, "every_leg", system, origin)


def _joined(con: duckdb.DuckDBPyConnection, relation: str, system: str, origin: _Origin) -> _Made:
    con.execute(f"CREATE OR REPLACE TEMP VIEW raw_leg AS FROM {relation}")
    assemble.assemble(con, origin.tenant_id, system, origin.import_id, origin.stamp, sounds=origin.sounds)
    tables = {
        name: con.execute(f"FROM made_{name} ORDER BY {order}").to_arrow_table()
        for name, order in assemble.MADE.items()
    }
    return _Made(tables, assemble.count_duplicates(con))


def _joined_apart(piece: str, spill: Path, system: str, origin: _Origin) -> _Made:
    """The same with a DuckDB, a thread and a folder of its own (two in one write into each other's files): several
    pieces at once keep the processors busier than one."""
    own = Path(tempfile.mkdtemp(prefix="joining-", dir=spill))
    with closing(_connected(own, 1, MEMORY_MB // THREADS)) as con:
        return _joined(con, piece, system, origin)


def _connected(spill: Path, threads: int, memory_mb: int) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("SET TimeZone='UTC'; SET enable_progress_bar=false; SET preserve_insertion_order=false")
    con.execute("SET threads=?", [threads])
    con.execute("SET memory_limit=?", [f"{memory_mb}MB"])
    con.execute(f"SET temp_directory={quoted(str(spill))}")
    return con


def _pieces(con: duckdb.DuckDBPyConnection, spill: Path, system: str) -> list[str]:
    """Relations, a part of `every_leg` each, small enough to be joined in MEMORY_MB; parted once, below `spill`. Calls
    of Asterisk are told apart by ids, whose time parts them, or by channels; where queues speak of them, or other
    systems, all is looked at at once: none."""
    rows, others = con.execute("SELECT count(*), count(kind) FROM every_leg").fetchone() or (0, 0)
    count = -(-rows // PIECE_ROWS) if system == "asterisk" and not others else 1
    if count <= 1:
        con.execute("SET memory_limit=?", [f"{MEMORY_MB + rows * BYTES_PER_ROW // 1_000_000}MB"])
        return []
    spill.mkdir(parents=True, exist_ok=True)
    con.execute(f"SET partitioned_write_flush_threshold={PIECES_HELD}")
    con.execute(_KEYED)
    (edges,) = con.execute(_EDGES, [[n / count for n in range(1, count)]]).fetchone() or (None,)
    later = " + ".join(f"(made >= {edge})::INTEGER" for edge in edges or ())
    text = _PART.replace("{later}", later or "0").replace("{count}", str(count))
    con.execute(text.replace("{target}", quoted(str(spill))))
    found = sorted(spill.iterdir(), key=lambda path: int(path.name.partition("=")[2]))
    return [f"read_parquet({quoted(str(path / '*.parquet'))}, hive_partitioning=false)" for path in found]


_COMPRESSED = {"compression": "zstd", "compression_level": 1}

# made: the second in which the first channel of a row's story was made, as its id says.
_KEYED = """
    CREATE OR REPLACE TEMP VIEW keyed_leg AS
        SELECT * EXCLUDE (id), coalesce(id, channel, '') AS story,
               try_cast(regexp_extract(id, '([0-9]{9,10})\\.[0-9]+$', 1) AS BIGINT) AS made
        FROM (SELECT *, coalesce(nullif(linked_id, ''), nullif(unique_id, '')) AS id FROM every_leg)
"""
_EDGES = "SELECT approx_quantile(made, ?::FLOAT[]) FROM (SELECT made FROM keyed_leg USING SAMPLE 20000 ROWS)"
_PART = """
    COPY (SELECT * EXCLUDE (made, story), coalesce({later}, hash(story) % {count}) AS piece FROM keyed_leg)
    TO {target} (FORMAT parquet, PARTITION_BY (piece), OVERWRITE_OR_IGNORE)
"""


_AGAIN = """
    CREATE OR REPLACE TEMP VIEW older_leg AS {older};
    CREATE OR REPLACE TEMP TABLE mentioned AS
        WITH mine AS (SELECT DISTINCT unnest([unique_id, linked_id]) AS id FROM own_leg)
        SELECT DISTINCT unnest([unique_id, linked_id]) AS id FROM older_leg
        WHERE unique_id IN (FROM mine) OR linked_id IN (FROM mine)
        UNION FROM mine;
    DELETE FROM mentioned WHERE coalesce(id, '') = '';
    CREATE OR REPLACE TEMP VIEW every_leg AS
        FROM own_leg UNION ALL BY NAME
        (SELECT * FROM older_leg WHERE unique_id IN (FROM mentioned) OR linked_id IN (FROM mentioned));
"""


def _union(files: Sequence[tuple[Path, int]]) -> str:
    parts = [
        f"SELECT *, {rank} AS rank FROM read_parquet({quoted(str(path))})"  # noqa: S608
        for path, rank in files
    ]
    if not parts:
        columns = ", ".join(f"NULL::{_SQL[f.type]} AS {f.name}" for f in RAW_LEG)
        return f"SELECT {columns}, 0 AS rank WHERE false"
    return " UNION ALL BY NAME ".join(parts)


_SQL = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
}
