"""Words to sound: espeak-ng for every language, Piper for those of which a voice has been put into a directory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import unicodedata
import wave
from pathlib import Path

from pbx_core.errors import InputError, Unavailable
from pbx_core.media import espeak
from pbx_core.media.level import Samples, from_pcm, resample, to_telephone_level, trim

TEXT_CHARS_MAX = 500
SPEAK_S_MAX = 30.0  # espeak-ng needs a tenth of a second, Piper a few
_LANGUAGE = re.compile(r"^[a-z]{2,3}$")


def readable(text: str) -> str:
    """Text from anybody as it is given to a synthesiser: no control characters (espeak-ng takes some as commands), one
    line, cut to TEXT_CHARS_MAX."""
    kept = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    return " ".join(kept.split())[:TEXT_CHARS_MAX]


def speak(language: str, text: str, piper_voices_dir: Path | None = None) -> Samples:
    """The words as telephone sound. InputError: nothing to say, or no such language. Unavailable: no synthesiser."""
    words = readable(text)
    if not any(c.isalnum() for c in words):
        raise InputError("there are no words to say")
    if not _LANGUAGE.fullmatch(language):
        raise InputError(f"{language[:20]!r} is not a language")
    voice = _piper_voice(language, piper_voices_dir)
    samples, rate = _piper(voice, words) if voice else _espeak(language, words)
    return to_telephone_level(trim(resample(samples, rate)))


def _espeak(language: str, words: str) -> tuple[Samples, int]:
    command = [sys.executable, "-I", espeak.__file__]
    done = _run(command, json.dumps({"voice": language, "text": words}), "espeak-ng")
    if done.returncode == 2:
        raise InputError(f"espeak-ng does not speak {language!r}")
    rate, _, sound = done.stdout.partition(b"\n")
    if done.returncode or not rate.isdigit() or not sound:
        raise Unavailable(f"espeak-ng said nothing ({done.returncode}: {_last_line(done.stderr)})")
    return from_pcm(sound), int(rate)


def _piper_voice(language: str, folder: Path | None) -> Path | None:
    """The first voice of the language in the directory, named as Piper names them: ru_RU-irina-medium.onnx."""
    found = sorted(folder.glob(f"{language}[_-]*.onnx")) if folder else []
    return found[0] if found else None


def _piper(voice: Path, words: str) -> tuple[Samples, int]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "said.wav"
        done = _run([sys.executable, "-m", "piper", "-m", str(voice), "-f", str(out)], words + "\n", "piper")
        if done.returncode or not out.exists():
            raise Unavailable(f"piper said nothing with {voice.name} ({_last_line(done.stderr)})")
        with wave.open(str(out)) as file:
            return from_pcm(file.readframes(file.getnframes())), file.getframerate()


def _run(command: list[str], text: str, name: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, input=text.encode(), capture_output=True, timeout=SPEAK_S_MAX, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{name} did not end within {SPEAK_S_MAX:g} s") from error


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "no reason given"
