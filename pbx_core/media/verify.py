"""Checks stored recordings against what the recorder journalled: a flipped byte or a lost file is found."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from pbx_core import feed
from pbx_core.domain.records import RecordingRecord
from pbx_core.media.recorder import PRODUCER
from pbx_core.settings import Settings


@dataclass(frozen=True)
class Problem:
    """A recording that is not as it was made."""

    record: RecordingRecord
    what: str


def recordings(settings: Settings) -> Iterator[RecordingRecord]:
    """Every recording ever made, as last journalled."""
    latest: dict[str, RecordingRecord] = {}
    for segment in feed.segments(settings.journal_dir):
        if not segment.startswith(f"{PRODUCER}/"):
            continue
        offset = 0
        while lines := list(feed.read(settings.journal_dir, segment, offset)):
            offset = lines[-1].end
            for line in lines:
                try:
                    entry = feed.decode(line.raw)
                except ValueError:
                    continue  # ingest reports it
                if entry.kind == "recording":
                    latest[entry.id] = entry.record
    yield from latest.values()


def check(settings: Settings, record: RecordingRecord) -> Problem | None:
    """Hash one file again; None when all is well."""
    path = settings.recordings_dir / record.path
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as error:
        return Problem(record, f"{record.path} cannot be read: {error.strerror}")
    if size != record.bytes:
        return Problem(record, f"{record.path} has {size} bytes instead of {record.bytes}")
    if digest != record.sha256:
        return Problem(record, f"{record.path} was changed: its SHA-256 is {digest} instead of {record.sha256}")
    return None


def problems(settings: Settings) -> Iterator[Problem]:
    """All recordings that are not as they were made."""
    for record in recordings(settings):
        found = check(settings, record)
        if found:
            yield found
