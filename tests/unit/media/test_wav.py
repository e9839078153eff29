"""What the engine's WAV files hold, also those of a killed writer."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_core.media import wav
from tests.support import spooled


def test_a_closed_file_is_measured_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(spooled.wav_bytes(spooled.tone(1.5)))
    before = path.read_bytes()
    info = wav.repair(path)
    assert (info.sample_rate, info.channels, info.bits, info.duration_s, info.sound) == (8000, 1, 16, 1.5, True)
    assert path.read_bytes() == before


def test_a_killed_writers_header_is_corrected_and_every_sample_plays(tmp_path: Path) -> None:
    path, samples = tmp_path / "a.wav", spooled.tone(2.0)
    path.write_bytes(spooled.wav_bytes(samples, killed=True))
    assert not wav.probe(path).sound
    assert wav.repair(path).frames == len(samples)
    assert path.read_bytes() == spooled.wav_bytes(samples)
    assert (soundfile.read(path, dtype="int16")[0] == samples).all()


def test_repairing_twice_changes_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(spooled.wav_bytes(spooled.tone(0.5), killed=True) + b"\x01")  # half a sample at the end
    first = wav.repair(path)
    content = path.read_bytes()
    assert wav.repair(path) == first
    assert path.read_bytes() == content
    assert first.frames == 4000


def test_chunks_around_the_sound_are_not_taken_for_sound(tmp_path: Path) -> None:
    body = spooled.wav_bytes(spooled.tone(0.5))[12:]
    extra = struct.pack("<4sI", b"LIST", 3) + b"abc\0"
    path = tmp_path / "a.wav"
    path.write_bytes(struct.pack("<4sI4s", b"RIFF", 4 + 2 * len(extra) + len(body), b"WAVE") + extra + body + extra)
    assert wav.repair(path).frames == 4000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"RIFF", "not a WAV"),
        (b"x" * 100, "not a WAV"),
        (spooled.wav_bytes(spooled.tone(0.1))[:30], "ends"),
        (spooled.wav_bytes(spooled.tone(0.1)).replace(b"fmt ", b"fmtx"), "no format"),
        (spooled.wav_bytes(spooled.tone(0.1), rate=0), "not 16-bit PCM"),
    ],
)
def test_what_is_no_wav_is_refused_with_a_reason(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        wav.repair(path)
    assert path.read_bytes() == content


@given(content=st.binary(max_size=200), position=st.integers(0, 43))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_measured_within_the_file_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, position: int
) -> None:
    whole = spooled.wav_bytes(spooled.tone(0.01))
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    path.write_bytes(whole[:position] + content + whole[position + len(content) :])
    try:
        info = wav.repair(path)
    except ValueError:
        return
    assert info.data_offset + info.frames * info.channels * 2 <= path.stat().st_size
    assert wav.probe(path).frames == info.frames
