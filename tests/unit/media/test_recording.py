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


def _alike(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    """Highest correlation within 5 ms of shift, 0..1."""
    shifts = range(-40, 41)
    return max(abs(float(np.corrcoef(a[40:-40], b[40 + s : len(b) - 40 + s])[0, 1])) for s in shifts)


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
    """Joint stereo would mix the speaker into the other side: false speech and false interruptions."""
    caller = _track(tmp_path / "a.wav", spooled.burst(6.0, at_s=1.0, length_s=0.5))
    callee = _track(tmp_path / "b.wav", spooled.burst(6.0, at_s=3.0, length_s=0.5))
    _join(caller, callee, tmp_path / "o.webm")
    heard = np.abs(_heard(tmp_path / "o.webm").astype(np.int32))
    assert heard[RATE : 2 * RATE, 0].max() > 15000
    assert heard[RATE : 2 * RATE, 1].max() < 10
    assert heard[3 * RATE : 4 * RATE, 0].max() < 10
    assert heard[3 * RATE : 4 * RATE, 1].max() > 15000


def test_while_both_speak_each_side_holds_only_itself(tmp_path: Path) -> None:
    spoken = dialogues.load("crosstalk")
    paths = (spoken.caller_wav, spoken.callee_wav)
    _join(*(recording.open_track(p, wav.probe(p), 0) for p in paths), tmp_path / "o.webm")
    heard = _heard(tmp_path / "o.webm").astype(np.float64)
    said = np.stack([recording.open_track(p, wav.probe(p), 0).samples for p in paths], axis=1).astype(np.float64)
    for start_s, end_s in spoken.overlaps():
        stretch = slice(int(start_s * RATE), int(end_s * RATE))
        alike = [[_alike(heard[stretch, h], said[stretch, s]) for s in (0, 1)] for h in (0, 1)]
        assert min(alike[0][0], alike[1][1]) > 0.6
        assert max(alike[0][1], alike[1][0]) < 0.2


def test_the_header_tells_every_player_how_the_streams_are_mapped(tmp_path: Path) -> None:
    _join(_track(tmp_path / "a.wav", spooled.tone(1.0)), recording.silent_track(), tmp_path / "o.webm")
    content = (tmp_path / "o.webm").read_bytes()
    at = content.index(b"OpusHead")
    assert content[at + 18 : at + 23] == bytes([1, 2, 0, 0, 1])  # family 1, two streams, none coupled


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
