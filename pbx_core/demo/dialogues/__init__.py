"""Spoken telephone dialogues of our own for the demonstration and the tests, with their words and times.

Beside each other lie `<name>.toml` (the script), and, made from it by `python -m pbx_core.demo.build_dialogues`,
`<name>.caller.wav`, `<name>.callee.wav` (mono, 8 kHz, 16 bit, equally long, silent where the other side speaks; ready
for an AudioMediaPlayer) and `<name>.json` (who says what, and when).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pbx_core.domain import records
from pbx_core.domain.records import Party
from pbx_core.errors import InputError

FOLDER = Path(__file__).parent
SAMPLE_RATE = 8000
NAMES = ("sales", "complaint", "crosstalk", "appointment", "appointment_ru")


@dataclass(frozen=True)
class SpokenLine:
    """One line as spoken: seconds from the start of the dialogue, without silence around it."""

    party: Party
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class Hold:
    """When the callee presses hold and when he comes back, seconds from the start of the dialogue."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class _Stored:
    """What `<name>.json` holds."""

    title: str
    language: str
    duration_s: float
    hold: Hold | None
    lines: tuple[SpokenLine, ...]


@dataclass(frozen=True)
class Dialogue:
    """A dialogue with its two tracks. `hold` is (start_s, end_s) of the callee's hold, during which nobody speaks."""

    name: str
    title: str
    language: str
    caller_wav: Path
    callee_wav: Path
    duration_s: float
    lines: tuple[SpokenLine, ...]
    hold: tuple[float, float] | None

    def text(self, party: Party) -> str:
        """Everything one side says."""
        return " ".join(line.text for line in self.lines if line.party == party)

    def overlaps(self) -> tuple[tuple[float, float], ...]:
        """Stretches (start_s, end_s) in which both sides have a line at once, in order."""
        callers = [line for line in self.lines if line.party is Party.CALLER]
        callees = [line for line in self.lines if line.party is Party.CALLEE]
        both = [(max(a.start_s, b.start_s), min(a.end_s, b.end_s)) for a in callers for b in callees]
        return tuple(sorted((start, end) for start, end in both if end > start))


def load(name: str) -> Dialogue:
    """One of NAMES; InputError for any other."""
    if name not in NAMES:
        raise InputError(f"There is no dialogue {name!r}; there are {', '.join(NAMES)}.", error_id="no_dialogue")
    stored = records.from_json(_Stored, json.loads((FOLDER / f"{name}.json").read_text()))
    return Dialogue(
        name,
        stored.title,
        stored.language,
        FOLDER / f"{name}.caller.wav",
        FOLDER / f"{name}.callee.wav",
        stored.duration_s,
        stored.lines,
        (stored.hold.start_s, stored.hold.end_s) if stored.hold else None,
    )


def load_all() -> tuple[Dialogue, ...]:
    """Every dialogue, in the order of NAMES."""
    return tuple(load(name) for name in NAMES)
