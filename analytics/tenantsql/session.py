"""The analyst's side: asks the process beside it, and ends that process when a question takes too long."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from typing import IO, Any

import pandas as pd
import pyarrow as pa

from analytics.tenantsql.views import COLUMNS, COMMENTS
from pbx_core.errors import InputError, Unavailable
from pbx_core.settings import Settings

TIME_S = 30.0
MEMORY_MB = 1024
_HEAD_BYTES = 9
_PIECE_BYTES = 1 << 20


class Sql:
    """`sql("SELECT …")` is a frame with one tenant's rows. Nothing can be changed by it. Not thread-safe."""

    def __init__(
        self, settings: Settings, tenant_id: str, *, time_s: float = TIME_S, memory_mb: int = MEMORY_MB
    ) -> None:
        """time_s: of one question, then it is ended; memory_mb: of the engine, what needs more fails."""
        self._start = {"data": str(settings.data), "tenant_id": tenant_id, "memory_mb": memory_mb}
        self._time_s = time_s
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, question: str, values: dict[str, Any] | None = None) -> pd.DataFrame:
        """values: for $names in the question. InputError when it is not allowed, wrong, too large or too slow;
        Unavailable when the warehouse cannot answer now."""
        kind, content = self._ask({"sql": question, "values": values})
        if kind == b"A":
            frame: pd.DataFrame = pa.ipc.open_stream(content).read_all().to_pandas()
            return frame
        told = json.loads(content)
        raise InputError(told["says"], error_id="bad_sql") if told["fault"] == "input" else Unavailable(told["says"])

    def tables(self) -> pd.DataFrame:
        """What can be asked for: tables and what one row of each is."""
        return pd.DataFrame(COMMENTS.items(), columns=["table", "one row is"])

    def columns(self, table: str) -> pd.DataFrame:
        """The columns of a table, and what a row says in each."""
        rows = [(c.name, c.type, c.comment) for c in COLUMNS.get(table, ())]
        return pd.DataFrame(rows, columns=["column", "type", "what it says"])

    def close(self) -> None:
        """End the process beside."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Sql:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, question: dict[str, Any]) -> tuple[bytes, bytes]:
        process = self._running()
        assert process.stdin and process.stdout
        deadline = time.monotonic() + self._time_s
        try:
            process.stdin.write(json.dumps(question, default=str).encode() + b"\n")
            process.stdin.flush()
            head = self._read(process.stdout, _HEAD_BYTES, deadline)
            return head[:1], self._read(process.stdout, int.from_bytes(head[1:], "big"), deadline)
        except (BrokenPipeError, EOFError):
            self.close()
            raise InputError(
                f"The question needed more than {self._start['memory_mb']} MB of memory and was ended. Ask for a "
                "shorter time or for fewer columns.",
                error_id="too_large",
            ) from None
        except TimeoutError:
            self.close()
            raise InputError(
                f"The question took more than {self._time_s:g} s and was ended. Ask for a shorter time.",
                error_id="too_slow",
            ) from None
        except BaseException:  # stopped by its person: the answer must not be taken for that of the next question
            self.close()
            raise

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "analytics.tenantsql.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert self._process.stdin
            self._process.stdin.write(json.dumps(self._start).encode() + b"\n")
        return self._process

    @staticmethod
    def _read(pipe: IO[bytes], size: int, deadline: float) -> bytes:
        found = bytearray()
        while len(found) < size:
            if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            piece = os.read(pipe.fileno(), min(_PIECE_BYTES, size - len(found)))
            if not piece:
                raise EOFError
            found += piece
        return bytes(found)
