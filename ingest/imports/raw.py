"""RAW_LEG: the one shape into which every foreign format is read; and what a format module must be able to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa

_TIME = pa.timestamp("us", tz="UTC")

# One row of a foreign log. All but file and line may be null; numbers, names and paths are text as they came.
RAW_LEG = pa.schema(
    [
        ("file", pa.string()),  # path below the folder that is imported
        ("line", pa.int64()),  # of the row's first line, from 1; 1 for a file that is one record
        ("kind", pa.string()),  # null: a leg · queue: a call in a queue · offer: a ring in it · agent: no call
        ("unique_id", pa.string()),  # of the channel that called
        ("linked_id", pa.string()),  # of the first channel of the story: rows with the same one are ONE call
        ("sequence", pa.int64()),
        ("peer_unique_id", pa.string()),  # of the channel that was called
        ("account", pa.string()),
        ("src", pa.string()),  # number that called
        ("src_name", pa.string()),
        ("dst", pa.string()),  # number that was called or dialled
        ("did", pa.string()),  # our public number that was called
        ("context", pa.string()),
        ("channel", pa.string()),
        ("peer_channel", pa.string()),  # "" : nobody was connected; null: the format does not say
        ("last_app", pa.string()),
        ("last_data", pa.string()),
        ("started_at", _TIME),
        ("answered_at", _TIME),
        ("ended_at", _TIME),
        ("duration_s", pa.float64()),  # start to end
        ("bill_s", pa.float64()),  # answer to end
        ("hold_s", pa.float64()),
        ("disposition", pa.string()),  # answered, no_answer, busy, cancelled, failed
        ("cause", pa.string()),  # in the words of the log
        ("direction", pa.string()),  # inbound, outbound, internal; null: found from the numbers
        ("agent", pa.string()),  # our number that was rung, where the log says it
        ("trunk_id", pa.string()),
        ("queue", pa.string()),
        ("queue_wait_s", pa.float64()),
        ("queue_result", pa.string()),  # answered, abandoned, key, overflow, empty, callback
        ("voicemail", pa.bool_()),
        ("hangup_party", pa.string()),  # caller, callee, system
        ("transferred", pa.string()),  # blind, attended
        ("mos", pa.float64()),
        ("codec", pa.string()),
        ("recording", pa.string()),  # file name or path
        ("user_field", pa.string()),
        ("menu_path", pa.string()),
    ]
)
"""kind `queue`: unique_id is the caller's channel (queue_log's callid), started_at when he entered, answered_at when an
agent took him (agent, peer_unique_id, recording by it), ended_at when it was over. Where legs of the same unique_id are
there too they say the rest; else this row is the call. kind `agent`: started_at, queue, agent, last_app (login, logout,
pause, unpause) and cause (the reason). kind `offer`: an agent's phone that a queue rang: unique_id of the caller's
channel, queue, agent, started_at, ended_at, disposition."""

ROWS_AT_ONCE = 200_000  # a format hands over tables of about so many rows, so that memory stays bounded


@dataclass(frozen=True)
class Bad:
    """A row that cannot be taken: where, why, and what it looked like."""

    file: str
    line: int
    reason: str
    raw: str = ""


@dataclass(frozen=True)
class Read:
    """A piece of a file: rows as RAW_LEG (build them with `table()`), the bad ones aside, and bytes read so far."""

    rows: pa.Table
    bad: tuple[Bad, ...] = ()
    position: int = 0


@dataclass(frozen=True)
class Evidence:
    """What a format believes of a file, and why. sure: 0 it is not mine … 1 certain; below SURE a person is asked.

    variant: which order of columns or kind of file, in the format's own words. zone: IANA name of the times in it;
    None: the file does not say and a person is asked (UTC for epochs). says: sentences to show. question: what must be
    answered when sure or zone is missing; options: the answers, each with what it means. clock: where the log has
    epochs beside its stamps (unique ids), pairs of (epoch second, seconds by which the stamp is ahead of it): the time
    zone is found from them by `ingest.imports.zone`."""

    format: str
    sure: float
    variant: str = ""
    zone: str | None = None
    says: tuple[str, ...] = ()
    question: str = ""
    options: dict[str, str] = field(default_factory=dict)
    clock: tuple[tuple[int, int], ...] = ()


SURE = 0.7
SNIFF_BYTES = 256 << 10


class Format(Protocol):
    """A foreign format, named by the entry FORMAT of its module. `system` tells apart whose unique ids they are:
    formats of the same exchange (Master.csv and FreePBX's database) share it, and what they say of one call falls
    together; rank: whose legs are taken then, the highest. title: as a person calls it."""

    name: str
    system: str
    title: str
    rank: int

    def sniff(self, path: Path) -> Evidence | None:
        """What a piece of a file (a folder is asked file by file) says; None: not mine. Reads SNIFF_BYTES at most and
        never raises for strange content."""
        ...

    def read(self, path: Path, name: str, found: Evidence) -> Iterator[Read]:
        """The rows of a file; `name` is written into `file`. found.zone is decided when this is called. InputError
        when the file as a whole cannot be read."""
        ...


def table(**columns: pa.Array | pa.ChunkedArray) -> pa.Table:
    """A table of RAW_LEG of the columns given, cast to their types; the others are null."""
    rows = len(next(iter(columns.values())))
    unknown = columns.keys() - set(RAW_LEG.names)
    if unknown:
        raise TypeError(f"RAW_LEG has no column {', '.join(sorted(unknown))}")
    arrays = [columns[f.name].cast(f.type) if f.name in columns else pa.nulls(rows, f.type) for f in RAW_LEG]
    return pa.Table.from_arrays(arrays, schema=RAW_LEG)


def nothing() -> pa.Table:
    """No rows."""
    return RAW_LEG.empty_table()
