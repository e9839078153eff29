"""What hearing a call costs and how well it is heard, on the demonstration's dialogues. The last line is one JSON
object.

cpu_s_per_call_s: CPU seconds of this process (voice activity, turns, language, words) per second of recording, over
all dialogues, the model loaded and warm. wer: word error rate over both parties, pooled by reference words.
languages: the same for each language. rss_mb: the largest memory this process had. Through `--opus` the dialogues are
stored and decoded first as the product stores them.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from analytics import transcript
from ingest.audio import decode_speech
from pbx_core.demo import dialogues
from pbx_core.domain.records import Party
from tests.support import speech
from tests.support.machine import machine
from tests.support.wer import distance, words

LANGUAGES = ("en", "ru")


def through_opus(samples: speech.Samples) -> speech.Samples:
    """As stored and decoded by the product."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "call.webm"
        speech.write_webm(file, samples)
        return decode_speech(file)


def measure(opus: bool) -> dict[str, object]:
    """Run every dialogue once."""
    recogniser = speech.recogniser()
    speech.transcribe(speech.dialogue("appointment"))  # warm
    errors: dict[str, int] = defaultdict(int)
    reference: dict[str, int] = defaultdict(int)
    audio_s = cpu_s = 0.0
    wrong_language = []
    for spoken in dialogues.load_all():
        samples = speech.dialogue(spoken.name)
        if opus:
            samples = through_opus(samples)
        before = time.process_time()
        heard = transcript.listen(samples)
        transcript.turns_record(speech.SUBJECT, heard)
        record = transcript.transcribe(speech.SUBJECT, samples, heard, LANGUAGES, recogniser, lambda share: None)
        cpu_s += time.process_time() - before
        audio_s += spoken.duration_s
        if record.language != spoken.language:
            wrong_language.append(spoken.name)
        for party in Party:
            want = words(spoken.text(party))
            reference[spoken.language] += len(want)
            errors[spoken.language] += distance(want, words(speech.text_of(record, party)))
        print(f"{spoken.name}: {record.status}, {record.language}, {record.cpu_s} CPU-s", file=sys.stderr)
    return {
        "cpu_s_per_call_s": round(cpu_s / audio_s, 4),
        "wer": round(sum(errors.values()) / sum(reference.values()), 4),
        "languages": {code: round(errors[code] / reference[code], 4) for code in sorted(reference)},
        "wrong_language": wrong_language,
        "reference_words": sum(reference.values()),
        "audio_s": round(audio_s, 1),
        "opus": opus,
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "model": speech.model().name,
        "version": transcript.VERSION,
        **machine(),
    }


def main() -> None:
    """Print the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--opus", action="store_true", help="through the product's codec first")
    print(json.dumps(measure(parser.parse_args().opus)))


if __name__ == "__main__":
    main()
