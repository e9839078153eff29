"""Two tracks become one stereo file: length, alignment, separation of the sides, repeatability."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import pytest

from pbx_core.demo import dialogues
from pbx_core.errors import Unavailable
from pbx_core.media import recording, wav
from tests.support import spooled

RATE = 8000


def _track(path: Path, samples: spooled.Samples, pad_ms: int = 0) -> recording.Track:
    path.write_bytes(spooled.wav_bytes(samples))
    return recording.open_track(path, wav.probe(path), pad_ms)


def _join(caller: recording.Track, callee: recording.Track, out: Path) -> recording.Joined:
    return recording.join(caller, callee, RATE, out, bitrate=24000, peaks_per_s=20)


def _heard(path: Path) -> npt.NDArray[np.int16]:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-ar", "8000", "-f", "s16le", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.int16).reshape(-1, 2)


def _onset_s(samples: npt.NDArray[np.int16]) -> float:
    return float(np.flatnonzero(np.abs(samples.astype(np.int32)) > 4000)[0] / RATE)


def test_length_hash_and_size_are_those_of_the_file(tmp_path: Path) -> None:
    out = tmp_path / "o.webm"
    made = _join(_track(tmp_path / "a.wav", spooled.tone(3.21)), _track(tmp_path / "b.wav", spooled.tone(2.0)), out)
    assert made.duration_s == pytest.approx(3.21)
    assert abs(len(_heard(out)) / RATE - 3.21) <= 0.04
    assert made.bytes == out.stat().st_size
    assert made.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert len(made.caller_peaks) == len(made.callee_peaks) == 65


def test_the_leg_that_started_later_is_padded_so_that_one_moment_is_one_moment(tmp_path: Path) -> None:
    caller = _track(tmp_path / "a.wav", spooled.burst(3.0, at_s=1.0))
    callee = _track(tmp_path / "b.wav", spooled.burst(2.7, at_s=0.7), pad_ms=300)
    _join(caller, callee, tmp_path / "o.webm")
    heard = _heard(tmp_path / "o.webm")
    assert abs(_onset_s(heard[:, 0]) - 1.0) <= 0.04
    assert abs(_onset_s(heard[:, 0]) - _onset_s(heard[:, 1])) <= 0.04


def test_a_side_that_is_silent_while_the_other_speaks_stays_silent(tmp_path: Path) -> None:
    """A false echo of −24 dB, which libopus makes in its other mode, would be taken for speech and interruptions."""
    spoken = dialogues.load("sales")
    caller = recording.open_track(spoken.caller_wav, wav.probe(spoken.caller_wav), 0)
    callee = recording.open_track(spoken.callee_wav, wav.probe(spoken.callee_wav), 0)
    _join(caller, callee, tmp_path / "o.webm")
    heard = _heard(tmp_path / "o.webm").astype(np.float64)
    for line in spoken.lines:
        stretch = heard[int((line.start_s + 0.1) * RATE) : int((line.end_s - 0.1) * RATE)]
        own, other = (0, 1) if line.party == "caller" else (1, 0)
        level = np.sqrt(np.mean(stretch**2, axis=0))
        assert level[other] < level[own] / 300, line.text  # −50 dB


def test_joining_again_makes_the_same_bytes(tmp_path: Path) -> None:
    caller, callee = _track(tmp_path / "a.wav", spooled.tone(2.0)), _track(tmp_path / "b.wav", spooled.tone(2.0, 300))
    first = _join(caller, callee, tmp_path / "1.webm")
    assert first == _join(caller, callee, tmp_path / "2.webm")


def test_the_index_stands_before_the_sound_so_that_a_browser_can_seek(tmp_path: Path) -> None:
    _join(_track(tmp_path / "a.wav", spooled.tone(30.0)), recording.silent_track(), tmp_path / "o.webm")
    content = (tmp_path / "o.webm").read_bytes()
    cues, cluster = content.index(b"\x1c\x53\xbb\x6b"), content.index(b"\x1f\x43\xb6\x75")
    assert cues < cluster


def test_blocks_join_without_a_seam(tmp_path: Path) -> None:
    samples = spooled.tone(recording.BLOCK_S + 1.03)
    track = _track(tmp_path / "a.wav", samples, pad_ms=70)
    step = recording.BLOCK_S * RATE
    whole = np.concatenate([track.block(0, step), track.block(step, track.end)])
    assert (whole[:560] == 0).all()
    assert (whole[560:] == samples).all()


def test_two_silent_sides_still_make_a_file_that_plays(tmp_path: Path) -> None:
    made = _join(recording.silent_track(), recording.silent_track(), tmp_path / "o.webm")
    assert made.duration_s == recording.SILENCE_S
    assert recording.measure(tmp_path / "o.webm") == pytest.approx(recording.SILENCE_S, abs=0.05)


def test_a_place_that_cannot_be_written_is_told_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        _join(_track(tmp_path / "a.wav", spooled.tone(1.0)), recording.silent_track(), tmp_path / "no" / "o.webm")


def test_a_file_that_cannot_be_read_back_is_told(tmp_path: Path) -> None:
    (tmp_path / "o.webm").write_bytes(b"no sound")
    with pytest.raises(Unavailable, match="cannot be read back"):
        recording.measure(tmp_path / "o.webm")
