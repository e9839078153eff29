"""Journals: what a reader sees while the writer writes, dies, or finds the disk full."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pbx_core import feed
from pbx_core.clock import SystemClock
from pbx_core.domain.records import CallEventRecord
from pbx_core.errors import Unavailable
from tests.support.waiting import until

CLOCK = SystemClock()
TENANT = "a" * 32


def _event(seq: int, note: str = "") -> CallEventRecord:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return CallEventRecord("c" * 32, TENANT, seq, at, float(seq), "rang", None, {"n": note})


def _append(journal: feed.Journal, seq: int, note: str = "", *, sync: bool = True) -> None:
    journal.append("call_event", f"{seq}", TENANT, _event(seq, note), sync=sync)


def _read(directory: Path) -> list[feed.Entry]:
    return [feed.decode(line.raw) for s in feed.segments(directory) for line in feed.read(directory, s)]


def _writer(directory: Path, body: str) -> subprocess.Popen[str]:
    """A process of its own that has `journal` and `event(n)`."""
    program = f"""
        import os, resource, signal, sys
        from pathlib import Path
        from pbx_core import feed
        from pbx_core.clock import SystemClock
        from tests.unit.test_feed import _append, _event
        journal = feed.Journal(Path({str(directory)!r}), "worker-0", SystemClock())
    """
    code = textwrap.dedent(program) + textwrap.dedent(body)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)


def test_what_is_appended_is_read_back_in_order_and_ends_with_closed(tmp_path: Path) -> None:
    journal = feed.Journal(tmp_path, "worker-0", CLOCK)
    for seq in range(3):
        _append(journal, seq, "строка\n\x00 line")
    assert not feed.is_complete(journal.path)
    journal.close()
    assert feed.is_complete(journal.path)
    entries = _read(tmp_path)
    assert [e.kind for e in entries] == ["call_event"] * 3 + ["closed"]
    assert [e.record for e in entries[:3]] == [_event(n, "строка\n\x00 line") for n in range(3)]


def test_a_reader_goes_on_from_its_offset(tmp_path: Path) -> None:
    journal = feed.Journal(tmp_path, "worker-0", CLOCK)
    _append(journal, 0)
    (segment,) = feed.segments(tmp_path)
    (first,) = feed.read(tmp_path, segment)
    assert (first.offset, first.number) == (0, 1)
    assert list(feed.read(tmp_path, segment, first.end)) == []
    _append(journal, 1)
    (second,) = feed.read(tmp_path, segment, first.end)
    assert second.offset == first.end
    assert feed.decode(second.raw).id == "1"


def test_a_batch_is_bounded_but_never_empty(tmp_path: Path) -> None:
    journal = feed.Journal(tmp_path, "worker-0", CLOCK)
    for seq in range(10):
        _append(journal, seq, "x" * 1000, sync=False)
    (segment,) = feed.segments(tmp_path)
    assert len(list(feed.read(tmp_path, segment, 0, 1))) == 1
    assert 2 <= len(list(feed.read(tmp_path, segment, 0, 3000))) <= 4


def test_a_line_without_its_end_is_not_there_yet(tmp_path: Path) -> None:
    journal = feed.Journal(tmp_path, "worker-0", CLOCK)
    _append(journal, 0)
    with journal.path.open("ab") as file:
        file.write(b'{"kind":"call_event","id":"torn')
    assert [e.id for e in _read(tmp_path)] == ["0"]
    assert not feed.is_complete(journal.path)


def test_a_reader_beside_the_writer_sees_only_whole_lines_and_in_the_end_all(tmp_path: Path) -> None:
    journal = feed.Journal(tmp_path, "worker-0", CLOCK)
    seen: list[str] = []
    done = threading.Event()

    def read() -> None:
        (segment,) = feed.segments(tmp_path)
        offset = 0
        while True:
            last_round = done.is_set()
            for line in feed.read(tmp_path, segment, offset):
                seen.append(feed.decode(line.raw).id)
                offset = line.end
            if last_round:
                return

    reader = threading.Thread(target=read)
    reader.start()
    for seq in range(500):
        _append(journal, seq, "y" * (seq * 37 % 5000), sync=False)
    done.set()
    reader.join()
    assert seen == [str(n) for n in range(500)]


def test_a_killed_writers_segment_is_an_orphan_a_living_ones_is_not(tmp_path: Path) -> None:
    writer = _writer(
        tmp_path,
        """
        for n in range(3): _append(journal, n)
        os.write(os.open(journal.path, os.O_WRONLY | os.O_APPEND), b'{"kind":"call_ev')
        print("written", flush=True)
        signal.pause()
        """,
    )
    assert writer.stdout
    assert writer.stdout.readline() == "written\n"
    assert list(feed.orphans(tmp_path)) == []
    writer.kill()
    writer.wait()
    assert list(feed.orphans(tmp_path, "recorder")) == []
    (orphan,) = feed.orphans(tmp_path, "worker")
    assert [e.record for e in orphan.entries()] == [_event(n) for n in range(3)]
    assert list(feed.orphans(tmp_path)) == [], "held by one recovery, it is not handed to another"
    orphan.close(CLOCK)
    assert feed.is_complete(orphan.path)
    assert list(feed.orphans(tmp_path)) == []
    lines = list(feed.read(tmp_path, feed.segments(tmp_path)[0]))
    assert [feed.decode(line.raw).kind for line in lines[:3]] == ["call_event"] * 3
    with pytest.raises(ValueError, match="not JSON"):
        feed.decode(lines[3].raw)
    assert feed.decode(lines[4].raw).kind == "closed"


def test_a_released_orphan_is_found_again(tmp_path: Path) -> None:
    writer = _writer(tmp_path, "_append(journal, 0); os.kill(os.getpid(), signal.SIGKILL)")
    writer.wait()
    (orphan,) = feed.orphans(tmp_path)
    orphan.release()
    (again,) = feed.orphans(tmp_path)
    assert again.path == orphan.path
    again.close(CLOCK)


def test_every_synced_line_outlives_kill_9(tmp_path: Path) -> None:
    writer = _writer(
        tmp_path,
        """
        n = 0
        while True:
            _append(journal, n); print(n, flush=True); n += 1
        """,
    )
    assert writer.stdout
    told = [int(writer.stdout.readline()) for _ in range(40)]
    writer.kill()
    told += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    writer.wait()
    kept = [int(e.id) for e in _read(tmp_path)]
    assert kept[: len(told)] == told
    assert len(kept) - len(told) <= 1, "at most the line that was not yet told"


def test_a_full_disk_refuses_a_line_whole_and_takes_lines_again_when_there_is_space(tmp_path: Path) -> None:
    """The size limit of a process stands for the disk: write() accepts a part, then refuses."""
    writer = _writer(
        tmp_path,
        """
        from pbx_core.errors import Unavailable
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        _append(journal, 0)
        size = journal.path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
        try:
            _append(journal, 1, "z" * 1000)
        except Unavailable as error:
            print(type(error).__name__, error.retryable, journal.path.stat().st_size == size, flush=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        _append(journal, 2)
        journal.close()
        """,
    )
    out, _ = writer.communicate(timeout=20)
    assert out == "Unavailable True True\n"
    assert [(e.kind, e.id) for e in _read(tmp_path)][:2] == [("call_event", "0"), ("call_event", "2")]


def test_a_really_full_disk_is_named(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting a small volume needs root")
    try:
        journal = feed.Journal(place, "worker-0", CLOCK)
        _append(journal, 0)
        with pytest.raises(Unavailable, match="the disk is full"):
            _append(journal, 1, "z" * 100_000)
        _append(journal, 2)
        journal.close()
        assert [e.id for e in _read(place)][:2] == ["0", "2"]
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be opened"):
        feed.Journal(tmp_path / "file", "worker-0", CLOCK)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"kind":"cdr","id":"1","tenant_id":"t"}', "'at' is missing"),
        (b'{"kind":"cdr","id":7,"tenant_id":"t","at":"x"}', "'id' is missing or not text"),
        (b'{"kind":"weather","id":"1","tenant_id":"t","at":"x","data":{}}', "unknown kind 'weather'"),
        (b'{"kind":"cdr","id":"1","tenant_id":"t","at":"x","data":null}', "Cdr: not an object"),
        (feed.encode("call_event", "1", "b" * 32, "x", _event(1))[:-1], "tenant_id of the line"),
    ],
)
def test_an_unreadable_line_is_refused_with_a_reason(raw: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        feed.decode(raw)


def test_segments_of_a_producer_are_listed_oldest_first(tmp_path: Path) -> None:
    made = []
    for _ in range(3):
        before = CLOCK.new_id()[:12]
        until(lambda b=before: CLOCK.new_id()[:12] > b, 1, 0.001)
        journal = feed.Journal(tmp_path, "worker-0", CLOCK)
        made.append(f"worker-0/{journal.path.name}")
        journal.close()
    assert feed.segments(tmp_path) == made
