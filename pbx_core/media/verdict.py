"""Judges a recording: ok, degraded or truncated, with every fault and its figures named."""

from __future__ import annotations

from dataclasses import dataclass

from pbx_core.media.spool import SpoolEnd

LENGTH_TOLERANCE_S = 0.25  # between what was talked and what was recorded


@dataclass(frozen=True)
class Sound:
    """What lay in the spool: seconds of each side from the recording's start, and what was wrong with the files."""

    caller_s: float
    callee_s: float | None  # None: a message, which has a caller's side only
    faults: tuple[str, ...]


def judge(end: SpoolEnd, sound: Sound) -> tuple[str, str | None]:
    """(quality, quality_reason). truncated: sound is missing. degraded: all is there, but not as it was spoken."""
    missing: list[str] = []
    bad: list[str] = []
    if end.aborted:
        missing.append("aborted: the worker died during the call, what was heard until then is kept")
    for fault in end.faults:
        (missing if fault.startswith(("disk_full", "write_error", "truncated")) else bad).append(fault)
    missing.extend(sound.faults)
    if not end.aborted:
        _compare(end.talk_s, sound, missing, bad)
    if missing:
        return "truncated", "; ".join(missing + bad)
    if bad:
        return "degraded", "; ".join(bad)
    return "ok", None


def _compare(talk_s: float, sound: Sound, missing: list[str], bad: list[str]) -> None:
    sides = {"caller": sound.caller_s}
    if sound.callee_s is not None:
        sides["callee"] = sound.callee_s
    short = {party: length for party, length in sides.items() if talk_s - length > LENGTH_TOLERANCE_S}
    long = {party: length for party, length in sides.items() if length - talk_s > LENGTH_TOLERANCE_S}
    for party, length in short.items():
        missing.append(f"the {party}'s side holds {length:.2f} s of {talk_s:.2f} s talked")
    for party, length in long.items():
        bad.append(f"the {party}'s side holds {length:.2f} s, though only {talk_s:.2f} s were talked")
