"""How far behind a running call its words are. The last line is one JSON object.

Dialogues are spoken into growing files in real time; `callbench listen` follows them as a process of its own, as in
production. behind_s: sampled every 100 ms while the calls run, so many seconds of sound before this moment hold all
the speech that is not in the lines yet (p50, p95, max). sentence_s: from the end of every scripted sentence to the
moment when its party's lines reach there (p50, p95, max). Both up to the published file; the page asks once a second.
cpu_s_per_call_s: CPU seconds of the process per second of followed call, its start included. `--calls 2`: at once.
load: of the machine during the run, since a busy one is later.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import psutil
import sqlalchemy as sa

from pbx_core.clock import SystemClock
from pbx_core.demo import dialogues
from pbx_core.settings import Settings, load
from pbx_core.store import directory, engine, following, livetext
from tests.support import running, speech
from tests.support.machine import machine

PIECE_S = 0.256  # what a recorder writes at once
NAMES = ("complaint", "sales", "crosstalk", "appointment")
SAMPLE_S = 0.1
LOOK_S = 10.0
START_S_MAX = 120.0


@dataclass
class Watched:
    """One call: what was seen of it."""

    call: running.RunningCall
    name: str
    began: float = 0.0
    behind_s: list[float] = field(default_factory=list)
    said_s: dict[int, float] = field(default_factory=dict)  # sentence → how late it was complete

    def now_s(self) -> float:
        """The second of the call that is spoken at this moment."""
        return time.monotonic() - self.began

    def feed(self) -> bool:
        """Bring what was said by now to the disk; False at the end."""
        while self.call.spoken_s + PIECE_S <= self.now_s():
            if not self.call.speak(PIECE_S):
                return False
        return True

    def sample(self, live_dir: Path) -> None:
        """Look at the words as a reader does."""
        text = livetext.read(live_dir, self.call.tenant_id, self.call.recording_id)
        if text is None:
            return
        now = self.now_s()
        self.behind_s.append(max(0.0, now - text.heard_s))
        for number, sentence in enumerate(dialogues.load(self.name).lines):
            reached = max((line.end_s for line in text.lines if line.party is sentence.party), default=0.0)
            if number not in self.said_s and sentence.end_s <= now and reached >= sentence.end_s - 0.5:
                self.said_s[number] = now - sentence.end_s


def measure(settings: Settings, calls: int) -> dict[str, object]:
    """Follow the dialogues, so many at once."""
    db, clock = engine.migrate(settings), SystemClock()
    tenant = directory.add_tenant(db, clock, "Bench", "bench.test")
    seen: list[Watched] = []
    with subprocess.Popen(
        [sys.executable, "-m", "pbx_core.cli", "--data", str(settings.data), "listen"],
        env={**os.environ, "CALLBENCH_MODEL_DIR": str(speech.model().path)},
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _warm(settings, db, tenant.tenant_id)
            for first in range(0, len(NAMES), calls):
                names = NAMES[first : first + calls]
                spoken = [running.RunningCall(settings, db, tenant.tenant_id, running.dialogue(n)) for n in names]
                group = [Watched(call, name) for call, name in zip(spoken, names, strict=True)]
                _run(settings, db, group)
                seen += group
            used = psutil.Process(process.pid).cpu_times()
        finally:
            process.terminate()
    return {
        "behind_s": _summary([b for one in seen for b in one.behind_s]),
        "sentence_s": _summary([late for one in seen for late in one.said_s.values()]),
        "sentences": sum(len(dialogues.load(n).lines) for n in NAMES),
        "sentences_seen": sum(len(one.said_s) for one in seen),
        "cpu_s_per_call_s": round((used.user + used.system) / sum(one.call.whole_s for one in seen), 3),
        "calls_at_once": calls,
        "load": round(os.getloadavg()[0], 1),
        **machine(),
    }


def _warm(settings: Settings, db: sa.Engine, tenant_id: str) -> None:
    """Wait until the model is loaded and has followed something."""
    call = running.RunningCall(settings, db, tenant_id, running.dialogue("appointment"))
    call.speak(6)
    began = time.monotonic()
    while time.monotonic() - began < START_S_MAX:
        following.look(db, SystemClock(), tenant_id, call.call_id)
        text = livetext.read(settings.live_dir, tenant_id, call.recording_id)
        if text and text.lines:
            break
        time.sleep(SAMPLE_S)
    call.end()


def _run(settings: Settings, db: sa.Engine, group: list[Watched]) -> None:
    looked = float("-inf")
    for one in group:
        one.began = time.monotonic()
    while [one for one in group if one.feed()]:
        if time.monotonic() - looked > LOOK_S:
            looked = time.monotonic()
            for one in group:
                following.look(db, SystemClock(), one.call.tenant_id, one.call.call_id)
        for one in group:
            one.sample(settings.live_dir)
        time.sleep(SAMPLE_S)
    for one in group:
        one.call.end()


def _summary(values: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(values, [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2), "max": round(max(values), 2)}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1, help="followed at once (1)")
    calls = parser.parse_args().calls
    with tempfile.TemporaryDirectory(prefix="bench-live-") as directory_:
        print(json.dumps(measure(load(Path(directory_), live_calls_max=calls), calls)))


if __name__ == "__main__":
    main()
