"""Telephone calls of known words for the speech benchmark: human recordings with their texts, put together to calls of
two channels with turns, through G.711 μ-law at 8 kHz.

The recordings are the prompts of Asterisk in Debian's packages asterisk-core-sounds-{en,ru}-wav (CC BY-SA 3.0, CC BY
3.0); the texts lie in the base packages. The same arguments give the same calls on every machine.
"""

from __future__ import annotations

import gzip
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from tests.support.wer import words

Samples = NDArray[np.float32]

RATE = 8000
VOICES = {"en": "en_US_f_Allison", "ru": "ru_RU_f_IvrvoiceRU"}
FOLDERS_LEFT_OUT = {"letters", "digits", "phonetic", "silence"}  # single words, read as a list
CLIP_S_MIN, CLIP_S_MAX = 0.6, 12.0
WORDS_PER_S_MAX = 5.0  # a text with more does not belong to its sound
WORDS_PER_S_MIN = 0.7
TURN_S_MIN, TURN_S_MAX = 1.0, 9.0
GAP_S_MIN, GAP_S_MAX = -0.25, 1.2  # between turns; negative: the next speaker does not wait
PAUSE_S_MIN, PAUSE_S_MAX = 0.15, 0.5  # inside a turn
LEVEL_MIN, LEVEL_MAX = 0.4, 1.0
NOISE_DB_MIN, NOISE_DB_MAX = -66.0, -50.0  # of the line, full scale = 0


@dataclass(frozen=True)
class Clip:
    """One recorded prompt at RATE."""

    text: str
    samples: Samples


@dataclass(frozen=True)
class PhoneCall:
    """samples: float32, shape (n, 2), 16 kHz, caller left; texts: what each side says."""

    language: str
    samples: Samples
    texts: tuple[str, str]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / (2 * RATE)


def build(language: str, length_s: float, count: int, cache: Path) -> list[PhoneCall]:
    """`count` calls of about length_s. SystemExit tells what to install when the recordings cannot be had."""
    rng = np.random.default_rng([count, int(length_s), *language.encode()])
    endless = _endless(load(language, cache), rng)
    return [_call(language, length_s, endless, rng) for _ in range(count)]


def load(language: str, cache: Path) -> list[Clip]:
    """Every usable prompt of a language, in order of its name."""
    root = _root(language, cache)
    sounds = root / "usr/share/asterisk/sounds" / VOICES[language]
    text = gzip.decompress(_text_file(root, language).read_bytes()).decode("utf-8", "replace")
    clips = []
    for name, said in sorted(dict(re.findall(r"^([\w/-]+):[ \t]*(.+)$", text, re.MULTILINE)).items()):
        file = sounds / f"{name}.wav"
        if name.split("/")[0] in FOLDERS_LEFT_OUT or not file.is_file() or re.search(r"[\[\]<>]|^\w+-\w+:", said):
            continue
        samples, rate = soundfile.read(file, dtype="float32")
        assert rate == RATE, f"{file} has {rate} Hz"
        length_s = len(samples) / RATE
        if CLIP_S_MIN <= length_s <= CLIP_S_MAX and _fits(len(words(said)) / length_s):
            clips.append(Clip(said, samples))
    return clips


def _fits(words_per_s: float) -> bool:
    return WORDS_PER_S_MIN <= words_per_s <= WORDS_PER_S_MAX


def _endless(clips: list[Clip], rng: np.random.Generator) -> Iterator[Clip]:
    """All clips in random order, none twice before all were used."""
    while True:
        for i in rng.permutation(len(clips)):
            yield clips[i]


def _call(language: str, length_s: float, clips: Iterator[Clip], rng: np.random.Generator) -> PhoneCall:
    """Turns by turns until the length is reached; what would stand over is not said."""
    end = int(length_s * RATE)
    sides = np.zeros((2, end), dtype=np.float32)
    levels = rng.uniform(LEVEL_MIN, LEVEL_MAX, 2)
    texts: tuple[list[str], list[str]] = ([], [])
    at, side = int(rng.uniform(0.3, 1.0) * RATE), int(rng.integers(2))
    while True:
        turn_until = at + int(rng.uniform(TURN_S_MIN, TURN_S_MAX) * RATE)
        while at < turn_until:
            clip = next(clips)
            if at + len(clip.samples) > end:
                return PhoneCall(language, _line(sides, rng), (" ".join(texts[0]), " ".join(texts[1])))
            sides[side, at : at + len(clip.samples)] += clip.samples * levels[side]
            texts[side].append(clip.text)
            at += len(clip.samples) + int(rng.uniform(PAUSE_S_MIN, PAUSE_S_MAX) * RATE)
        at, side = max(at + int(rng.uniform(GAP_S_MIN, GAP_S_MAX) * RATE), 0), 1 - side


def _line(sides: Samples, rng: np.random.Generator) -> Samples:
    """Through a noisy line and the codec, then at 16 kHz as a recording is decoded."""
    out = []
    for side in sides:
        noise = 10 ** (rng.uniform(NOISE_DB_MIN, NOISE_DB_MAX) / 20) * rng.normal(size=len(side))
        file = io.BytesIO()
        soundfile.write(file, np.clip(side + noise, -1, 1), RATE, format="WAV", subtype="ULAW")
        file.seek(0)
        coded, _ = soundfile.read(file, dtype="float32")
        out.append(np.fft.irfft(np.fft.rfft(coded), 2 * len(coded)) * 2)
    return np.stack(out, axis=1).astype(np.float32)


def _root(language: str, cache: Path) -> Path:
    """Where the packages' files are: the system when they are installed, else unpacked in the cache. Unpacked rather
    than installed: that needs no root, and container images leave out /usr/share/doc, where the texts are."""
    for root in (Path("/"), cache):
        if (root / "usr/share/asterisk/sounds" / VOICES[language]).is_dir() and _text_file(root, language).is_file():
            return root
    _fetch([f"asterisk-core-sounds-{language}", f"asterisk-core-sounds-{language}-wav"], cache)
    return cache


def _text_file(root: Path, language: str) -> Path:
    return root / f"usr/share/doc/asterisk-core-sounds-{language}/core-sounds-{language}.txt.gz"


def _fetch(packages: list[str], cache: Path) -> None:
    """Download Debian packages and unpack them into the cache."""
    help_ = (
        f"The human recordings are missing: {' '.join(packages)} (Debian, Ubuntu). Install them, or unpack them "
        f"(dpkg -x) into {cache}, then repeat."
    )
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        sys.exit(f"{help_} Here is no apt-get that could do it.")
    cache.mkdir(parents=True, exist_ok=True)
    print(f"Fetching {' '.join(packages)} into {cache}", file=sys.stderr)
    download = ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *packages]
    if subprocess.run(download, cwd=cache, capture_output=True).returncode:
        subprocess.run(["apt-get", "update", "-qq"], capture_output=True)  # works as root only; the lists may be old
        done = subprocess.run(download, cwd=cache, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{help_} apt-get says: {done.stderr.strip()}")
    for package in packages:
        (file,) = sorted(cache.glob(f"{package}_*.deb"))[-1:]
        subprocess.run(["dpkg", "-x", file, cache], check=True)
        file.unlink()
