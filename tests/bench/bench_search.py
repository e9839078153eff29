"""How fast the search is: `python tests/bench/bench_search.py [utterances]` prints one line of JSON.

A warehouse of made-up conversations (ten utterances each, words drawn as in a language: few are common, most are rare)
is loaded by ingest itself, a part of it edited by people; then every kind of search is asked several times, each a
page of 20 hits. ms: median of the wall clock; cpu_ms: of the process, all its threads. ingest_s: loading it all.
"""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from analytics import queries
from analytics.queries import Scope, Speaker
from ingest import command, maintenance, warehouse
from pbx_core.clock import SystemClock
from pbx_core.domain.records import Disposition, Party
from pbx_core.domain.terms import reference
from pbx_core.settings import Settings, load
from pbx_core.store import directory, edits, engine
from tests.support import facts

PER_CALL = 10
WORDS = 10  # of an utterance
VOCABULARY = 20_000
EDITED = 500  # utterances
TIMES = 7
LETTERS = ("abcdefghiklmnoprstuvwy", "абвгдежзиклмнопрстуя")


def main(count: int) -> None:
    """Make it, load it, ask."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        settings = load(Path(folder) / "data")
        db = engine.migrate(settings)
        tenant = directory.add_tenant(db, clock, "Bench", "bench.test")
        anna = directory.add_person(db, clock, tenant.tenant_id, "anna@bench.test", "Anna", "manager", "correct horse")
        rng = random.Random(1)
        vocabulary = sorted({_word(rng) for _ in range(VOCABULARY)})
        rng.shuffle(vocabulary)
        calls = _calls(settings, clock, tenant, rng, vocabulary, count // PER_CALL)
        for call in rng.sample(calls, min(EDITED, len(calls))):
            _edit(db, clock, tenant.tenant_id, anna.person_id, call, rng.choice(vocabulary))
        began = time.perf_counter()
        command.load_all(command.Loop(settings, clock, db))
        ingest_s = time.perf_counter() - began
        con = warehouse.open_writer(settings)
        maintenance.tidy(con, clock, maintenance.Epoch(settings))
        con.close()
        reader = queries.open_reader(settings)
        common, rare, other = vocabulary[3], vocabulary[4000], vocabulary[9]
        assert calls[0].transcript
        heard = calls[0].transcript.utterances[0].text.split()
        kinds = {
            "rare word": (rare, {}),
            "common word": (common, {}),
            "two common words": (f"{common} {other}", {}),
            "mistake": (next(w for w in vocabulary[500:] if len(w) > 7)[:-1] + "q", {}),
            "beginning": (f"{rare[:3]}*", {}),
            "phrase": (f'"{" ".join(heard[:4])}"', {}),
            "by speaker": (common, {"speaker": Speaker.AGENT}),
            "twelve words": (" ".join(vocabulary[:12]), {}),
            "of one agent": (common, {"extension": "101"}),
            "nothing": ("zzzzzzzzzz", {}),
        }
        asked = {name: _ask(reader, tenant.tenant_id, text, **more) for name, (text, more) in kinds.items()}
        reader.close()
        db.dispose()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    load_1min = round(os.getloadavg()[0], 1)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    told = {"bench": "search", "utterances": count, "ingest_s": round(ingest_s, 1), "searches": asked}
    print(json.dumps({**told, "machine": machine, "load_1min": load_1min, "at": at}, ensure_ascii=False))


def _word(rng: random.Random) -> str:
    letters = rng.choice(LETTERS)
    return "".join(rng.choice(letters) for _ in range(rng.randint(3, 11)))


def _calls(
    settings: Settings,
    clock: SystemClock,
    tenant: directory.Tenant,
    rng: random.Random,
    vocabulary: list[str],
    count: int,
) -> list[facts.Call]:
    weights = list(accumulate(1 / (n + 1) for n in range(len(vocabulary))))
    first = clock.now() - timedelta(days=90)
    calls = []
    for n in range(count):
        said = [" ".join(rng.choices(vocabulary, cum_weights=weights, k=WORDS)) for _ in range(PER_CALL)]
        at = first + timedelta(days=90) * n / count
        calls.append(facts.make_call(rng, tenant, at, disposition=Disposition.ANSWERED, said=said, recorded=True))
    facts.write(settings, clock, calls)
    return calls


def _edit(db: object, clock: SystemClock, tenant_id: str, person_id: str, call: facts.Call, word: str) -> None:
    assert call.transcript
    heard = call.transcript.utterances[0]
    place = edits.Place(
        call.transcript.call_id,
        call.transcript.recording_id,
        edits.EditKind.TEXT,
        reference(heard.utterance_id, heard.text),
        Party.CALLER,
    )
    edits.add(db, clock, tenant_id, person_id, place, f"{word} {heard.text}", "", clock.new_id())  # type: ignore[arg-type]


def _ask(reader: queries.Reader, tenant_id: str, text: str, extension: str | None = None, **more: object) -> object:
    walls, cpus, found = [], [], None
    for _ in range(TIMES):
        wall, cpu = time.perf_counter(), time.process_time()
        found = queries.search(reader, Scope(tenant_id, extension), text, own=("101", "102"), **more)  # type: ignore[arg-type]
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    assert found is not None
    ms = round(statistics.median(walls) * 1000)
    return {"ms": ms, "cpu_ms": round(statistics.median(cpus) * 1000), "hits": found.total}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
