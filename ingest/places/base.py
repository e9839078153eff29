"""What every place of a warehouse can do, and what both kinds share."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib.resources import files
from typing import Protocol

import duckdb

from pbx_core.errors import CallbenchError, ConfigError

LAKE = "lk"  # the name under which the warehouse is attached
# Small commits become files like large ones: rows kept in the catalog would need ducklake_flush_inlined_data, which in
# 1.5.5 has corrupted the writer's memory and leaves readers with names of tables that are gone.
INLINE_ROWS = 0


class Place(Protocol):
    """A catalog and the files that it speaks of."""

    name: str  # for people; never a password in it
    folder: str  # of the files, with a slash at its end
    extensions: tuple[str, ...]  # of DuckDB, to be loaded in this order
    remedy: str  # what to do when the warehouse is damaged
    other_version: str  # what to say and do when another version of Callbench made it
    torn: bool  # whether a reader may see a table empty while files are merged (ingest.maintenance)

    def made(self) -> bool:
        """Whether a warehouse lies there. Unavailable when that cannot be known now."""
        ...

    def check_readable(self) -> None:
        """Unavailable says why nobody can read now: none is made yet, it is made anew, it cannot be reached."""
        ...

    def attach(self, con: duckdb.DuckDBPyConnection, busy_timeout_ms: int, *, read_only: bool) -> None:
        """As LAKE. Raises what DuckDB raises; `explained` makes a sentence of it."""
        ...

    def identity(self) -> int:
        """Another number when another catalog has taken the place of the one before; 0 while there is none."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """Held by whoever writes; Unavailable when another machine is at it for long."""
        ...

    def explained(self, error: duckdb.Error) -> CallbenchError:
        """Why the warehouse cannot be opened, what is kept, what to do."""
        ...

    def problem(self, error: duckdb.Error) -> str:
        """The same of a round that was rolled back."""
        ...

    def close(self) -> None:
        """Let go of what `turn` needs; it may be taken again."""
        ...


def is_locked(error: BaseException) -> bool:
    """Whether an error of DuckDB passes by itself: another process holds the catalog, or was faster to commit."""
    return "database is locked" in str(error) or "Transaction conflict" in str(error)


def extension(name: str) -> str:
    """Path of an extension's binary in its pip package; ConfigError when it is missing or the versions do not fit."""
    package = f"duckdb-extension-{name.replace('_', '-')}"
    try:
        folder = files(f"duckdb_extension_{name}")
    except ModuleNotFoundError:
        raise ConfigError(
            f"The package {package} is not installed. A warehouse on PostgreSQL and S3 needs "
            "pip install 'callbench[warehouse]'."
        ) from None
    path = folder / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not path.is_file():
        raise ConfigError(
            f"The package {package} does not fit duckdb {duckdb.__version__}. Install the versions of constraints.txt."
        )
    return str(path)


def first_line(error: BaseException) -> str:
    """What an error says, for a sentence."""
    return str(error).strip().splitlines()[0][:300]


def quoted(text: str) -> str:
    """As a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
