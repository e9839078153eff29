"""An import on disk before it is in the warehouse: <data>/imports/<tenant>/<import_id>/ with Parquet files and, last of
all, manifest.json.

Until the manifest is there nothing counts: what was read is kept in <import_id>.part/, and the same command goes on
from there. Raw rows stay beside the finished tables: a queue_log that comes a month later is joined with the calls it
speaks of.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.imports.ahead import ahead
from ingest.imports.plan import Log, Plan, Seen
from ingest.imports.raw import RAW_LEG, Bad
from pbx_core.errors import Unavailable
from pbx_core.settings import Settings

MANIFEST = "manifest.json"
VERSION = 1
_BAD = pa.schema([("file", pa.string()), ("line", pa.int64()), ("reason", pa.string()), ("raw", pa.string())])
ROW_GROUP = 200_000

Progress = Callable[[str, int, int], None]  # what, done, of how much (bytes or files)


@dataclass(frozen=True)
class RawFile:
    """Rows of one log as they were read. rank: whose legs are taken where several tell of a call."""

    file: str
    name: str
    format: str
    system: str
    rank: int
    variant: str
    zone: str
    rows: int
    bad: int


@dataclass(frozen=True)
class Manifest:
    """What an import holds; bytes: size of each of its files, by which a torn one is known."""

    tenant_id: str
    import_id: str
    imported_at: str
    root_name: str
    raw: tuple[RawFile, ...]
    calls: int
    recordings: int
    duplicates: int
    rejects: int
    orphans: int
    first_at: str | None
    last_at: str | None
    bytes: dict[str, int]
    version: int = VERSION

    @property
    def systems(self) -> tuple[str, ...]:
        return tuple(sorted({r.system for r in self.raw}))

    @property
    def rows(self) -> int:
        return sum(r.rows for r in self.raw)


def imports_dir(settings: Settings, tenant_id: str) -> Path:
    """Where a tenant's imports lie."""
    return settings.data / "imports" / tenant_id


def read_manifest(folder: Path) -> Manifest | None:
    """None when the import is not finished. ValueError when the manifest is damaged or belongs elsewhere."""
    try:
        told = json.loads((folder / MANIFEST).read_text())
    except FileNotFoundError:
        return None
    if not isinstance(told, dict) or told.get("version") != VERSION:
        raise ValueError(f"{folder.name}: the manifest is of another version")
    try:
        manifest = Manifest(**{**told, "raw": tuple(RawFile(**r) for r in told["raw"])})
    except (TypeError, KeyError) as error:
        raise ValueError(f"{folder.name}: the manifest is damaged ({error})") from error
    if (manifest.tenant_id, manifest.import_id) != (folder.parent.name, folder.name):
        raise ValueError(f"{folder.name}: the manifest belongs to another import")
    return manifest


def check(folder: Path, manifest: Manifest) -> None:
    """ValueError when a file is not there, or not as long as the manifest says."""
    for name, size in manifest.bytes.items():
        if Path(name).name != name or (folder / name).stat().st_size != size:
            raise ValueError(f"{folder.name}: {name} is damaged; remove the folder and import again")


def fsync_folder(folder: Path) -> None:
    """Make new names in it last."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One import of a tenant is staged at a time. Unavailable when another is under way."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unavailable("Another import of this tenant is under way; run this one after it.") from None
        yield
    finally:
        os.close(fd)


def finished(settings: Settings, tenant_id: str) -> list[tuple[Path, Manifest]]:
    """A tenant's imports, the oldest first; damaged ones left out."""
    out = []
    for folder in sorted(imports_dir(settings, tenant_id).glob("[0-9a-f]*")):
        try:
            manifest = read_manifest(folder)
        except ValueError:
            continue
        if manifest is not None:
            out.append((folder, manifest))
    return sorted(out, key=lambda pair: pair[1].imported_at)


def damaged(settings: Settings, tenant_id: str) -> str | None:
    """What is wrong with one of a tenant's imports, or None. Who takes an import out looks into all others."""
    for folder, manifest in finished(settings, tenant_id):
        try:
            check(folder, manifest)
        except FileNotFoundError as error:
            return f"{folder.name}: {Path(error.filename).name} is gone; remove the folder and import again"
        except (ValueError, OSError) as error:
            return str(error)
    return None


def write_raw(plan: Plan, folder: Path, progress: Progress) -> list[RawFile]:
    """Read all logs into Parquet files; those that are there already are not read again."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    done = 0
    out = []
    total = sum(log.seen.bytes for log in plan.logs)
    for number, log in enumerate(plan.logs):
        told = folder / f"raw-{number:05d}.json"
        if told.exists():
            out.append(RawFile(**json.loads(told.read_text())))
        else:
            base = done

            def step(position: int, log: Log = log, base: int = base) -> None:
                progress(f"reading {log.seen.name}", base + position, total)

            made = _write_one(log, folder, f"raw-{number:05d}", step)
            write_json(told, asdict(made))
            out.append(made)
        done += log.seen.bytes
        progress(f"read {log.seen.name}", done, total)
    return out


@runtime_checkable
class HoldsSound(Protocol):
    """A format whose files carry sound inside."""

    def unpack(self, path: Path, name: str, folder: Path) -> list[Seen]:
        """Write the sound of a file into a folder, by names that the rows' recordings have."""
        ...


def unpacked(plan: Plan, folder: Path) -> list[Seen]:
    """The sound inside the logs, written below <folder>/spill, which goes when the rows are joined."""
    out: list[Seen] = []
    for number, log in enumerate(plan.logs):
        if isinstance(log.format, HoldsSound):
            out += log.format.unpack(log.seen.path, log.seen.name, folder / "spill" / f"sound-{number:05d}")
    return out


def _write_one(log: Log, folder: Path, stem: str, step: Callable[[int], None]) -> RawFile:
    rows = bad = 0
    found = log.found
    with (
        pq.ParquetWriter(folder / f"{stem}.parquet", RAW_LEG, compression="zstd", compression_level=1) as legs,
        pq.ParquetWriter(folder / f"{stem}.bad.parquet", _BAD) as wrong,
    ):
        for read in ahead(log.format.read(log.seen.path, log.seen.name, found)):
            if len(read.rows):
                legs.write_table(read.rows, row_group_size=ROW_GROUP)
            if read.bad:
                wrong.write_table(_bad_table(read.bad))
            rows += len(read.rows)
            bad += len(read.bad)
            step(read.position)
    fmt = log.format
    zone = found.zone or "UTC"
    return RawFile(f"{stem}.parquet", log.seen.name, fmt.name, fmt.system, fmt.rank, found.variant, zone, rows, bad)


def _bad_table(bad: Sequence[Bad]) -> pa.Table:
    return pa.Table.from_pylist([asdict(b) for b in bad], schema=_BAD)


def write_json(path: Path, told: object) -> None:
    """The file appears whole or not at all, and lasts."""
    part = path.with_name(f"{path.name}.tmp")
    with part.open("w") as file:
        json.dump(told, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
