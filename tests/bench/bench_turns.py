"""How well turns are measured: conversations of known timing in clean, noisy and side-tone conditions. The last line
is one JSON object.

Each condition holds the mean absolute errors per conversation (about 65 s) of three ways of listening to the same
sound: `ours`, `no_echo` (the same without the echo guard), `default_vad` (faster-whisper's voice activity with its
default options). talk_ratio: points of 100. overlap_s, silence_s: seconds. interruptions: of both sides, each side's
error counted. patience_s: seconds, where the truth has one. interactivity: switches per minute. The truth comes from
cutting clean studio speech by its energy; `script_interruptions_wrong` says how often the definition itself, applied
to that truth, counts another number than the script placed.

`mono` is the same clean sound mixed to one channel, by pair of voices: how many conversations were parted in two
voices (the others are marked as not parted), and confusion, the share of speech given to the wrong one, over the
speech of exactly one. alone_parted: human voices alone that were wrongly parted in two.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps

sys.path.insert(0, str(Path(__file__).parents[2]))

from analytics import asr, echo, speakers, turns, vad
from analytics.vad import Floats, Segments
from pbx_core.demo import dialogues
from pbx_core.domain.records import Party, TurnsRecord
from tests.support import conversations, phone_calls
from tests.support.conversations import Clip, Conversation, Samples, Voice
from tests.support.machine import machine

Condition = Callable[[Samples, int], Samples]  # sound and seed
Pair = tuple[Segments, Segments]
LENGTH_S = 60.0
FIRST_SEED = 1000
MONO_CONVERSATIONS = 4
PAIR_NAMES = ("two_women_human", "man_and_woman_synthetic", "woman_human_man_synthetic", "two_women_one_synthetic")
HISS_DB = (20, 10, 5, 0)
HUM_DB = (10, 0)
BABBLE_DB = (20, 10)
SIDE_TONE = ((-8, 0.005), (-14, 0.02), (-14, 0.18), (-20, 0.06), (-26, 0.25), (-32, 0.01))  # dB, delay in s


def voices(cache: Path) -> list[tuple[Voice, Voice]]:
    """Who talks with whom: two human voices, two synthetic ones, and one of each kind."""
    human = [conversations.voice(code, [c.samples for c in phone_calls.load(code, cache)]) for code in ("en", "ru")]
    rms = _of_dialogues({"sales": Party.CALLER, "complaint": Party.CALLEE, "crosstalk": Party.CALLER})
    slt = _of_dialogues({"sales": Party.CALLEE, "complaint": Party.CALLER, "crosstalk": Party.CALLEE})
    return [(human[0], human[1]), (rms, slt), (human[1], rms), (slt, human[0])]


def _of_dialogues(parts: dict[str, Party]) -> Voice:
    """A voice from the demonstration's dialogues, line by line."""
    sounds = []
    for name, party in parts.items():
        spoken = dialogues.load(name)
        (track,) = conversations.clips_of([spoken.caller_wav if party is Party.CALLER else spoken.callee_wav])
        for line in spoken.lines:
            if line.party is party:
                first, last = (round(at * conversations.LINE_RATE) for at in (line.start_s, line.end_s))
                sounds.append(track[first:last])
    return conversations.voice(f"{len(sounds)} lines", sounds)


def conditions(babble: Sequence[Clip]) -> Iterator[tuple[str, Condition]]:
    """Name and what the line does to the sound."""
    yield "clean", lambda sound, seed: sound
    for kind, levels in (("hiss", HISS_DB), ("hum", HUM_DB), ("babble", BABBLE_DB)):
        for snr in levels:
            yield (
                f"{kind}_snr_{snr}",
                lambda sound, seed, kind=kind, snr=snr: conversations.with_noise(sound, kind, snr, seed, babble),
            )
    for level, delay_s in SIDE_TONE:
        yield (
            f"side_tone_{-level}_db_{delay_s * 1000:.0f}_ms",
            lambda sound, seed, level=level, delay_s=delay_s: conversations.with_side_tone(sound, level, delay_s, seed),
        )

    def both(sound: Samples, seed: int) -> Samples:
        return conversations.with_noise(conversations.with_side_tone(sound, -14, 0.05, seed), "hiss", 20, seed)

    yield "side_tone_14_db_50_ms_hiss_snr_20", both


def ways(samples: Samples, duration_s: float) -> dict[str, Pair]:
    """Tight speech of both channels in three ways. samples: shape (n, 2), 16 kHz."""
    channels = [np.ascontiguousarray(samples[:, i]) for i in (0, 1)]
    raw = [asr.speech_in_channel(c) for c in channels]
    own = [echo.suppress(channels[i], channels[1 - i], raw[i], raw[1 - i]) for i in (0, 1)]

    def tight(found: Sequence[Floats]) -> Pair:
        return vad.segments(found[0], duration_s, vad.TIGHT), vad.segments(found[1], duration_s, vad.TIGHT)

    return {
        "ours": tight(own),
        "no_echo": tight(raw),
        "default_vad": (_default(channels[0]), _default(channels[1])),
    }


def _default(channel: Floats) -> Segments:
    found = get_speech_timestamps(channel, VadOptions())
    return tuple((s["start"] / asr.RATE, s["end"] / asr.RATE) for s in found)


def record(talk: Conversation, speech: Pair) -> TurnsRecord:
    return turns.measure("r", "c", "t", talk.duration_s, *speech)


def errors(true: TurnsRecord, heard: TurnsRecord) -> dict[str, float | None]:
    """Absolute errors; None where the truth has no value."""
    (a, b), (c, d) = true.parties, heard.parties
    patience = [
        abs(y.patience_s - x.patience_s) for x, y in ((a, c), (b, d)) if None not in (x.patience_s, y.patience_s)
    ]
    return {
        "talk_ratio": abs((c.talk_ratio or 0) - (a.talk_ratio or 0)) * 100,
        "overlap_s": abs((heard.overlap_s or 0) - (true.overlap_s or 0)),
        "silence_s": abs(heard.silence_s - true.silence_s),
        "interruptions": abs(c.interruptions - a.interruptions) + abs(d.interruptions - b.interruptions),
        "patience_s": sum(patience) / len(patience) if patience else None,
        "interactivity": abs((heard.interactivity or 0) - (true.interactivity or 0)),
    }


def mean(found: Sequence[dict[str, float | None]]) -> dict[str, float]:
    out = {}
    for name in found[0]:
        values = [f[name] for f in found if f[name] is not None]
        out[name] = round(sum(values) / len(values), 2) if values else None
    return out


def mono(pairs: Sequence[tuple[Voice, Voice]]) -> dict[str, object]:
    """Voices told apart in one channel."""
    out: dict[str, object] = {}
    alone, parted_alone = 0, 0
    for number, (pair, name) in enumerate(zip(pairs, PAIR_NAMES, strict=True)):
        parted, shares = 0, []
        for i in range(MONO_CONVERSATIONS):
            talk = conversations.conversation(*pair, seed=2 * FIRST_SEED + 10 * number + i, length_s=LENGTH_S)
            found = _voices(talk.samples.sum(axis=1, keepdims=True))
            if found is not None:
                parted += 1
                shares.append(confusion(talk, found))
            if number == 0:
                alone += 2
                parted_alone += sum(_voices(talk.samples[:, i : i + 1]) is not None for i in (0, 1))
        worst = round(max(shares), 4) if shares else None
        out[name] = {
            "conversations": MONO_CONVERSATIONS,
            "parted": parted,
            "confusion": round(sum(shares) / len(shares), 4) if shares else None,
            "confusion_max": worst,
        }
        print(f"mono {name}: {out[name]}", file=sys.stderr)
    return {**out, "alone": alone, "alone_parted": parted_alone}


def _voices(channel: Samples) -> speakers.Voices | None:
    samples = np.ascontiguousarray(conversations.through_line(channel)[:, 0])
    tight = vad.segments(asr.speech_in_channel(samples), len(samples) / asr.RATE, vad.TIGHT)
    return speakers.separate(samples, tight)


def confusion(talk: Conversation, found: speakers.Voices) -> float:
    """Share of the speech of exactly one that went to the other; which voice is whose is chosen for the best."""
    a, b = (turns.mask_of(s, talk.duration_s) for s in talk.truth)
    first, second = (turns.mask_of(s, talk.duration_s) for s in (found.first, found.second))
    alone = (a ^ b) & (first | second)
    wrong = float((alone & ((a & second) | (b & first))).sum() / alone.sum())
    return min(wrong, 1 - wrong)


def measure(count: int, cache: Path) -> dict[str, object]:
    """Every conversation in every condition."""
    pairs = voices(cache)
    talks = [
        conversations.conversation(*pairs[i % len(pairs)], seed=FIRST_SEED + i, length_s=LENGTH_S) for i in range(count)
    ]
    truths = [record(talk, talk.truth) for talk in talks]
    wrong = sum(
        abs(party.interruptions - placed)
        for talk, true in zip(talks, truths, strict=True)
        for party, placed in zip(true.parties, talk.interruptions, strict=True)
    )
    babble = [clip for pair in pairs[:2] for voice in pair for clip in voice.phrases]
    table, cpu_s = {}, 0.0
    for name, condition in conditions(babble):
        found: dict[str, list[dict[str, float | None]]] = {}
        for i, (talk, true) in enumerate(zip(talks, truths, strict=True)):
            samples = conversations.through_line(condition(talk.samples, i))
            before = time.process_time()
            heard = ways(samples, talk.duration_s)
            cpu_s += time.process_time() - before
            for way, speech in heard.items():
                found.setdefault(way, []).append(errors(true, record(talk, speech)))
        table[name] = {way: mean(errors_) for way, errors_ in found.items()}
        print(f"{name}: {table[name]['ours']}", file=sys.stderr)
    return {
        "conversations": count,
        "audio_s": round(sum(talk.duration_s for talk in talks), 1),
        "true_interruptions": sum(sum(talk.interruptions) for talk in talks),
        "true_backchannels": sum(sum(talk.backchannels) for talk in talks),
        "script_interruptions_wrong": wrong,
        "conditions": table,
        "mono": mono(pairs),
        "cpu_s": round(cpu_s, 1),
        "version": turns.VERSION,
        **machine(),
    }


def main() -> None:
    """Print the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=8)
    parser.add_argument("--cache", type=Path, default=Path("build/sounds"), help="where Debian's sounds are unpacked")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.conversations, arguments.cache.absolute())))


if __name__ == "__main__":
    main()
