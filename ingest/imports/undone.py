"""An import that is taken back, on disk: its folder under the name <import_id>.undone, with undone.json.

The folder stays, small, when all is done: after `--rebuild` the journals tell again of transcripts whose calls went.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from ingest.imports import staging
from ingest.imports.staging import Manifest, quoted
from pbx_core.errors import InputError
from pbx_core.settings import Settings

SUFFIX = ".undone"
NOTE = "undone.json"
KEPT = frozenset({NOTE, "call.parquet"})  # of a folder, when all is done


@dataclass(frozen=True)
class Undone:
    """undone_at: ISO. done: nothing is left to do but to remember it."""

    tenant_id: str
    import_id: str
    imported_at: str
    root_name: str
    undone_at: str
    done: bool = False


def folder_of(settings: Settings, tenant_id: str, import_id: str) -> Path:
    """Where it lies once it is undone."""
    return staging.imports_dir(settings, tenant_id) / f"{import_id}{SUFFIX}"


def read(folder: Path) -> Undone | None:
    """None when the folder is no undone import."""
    try:
        return Undone(**json.loads((folder / NOTE).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def every(settings: Settings, tenant_id: str) -> Iterator[tuple[Path, Undone]]:
    """All of a tenant."""
    for folder in sorted(staging.imports_dir(settings, tenant_id).glob(f"*{SUFFIX}")):
        note = read(folder)
        if note is not None:
            yield folder, note


def begin(folder: Path, manifest: Manifest, at: str) -> Path:
    """From here on the import is undone: the name of its folder says so, at one blow."""
    note = Undone(manifest.tenant_id, manifest.import_id, manifest.imported_at, manifest.root_name, at)
    staging.write_json(folder / NOTE, asdict(note))
    target = folder.with_name(f"{folder.name}{SUFFIX}")
    if target.exists():  # undone once before, and imported again
        shutil.rmtree(target)
    folder.rename(target)
    staging.fsync_folder(target.parent)
    return target


def finish(folder: Path, note: Undone) -> None:
    """Nothing is left to do: keep the ids of its calls, and that it was undone."""
    calls, small = folder / "call.parquet", folder / "call.parquet.part"
    with duckdb.connect() as con:
        text = f"COPY (SELECT call_id FROM read_parquet({quoted(str(calls))})) TO {quoted(str(small))} (FORMAT parquet)"  # noqa: S608
        con.execute(text)
    small.rename(calls)
    staging.write_json(folder / NOTE, asdict(note) | {"done": True})
    for other in folder.iterdir():
        if other.name not in KEPT:
            shutil.rmtree(other) if other.is_dir() else other.unlink()


def check(settings: Settings, tenant_id: str, import_id: str) -> None:
    """InputError while the same import is being undone."""
    note = read(folder_of(settings, tenant_id, import_id))
    if note is not None and not note.done:
        raise InputError(
            f"The import {import_id} is being undone, and that is not finished; run `callbench import undo` again "
            "first.",
            error_id="being_undone",
        )


def forget(settings: Settings, tenant_id: str, import_id: str) -> None:
    """It is imported again."""
    folder = folder_of(settings, tenant_id, import_id)
    if folder.exists():
        shutil.rmtree(folder)
