"""Sound in and out of files, with the recordings the product makes and with damaged and hostile ones."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ingest import audio
from pbx_core.errors import InputError
from pbx_core.media import recording
from tests.support import spooled


def _stereo(seconds: float = 3.0) -> np.ndarray:
    return np.stack([spooled.burst(seconds, 1.0), spooled.burst(seconds, 2.0)], axis=1)


@pytest.fixture
def webm(tmp_path: Path) -> Path:
    """Caller: a burst at 1 s; callee: at 2 s."""
    stereo = _stereo()
    out = tmp_path / "r.webm"
    sides = [recording.Track(np.ascontiguousarray(stereo[:, i]), 0) for i in (0, 1)]
    recording.join(*sides, 8000, out, bitrate=24000, peaks_per_s=20)
    return out


def _onsets_s(samples: np.ndarray, rate: int) -> list[float]:
    return [float(np.flatnonzero(np.abs(samples[:, i]) > 0.1)[0] / rate) for i in (0, 1)]


@pytest.mark.parametrize("suffix", ["webm", "m4a", "wav", "flac"])
def test_every_format_gives_both_sides_at_their_time(tmp_path: Path, webm: Path, suffix: str) -> None:
    path = tmp_path / f"r.{suffix}"
    if suffix == "m4a":
        audio.m4a(webm, path)
    elif suffix != "webm":
        soundfile.write(path, _stereo(), 8000)
    samples, rate = audio.decode(path, 16000)
    assert rate == 16000
    assert samples.dtype == np.float32
    assert samples.shape[1] == 2
    assert abs(len(samples) / rate - 3.0) <= 0.07
    assert _onsets_s(samples, rate) == [pytest.approx(1.0, abs=0.04), pytest.approx(2.0, abs=0.04)]
    assert 0.3 < np.abs(samples).max() <= 1.0


def test_without_a_wish_the_stored_rate_is_kept(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "r.wav", _stereo(), 8000)
    samples, rate = audio.decode(tmp_path / "r.wav")
    assert (samples.shape, rate) == ((24000, 2), 8000)
    assert (audio.decode_speech(tmp_path / "r.wav").shape[0]) == pytest.approx(48000, abs=40)


def test_a_stretch_is_cut_to_the_sample(webm: Path) -> None:
    whole, rate = audio.decode(webm, 16000)
    assert (audio.stretch(webm, 0.5, 1.5, rate) == whole[8000:24000]).all()
    assert len(audio.stretch(webm, 2.5, 99, rate)) == len(whole) - 40000
    assert len(audio.stretch(webm, 50, 99, rate)) == 0


def test_a_damaged_file_is_named(tmp_path: Path, webm: Path) -> None:
    content = webm.read_bytes()
    cases = {
        "empty.webm": b"",
        "text.webm": b"this is not sound " * 50,
        "cut.webm": content[:400],
        "half.webm": content[: len(content) // 2],
        "zeroed.webm": content[:600] + bytes(len(content) - 600),
    }
    for name, damaged in cases.items():
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(InputError, match=name):
            audio.decode(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no sound file gone\.webm"):
        audio.decode(tmp_path / "gone.webm")


def test_one_channel_is_refused_rather_than_taken_for_both_sides(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "mono.wav", spooled.tone(1), 8000)
    with pytest.raises(InputError, match="1 channel"):
        audio.decode(tmp_path / "mono.wav")


def test_a_playlist_in_disguise_reads_no_other_file(tmp_path: Path, webm: Path) -> None:
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:3,\n" + webm.name + "\n#EXT-X-ENDLIST\n"
    concat = f"ffconcat version 1.0\nfile {webm.name}\n"
    for name, text in (("a.wav", playlist), ("b.m3u8", playlist), ("c.webm", concat)):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=name):
            audio.decode(tmp_path / name)


def test_odd_names_are_only_names(tmp_path: Path, webm: Path) -> None:
    for name in ("-i.webm", "concat:a|b.webm", "%03d.webm", "a b'\".webm"):
        (tmp_path / name).write_bytes(webm.read_bytes())
        assert len(audio.decode(tmp_path / name)[0])


def test_m4a_has_its_index_in_front_and_many_askers_get_one_file(tmp_path: Path, webm: Path) -> None:
    kept = tmp_path / "cache" / "t" / "r.m4a"
    got: list[tuple[Path, int]] = []
    threads = [
        threading.Thread(target=lambda: got.append((audio.as_m4a(webm, kept), kept.stat().st_ino))) for _ in range(6)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(got) == 6
    assert len(set(got)) == 1
    content = kept.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert [p.name for p in kept.parent.iterdir()] == ["r.m4a"]


def test_m4a_of_a_damaged_recording_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "r.webm").write_bytes(b"no sound")
    with pytest.raises(InputError, match=r"r\.webm"):
        audio.as_m4a(tmp_path / "r.webm", tmp_path / "cache" / "r.m4a")
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_m4a_folder_forgets_what_was_not_asked_for_the_longest(
    tmp_path: Path, webm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    os.utime(webm, (1000, 1000))
    for i, name in enumerate("abc"):
        os.utime(audio.as_m4a(webm, folder / f"{name}.m4a"), (2000 + i, 2000 + i))
    audio.as_m4a(webm, folder / "a.m4a")  # asked for again
    monkeypatch.setattr(audio, "KEPT_BYTES_MAX", 3 * (folder / "a.m4a").stat().st_size)
    audio.as_m4a(webm, folder / "d.m4a")
    assert sorted(p.name for p in folder.iterdir()) == ["a.m4a", "c.m4a", "d.m4a"]


@pytest.mark.parametrize("suffix", ["wav", "m4a", "webm"])
def test_a_clip_holds_the_asked_stretch_without_ffprobe(
    tmp_path: Path, webm: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    out = tmp_path / f"clip.{suffix}"
    audio.clip(webm, 0.6, 2.4, out)
    samples, rate = audio.decode(out, 16000)
    assert abs(len(samples) / rate - 1.8) <= 0.08
    assert _onsets_s(samples, rate) == [pytest.approx(0.4, abs=0.05), pytest.approx(1.4, abs=0.05)]


def test_a_clip_of_nothing_is_refused_and_leaves_nothing(tmp_path: Path, webm: Path) -> None:
    for start_s, end_s, name in ((2, 2, "c.wav"), (-1, 2, "c.wav"), (90, 91, "c.wav"), (0, 1, "c.exe")):
        with pytest.raises(InputError):
            audio.clip(webm, start_s, end_s, tmp_path / name)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.webm"]
