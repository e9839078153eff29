"""Sounds become files: words in four languages, uploads from anybody, tones, music, what callers left."""

from __future__ import annotations

import os
import subprocess
import wave
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from pbx_core.domain.model import Model, Prompt
from pbx_core.domain.phrases import LANGUAGES, phrase
from pbx_core.errors import InputError, Unavailable
from pbx_core.media import level, prompts, tones, upload, wav
from pbx_core.media.prompts import Prompts
from pbx_core.media.speak import TEXT_CHARS_MAX, readable, speak
from pbx_core.settings import Settings, load
from tests.support.tones import heard, samples_of, tone

ACME, OTHER = "a" * 32, "b" * 32
RECORDING = "c" * 32
EMPTY = Model()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path / "data")


@pytest.fixture
def store(settings: Settings) -> Prompts:
    return Prompts(settings)


def active_db(path: Path) -> float:
    """RMS of the frames in which something is heard."""
    frames = samples_of(path)[: len(samples_of(path)) // 160 * 160].reshape(-1, 160).astype(float) / 32768
    power = np.square(frames).mean(axis=1)
    return 10 * np.log10(power[power > power.max() / 1000].mean())


# words


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_is_made_once_and_then_found(store: Prompts, language: str) -> None:
    sound = phrase("queue_wait", language, minutes=5)
    assert store.find(ACME, sound, EMPTY) is None
    path = store.render(ACME, sound, EMPTY)
    assert path == store.find(ACME, sound, EMPTY)
    assert store.find(OTHER, sound, EMPTY) is None
    info = wav.probe(path)
    assert (info.sample_rate, info.channels, info.sound) == (8000, 1, True)
    assert 1.0 < info.duration_s < 6.0
    assert active_db(path) == pytest.approx(level.SPEECH_DB, abs=3.0)
    assert np.abs(samples_of(path)).max() <= 32767 * 10 ** (level.PEAK_DB / 20) + 1


def test_languages_sound_different() -> None:
    lengths = {language: len(speak(language, "1 2 3 4 5 6 7 8 9")) for language in LANGUAGES}
    assert len(set(lengths.values())) == len(LANGUAGES)


@pytest.mark.parametrize(
    "text",
    [
        "plain\x00 text \x01 5 S with \x1b[31m controls",
        "<speak><audio src='/etc/passwd'/>markup</speak> &lt;amp;",
        "[[fonemz]] and $(reboot) `id` ; rm -rf / | cat ../../etc/passwd",
        "\u202eright to left\u200b invisible \ud800 surrogate",
        "1" * 400,
        "ы" * 10_000,
        "word " * 1000,
        "😀 smile 😀",
    ],
)
def test_hostile_text_is_only_read_out(text: str) -> None:
    samples = speak("en", text)
    assert 0 < len(samples) <= 130 * level.RATE
    assert len(readable(text)) <= TEXT_CHARS_MAX
    assert readable(text).isprintable()


def test_commands_of_the_synthesiser_are_not_obeyed() -> None:
    slow = speak("en", "\x0120S once upon a time")
    assert len(slow) == len(speak("en", "20S once upon a time"))


@pytest.mark.parametrize(("language", "text"), [("en", ""), ("en", "\x00\r\n"), ("en", "…!?"), ("xx", "word")])
def test_nothing_to_say_or_nobody_to_say_it(language: str, text: str) -> None:
    with pytest.raises(InputError):
        speak(language, text)


@pytest.mark.parametrize("language", ["", "e", "../en", "en\n", "EN", "en-us-x-very-long"])
def test_a_language_is_letters(language: str) -> None:
    with pytest.raises(InputError):
        speak(language, "word")


def test_a_voice_directory_without_piper_says_so(tmp_path: Path) -> None:
    (tmp_path / "ru_RU-nobody-medium.onnx").write_bytes(b"no voice")
    assert len(speak("en", "a language without a voice there", tmp_path))
    with pytest.raises(Unavailable, match="piper"):
        speak("ru", "слово", tmp_path)


# the store


def test_a_prompt_of_the_model_is_its_words_or_its_upload(store: Prompts, tmp_path: Path) -> None:
    words = Prompt("main", text="Welcome to Acme", language="en")
    model = Model(prompts=(words, Prompt("jingle", file="jingle")))
    path = store.render(ACME, "prompt:main", model)
    assert store.find(ACME, "say:en:Welcome  to Acme ", model) == path, "equal words share a file"
    changed = replace(model, prompts=(replace(words, text="Good evening"),))
    assert store.find(ACME, "prompt:main", changed) is None, "changed words are another file"
    with pytest.raises(InputError, match="no uploaded sound"):
        store.render(ACME, "prompt:jingle", model)
    made = store.upload(ACME, "jingle", tone(tmp_path / "in.wav", 700, 1.0))
    assert store.render(ACME, "prompt:jingle", model) == store.find(ACME, "music:jingle", model) == made
    assert store.find(OTHER, "prompt:jingle", model) is None
    assert store.uploads(ACME) == ["jingle"]
    store.delete_upload(ACME, "jingle")
    assert store.find(ACME, "prompt:jingle", model) is None


@pytest.mark.parametrize(
    "sound",
    [
        *("", "x", "prompt:", "prompt:none", "say:", "say:en", "say:en:", "music:none", "tone:none", "tone:../beep"),
        *("upload:jingle", "recording:", f"recording:{RECORDING}", f"recording:{RECORDING}:both", "file:/etc/passwd"),
        *(f"recording:{'../' * 10 + 'x' * 2}:caller", f"recording:{RECORDING}:caller", "music:../../x", "tone:\x00"),
    ],
)
def test_a_sound_that_does_not_exist_is_refused(store: Prompts, sound: str) -> None:
    assert store.find(ACME, sound, EMPTY) is None
    with pytest.raises(InputError):
        store.render(ACME, sound, EMPTY)


@pytest.mark.parametrize("tenant_id", ["", "acme", "../" + "a" * 29, "a" * 33, "a" * 32 + "\n"])
def test_only_tenants_have_a_store(store: Prompts, tenant_id: str) -> None:
    assert store.find(tenant_id, "tone:beep", EMPTY) is None
    with pytest.raises(InputError):
        store.render(tenant_id, "tone:beep", EMPTY)


def test_the_oldest_words_go_when_there_are_too_many(store: Prompts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "WORDS_FILES_MAX", 3)
    made = []
    for n in range(4):
        made.append(store.render(ACME, f"say:en:number {n}", EMPTY))
        os.utime(made[-1], (n, n))
    store.render(ACME, "say:en:one more", EMPTY)
    assert [path.exists() for path in made[:2]] == [False, False]
    assert made[3].exists()


def test_a_full_disk_is_unavailable_and_leaves_nothing(store: Prompts, settings: Settings) -> None:
    settings.prompts_dir.parent.mkdir(parents=True)
    settings.prompts_dir.write_text("in the way")
    with pytest.raises(Unavailable):
        store.render(ACME, "tone:beep", EMPTY)


# tones and music


@pytest.mark.parametrize(("name", "hertz"), [("beep", 1000), ("ringback", 425), ("busy", 425), ("congestion", 425)])
def test_tones(store: Prompts, name: str, hertz: float) -> None:
    path = store.render(ACME, f"tone:{name}", EMPTY)
    assert path == store.render(OTHER, f"tone:{name}", EMPTY), "they belong to nobody"
    begin = samples_of(path)[:1600]
    assert set(heard(begin, [hertz, hertz * 2])) == {hertz}


def test_music_is_a_quiet_loop_without_a_seam() -> None:
    music = tones.music()
    assert 20 <= len(music) / level.RATE <= 30
    assert np.abs(music).max() < 0.5
    twice = np.concatenate([music, music])
    steps = np.abs(np.diff(twice))
    assert steps[len(music) - 1] <= np.percentile(steps, 99.9), "no click where the end meets the beginning"
    frames = music[: len(music) // 8000 * 8000].reshape(-1, 8000)
    assert (np.square(frames).mean(axis=1) > 1e-5).all(), "there is no second of silence"
    spectrum = np.square(np.abs(np.fft.rfft(music)))
    hertz = np.fft.rfftfreq(len(music), 1 / level.RATE)
    assert spectrum[hertz > 3400].sum() < 0.01 * spectrum.sum(), "a telephone carries no more"


# uploads


def encoded(source: Path, out: Path, *options: str) -> Path:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(source), *options, str(out)]
    subprocess.run(command, check=True)
    return out


@pytest.mark.parametrize("name", ["a.mp3", "a.ogg", "a.wav", "-i concat:x|y.mp3", "$(reboot).wav", "..;rm.ogg"])
def test_an_upload_of_every_kind_and_name(store: Prompts, tmp_path: Path, name: str) -> None:
    out = encoded(tone(tmp_path / "in.wav", 700, 2.0), tmp_path / f"out.{name[-3:]}", "-ar", "44100", "-ac", "2")
    source = out.rename(tmp_path / name)
    path = store.upload(ACME, "welcome", source)
    assert wav.probe(path).duration_s == pytest.approx(2.0, abs=0.15)
    assert set(heard(samples_of(path)[4000:12000], [400.0, 700.0])) == {700.0}
    assert active_db(path) == pytest.approx(level.SPEECH_DB, abs=1.0)


@pytest.mark.parametrize("name", ["", ".", "..", "../evil", "a/b", "a\x00b", "-flag", "x" * 65, "name\n", "ä"])
def test_a_hostile_name_is_refused(store: Prompts, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        store.upload(ACME, name, tone(tmp_path / "in.wav", 700, 0.5))


def test_links_folders_pipes_and_absent_files_are_refused(store: Prompts, tmp_path: Path) -> None:
    real = tone(tmp_path / "real.wav", 700, 0.5)
    link, pipe = tmp_path / "link.wav", tmp_path / "pipe.wav"
    link.symlink_to(real)
    os.mkfifo(pipe)
    for source in (link, pipe, tmp_path, tmp_path / "absent.wav"):
        with pytest.raises(InputError):
            store.upload(ACME, "name", source)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"ID3" + b"\x00" * 500,
        b"RIFF\x00\x00\x00\x00WAVE",
        b"OggS" + os.urandom(5000),
        b"\xff\xfb" + os.urandom(5000),
        b"<?xml version='1.0'?><MPD/>",
    ],
)
def test_what_is_no_sound_is_refused(store: Prompts, tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "evil.mp3"
    source.write_bytes(content)
    with pytest.raises(InputError):
        store.upload(ACME, "name", source)
    assert store.uploads(ACME) == []


def test_too_large_and_too_long(store: Prompts, tmp_path: Path) -> None:
    large = tmp_path / "large.wav"
    with wave.open(str(large), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(b"\x00" * (upload.BYTES_MAX + 1))
    with pytest.raises(InputError, match="larger than 5 MB"):
        store.upload(ACME, "name", large)
    second = tone(tmp_path / "in.wav", 700, 1.0)
    long = encoded(second, tmp_path / "long.ogg", "-af", "aloop=-1:8000", "-t", "605", "-b:a", "8k", "-c:a", "libopus")
    assert long.stat().st_size < upload.BYTES_MAX
    with pytest.raises(InputError, match="longer than 10 minutes"):
        store.upload(ACME, "name", long)


def test_a_tenant_has_so_many_uploads(store: Prompts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "UPLOADS_MAX", 2)
    source = tone(tmp_path / "in.wav", 700, 0.5)
    for name in ("one", "two", "two"):
        store.upload(ACME, name, source)
    with pytest.raises(InputError, match="2 uploaded sounds already"):
        store.upload(ACME, "three", source)


# what callers left


def finished(settings: Settings, tmp_path: Path) -> Path:
    folder = settings.recordings_dir / ACME / "2026" / "03"
    folder.mkdir(parents=True)
    left, right = tone(tmp_path / "left.wav", 400, 1.0), tone(tmp_path / "right.wav", 1100, 1.0)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(left), "-i", str(right)]
    command += ["-filter_complex", "amerge=inputs=2", "-c:a", "libopus", str(folder / f"{RECORDING}.webm")]
    subprocess.run(command, check=True)
    return folder / f"{RECORDING}.webm"


def test_one_side_of_a_recording_while_it_exists(store: Prompts, settings: Settings, tmp_path: Path) -> None:
    original = finished(settings, tmp_path)
    for side, hertz in (("caller", 400.0), ("callee", 1100.0)):
        sound = f"recording:{RECORDING}:{side}"
        path = store.render(ACME, sound, EMPTY)
        assert set(heard(samples_of(path)[800:7000], [400.0, 1100.0])) == {hertz}
        assert store.find(ACME, sound, EMPTY) == path
        assert store.find(OTHER, sound, EMPTY) is None
    original.unlink()
    assert store.find(ACME, f"recording:{RECORDING}:caller", EMPTY) is None, "what is deleted is not heard"


def test_what_was_decoded_is_forgotten_after_a_day(store: Prompts, settings: Settings, tmp_path: Path) -> None:
    finished(settings, tmp_path)
    old = store.render(ACME, f"recording:{RECORDING}:caller", EMPTY)
    os.utime(old, (1, 1))
    store.render(ACME, f"recording:{RECORDING}:callee", EMPTY)
    assert not old.exists()
