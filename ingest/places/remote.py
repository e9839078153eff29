"""A warehouse for several machines: its catalog in a schema of PostgreSQL, its rows in Parquet files on S3.

Passwords and keys are given to DuckDB as secrets, which it never shows; what it says of errors is cleaned all the same.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import duckdb

from ingest.places import target
from ingest.places.base import INLINE_ROWS, LAKE, first_line, quoted
from ingest.places.turns import Turns
from pbx_core.errors import CallbenchError, ConfigError, Unavailable
from pbx_core.settings import Settings


class Remote:
    """The generation of the warehouse that the settings name: a schema `callbench_<n>`, a folder `<n>/`."""

    extensions = ("postgres_scanner", "httpfs", "ducklake")
    torn = False  # PostgreSQL shows a catalog as of one moment

    def __init__(self, settings: Settings) -> None:
        self._url = target.catalog(settings)
        self._s3 = target.s3(settings)
        self._schema = f"callbench_{settings.warehouse_generation}"
        self._turns = Turns(self._connect, self._schema)
        self.folder = f"{settings.warehouse_files.rstrip('/')}/{settings.warehouse_generation}/"
        self.name = f"{self._schema} on {self._url.host or 'localhost'}/{self._url.database}"
        anew = _anew(settings)
        self.remedy = "look whether its PostgreSQL and its S3 server run and let this machine in. Nothing is lost."
        self.other_version = f"The warehouse {self.name} was made by another version of Callbench. {anew} It differs"

    def made(self) -> bool:
        with self._connect() as connection:
            row = connection.execute("SELECT to_regclass(%s)", [f"{self._schema}.ducklake_metadata"]).fetchone()
        return bool(row and row[0])

    def check_readable(self) -> None:
        if not self.made():
            raise Unavailable(
                f"There is no warehouse {self.name} yet. It appears when `callbench up` (or `callbench ingest`) has "
                "run on a machine with these settings; then try again."
            )

    def attach(self, con: duckdb.DuckDBPyConnection, busy_timeout_ms: int, *, read_only: bool) -> None:
        """busy_timeout_ms: not used, as nobody waits in PostgreSQL but in `turn`."""
        server = {"HOST": self._url.host, "PORT": self._url.port, "DATABASE": self._url.database}
        person = {"USER": self._url.username, "PASSWORD": self._url.password}
        con.execute(f"CREATE SECRET catalog (TYPE postgres, {target.listed({**server, **person})})")
        con.execute(f"CREATE SECRET files (TYPE s3, SCOPE {quoted(self.folder)}, {target.listed(self._s3)})")
        if not read_only:  # a catalog made for a bucket that is not there would keep its name
            con.execute("SELECT count(*) FROM glob(?)", [f"{self.folder}*.none"])
        how = "READ_ONLY" if read_only else f"DATA_INLINING_ROW_LIMIT {INLINE_ROWS}"
        options = f"META_SECRET 'catalog', METADATA_SCHEMA '{self._schema}', DATA_PATH {quoted(self.folder)}, {how}"
        asked = target.connection_options(self._url).items()
        more = " ".join(f"{name}={target.for_libpq(value)}" for name, value in asked)
        con.execute(f"ATTACH {quoted(f'ducklake:postgres:{more}')} AS {LAKE} ({options})")

    def identity(self) -> int:
        return 1

    def turn(self) -> AbstractContextManager[None]:
        return self._turns.turn()

    def explained(self, error: duckdb.Error) -> CallbenchError:
        return Unavailable(self.problem(error))

    def problem(self, error: duckdb.Error) -> str:
        return (
            f"The warehouse {self.name} with its files in {self.folder} cannot be used now "
            f"({self._cleaned(first_line(error))}). The journals keep everything, and it is tried again. If it stays "
            "so, look whether its PostgreSQL and its S3 server run and let this machine in."
        )

    def close(self) -> None:
        self._turns.close()

    def _connect(self) -> Any:
        """A connection of psycopg that commits each statement. Unavailable when the server does not answer."""
        try:
            import psycopg
        except ModuleNotFoundError:
            raise ConfigError(
                "The setting warehouse_catalog needs pip install 'callbench[warehouse]'.", error_id="bad_warehouse"
            ) from None
        url = self._url
        server: dict[str, Any] = {"host": url.host, "port": url.port, "dbname": url.database}
        person = {"user": url.username, "password": url.password}
        try:
            return psycopg.connect(autocommit=True, **server, **person, **target.connection_options(url))
        except psycopg.OperationalError as error:
            raise Unavailable(
                f"The warehouse's catalog {self.name} cannot be reached ({self._cleaned(first_line(error))}). Nothing "
                "is lost: calls go on and the journals keep everything. Look whether that PostgreSQL runs and lets "
                "this machine in; then it goes on by itself."
            ) from None

    def _cleaned(self, text: str) -> str:
        """Without what nobody may read; no client is known to say it."""
        for secret in (self._url.password, self._s3["SECRET"], self._s3.get("SESSION_TOKEN")):
            text = text.replace(secret, "***") if secret else text
        return text


def _anew(settings: Settings) -> str:
    """How a warehouse here is made anew; a person does it, because every machine has journals of its own."""
    following = settings.warehouse_generation + 1
    return (
        f"To make it anew, set warehouse_generation = {following} on every machine and start each again: each fills "
        f"the new one from its own journals. The old one is kept (schema callbench_{settings.warehouse_generation}, "
        f"files in {settings.warehouse_files.rstrip('/')}/{settings.warehouse_generation}/)."
    )


def refuse_rebuild(settings: Settings) -> ConfigError:
    """`--rebuild` moves files aside, which nobody may do under other machines' feet."""
    return ConfigError(
        f"A warehouse on PostgreSQL and S3 is not rebuilt in its place. {_anew(settings)} Nothing was changed.",
        error_id="rebuild_elsewhere",
    )
