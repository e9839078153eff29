"""What a glossary does: names that are written right because of it, and what it changes in calls in which nobody says
them. The last line is one JSON object.

named: of the sentences with a name (spoken by Debian's flite, two voices, telephone band), how many have it as the
tenant writes it, without and with a glossary of 50 entries. wer and cpu_s_per_call_s: of the human recordings of
bench_asr.py, calls of 20 s and of 100 s, without and with that glossary, none of whose names is said in them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import imageio_ffmpeg
import numpy as np
import soundfile

from analytics import models, transcript
from analytics.asr import Recogniser
from pbx_core.domain.records import Party
from pbx_core.settings import load
from tests.bench import bench_asr
from tests.support import phone_calls, speech
from tests.support.machine import machine
from tests.support.wer import distance

SAID = {
    "Callbench": "Hello, this is Callbench support, how can I help you today?",
    "Tien Shan Tours": "I would like to book a trip with Tien Shan Tours next week.",
    "Aigerim": "Please connect me to Aigerim in the sales department.",
    "Bektemir": "My name is Bektemir and I have a question.",
    "Osh Bazaar": "The delivery to Osh Bazaar was late again.",
    "Grandstream": "The Grandstream phone does not ring.",
    "Yealink": "We have ten Yealink phones in the office.",
    "Kumtor": "I am calling from Kumtor about the invoice.",
    "Issyk-Kul": "Is the hotel at Issyk-Kul open in winter?",
    "Zhyldyz": "Can I speak with Zhyldyz please?",
}
OTHERS = (
    "Zoho", "Asterisk", "Mikrotik", "Bishkek", "Naryn", "Talas", "Karakol", "Manas", "Ala-Too", "Kyrgyztelecom",
    "Optima Bank", "Demir Bank", "Beeline", "MegaCom", "Nurlan", "Aida", "Cholpon", "Asel", "Kanat", "Ulan", "Gulnara",
    "Jyrgal", "Safaricom", "M-Pesa", "Nairobi", "Mombasa", "Kisumu", "Wanjiku", "Otieno", "Juma", "FreePBX", "Wazo",
    "Polycom", "Snom", "Fanvil", "Gigaset", "Panasonic", "Premium Plus", "Family Tariff", "Office Max",
)  # fmt: skip
GLOSSARY = (*SAID, *OTHERS)
VOICES = ("slt", "rms")
CALLS = {20.0: 8, 100.0: 2}  # of a language


def spoken(text: str, voice: str) -> speech.Samples:
    """A sentence over a telephone, shape (n,), 16 kHz."""
    with tempfile.TemporaryDirectory() as folder:
        wide, narrow = str(Path(folder) / "wide.wav"), str(Path(folder) / "narrow.wav")
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", wide], check=True)
        band = ["-af", "lowpass=3400", "-ar", "8000", "-ac", "1", narrow]
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", wide, *band], check=True)
        samples = soundfile.read(narrow, dtype="float32")[0]
    return np.pad(np.fft.irfft(np.fft.rfft(samples), 2 * len(samples)) * 2, speech.RATE // 2).astype(np.float32)


def heard(samples: speech.Samples, names: tuple[str, ...], recogniser: Recogniser) -> tuple[str, str]:
    """What both sides said, caller first."""
    record = transcript.transcribe(
        speech.SUBJECT, samples, transcript.listen(samples), bench_asr.LANGUAGES, recogniser, lambda share: None, names
    )
    return speech.text_of(record, Party.CALLER), speech.text_of(record, Party.CALLEE)


def named(recogniser: Recogniser, names: tuple[str, ...]) -> int:
    """Sentences in which the name is as it should be."""
    found = 0
    for voice in VOICES:
        for name, text in SAID.items():
            side = spoken(text, voice)
            caller, _ = heard(np.stack([side, np.zeros_like(side)], axis=1), names, recogniser)
            found += name.lower() in caller.lower()
            print(f"{voice} {name}: {caller}", file=sys.stderr)
    return found


def calls(recogniser: Recogniser, names: tuple[str, ...]) -> dict[str, Any]:
    """Error rate and cost on human recordings."""
    errors = words = 0
    audio_s, cpu_from = 0.0, time.process_time()
    for code in bench_asr.LANGUAGES:
        for length_s, count in CALLS.items():
            for call in phone_calls.build(code, length_s, count, bench_asr.CACHE):
                for want, got in zip(call.texts, heard(call.samples, names, recogniser), strict=True):
                    reference = bench_asr._words(want, code)
                    errors += distance(reference, bench_asr._words(got, code))
                    words += len(reference)
                audio_s += call.duration_s
    cost = round((time.process_time() - cpu_from) / audio_s, 4)
    return {"wer": round(errors / words, 4), "reference_words": words, "cpu_s_per_call_s": cost}


def main() -> None:
    """Print the measurement."""
    with tempfile.TemporaryDirectory() as folder:
        recogniser = Recogniser(models.ensure(load(folder)))
        out: dict[str, Any] = {}
        for key, names in (("without", ()), ("with", GLOSSARY)):
            out[key] = {"named": named(recogniser, names), **calls(recogniser, names)}
    print(json.dumps({**out, "sentences": len(VOICES) * len(SAID), "entries": len(GLOSSARY), **machine()}))


if __name__ == "__main__":
    main()
