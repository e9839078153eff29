"""The recorder: takes finished folders from the spool and makes recordings of them, so that every step can be
repeated after a crash: stereo file and waveform → journal line → transcription job → folder removed.

A folder leaves the spool only after everything before is on disk. Repeating makes the same bytes at the same place,
a journal line with the same key, and a job that exists already. What the sound lacks is said in the record's
`quality` and `quality_reason`, never left out.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.domain.records import Party, RecordingRecord
from pbx_core.errors import Unavailable
from pbx_core.feed import Journal
from pbx_core.media import peaks, recording, spool, wav
from pbx_core.media.verdict import Sound, judge
from pbx_core.settings import Settings
from pbx_core.store import jobs, kept

PRODUCER = "recorder"
HEADER_BYTES = 44  # of the WAVs the engine writes; a file of no more holds no sound
SPARE_BYTES = 1 << 20  # left on the recording volume, so that it is not filled to the last byte
VOICEMAIL = "voicemail"  # the kind of recording with a caller's side only
IN_JOB = (  # what the transcriber needs of a recording's record
    "recording_id", "call_id", "path", "duration_s", "segment", "kind", "caller_number", "callee_number", "pauses",
)  # fmt: skip
OFFSET_MS_MAX = 10_000  # two recorders of one call start within 20 ms; more is a broken meta.json

_log = log.get(__name__)


@dataclass(frozen=True)
class Sides:
    """Both tracks as found in the spool."""

    caller: recording.Track
    callee: recording.Track
    sample_rate: int
    sound: Sound
    unreadable: bool  # a track with bytes in it that are no WAV: worth keeping for a look


class Damaged(Exception):
    """A folder of which no recording can be made: who called whom is unknown."""


class Recorder:
    """Works through spool folders one at a time. One process, one owner."""

    def __init__(self, settings: Settings, db: sa.Engine, clock: Clock, journal: Journal) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._journal = journal

    def process(self, folder: Path) -> None:
        """Do all steps of one folder. Unavailable: a disk, the database or ffmpeg refused; nothing is lost, call
        again later. A folder that cannot become a recording is set aside, with a log line."""
        for _ in self.steps(folder):
            pass

    def steps(self, folder: Path) -> Iterator[str]:
        """The same, pausing after each lasting effect and naming it; a test may stop anywhere in between."""
        try:
            yield from self._steps(folder)
        except Damaged as error:
            self._set_aside(folder, str(error))
            yield "set aside"
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            why = "the disk is full" if full else str(error)
            raise Unavailable(f"The recording {folder.name} waits in the spool: {why}.") from error
        except sa.exc.OperationalError as error:
            raise Unavailable(f"The recording {folder.name} waits in the spool: {error.orig}.") from error

    def _steps(self, folder: Path) -> Iterator[str]:
        meta, end = _read(folder)
        sides = _sides(folder, meta)
        yield "WAVs repaired"
        relative = Path(meta.tenant_id) / f"{meta.started_at:%Y}" / f"{meta.started_at:%m}" / meta.recording_id
        target = self._settings.recordings_dir / relative
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        scratch = _fresh_scratch(target)
        self._check_space(sides)
        joined = recording.join(
            sides.caller,
            sides.callee,
            sides.sample_rate,
            scratch,
            bitrate=self._settings.opus_bitrate,
            peaks_per_s=self._settings.peaks_per_s,
        )
        yield "joined"
        drawn = peaks.to_json(self._settings.peaks_per_s, joined.caller_peaks, joined.callee_peaks)
        _write(target.with_suffix(".peaks.json"), drawn)
        scratch.chmod(0o640)
        scratch.rename(target.with_suffix(".webm"))
        _fsync_directories(target.parent, self._settings.recordings_dir)
        yield "stored"
        made = _record(meta, end, sides, joined, relative)
        self._journal.append("recording", made.recording_id, made.tenant_id, made)
        kept.register(self._db, made)
        yield "journalled"
        payload = {name: getattr(made, name) for name in IN_JOB} | {"queue": meta.queue}
        jobs.enqueue(self._db, self._clock, "transcribe", made.recording_id, made.tenant_id, payload)
        yield "job made"
        if sides.unreadable:
            self._set_aside(folder, made.quality_reason or "")
        else:
            spool.remove(folder)
        _log.info(
            "recording made",
            extra={"recording_id": made.recording_id, "quality": made.quality, "reason": made.quality_reason},
        )
        yield "spool cleared"

    def _check_space(self, sides: Sides) -> None:
        needed = int(self._settings.opus_bitrate / 8 * max(sides.sound.caller_s, sides.sound.callee_s or 0.0) * 1.5)
        if shutil.disk_usage(self._settings.recordings_dir).free < needed + SPARE_BYTES:
            raise OSError(errno.ENOSPC, "too little space for the recording")

    def _set_aside(self, folder: Path, reason: str) -> None:
        place = self._settings.damaged_dir / folder.parent.name / folder.name
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        shutil.move(folder, place)
        _log.error("spool folder set aside", extra={"folder": str(place), "reason": reason})


def _read(folder: Path) -> tuple[spool.SpoolMeta, spool.SpoolEnd]:
    try:
        meta, end = spool.read_meta(folder), spool.read_end(folder)
        if meta is None or end is None:
            raise Damaged(f"{'meta.json' if meta is None else 'ended.json'} is missing: the call is not known")
        if spool.folder(folder.parent.parent, meta.tenant_id, meta.recording_id) != folder:
            raise Damaged("meta.json belongs to another folder")
    except ValueError as error:
        raise Damaged(str(error)) from error
    return meta, end


def _sides(folder: Path, meta: spool.SpoolMeta) -> Sides:
    """Repair and open both tracks; a side that cannot be used is silent, and a fault says so."""
    faults: list[str] = []
    found: dict[Party, tuple[Path, wav.WavInfo, int]] = {}
    unreadable = False
    offsets = {Party.CALLER: meta.caller_offset_ms, Party.CALLEE: meta.callee_offset_ms}
    for party, name in ((Party.CALLER, spool.CALLER_WAV), (Party.CALLEE, spool.CALLEE_WAV)):
        if party is Party.CALLEE and meta.kind == VOICEMAIL:
            continue  # only the caller speaks
        try:
            info = wav.repair(folder / name)
            if not info.frames:
                raise ValueError(f"{name} has no sound")
        except FileNotFoundError:
            faults.append(f"{name} is missing: silence instead")
        except ValueError as error:
            faults.append(f"{error}: silence instead")
            unreadable = unreadable or (folder / name).stat().st_size > HEADER_BYTES
        else:
            found[party] = (folder / name, info, _pad_ms(offsets[party], party, faults))
    rates = {info.sample_rate for _, info, _ in found.values()}
    if len(rates) > 1:
        rates = {found[Party.CALLER][1].sample_rate}
        del found[Party.CALLEE]
        faults.append("callee.wav has another sample rate: silence instead")
        unreadable = True
    rate = rates.pop() if found else recording.DEFAULT_RATE
    tracks = {p: recording.open_track(*found[p]) if p in found else recording.silent_track() for p in Party}
    caller, callee = tracks[Party.CALLER], tracks[Party.CALLEE]
    sound = Sound(caller.end / rate, None if meta.kind == VOICEMAIL else callee.end / rate, tuple(faults))
    return Sides(caller, callee, rate, sound, unreadable)


def _pad_ms(offset_ms: int, party: Party, faults: list[str]) -> int:
    if 0 <= offset_ms <= OFFSET_MS_MAX:
        return offset_ms
    faults.append(f"the {party}'s start is unknown ({offset_ms} ms): not aligned")
    return 0


def _record(
    meta: spool.SpoolMeta, end: spool.SpoolEnd, sides: Sides, joined: recording.Joined, relative: Path
) -> RecordingRecord:
    quality, reason = judge(end, sides.sound)
    return RecordingRecord(
        recording_id=meta.recording_id,
        call_id=meta.call_id,
        tenant_id=meta.tenant_id,
        path=f"{relative}.webm",
        peaks_path=f"{relative}.peaks.json",
        started_at=meta.started_at,
        duration_s=round(joined.duration_s, 3),
        codec="opus",
        sample_rate=sides.sample_rate,
        channels=2,
        bytes=joined.bytes,
        sha256=joined.sha256,
        caller_pad_ms=sides.caller.pad * 1000 // sides.sample_rate,
        callee_pad_ms=sides.callee.pad * 1000 // sides.sample_rate,
        quality=quality,
        quality_reason=reason,
        consent_basis=meta.consent_basis,
        segment=meta.segment,
        kind=meta.kind,
        caller_number=meta.caller_number,
        callee_number=meta.callee_number,
        pauses=end.pauses,
    )


def _fresh_scratch(target: Path) -> Path:
    """A new name for ffmpeg to write, after removing what a killed predecessor left: its ffmpeg may still be writing
    there, so the name is never used twice."""
    for old in target.parent.glob(f".{target.name}.*.tmp"):
        old.unlink(missing_ok=True)
    return target.parent / f".{target.name}.{os.urandom(4).hex()}.tmp"


def _write(path: Path, content: bytes) -> None:
    scratch = path.with_name(f".{path.name}.tmp")
    with scratch.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.chmod(0o640)
    scratch.rename(path)


def _fsync_directories(lowest: Path, highest: Path) -> None:
    """Make new names last: every directory from lowest up to highest."""
    directory = lowest
    while True:
        fd = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        if directory == highest:
            return
        directory = directory.parent
