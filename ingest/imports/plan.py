"""What lies in a folder of another exchange: its logs with their formats and time zones, its sound, what is neither.

Names come from outside: links are not followed, only plain files are opened, and no name is ever a path of ours.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.imports import formats, zone
from ingest.imports.raw import SURE, Evidence, Format
from pbx_core.errors import InputError

SOUNDS = frozenset(
    {".wav", ".mp3", ".ogg", ".opus", ".webm", ".m4a", ".mp4", ".flac", ".gsm", ".sln", ".ulaw", ".alaw"}
)
FILES_MAX = 2_000_000  # in one import: ten years of an office's recordings; more is a wrong folder
NAME_CHARACTERS_MAX = 300  # of a file's name in tables and messages
_HASH_BYTES = 1 << 20
_BY_NAMES = "audio-folder"


@dataclass(frozen=True)
class Seen:
    """A plain file: where it lies, its name below the folder as it may be shown, its size."""

    path: Path
    name: str
    bytes: int

    @property
    def is_sound(self) -> bool:
        return self.path.suffix.lower() in SOUNDS


@dataclass(frozen=True)
class Log:
    """A file with calls in it, and how it will be read."""

    seen: Seen
    format: Format
    found: Evidence
    sha256: str


@dataclass(frozen=True)
class Skipped:
    """A file that is left alone, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """All that one import will do."""

    tenant_id: str
    root_name: str
    logs: tuple[Log, ...]
    sounds: tuple[Seen, ...]
    skipped: tuple[Skipped, ...]

    @property
    def import_id(self) -> str:
        """The same for the same content read in the same way, whatever the folder is called."""
        told = hashlib.sha256(self.tenant_id.encode())
        for log in sorted(self.logs, key=lambda one: (one.sha256, one.seen.name)):
            told.update(f"|{log.sha256}|{log.found.format}|{log.found.variant}|{log.found.zone}".encode())
        for sound in sorted(self.sounds, key=lambda one: one.name):
            told.update(f"|{sound.name}|{sound.bytes}".encode(errors="replace"))
        return told.hexdigest()[:32]


def shown(name: str) -> str:
    """A name from outside as it may be printed and stored: no control characters, no broken encoding."""
    text = name.encode("utf-8", "replace").decode()
    clean = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return clean[-NAME_CHARACTERS_MAX:]


def walk(root: Path) -> tuple[list[Seen], list[Skipped]]:
    """All plain files of a folder (or the file itself), in order of their names."""
    found: list[Seen] = []
    skipped: list[Skipped] = []
    if root.is_file():
        return [Seen(root, shown(root.name), root.stat().st_size)], []
    if not root.is_dir():
        raise InputError(f"{shown(str(root))} is no file and no folder; nothing was read.", error_id="no_file")
    for path, kind in _entries(root):
        name = shown(os.fspath(path.relative_to(root)))
        if stat.S_ISREG(kind):
            found.append(Seen(path, name, path.lstat().st_size))
        elif stat.S_ISLNK(kind):
            skipped.append(Skipped(name, "a link: not followed"))
        else:
            skipped.append(Skipped(name, "no plain file"))
        if len(found) + len(skipped) > FILES_MAX:
            raise InputError(
                f"There are more than {FILES_MAX} files in it; import its parts.", error_id="too_many_files"
            )
    return found, skipped


def _entries(folder: Path) -> Iterator[tuple[Path, int]]:
    """Everything but folders, those below included, sorted."""
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except PermissionError as error:
        raise InputError(f"{shown(str(folder))} cannot be read; nothing was imported.", error_id="no_access") from error
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(Path(entry.path))
        else:
            yield Path(entry.path), entry.stat(follow_symlinks=False).st_mode


Ask = Callable[[Evidence, str, Sequence[str]], str]  # evidence, question, answers → one of the answers


def make(
    tenant_id: str,
    root: Path,
    *,
    sounds_in: Path | None,
    only: str | None,
    home_zone: str,
    given_zone: str | None,
    ask: Ask,
    told: Callable[[Evidence, Seen], None],
) -> Plan:
    """Look at everything. `only`: name of the one format; home_zone: of the tenant; given_zone: what the person said;
    ask: for what no file says; told: each log's evidence, zone decided. InputError when there is nothing to import."""
    found, skipped = walk(root)
    sounds = [s for s in found if s.is_sound]
    if sounds_in is not None:
        more, links = walk(sounds_in)
        sounds += [s for s in more if s.is_sound and s.path not in {one.path for one in sounds}]
        skipped += links
    candidates = _candidates(only)
    logs: list[Log] = []
    for seen in found:
        best = _best(seen, candidates) if seen.bytes and not seen.is_sound else None
        if best is None:
            if not seen.is_sound:
                skipped.append(Skipped(seen.name, "empty" if not seen.bytes else "no call log that is known"))
            continue
        told_zone = _zoned(best, home_zone, given_zone, ask)
        told(told_zone, seen)
        logs.append(Log(seen, formats.installed()[best.format], told_zone, sha256(seen.path)))
    if not logs and sounds and only in (None, _BY_NAMES):
        log = _by_names(root, found, sounds_in)
        told_zone = _zoned(log.found, home_zone, given_zone, ask)
        told(told_zone, log.seen)
        logs.append(replace(log, found=told_zone))
    if not logs:
        known = ", ".join(f.title for f in formats.installed().values())
        raise InputError(f"No call log was found there. Known are: {known}.", error_id="nothing_to_import")
    return Plan(tenant_id, shown(root.name), tuple(logs), tuple(sounds), tuple(skipped))


def _by_names(root: Path, found: Sequence[Seen], sounds_in: Path | None) -> Log:
    """Recordings without any log: the folder itself is what calls are read from, by the names in it."""
    if sounds_in is not None and not any(s.is_sound for s in found):
        root, found = sounds_in, walk(sounds_in)[0]
    heard = [s for s in found if s.is_sound]
    told = hashlib.sha256("\n".join(f"{s.name}|{s.bytes}" for s in heard).encode(errors="replace")).hexdigest()
    folder = formats.installed()[_BY_NAMES]
    evidence = folder.sniff(root) or Evidence(_BY_NAMES, 0.0)
    return Log(Seen(root, shown(root.name), sum(s.bytes for s in heard)), folder, evidence, told)


def _candidates(only: str | None) -> list[Format]:
    known = formats.installed()
    if only is None:
        return list(known.values())
    if only not in known:
        raise InputError(f"{only!r} is no format; there are {', '.join(known)}.", error_id="no_format")
    return [known[only]]


def _best(seen: Seen, candidates: Sequence[Format]) -> Evidence | None:
    told = [e for f in candidates if (e := f.sniff(seen.path)) is not None]
    return max(told, key=lambda e: e.sure, default=None)


def _zoned(found: Evidence, home_zone: str, given_zone: str | None, ask: Ask) -> Evidence:
    """The evidence with its zone decided and its doubts answered."""
    if found.sure < SURE:
        question = found.question or f"Is this {formats.installed()[found.format].title}?"
        answers = tuple(found.options) or ("yes", "no")
        answer = ask(found, question, answers)
        if answer == "no":
            raise InputError("Then say --format; nothing was imported.", error_id="format_refused")
        if answer in found.options:
            found = replace(found, variant=answer)
    if found.zone is not None:
        return found
    judged = zone.decide(found.clock, home_zone)
    if given_zone is not None:
        says = () if judged.zone in (None, given_zone) else (f"{judged.says}, but {given_zone} was asked for",)
        return replace(found, zone=given_zone, says=(*found.says, *says, f"times are read as {given_zone}"))
    if judged.zone is None:
        question = f"In which time zone are its times? ({judged.says})"
        return replace(found, zone=ask(found, question, judged.options), says=(*found.says, judged.says))
    return replace(found, zone=judged.zone, says=(*found.says, judged.says))


def sha256(path: Path) -> str:
    """Of a file's content."""
    told = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BYTES):
            told.update(block)
    return told.hexdigest()
