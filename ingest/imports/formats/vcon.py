"""vCon: one in a file, or one per line; plain or signed. Sound inside is unpacked; what lies elsewhere stays there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.imports import lines, values, vcon_record
from ingest.imports.plan import Seen
from ingest.imports.raw import SNIFF_BYTES, Bad, Evidence, Read
from ingest.imports.vcon_words import Told
from pbx_core.errors import InputError

FILE_BYTES_MAX = 512 << 20  # of one file; an hour of stereo sound inside has 40 MB
RAW_CHARS_MAX = 300  # of a bad vCon are kept: the rest is mostly sound
_VERSION = re.compile(r'"vcon"\s*:\s*"([^"]{1,20})"')


class Vcon:
    """See the module."""

    name = "vcon"
    system = "vcon"
    title = "vCon"
    rank = 1

    def sniff(self, path: Path) -> Evidence | None:
        """By the members at its beginning."""
        with path.open("rb") as file:
            head = lines.decoded(file.read(SNIFF_BYTES)).lstrip("\ufeff \t\r\n")
        version = _VERSION.search(head)
        signed = head.startswith("{") and '"payload"' in head and '"signatures"' in head
        if not head.startswith("{") or not (version or signed or ('"parties"' in head and '"dialog"' in head)):
            return None
        says = ["It is signed; signatures are not checked."] if signed else []
        if version:
            says.append(f"It is a vCon of version {version[1]}.")
            if version[1] not in vcon_record.VERSIONS:
                says.append("That version is not known here: it is read by the names of version 0.4.0.")
        says.append("Its times carry their zone. Transcripts of sound that is there are taken over as they stand.")
        return Evidence(self.name, 0.95, "signed" if signed else "plain", "UTC", tuple(says))

    def read(self, path: Path, name: str, found: Evidence) -> Iterator[Read]:
        """A row for each dialog of sound."""
        for line, raw, taken, position in _each(path, name):
            bad = tuple(Bad(name, line, reason, raw) for reason in ([taken] if isinstance(taken, str) else taken.wrong))
            rows = () if isinstance(taken, str) else taken.rows
            yield Read(values.rows([{"file": name, "line": line, **row} for row in rows]), bad, position)

    def unpack(self, path: Path, name: str, folder: Path) -> list[Seen]:
        """Write the sound inside the vCons of a file into a folder, by names that the rows' recordings have."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        out = []
        for _, _, taken, _ in _each(path, name):
            for sound, content in {} if isinstance(taken, str) else taken.sounds.items():
                target = folder / f"{len(list(folder.iterdir())):06d}{Path(sound).suffix}"
                target.write_bytes(content)
                out.append(Seen(target, sound, len(content)))
        return out

    def heard(self, path: Path, name: str) -> Iterator[tuple[str, int, Told]]:
        """Transcripts in the file, each with the name of its recording and the index of the party that called."""
        for _, _, taken, _ in _each(path, name):
            yield from () if isinstance(taken, str) else taken.heard


_One = tuple[int, str, vcon_record.Taken | str, int]


def _each(path: Path, name: str) -> Iterator[_One]:
    """Line, beginning, content or what is wrong, and bytes read, of each vCon in a file."""
    size = path.stat().st_size
    if size > FILE_BYTES_MAX:
        raise InputError(f"{name} is larger than {FILE_BYTES_MAX >> 20} MB.", error_id="too_big")
    position = 0
    whole = lines.decoded(path.read_bytes()).lstrip("\ufeff")
    texts = whole.split("\n") if _load(whole) is None and _load(whole.split("\n", 1)[0]) is not None else [whole]
    for line, text in enumerate(texts, start=1):
        position = min(size, position + len(text.encode()) + 1) if line < len(texts) else size
        if text.strip():
            yield line, text[:RAW_CHARS_MAX], _taken(text, f"{name}:{line}"), position


def _taken(text: str, stem: str) -> vcon_record.Taken | str:
    record = _load(text)
    if record is None:
        return "it is not a JSON object, or cut short"
    try:
        return vcon_record.take(record, stem)
    except ValueError as error:
        return str(error)


def _load(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


FORMAT = Vcon()
