"""How far each call of the demo is, and whether it went as its script says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pbx_core.demo.check import SeenCall
from pbx_core.demo.script import DemoCall
from pbx_core.domain.records import Cdr, Disposition, Party


@dataclass
class Progress:
    """One scripted call on its way. `phone` is what the calling phone reports; `seen` what the dashboard tells."""

    call: DemoCall
    phone: str = "waits"
    begun: bool = False
    over: bool = False
    seen: SeenCall | None = None
    sound_faults: list[str] | None = None  # None: not looked at yet
    expected_words: dict[Party, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Nothing more is to come."""
        if not self.over or self.seen is None or not self.seen.complete:
            return False
        return self.seen.recording is None or self.sound_faults is not None


def assign(progress: Sequence[Progress], seen: dict[str, Iterable[SeenCall]]) -> None:
    """Give each scripted call the one the dashboard shows for it. `seen`: calls by tenant domain. Calls between the
    same two numbers are told apart by their order."""
    for domain, calls in seen.items():
        by_pair: dict[tuple[str, str], list[SeenCall]] = {}
        for call in sorted(calls, key=lambda c: c.cdr.started_at):
            by_pair.setdefault((call.cdr.caller_number, call.cdr.callee_number), []).append(call)
        for item in progress:
            waiting = by_pair.get((item.call.caller, item.call.callee), [])
            if item.call.domain == domain and waiting:
                item.seen = waiting.pop(0)


def faults(item: Progress) -> list[str]:
    """What is wrong with a call, in words; empty when it ended as its script says and all of it is there."""
    if item.seen is None:
        return ["there is no record of it"]
    cdr = item.seen.cdr
    found = []
    if cdr.disposition is not item.call.ends:
        found.append(f"ended {cdr.disposition} ({cdr.cause}) instead of {item.call.ends}")
    found += _way_faults(item.call, cdr)
    if item.call.ends is Disposition.ANSWERED or item.call.message:
        found += _recording_faults(item) + _speech_faults(item)
    elif cdr.recording_id is not None:
        found.append("has a recording although nobody answered")
    return found


def _way_faults(call: DemoCall, cdr: Cdr) -> list[str]:
    """Whether the exchange did with it what its model says."""
    first = call.through or call.taker
    expected = {
        "answered_by": first,
        "menu_path": call.keys,
        "queue": call.queue,
        "transferred": "blind" if call.through else "",
        "voicemail": bool(call.message),
    }
    return [
        f"{name.replace('_', ' ')} is {getattr(cdr, name)!r} instead of {value!r}"
        for name, value in expected.items()
        if getattr(cdr, name) != value
    ]


def _recording_faults(item: Progress) -> list[str]:
    seen = item.seen
    if seen is None or seen.recording is None:
        return [f"was not recorded: {seen.cdr.recording_reason or 'no recording arrived'}"] if seen else []
    found = list(item.sound_faults or ())
    if seen.recording.quality == "truncated":
        found.append(f"the recording is cut: {seen.recording.quality_reason}")
    return found


def _speech_faults(item: Progress) -> list[str]:
    seen = item.seen
    if seen is None:
        return []
    found = [] if seen.turns else ["was not measured"]
    if seen.transcript is None:
        return [*found, "was not transcribed"]
    if seen.transcript.status != "done":
        return [*found, f"transcript {seen.transcript.status}: {seen.transcript.reason}"]
    for party, expected in item.expected_words.items():
        heard = words(seen, party)
        if heard < expected / 2:
            found.append(f"of the {party}'s {expected} words only {heard} were heard")
    return found


def words(seen: SeenCall, party: Party) -> int:
    """How many words of a party were recognised."""
    if seen.transcript is None:
        return 0
    return sum(len(u.words) for u in seen.transcript.utterances if u.party is party)
