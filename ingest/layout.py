"""How rows lie in the files of the warehouse, so that a question reads little of what is not asked.

Within a file rows lie in the order of their table's key, tenant first, in groups that are read or skipped whole. A
table into which nothing was ever written gets a row that is deleted at once: of tables without any, DuckLake looks up
what it knows of all tables again for every question, 13 ms each time. docs/decisions/0019.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from ingest.tables import REJECT, TABLES, Table

# A fifth of DuckDB's own: of one tenant among many, less is read in vain. A group has a description of 100 bytes per
# column, read with every file: tables of very many columns keep DuckDB's own.
ROW_GROUP_ROWS = 24_576
WIDE_GROUP_ROWS = 122_880
WIDE_COLUMNS = 100

_DONE = """
    SELECT EXISTS (FROM lk.options() WHERE option_name = 'parquet_row_group_size' AND scope = 'GLOBAL' AND value = ?)
"""
_SET = "CALL lk.set_option('parquet_row_group_size', ?)"
_SET_WIDE = "CALL lk.set_option('parquet_row_group_size', ?, schema => 'main', table_name => '{table}')"
_SORTING = "CALL lk.set_option('sort_on_insert', ?)"
_SORT = "ALTER TABLE lk.main.{table} SET SORTED BY ({key})"
_IS_EMPTY = "SELECT NOT EXISTS (FROM lk.main.{table})"
_PUT = "INSERT INTO lk.main.{table} ({first}) VALUES ('')"
_IS_PUT = "SELECT EXISTS (FROM lk.main.reject WHERE source = '' AND segment IS NULL)"
_REMOVE = "DELETE FROM lk.main.{table} WHERE {first} = '' AND {second} IS NULL"  # no other row lacks a part of its key


def is_laid_out(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether `lay_out` was done to this warehouse, by this version's rules."""
    return _true(con, _DONE, [str(ROW_GROUP_ROWS)])


def lay_out(con: duckdb.DuckDBPyConnection) -> None:
    """In a transaction of the caller's, after the tables were made. Files that lie there already stay as they are until
    they are merged. `finish` belongs to it."""
    con.execute(_SET, [ROW_GROUP_ROWS])
    for table in TABLES:
        con.execute(_for(_SORT, table))
        if table is REJECT or _true(con, _for(_IS_EMPTY, table)):
            con.execute(_for(_PUT, table))


@contextmanager
def as_they_come(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Within a transaction: rows are written without being sorted, because they come in the order of the key. Of two
    million calls of one tenant that saves 6 of 15 s. After an error it holds on until the writer opens itself anew, as
    it does (Writer.round)."""
    con.execute(_SORTING, [False])
    yield
    con.execute(_SORTING, [True])


def is_unfinished(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether rows lie there that `finish` will delete."""
    return _true(con, _IS_PUT)


def finish(con: duckdb.DuckDBPyConnection) -> None:
    """What cannot be done in the transaction that makes the tables: delete the rows that `lay_out` put, give wide
    tables larger groups. Does nothing where that was done."""
    if not is_unfinished(con):
        return
    con.execute("BEGIN")
    for table in TABLES:
        con.execute(_for(_REMOVE, table))
        if len(table.columns) > WIDE_COLUMNS:
            con.execute(_for(_SET_WIDE, table), [WIDE_GROUP_ROWS])
    con.execute("COMMIT")


def _true(con: duckdb.DuckDBPyConnection, question: str, values: list[str] | None = None) -> bool:
    row = con.execute(question, values).fetchone()
    return bool(row and row[0])


def _for(text: str, table: Table) -> str:
    return text.format(table=table.name, key=", ".join(table.key), first=table.key[0], second=table.key[1])
