"""The process in which an analyst's question runs. Reads questions as JSON lines, answers with Arrow or an error.

An answer is one byte (A: Arrow stream, E: error as JSON), eight bytes of length, the content.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa

from analytics.queries.reader import Reader
from analytics.tenantsql import guard, views
from pbx_core.errors import CallbenchError, InputError
from pbx_core.settings import Settings, load

ROWS_MAX = 1_000_000
BATCH_ROWS = 50_000
ADDRESS_SPARE_BYTES = 2 * 1024**3  # beyond what is taken at the start and the engine's own limit: its threads' reserve
_THEIRS = (
    duckdb.ParserException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.OutOfRangeException,
    duckdb.NotImplementedException,
    duckdb.PermissionException,
    duckdb.InvalidTypeException,
    duckdb.TypeMismatchException,
)  # faults of the question, not of the warehouse


class TenantReader(Reader):
    """A reader whose connection has the views and nothing else, and whose answers are Arrow tables."""

    def __init__(self, settings: Settings, tenant_id: str, memory: str) -> None:
        self._tenant_id = tenant_id
        self._memory = memory
        super().__init__(settings)

    def ask(self, sql: str, values: dict[str, Any] | None) -> pa.Table:
        """InputError when the question is not allowed or wrong; Unavailable when the warehouse cannot answer."""
        guard.check(self._connection(), sql)
        table: pa.Table = self._run(sql, values)[1]
        return table

    def _prepare(self, con: duckdb.DuckDBPyConnection) -> None:
        views.make(con, self._settings, self._tenant_id, self._memory)

    def _execute(self, sql: str, values: dict[str, Any] | None) -> Any:
        try:
            return super()._execute(sql, values)
        except _THEIRS as error:
            raise InputError(str(error).strip()[:2000], error_id="bad_sql") from error
        except duckdb.OutOfMemoryException as error:
            raise InputError(
                f"The question needs more than {self._memory} of memory. Ask for a shorter time or for fewer columns.",
                error_id="too_large",
            ) from error

    def _fetched(self, cursor: duckdb.DuckDBPyConnection) -> Any:
        reader = cursor.to_arrow_reader(BATCH_ROWS)
        batches, rows = [], 0
        for batch in reader:
            rows += batch.num_rows
            if rows > ROWS_MAX:
                says = f"The answer has more than {ROWS_MAX} rows. Count or group them."
                raise InputError(says, error_id="too_large")
            batches.append(batch)
        return pa.Table.from_batches(batches, schema=reader.schema)


def limit_memory(memory_bytes: int) -> None:
    """The process gets no more address space than it has now, its limit and a reserve; the engine does not count all
    that it takes."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    most = taken + memory_bytes + ADDRESS_SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(questions: BinaryIO, answers: BinaryIO) -> None:
    """The first line says which data, tenant and memory; each further line is a question."""
    first = json.loads(questions.readline())
    memory_bytes = int(first["memory_mb"]) * 1024**2
    reader: TenantReader | None = None
    for line in questions:
        try:
            if reader is None:
                reader = TenantReader(load(first["data"]), first["tenant_id"], f"{first['memory_mb']}MB")
                limit_memory(memory_bytes)
            asked = json.loads(line)
            table = reader.ask(asked["sql"], asked["values"])
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, table.schema) as stream:
                stream.write_table(table)
            _answer(answers, b"A", sink.getvalue().to_pybytes())
        except CallbenchError as error:
            fault = "input" if isinstance(error, InputError) else "unavailable"
            _answer(answers, b"E", json.dumps({"fault": fault, "says": str(error)}).encode())


def _answer(answers: BinaryIO, kind: bytes, content: bytes) -> None:
    answers.write(kind + len(content).to_bytes(8, "big") + content)
    answers.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
