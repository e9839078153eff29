"""Speaks the dialogue scripts and lays out their two tracks: `python -m pbx_core.demo.build_dialogues [name …]`.

Needs `flite` (English) and `festival` with `festvox-ru` (Russian) on the machine; their sound is kept in the
repository, so only who changes a script runs this. A script is a TOML file: `caller_voice`, `callee_voice`, and lines
with `party`, `text` and `gap_s`, the pause before the line (0.6 s unless told; negative: it starts before the
previous line has ended).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import soundfile

from pbx_core.demo.dialogues import FOLDER, NAMES, SAMPLE_RATE
from pbx_core.domain.records import Party

GAP_S = 0.6  # an unhurried answer
LEAD_S = 0.8  # before the first line: the phones' media is up by then
TAIL_S = 0.8
LEVEL_DBFS = -20.0  # of the speech: about what a telephone delivers
TRIM_SHARE = 0.01  # quieter than this share of the peak at either end counts as silence

Samples = npt.NDArray[np.float32]

VOICES: dict[str, tuple[list[str], str]] = {
    # name: command line ({text}: file with the words, {wav}: where the sound goes), ffmpeg filter
    "flite slt": (["flite", "-voice", "slt", "-f", "{text}", "-o", "{wav}"], "anull"),
    "flite rms": (["flite", "-voice", "rms", "-f", "{text}", "-o", "{wav}"], "anull"),
    "flite awb": (["flite", "-voice", "awb", "-f", "{text}", "-o", "{wav}"], "anull"),
    "festival-ru": (["text2wave", "{text}", "-o", "{wav}", "-eval", "(voice_msu_ru_nsh_clunits)"], "anull"),
    "festival-ru higher": (
        ["text2wave", "{text}", "-o", "{wav}", "-eval", "(voice_msu_ru_nsh_clunits)"],
        "asetrate=16000*1.14,aresample=16000,atempo=1/1.14",
    ),
}


@dataclass(frozen=True)
class Placed:
    """A spoken line at its place."""

    party: Party
    start: int  # sample
    samples: Samples
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.samples)


def speak(voice: str, text: str) -> Samples:
    """One line in one voice: float32 mono 8 kHz at LEVEL_DBFS, without silence around it."""
    command, sound_filter = VOICES[voice]
    with tempfile.TemporaryDirectory() as folder:
        words, spoken, narrow = (Path(folder) / name for name in ("text.txt", "spoken.wav", "narrow.wav"))
        words.write_text(text + "\n", encoding="utf-8")
        subprocess.run([part.format(text=words, wav=spoken) for part in command], check=True, capture_output=True)
        to_narrow = ["-af", sound_filter, "-ar", str(SAMPLE_RATE), "-ac", "1", str(narrow)]
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(spoken), *to_narrow], check=True)
        samples: Samples = soundfile.read(narrow, dtype="float32")[0]
    loud = np.flatnonzero(np.abs(samples) > TRIM_SHARE * np.abs(samples).max())
    samples = samples[loud[0] : loud[-1] + 1]
    levelled: Samples = samples * 10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(samples**2))
    return np.clip(levelled, -0.99, 0.99).astype(np.float32)


def place(script: dict[str, Any]) -> list[Placed]:
    """Speak every line and put it after the one before."""
    placed: list[Placed] = []
    for line in script["line"]:
        party = Party(line["party"])
        gap = round(line.get("gap_s", GAP_S) * SAMPLE_RATE)
        start = placed[-1].end + gap if placed else round(LEAD_S * SAMPLE_RATE)
        placed.append(Placed(party, start, speak(script[f"{party}_voice"], line["text"]), line["text"]))
    return placed


def build(name: str) -> float:
    """Write the tracks and the times of one script; returns its length in seconds."""
    script = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    placed = place(script)
    length = max(p.end for p in placed) + round(TAIL_S * SAMPLE_RATE)
    for party in Party:
        track = np.zeros(length, np.float32)
        for line in (p for p in placed if p.party is party):
            track[line.start : line.end] += line.samples
        soundfile.write(FOLDER / f"{name}.{party}.wav", track, SAMPLE_RATE, subtype="PCM_16")
    hold = None
    if "hold" in script:
        start = _seconds(placed[script["hold"]["after_line"] - 1].end) + script["hold"]["wait_s"]
        hold = {"start_s": round(start, 2), "end_s": round(start + script["hold"]["hold_s"], 2)}
    stored = {
        "title": script["title"],
        "language": script["language"],
        "duration_s": round(length / SAMPLE_RATE, 3),
        "hold": hold,
        "lines": [
            {"party": p.party, "start_s": _seconds(p.start), "end_s": _seconds(p.end), "text": p.text} for p in placed
        ],
    }
    text = json.dumps(stored, ensure_ascii=False, indent=1)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return length / SAMPLE_RATE


def _seconds(sample: int) -> float:
    return round(sample / SAMPLE_RATE, 2)


def main() -> None:
    """Build the dialogues named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(NAMES)}; none: all")
    for name in parser.parse_args().names or NAMES:
        print(f"{name}: {build(name):.1f} s")


if __name__ == "__main__":
    main()
