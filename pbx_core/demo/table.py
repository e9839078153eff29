"""The live table of the demo's calls on the console."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from pbx_core.demo.progress import Progress, faults, words
from pbx_core.domain.records import Disposition, Party


def draw(progress: Sequence[Progress], elapsed_s: float) -> Table:
    """One row per call: what the phone says, what the dashboard shows."""
    table = Table(title=f"Calls over SIP, {elapsed_s:.0f} s", title_justify="left", expand=False)
    for name in ("office", "from → to", "about", "phone", "record", "recording", "words", "verdict"):
        table.add_column(name, no_wrap=name != "verdict")
    for item in progress:
        call = item.call
        table.add_row(
            call.domain.partition(".")[0],
            f"{_short(call.caller)} → {call.taker or _short(call.callee)}",
            call.title,
            item.phone,
            _record(item),
            _recording(item),
            _words(item),
            _verdict(item),
        )
    return table


def _short(number: str) -> str:
    """A public number by its end."""
    return f"…{number[-4:]}" if number.startswith("+") else number


def _record(item: Progress) -> str:
    if item.seen is None:
        return "–"
    cdr = item.seen.cdr
    return f"{cdr.disposition} {cdr.talk_s:.1f} s" if cdr.disposition is Disposition.ANSWERED else str(cdr.disposition)


def _recording(item: Progress) -> str:
    if item.seen is None:
        return "–"
    if item.seen.cdr.recording_id is None:
        return "none"
    if item.seen.recording is None:
        return "being prepared"
    moses = [leg.mos for leg in item.seen.cdr.legs if leg.mos is not None]
    mos = f", MOS {min(moses):.1f}" if moses else ""
    return f"{item.seen.recording.duration_s:.1f} s {item.seen.recording.quality}{mos}"


def _words(item: Progress) -> str:
    if item.seen is None or item.seen.cdr.recording_id is None:
        return "–"
    if item.seen.transcript is None:
        return "waiting"
    said = [f"{words(item.seen, party)}/{item.expected_words.get(party, 0)}" for party in Party]
    return f"{item.seen.transcript.language or '?'} {' '.join(said)}"


def _verdict(item: Progress) -> str:
    if not item.complete:
        return ""
    wrong = faults(item)
    return "[red]" + "; ".join(wrong).replace("[", "(") + "[/]" if wrong else "[green]as scripted[/]"
