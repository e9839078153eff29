"""Recovery from journals as a killed worker leaves them: torn, half recovered, without their recording's mark."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pbx_core import feed
from pbx_core.domain.calls.cdr import fold
from pbx_core.domain.calls.events import CallEvent, EventType, to_record
from pbx_core.domain.records import Cdr
from pbx_core.media import recovery, spool
from pbx_core.media.fake import VirtualClock
from pbx_core.settings import Settings

TENANT = "a" * 32
CALL = "c" * 32
RECORDING = "f" * 32
DETAIL: dict[EventType, dict[str, Any]] = {
    EventType.OPENED: {
        "tenant_id": TENANT,
        "domain": "acme.test",
        "direction": "internal",
        "caller_number": "101",
        "caller_name": "Alice",
        "callee_number": "102",
        "sip_call_id": "one@phone",
        "source": "udp:192.0.2.7:5060",
        "worker": "worker-3",
    },
    EventType.DIALED: {"sip_call_id": "two@worker", "targets": ["102"], "trunk_id": ""},
    EventType.ANSWERED: {"by": "102"},
    EventType.RECORDING_STARTED: {
        "recording_id": RECORDING,
        "segment": 1,
        "kind": "conversation",
        "caller": "caller",
        "callee": "callee",
    },
    EventType.RECORDING_STOPPED: {"recording_id": RECORDING},
    EventType.RECORDING_PAUSED: {"by": "callee"},
    EventType.ENDED: {"status": 200, "reason": "OK"},
    EventType.CLOSED: {
        "disposition": "answered",
        "cause": "caller hung up",
        "hangup_party": "caller",
        "mono_s": 1007.0,
        "answered_mono_s": 1002.0,
        "answered_by": "102",
    },
}


class DeadWorker:
    """Writes a segment as a worker does until it is killed: no closing mark, its lock gone."""

    def __init__(self, settings: Settings, clock: VirtualClock) -> None:
        self.settings, self.clock, self.seq = settings, clock, 0
        self.journal = feed.Journal(settings.journal_dir, "worker-3", clock)

    def event(self, kind: EventType, leg: str | None = None) -> None:
        detail = dict(DETAIL[kind])
        event = CallEvent(self.clock.now(), self.clock.monotonic(), CALL, self.seq, leg, kind, detail)
        self.journal.append("call_event", f"{CALL}-{self.seq}", TENANT, to_record(event, TENANT))
        self.seq += 1

    def talks(self) -> None:
        self.event(EventType.OPENED, "caller")
        self.event(EventType.DIALED, "callee")
        self.clock.advance(2.0)
        self.event(EventType.ANSWERED, "callee")

    def records(self, wav_at: datetime, recording_id: str = RECORDING, segment: int = 1) -> Path:
        """The spool folder of a recording that runs; its WAVs were last written at the given time."""
        folder = spool.folder(self.settings.spool_dir, TENANT, recording_id)
        folder.mkdir(parents=True)
        for name in (spool.CALLER_WAV, spool.CALLEE_WAV):
            (folder / name).write_bytes(b"\0" * 1000)
            os.utime(folder / name, (wav_at.timestamp(), wav_at.timestamp()))
        meta = spool.SpoolMeta(recording_id, CALL, TENANT, "worker-3", self.clock.now(), 0, 0, "tenant_policy", segment)
        spool.write_meta(folder, meta)
        return folder

    def die(self) -> None:
        os.close(self.journal._fd)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def successor(settings: Settings, clock: VirtualClock) -> feed.Journal:
    return feed.Journal(settings.journal_dir, "worker-0", clock)


def cdrs(settings: Settings) -> list[Cdr]:
    found = []
    for segment in feed.segments(settings.journal_dir):
        for line in feed.read(settings.journal_dir, segment):
            try:
                entry = feed.decode(line.raw)
            except ValueError:
                continue
            if isinstance(entry.record, Cdr):
                found.append(entry.record)
    return found


def test_the_end_is_the_last_byte_of_sound(settings: Settings, clock: VirtualClock) -> None:
    dead = DeadWorker(settings, clock)
    dead.talks()
    folder = dead.records(clock.now() + timedelta(seconds=7.5))
    dead.event(EventType.RECORDING_STARTED)
    dead.die()
    clock.advance(3600.0)
    assert recovery.recover(settings, successor(settings, clock), clock) == 1
    (cdr,) = cdrs(settings)
    assert (cdr.talk_s, cdr.aborted, cdr.recording_id) == (7.5, True, RECORDING)
    end = spool.read_end(folder)
    assert end is not None
    assert (end.talk_s, end.aborted) == (7.5, True)


def test_a_recording_whose_event_was_not_written_is_found_by_its_folder(
    settings: Settings, clock: VirtualClock
) -> None:
    dead = DeadWorker(settings, clock)
    dead.talks()
    dead.records(clock.now())
    dead.die()
    recovery.recover(settings, successor(settings, clock), clock)
    assert [c.recording_id for c in cdrs(settings)] == [RECORDING]


def test_the_last_heartbeat_dates_the_death_while_it_rang(settings: Settings, clock: VirtualClock) -> None:
    dead = DeadWorker(settings, clock)
    dead.event(EventType.OPENED, "caller")
    dead.die()
    heartbeat = clock.now() + timedelta(seconds=12)
    clock.advance(600.0)
    recovery.recover(settings, successor(settings, clock), clock, lambda worker, since: heartbeat)
    (cdr,) = cdrs(settings)
    assert cdr.wait_s == 12.0


def test_a_call_with_its_record_only_gets_the_missing_end_mark(settings: Settings, clock: VirtualClock) -> None:
    dead = DeadWorker(settings, clock)
    dead.talks()
    folder = dead.records(clock.now() + timedelta(seconds=3))
    dead.event(EventType.RECORDING_STARTED)
    dead.die()
    held = next(feed.orphans(settings.journal_dir, "worker-"))
    entries = list(held.entries())
    held.release()
    ended = [*recovery.gather(entries)[CALL].events]
    clock.advance(5.0)
    closed = DETAIL[EventType.CLOSED]
    ended.append(CallEvent(clock.now(), clock.monotonic(), CALL, 4, None, EventType.CLOSED, closed))

    with held.path.open("ab") as file:
        file.write(feed.encode("cdr", CALL, TENANT, "2026-03-02T09:00:07.000Z", fold(ended)))
    assert recovery.recover(settings, successor(settings, clock), clock) == 0
    (cdr,) = cdrs(settings)
    end = spool.read_end(folder)
    assert end is not None
    assert (cdr.aborted, end.aborted, end.talk_s) == (False, False, cdr.talk_s)


def test_every_segment_is_closed_where_it_ended(settings: Settings, clock: VirtualClock) -> None:
    dead = DeadWorker(settings, clock)
    dead.talks()
    first = dead.records(clock.now())
    dead.event(EventType.RECORDING_STARTED)
    clock.advance(3.0)
    dead.event(EventType.RECORDING_STOPPED)
    clock.advance(10.0)
    second = dead.records(clock.now() + timedelta(seconds=6.0), "e" * 32, segment=2)
    clock.advance(2.0)
    dead.event(EventType.RECORDING_PAUSED)
    dead.die()
    clock.advance(600.0)
    assert recovery.recover(settings, successor(settings, clock), clock) == 1
    (cdr,) = cdrs(settings)
    assert cdr.segments == 2
    one, two = spool.read_end(first), spool.read_end(second)
    assert one is not None
    assert two is not None
    assert (one.talk_s, one.aborted, one.pauses) == (3.0, False, ())
    assert (two.talk_s, two.aborted, two.pauses) == (6.0, True, ((2.0, 6.0),))


def test_killed_in_the_middle_of_recovery_the_next_worker_writes_nothing_twice(
    settings: Settings, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = DeadWorker(settings, clock)
    dead.talks()
    folder = dead.records(clock.now())
    dead.event(EventType.RECORDING_STARTED)
    dead.die()
    first = successor(settings, clock)
    with monkeypatch.context() as patch:

        def killed(*_: object) -> None:
            raise KeyboardInterrupt  # as good as SIGKILL between the record and the end mark

        patch.setattr(spool, "write_end", killed)
        with pytest.raises(KeyboardInterrupt):
            recovery.recover(settings, first, clock)
    os.close(first._fd)
    assert spool.read_end(folder) is None
    clock.advance(60.0)
    assert recovery.recover(settings, successor(settings, clock), clock) == 0
    assert len(cdrs(settings)) == 1
    assert spool.read_end(folder) is not None
    assert list(feed.orphans(settings.journal_dir, "worker-3")) == []


def test_killed_between_the_last_event_and_the_record_the_next_worker_writes_the_record(
    settings: Settings, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = DeadWorker(settings, clock)
    dead.talks()
    dead.die()
    first = successor(settings, clock)
    with monkeypatch.context() as patch:

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(recovery, "fold", killed)
        with pytest.raises(KeyboardInterrupt):
            recovery.recover(settings, first, clock)
    os.close(first._fd)
    assert recovery.recover(settings, successor(settings, clock), clock) == 1
    (cdr,) = cdrs(settings)
    assert cdr.aborted


def test_lines_lost_on_a_full_disk_do_not_cost_the_record(settings: Settings, clock: VirtualClock) -> None:
    dead = DeadWorker(settings, clock)
    dead.event(EventType.OPENED, "caller")
    dead.seq = 7  # dialed, answered … waited in memory when the worker was killed
    dead.event(EventType.RECORDING_STARTED)
    dead.die()
    assert recovery.recover(settings, successor(settings, clock), clock) == 1
    (cdr,) = cdrs(settings)
    assert (cdr.disposition, cdr.aborted) == ("failed", True)


def test_a_torn_line_does_not_hide_the_call(settings: Settings, clock: VirtualClock) -> None:
    dead = DeadWorker(settings, clock)
    dead.talks()
    os.write(dead.journal._fd, b'{"kind":"call_event","id":"torn')
    dead.die()
    assert recovery.recover(settings, successor(settings, clock), clock) == 1
    assert len(cdrs(settings)) == 1


def test_a_living_worker_is_left_alone(settings: Settings, clock: VirtualClock) -> None:
    living = DeadWorker(settings, clock)
    living.talks()
    assert recovery.recover(settings, successor(settings, clock), clock) == 0
    assert cdrs(settings) == []


def test_an_old_folder_without_a_call_is_removed_and_a_young_one_kept(settings: Settings, clock: VirtualClock) -> None:
    old, young = (spool.folder(settings.spool_dir, TENANT, c * 32) for c in "de")
    for folder, age_s in ((old, 61), (young, 5)):
        folder.mkdir(parents=True)
        stamp = clock.now().timestamp() - age_s
        os.utime(folder, (stamp, stamp))
    recovery.recover(settings, successor(settings, clock), clock)
    assert (old.exists(), young.exists()) == (False, True)
