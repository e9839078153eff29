"""Judges what was measured: a state in words and what to do. Pure.

A state that nobody has to act upon is ok, whatever its figures are.
"""

from __future__ import annotations

from dataclasses import dataclass

from analytics.health.storage import LOOKED_AT_MAX, Disk, Orphans
from analytics.health.types import Check, Level, Source
from ingest.upgrade import gigabytes

LAG_WARN_S, LAG_BAD_S = 30.0, 300.0  # ingest loads every second: half a minute is a fault or a flood
MAINTENANCE_LATE = 10  # intervals without a round
DAYS_WARN, DAYS_BAD = 14.0, 3.0  # to buy a disk; to act today
UNHEARD_WARN_S, UNHEARD_BAD_S = 3600.0, 86_400.0
EXAMPLES = 5


@dataclass(frozen=True)
class Loading:
    """The process that loads: alive, its own complaint, and how far a new warehouse is (a sentence)."""

    alive: bool
    problem: str | None = None
    renewal: str | None = None


@dataclass(frozen=True)
class Work:
    """Recordings waiting for their transcripts: how many, for how long the oldest; those given up lately."""

    waiting: int
    oldest_s: float
    failed: int
    listeners: int  # processes that transcribe and live


@dataclass(frozen=True)
class Deliveries:
    """Webhooks: endpoints, those disabled, events that wait and for how long the oldest, those given up lately."""

    endpoints: int
    disabled: int
    waiting: int
    oldest_s: float
    given_up: int


def loading(state: Loading, sources: tuple[Source, ...]) -> Check:
    """Whether what happens reaches the figures, and how soon."""
    name, title = "loading", "Loading"
    behind = max((s for s in sources if s.lag_s), key=lambda s: s.lag_s or 0.0, default=None)
    lag_s = round(behind.lag_s or 0.0, 1) if behind else 0.0
    figures: dict[str, float | str | None] = {"lag_s": lag_s}
    if state.renewal:
        return Check(name, title, Level.WARN, state.renewal, "Wait; it ends by itself.", figures)
    if not state.alive:
        says = "The process that loads does not run, so new calls are missing from all figures. Nothing is lost."
        return Check(name, title, Level.BAD, says, "Start `callbench up`; if it runs, read logs/ingest.log.", figures)
    if state.problem is not None:
        remedy = "If the sentence names no remedy: read logs/ingest.log."
        return Check(name, title, Level.BAD, f"Loading stands still: {state.problem}", remedy, figures)
    if behind is None or lag_s <= LAG_WARN_S:
        return Check(name, title, Level.OK, "Everything that happened is in the figures within seconds.", "", figures)
    figures["longest"] = f"{behind.source} {behind.part}"
    says = f"The figures are {span(lag_s)} behind."
    remedy = "It catches up by itself after a flood or an import. If the number grows, the machine is too slow."
    return Check(name, title, Level.BAD if lag_s > LAG_BAD_S else Level.WARN, says, remedy, figures)


def rejected(recent: int, ever: int) -> Check:
    """Lines that could not be loaded; recent: of the last days."""
    figures: dict[str, float | str | None] = {"recent": recent, "ever": ever}
    if not recent:
        says = f"No line was refused in the last 7 days ({ever} ever)." if ever else "No line was ever refused."
        return Check("rejected", "Refused lines", Level.OK, says, "", figures)
    says = f"{count(recent, 'line')} of the last 7 days could not be loaded and are missing from the figures."
    remedy = "Download them: each names its file, its line and what is wrong. The files still have them."
    return Check("rejected", "Refused lines", Level.WARN, says, remedy, figures)


def recordings(found: Orphans) -> Check:
    """Recordings and calls that lack each other."""
    of = {
        "missing": (found.missing, "whose file is not on the disk"),
        "unrecorded": (found.unrecorded, "of calls that say they were recorded never came"),
        "empty": (found.empty, "that are a header without sound"),
    }
    parts = [f"{count(len(paths), 'recording')} {words}" for paths, words in of.values() if paths]
    if found.unknown:
        parts.append(f"{count(len(found.unknown), 'sound file')} of no known call")
    figures: dict[str, float | str | None] = {k: len(v) for k, (v, _) in of.items()}
    figures |= {"unknown": len(found.unknown), "looked_at": found.looked_at}
    looked = f"the newest {LOOKED_AT_MAX}" if found.looked_at >= LOOKED_AT_MAX else f"{found.looked_at} of ours"
    if not parts:
        says = f"Every call has its recording and every recording its call (compared: {looked})."
        return Check("recordings", "Recordings", Level.OK, says, "", figures)
    examples = (*found.missing, *found.unrecorded, *found.empty, *found.unknown)
    remedy = "Files missing: bring them back from a backup. Files of no call: delete them when nobody knows them."
    level = Level.BAD if found.missing or found.unrecorded else Level.WARN
    says = f"{'; '.join(parts)} (compared: {looked})."
    return Check("recordings", "Recordings", level, says, remedy, figures, examples[:EXAMPLES])


def maintenance(age_s: float | None, interval_s: float, alive: bool) -> Check:
    """When the warehouse was tidied last; only who loads can do it."""
    name, title = "maintenance", "Maintenance"
    if age_s is None:
        return Check(name, title, Level.OK, "No maintenance yet: it comes a minute after loading began.")
    figures: dict[str, float | str | None] = {"age_s": round(age_s)}
    if not alive or age_s <= MAINTENANCE_LATE * interval_s:
        return Check(name, title, Level.OK, f"The warehouse was tidied {span(age_s)} ago.", "", figures)
    says = f"The warehouse was last tidied {span(age_s)} ago; pages get slower until it is."
    return Check(name, title, Level.WARN, says, "Read logs/ingest.log; a reader that never ends holds it up.", figures)


def disk(found: Disk, warn_share: float, stop_share: float) -> Check:
    """How long the room lasts."""
    name, title = "disk", "Disk"
    share = found.free / found.total
    figures: dict[str, float | str | None] = {
        "free_bytes": found.free,
        "total_bytes": found.total,
        "bytes_per_day": round(found.per_day),
        "days_left": None if found.days_left is None else round(found.days_left, 1),
        "old_copies_bytes": sum(size for _, size in found.old_copies),
    }
    says = f"{gigabytes(found.free)} of {gigabytes(found.total)} are free"
    if found.days_left is not None:
        says += f"; it grows by {gigabytes(round(found.per_day))} a day, which lasts {_days(found.days_left)}"
    copies = "".join(f" {path} ({gigabytes(size)}) is an old warehouse and may go." for path, size in found.old_copies)
    if share < stop_share:
        says = f"{says}. New calls are not recorded any more."
        return Check(name, title, Level.BAD, says, f"Make room now.{copies}", figures)
    days = found.days_left if found.days_left is not None else DAYS_WARN
    if share < warn_share or days < DAYS_WARN:
        level = Level.BAD if days < DAYS_BAD else Level.WARN
        remedy = f"Make room, shorten how long recordings are kept, or move them to an object store.{copies}"
        return Check(name, title, level, f"{says}.", remedy, figures)
    return Check(name, title, Level.OK, f"{says}.", copies.strip(), figures)


def transcripts(work: Work) -> Check:
    """Recordings nobody has heard yet."""
    name, title = "transcripts", "Transcripts"
    figures: dict[str, float | str | None] = {
        "waiting": work.waiting,
        "oldest_s": round(work.oldest_s),
        "failed": work.failed,
    }
    failed = f" {count(work.failed, 'recording')} of the last 7 days could not be transcribed." if work.failed else ""
    if not work.waiting:
        says = f"Every recording has been listened to.{failed}"
        remedy = "The calls' pages say why; `callbench jobs` lists them and can try again." if failed else ""
        return Check(name, title, Level.WARN if failed else Level.OK, says, remedy, figures)
    wait = "waits" if work.waiting == 1 else "wait"
    says = f"{count(work.waiting, 'recording')} {wait} for a transcript, the oldest for {span(work.oldest_s)}.{failed}"
    if work.oldest_s <= UNHEARD_WARN_S and not failed:
        return Check(name, title, Level.OK, says, "", figures)
    level = Level.BAD if work.oldest_s > UNHEARD_BAD_S else Level.WARN
    remedy = "Raise `transcribers`, add a machine, or pause what may wait with `callbench jobs`."
    if not work.listeners:
        remedy = "No process transcribes: start `callbench up`, or read logs/transcribe-0.log."
    return Check(name, title, level, says, remedy, figures)


def webhooks(found: Deliveries) -> Check:
    """Whether the tenant's own programs hear what happens."""
    name, title = "webhooks", "Webhooks"
    figures: dict[str, float | str | None] = {
        "endpoints": found.endpoints,
        "disabled": found.disabled,
        "waiting": found.waiting,
        "oldest_s": round(found.oldest_s),
        "given_up": found.given_up,
    }
    says = f"{count(found.endpoints, 'endpoint')}, {count(found.waiting, 'event')} waiting"
    says += f", the oldest for {span(found.oldest_s)}." if found.waiting else "."
    if found.disabled:
        says += f" {count(found.disabled, 'endpoint')} disabled after failures."
    if found.given_up:
        says += f" {count(found.given_up, 'event')} given up in the last 7 days."
    if not (found.disabled or found.given_up or found.oldest_s > LAG_BAD_S):
        return Check(name, title, Level.OK, says, "", figures)
    remedy = "See why with `callbench webhook list`, repair the receiver, then `callbench webhook enable`."
    return Check(name, title, Level.WARN, says, remedy, figures)


def span(seconds: float) -> str:
    """A length of time for people."""
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}s"
    return f"{seconds:.0f} seconds"


def count(number: int, what: str) -> str:
    """1 line, 2 lines."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _days(days: float) -> str:
    return "more than a year" if days > 365 else count(int(days), "day")
