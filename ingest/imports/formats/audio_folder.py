"""A folder of recordings without any log: each file becomes an answered call, by what its name says.

It is taken only where no call log lies in the folder (else every recording would be a second call beside the log's).
A name without a time gives its call the time at which the file was last written, less its length.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import soundfile

from ingest import audio
from ingest.imports import sound_names, values
from ingest.imports.plan import Seen, walk
from ingest.imports.raw import Bad, Evidence, Read
from pbx_core.errors import InputError

FILES_AT_ONCE = 500  # in one piece, so that progress is seen
LENGTH_RATE = 8000  # Hz at which a file is decoded whose header does not say its length
HEADER_BYTES = 44  # of a WAV; a file of no more holds no sound
EXAMPLES = 3  # names shown with what was understood


class AudioFolder:
    """See the module."""

    name = "audio-folder"
    system = "audio"
    title = "a folder of recordings"
    rank = 1

    def sniff(self, path: Path) -> Evidence | None:
        """What the names of a folder's sounds say, with examples for a person to judge; None where there is none."""
        names = [s.name for s in walk(path)[0] if s.is_sound]
        if not names:
            return None
        told = [sound_names.parse(name) for name in names]
        counts = Counter(t.pattern for t in told)
        says = [f"{count} of {len(names)} names say {pattern}." for pattern, count in counts.most_common()]
        undated = sum(t.at is None and not t.unique_id for t in told)
        if undated:
            says.append(f"{undated} names say no time: the time at which the file was written is taken.")
        says += [_shown(name, t) for name, t in list(zip(names, told, strict=True))[:EXAMPLES]]
        clock = [
            (epoch, int(t.at.replace(tzinfo=UTC).timestamp()) - epoch)
            for t in told
            if t.at and t.unique_id and (epoch := int(t.unique_id.split(".")[0]))
        ]
        sure = 0.6 if undated * 2 > len(names) else 0.9
        return Evidence(
            self.name,
            sure,
            "by names",
            None,
            tuple(says),
            "Shall each of these files become a call?",
            clock=tuple(clock[:: max(1, len(clock) // 400)]),
        )

    def read(self, path: Path, name: str, found: Evidence) -> Iterator[Read]:
        """A call for every sound below the folder."""
        seen = [s for s in walk(path)[0] if s.is_sound]
        done = 0
        for start in range(0, len(seen), FILES_AT_ONCE):
            rows, bad = [], []
            for one in seen[start : start + FILES_AT_ONCE]:
                done += one.bytes
                try:
                    rows.append(_row(one, ZoneInfo(found.zone or "UTC")))
                except InputError as error:
                    bad.append(Bad(one.name, 1, str(error)))
            yield Read(values.rows(rows), tuple(bad), done)


def _row(seen: Seen, zone: ZoneInfo) -> dict[str, object]:
    if seen.bytes <= HEADER_BYTES:
        raise InputError("it holds no sound")
    named = sound_names.parse(seen.name)
    length_s = _length_s(seen.path)
    started = _started(seen.path, named, zone, length_s)
    mark = hashlib.sha256(f"{seen.name.rsplit('/', 1)[-1]}|{started.isoformat()}".encode()).hexdigest()[:32]
    return {
        "file": seen.name,
        "line": 1,
        "unique_id": named.unique_id or f"sound-{mark}",
        "src": named.src,
        "src_name": named.src_name or None,
        "dst": named.dst,
        "started_at": started,
        "answered_at": started,
        "ended_at": started + timedelta(seconds=length_s),
        "duration_s": length_s,
        "bill_s": length_s,
        "disposition": "answered",
        "cause": "known by its recording alone",
        "direction": named.direction,
        "recording": seen.name,
    }


def _started(path: Path, named: sound_names.Named, zone: ZoneInfo, length_s: float) -> datetime:
    if named.at is not None and named.at.year >= values.FIRST.year:
        return named.at.replace(tzinfo=zone).astimezone(UTC)
    epoch = values.moment(float(named.unique_id.split(".")[0])) if named.unique_id else None
    return epoch or datetime.fromtimestamp(path.lstat().st_mtime, UTC) - timedelta(seconds=length_s)


def _length_s(path: Path) -> float:
    """By its header, else by decoding it."""
    try:
        info = soundfile.info(path)
        if 0 < info.frames <= audio.SECONDS_MAX * info.samplerate:
            return float(info.frames / info.samplerate)
    except soundfile.LibsndfileError:
        pass
    samples, rate = audio.decode(path, LENGTH_RATE, (1, 2))
    return len(samples) / rate


def _shown(name: str, told: sound_names.Named) -> str:
    when = f"{told.at:%Y-%m-%d %H:%M:%S}" if told.at else "no time"
    return f"{name}: {when}, from {told.src or 'unknown'} to {told.dst or 'unknown'}."


FORMAT = AudioFolder()
