"""Machines that write one warehouse take turns, by a lock in its PostgreSQL that frees itself when its holder dies.

Nothing would be lost without: rounds that touch the same file conflict, and the later one is rolled back. But its work
would be for nothing, and a long one among many short ones would never come to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

from pbx_core.errors import Unavailable

WAIT_S = 30  # for the others' turns; who waited in vain asks again in the next round
WRITERS = 0x57686F75  # with a number for the schema: the lock's id in PostgreSQL


class Turns:
    """The connection that holds the lock while it is our turn. Not thread-safe."""

    def __init__(self, connect: Callable[[], Any], schema: str) -> None:
        """connect: gives a connection of psycopg that commits each statement."""
        self._connect = connect
        self._key = (WRITERS, crc32(schema.encode()) - (1 << 31))
        self._connection: Any = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for it, hold it. Unavailable when the server does not answer or others need longer than WAIT_S."""
        self._take()
        try:
            yield
        finally:
            self._give_back()

    def close(self) -> None:
        """Let go of the connection; the next turn makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _take(self) -> None:
        import psycopg

        for fresh in (False, True):
            if self._connection is None:
                self._connection = self._connect()
                self._connection.execute(f"SET lock_timeout = '{WAIT_S}s'")
            try:
                self._connection.execute("SELECT pg_advisory_lock(%s, %s)", self._key)
                return
            except psycopg.errors.LockNotAvailable:
                raise Unavailable(
                    "Another ingest, on another machine, has been writing this warehouse for long. Nothing is lost: "
                    "the journals here keep everything until that one is done."
                ) from None
            except psycopg.Error as error:  # the server was started anew since the last turn
                self.close()
                if fresh:
                    why = str(error).strip().splitlines()[0][:200]
                    raise Unavailable(f"The warehouse's catalog cannot be locked ({why}). It is tried again.") from None

    def _give_back(self) -> None:
        import psycopg

        if self._connection is None:
            return
        try:
            self._connection.execute("SELECT pg_advisory_unlock(%s, %s)", self._key)
        except psycopg.Error:  # the connection is gone, and the lock with it
            self.close()
