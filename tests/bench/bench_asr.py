"""What hearing telephone calls costs and how well they are heard, against the library we build upon. The last line is
one JSON object.

Human recordings with known texts become calls of 20 and of 100 seconds (tests/support/phone_calls.py). Every engine
hears the same calls with the same weights, int8, one thread, in a process of its own:

ours          as the transcriber does it: both channels, voice activity, language among two, words with times
default       WhisperModel.transcribe(channel): the library's defaults (beam 5, automatic language, no words' times)
batched       BatchedInferencePipeline.transcribe(channel) made as fast as its arguments allow without a loss we know
              of: language told, beam 1 (with --engines batched_default: its defaults, beam 5 and automatic language)

cpu_s_per_call_s: CPU seconds of the process per second of call, model loaded and warm (ours: the mean of its runs
between the others). wer: word error rate over both
channels, by reference words. rss_mb: the most memory the process had. speedup_vs_…: that engine's CPU seconds
divided by ours, all languages together; long_…: the same for calls of 100 s. languages: wer and cost of each.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from faster_whisper import BatchedInferencePipeline, WhisperModel

from analytics import models, transcript
from analytics.asr import Recogniser
from pbx_core.domain.records import Party
from pbx_core.settings import load
from tests.support import phone_calls, speech
from tests.support.machine import machine
from tests.support.phone_calls import PhoneCall
from tests.support.wer import distance, words

LANGUAGES = ("en", "ru")
LENGTHS = {"20s": 20.0, "100s": 100.0}
CALL_S = {"20s": 160.0, "100s": 300.0}  # of calls per language with --calls 1.0
ENGINES = ("ours", "default", "batched", "batched_default")
WARM_S = 4  # heard before the clock runs
CACHE = Path(__file__).parents[2] / "build" / "bench-asr"

Texts = tuple[str, str]
Engine = Callable[[list[PhoneCall]], list[Texts]]

_RU = dict(
    zip(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"],
        ["ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять", "десять"],
        strict=True,
    )
)


def ours(model: models.Model) -> Engine:
    """As analytics.transcriber does it with recordings that wait."""
    recogniser = Recogniser(model)

    def hear(calls: list[PhoneCall]) -> list[Texts]:
        out: list[Texts] = []
        for i in range(0, len(calls), transcript.TOGETHER_MAX):
            prepared = [
                transcript.prepare(speech.SUBJECT, c.samples, transcript.listen(c.samples), LANGUAGES)
                for c in calls[i : i + transcript.TOGETHER_MAX]
            ]
            records = transcript.transcribe_all(prepared, recogniser, lambda share: None)
            out += [(speech.text_of(r, Party.CALLER), speech.text_of(r, Party.CALLEE)) for r in records]
            print(f"second looks so far: {recogniser.second_looks}", file=sys.stderr)
        return out

    return hear


def library(name: str, model: models.Model) -> Engine:
    """The library, a channel at a time."""
    whisper = WhisperModel(str(model.path), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1)
    batched = BatchedInferencePipeline(whisper)

    def channel(call: PhoneCall, side: int) -> str:
        samples = call.samples[:, side].copy()
        match name:
            case "default":
                segments, _ = whisper.transcribe(samples)
            case "batched":
                segments, _ = batched.transcribe(samples, language=call.language, beam_size=1)
            case _:
                segments, _ = batched.transcribe(samples)
        return " ".join(s.text for s in segments)

    return lambda calls: [(channel(c, 0), channel(c, 1)) for c in calls]


def measure(name: str, length: str, share: float) -> dict[str, Any]:
    """One engine on the calls of one length, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        model = models.ensure(load(folder))
        engine = ours(model) if name == "ours" else library(name, model)
        by_language = {code: _hear(engine, code, length, share) for code in LANGUAGES}
    every = by_language.values()
    return {
        **_figures(every),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "languages": {code: _figures([found]) for code, found in by_language.items()},
    }


def _hear(engine: Engine, code: str, length: str, share: float) -> dict[str, float]:
    count = max(1, round(share * CALL_S[length] / LENGTHS[length]))
    calls = phone_calls.build(code, LENGTHS[length], count, CACHE)
    engine([replace(calls[0], samples=calls[0].samples[: WARM_S * 2 * phone_calls.RATE])])
    before = time.process_time()
    heard = engine(calls)
    cpu_s = time.process_time() - before
    errors = reference = 0
    for call, texts in zip(calls, heard, strict=True):
        for want, got in zip(call.texts, texts, strict=True):
            errors += distance(_words(want, code), _words(got, code))
            reference += len(_words(want, code))
    audio_s = sum(c.duration_s for c in calls)
    return {"cpu_s": cpu_s, "audio_s": audio_s, "errors": errors, "words": reference, "calls": count}


def _words(text: str, code: str) -> list[str]:
    found = words(text)
    return [_RU.get(w, w) for w in found] if code == "ru" else found


def _figures(every: Any) -> dict[str, Any]:
    total = {key: sum(found[key] for found in every) for key in ("cpu_s", "audio_s", "errors", "words", "calls")}
    return {
        "cpu_s_per_call_s": round(total["cpu_s"] / total["audio_s"], 4),
        "wer": round(total["errors"] / total["words"], 4),
        "reference_words": total["words"],
        "calls": total["calls"],
        "audio_s": round(total["audio_s"]),
    }


def alone(name: str, length: str, share: float) -> dict[str, Any]:
    """measure() in a fresh process: no engine pays for another's memory."""
    print(f"{name}, calls of {length} …", file=sys.stderr)
    arguments = [sys.executable, __file__, "--engine", name, "--length", length, "--calls", str(share)]
    done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode:
        sys.exit(done.returncode)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"  {found['cpu_s_per_call_s']} CPU-s per call-s, WER {found['wer']}", file=sys.stderr)
    return found


def _in_turns(length: str, engines: list[str], share: float) -> dict[str, Any]:
    """Every engine once, and ours before, between and after the others: a shared machine is slower at one time than
    at another, and the mean of ours is then of the same time as theirs."""
    rivals = [name for name in engines if name != "ours"]
    mine, theirs = [], {}
    for name in rivals:
        if "ours" in engines:
            mine.append(alone("ours", length, share))
        theirs[name] = alone(name, length, share)
    if "ours" in engines:
        mine.append(alone("ours", length, share))
    return {**({"ours": _mean(mine)} if mine else {}), **theirs}


def _mean(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The last run with the mean cost of all; `runs` has each one's."""
    out = {**runs[-1], "rss_mb": max(run["rss_mb"] for run in runs)}
    out["cpu_s_per_call_s"] = _mean_cost(runs)
    out["runs"] = [run["cpu_s_per_call_s"] for run in runs]
    out["languages"] = {
        code: {**found, "cpu_s_per_call_s": _mean_cost([run["languages"][code] for run in runs])}
        for code, found in out["languages"].items()
    }
    return out


def _mean_cost(runs: list[dict[str, Any]]) -> float:
    return round(sum(run["cpu_s_per_call_s"] for run in runs) / len(runs), 4)


def together(lengths: list[str], engines: list[str], share: float) -> dict[str, Any]:
    """Every engine on every length."""
    for code in LANGUAGES:
        phone_calls.load(code, CACHE)  # ends here, with what to do, when the recordings cannot be had
    found = {length: _in_turns(length, engines, share) for length in lengths}
    speedups = {}
    for length, prefix in (("20s", ""), ("100s", "long_")):
        for rival in ("default", "batched", "batched_default"):
            if {"ours", rival} <= found.get(length, {}).keys():
                cost = {name: found[length][name]["cpu_s_per_call_s"] for name in ("ours", rival)}
                speedups[f"{prefix}speedup_vs_{rival}"] = round(cost[rival] / cost["ours"], 2)
    with tempfile.TemporaryDirectory() as folder:
        model = models.ensure(load(folder))
    return {
        **speedups,
        "engines": found,
        "model": model.name,
        "model_sha256": model.sha256,
        "version": transcript.VERSION,
        "load_average": round(os.getloadavg()[1], 1),
        **machine(),
    }


def main() -> None:
    """Print the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=float, default=1.0, help="share of the calls: 0.1 is a quick look")
    parser.add_argument("--length", choices=LENGTHS, action="append", help="only calls of this length")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES[:3]), help="only these")
    parser.add_argument("--engine", choices=ENGINES, help="this one in this process, on one length")
    parser.add_argument("--out", type=Path, help="write the JSON there, too")
    given = parser.parse_args()
    lengths = given.length or list(LENGTHS)
    if given.engine:
        print(json.dumps(measure(given.engine, lengths[0], given.calls)))
        return
    found = json.dumps(together(lengths, given.engines, given.calls))
    if given.out:
        given.out.write_text(found + "\n")
    print(found)


if __name__ == "__main__":
    main()
