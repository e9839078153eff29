"""The sound of imported calls: found by name or unique id, copied into the tenant's recordings, told what is missing.

A recording's id is a keyed hash of call and content: importing twice makes the same file, and nobody can guess it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from ingest.imports import sounds
from ingest.imports.plan import Seen
from pbx_core.clock import Clock
from pbx_core.domain.records import RecordingRecord
from pbx_core.errors import InputError, Unavailable
from pbx_core.settings import Settings
from pbx_core.store import jobs, kept

SPARE_BYTES = 1 << 30  # left on the recording volume
CONSENT = "imported: what the other exchange told its callers is not known"
SCRATCH = ".import"  # begins the names of files that are not whole yet
_BLOCK = 1 << 20
_IN_JOB = ("recording_id", "call_id", "path", "duration_s", "segment", "kind", "caller_number", "callee_number")


@dataclass(frozen=True)
class Orphan:
    """A row of import_orphan, without its ids."""

    name: str
    kind: str  # no_file, no_call, empty, unreadable
    call_id: str
    reason: str


def match(con: duckdb.DuckDBPyConnection, seen: Sequence[Seen]) -> list[dict[str, Any]]:
    """The sounds that belong to calls, in order of call and name; `place` is the position in `seen`."""
    told = pa.table(
        {
            "place": pa.array(range(len(seen)), pa.int64()),
            "name": pa.array([s.name for s in seen], pa.string()),
            "bytes": pa.array([s.bytes for s in seen], pa.int64()),
        }
    )
    con.register("sound", told)
    for statement in (files("ingest.imports") / "sql" / "match.sql").read_text().split(";\n"):
        con.execute(statement)
    found: list[dict[str, Any]] = con.execute("FROM matched ORDER BY call_id, name").to_arrow_table().to_pylist()
    return found


def orphans(con: duckdb.DuckDBPyConnection, seen: Sequence[Seen]) -> list[Orphan]:
    """Sounds without a call, sounds without sound, and calls whose log names a file that is not there; after match().
    When no sound at all was given, the calls are not reproached with it."""
    if not seen:
        return []
    matched = dict(con.execute("SELECT place, call_id FROM matched").fetchall())
    out = []
    for place, one in enumerate(seen):
        if one.bytes <= sounds.HEADER_BYTES:
            reason = f"{one.bytes} bytes: a header without sound"
            out.append(Orphan(one.name, "empty", matched.get(place, ""), reason))
        elif place not in matched:
            out.append(Orphan(one.name, "no_call", "", "no call has its name or its unique id"))
    missing = con.execute(
        "SELECT DISTINCT recording, call_id FROM promised ANTI JOIN matched USING (call_id) "
        "WHERE recording <> '' AND talked"
    ).fetchall()
    out += [Orphan(name, "no_file", call_id, "the log names it, it is not there") for name, call_id in missing]
    return out


class Keeper:
    """Takes sounds over one by one; what was done is noted in a file, so that the next run goes on behind it."""

    def __init__(self, settings: Settings, clock: Clock, db: sa.Engine, tenant_id: str, folder: Path) -> None:
        self._settings = settings
        self._clock = clock
        self._db = db
        self._tenant_id = tenant_id
        self._notes = folder / "sounds.jsonl"
        self._secret = _secret(settings.data / "imports" / "secret")

    def keep(
        self,
        matched: Sequence[dict[str, Any]],
        seen: Sequence[Seen],
        *,
        progress: Callable[[int, int], None],
    ) -> tuple[list[RecordingRecord], list[Orphan]]:
        """Recordings, and the files that cannot be read. Unavailable when the disk would not hold them."""
        self._check_space(sum(int(m["bytes"]) for m in matched))
        for left in (self._settings.recordings_dir / self._tenant_id).glob(f"*/*/{SCRATCH}*"):
            left.unlink()  # by a killed run; another one of this tenant cannot be under way
        noted = self._read_notes()
        made: list[RecordingRecord] = []
        broken: list[Orphan] = []
        segment, last_call = 0, ""
        with self._notes.open("a") as notes:
            for count, told in enumerate(matched, start=1):
                progress(count, len(matched))
                if told["bytes"] <= sounds.HEADER_BYTES:
                    continue
                segment = segment + 1 if told["call_id"] == last_call else 1
                last_call = told["call_id"]
                key = f"{told['call_id']}/{told['name']}"
                note = noted.get(key)
                if note is None:
                    note = self._one(told, seen[told["place"]].path, segment)
                    notes.write(json.dumps({"key": key, **note}) + "\n")
                    notes.flush()
                if "reason" in note:
                    broken.append(Orphan(told["name"], "unreadable", told["call_id"], note["reason"]))
                    segment -= 1
                    continue
                record = _record(self._tenant_id, told, segment, note)
                made.append(record)
                kept.register(self._db, record)
        return made, broken

    def _one(self, told: dict[str, Any], path: Path, segment: int) -> dict[str, Any]:
        """What became of one file: the fields of its record, or the reason why there is none."""
        started: datetime = told["started_at"]
        relative = Path(self._tenant_id) / f"{started:%Y}" / f"{started:%m}"
        folder = self._settings.recordings_dir / relative
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        per_s = self._settings.peaks_per_s
        scratch = folder / f"{SCRATCH}{path.suffix.lower()}"
        try:
            digest = _copy(path, scratch)
            message = f"{self._tenant_id}|{told['call_id']}|{digest}".encode()
            recording_id = hmac.new(self._secret, message, hashlib.sha256).hexdigest()[:32]
            sound = sounds.look(scratch, per_s)
            swap = sound.channels == 2 and told["system"] == "mikopbx" and told["direction"] == "outbound"
            target = folder / f"{recording_id}{path.suffix.lower()}"
            if swap or not sound.playable:
                target = target.with_suffix(".ogg")
                sounds.rewrite(scratch, target, folder / f"{SCRATCH}-opus", swap=swap)
                sound = replace(sound, codec="opus", peaks=sound.peaks[::-1] if swap else sound.peaks)
                digest = hashlib.sha256(target.read_bytes()).hexdigest()
            else:
                scratch.rename(target)
            target.chmod(0o640)
            _write(target.with_suffix(".peaks.json"), sounds.to_json(sound, per_s))
        except InputError as error:
            return {"reason": str(error).replace(scratch.name, told["name"])[:300]}
        except OSError as error:
            raise Unavailable(f"{told['name']} could not be copied: {error}. Run the same command again.") from error
        finally:
            scratch.unlink(missing_ok=True)
        told_of = {k: v for k, v in asdict(sound).items() if k in ("codec", "sample_rate", "channels")}
        return {
            "recording_id": recording_id,
            "path": str(relative / target.name),
            "peaks_path": str(relative / f"{recording_id}.peaks.json"),
            "duration_s": round(sound.duration_s, 3),
            "bytes": target.stat().st_size,
            "sha256": digest,
            **told_of,
        }

    def names(self) -> dict[str, tuple[str, str]]:
        """After keep(): the names of sounds that were taken over → their call and recording ids."""
        found = self._read_notes()
        calls = {key: key.partition("/") for key, note in found.items() if "recording_id" in note}
        return {name: (call, found[key]["recording_id"]) for key, (call, _, name) in calls.items()}

    def _check_space(self, needed: int) -> None:
        place = self._settings.recordings_dir
        place.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(place).free
        if free < needed + SPARE_BYTES:
            raise Unavailable(
                f"The recordings need {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free in {place}; nothing was "
                "copied. Make room, or leave the sound out with --no-recordings."
            )

    def _read_notes(self) -> dict[str, dict[str, Any]]:
        try:
            lines = self._notes.read_text().splitlines()
        except FileNotFoundError:
            return {}
        told = {}
        for line in lines:
            try:
                note = json.loads(line)
            except ValueError:  # the last line of a killed run
                continue
            told[note.pop("key")] = note
        return told


def transcribe(db: sa.Engine, clock: Clock, staged: Path) -> None:
    """Have the recordings of a staged import transcribed, behind everything else; repeating it is harmless."""
    for row in pq.read_table(staged).to_pylist():
        payload = {name: row[name] for name in _IN_JOB} | {"pauses": [], "queue": ""}
        jobs.enqueue(db, clock, "transcribe", row["recording_id"], row["tenant_id"], payload, jobs.BACKLOG)


def _record(tenant_id: str, told: dict[str, Any], segment: int, note: dict[str, Any]) -> RecordingRecord:
    doubt = note["channels"] == 2 and told["system"] != "mikopbx"
    return RecordingRecord(
        call_id=told["call_id"],
        tenant_id=tenant_id,
        started_at=told["started_at"],
        caller_pad_ms=0,
        callee_pad_ms=0,
        quality="ok",
        quality_reason="two channels; that the left one is the caller's is assumed" if doubt else None,
        consent_basis=CONSENT,
        segment=segment,
        kind="voicemail" if told["voicemail"] else "conversation",
        caller_number=told["caller_number"],
        callee_number=told["callee_number"],
        **note,
    )


def _copy(path: Path, target: Path) -> str:
    """Copy a plain file, never through a link; the SHA-256 of what was copied."""
    told = hashlib.sha256()
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as source, target.open("wb") as made:
        while block := source.read(_BLOCK):
            told.update(block)
            made.write(block)
    return told.hexdigest()


def _write(path: Path, content: bytes) -> None:
    scratch = path.with_name(f"{SCRATCH}.json")
    scratch.write_bytes(content)
    scratch.chmod(0o640)
    scratch.rename(path)


def _secret(path: Path) -> bytes:
    """Made once per data directory."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    if not path.exists():
        scratch = path.with_name(f".{path.name}.{os.getpid()}")
        fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another import was first: its secret counts
            path.hardlink_to(scratch)
        scratch.unlink()
    return path.read_bytes()
