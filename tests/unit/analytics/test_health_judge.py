"""States of health and the words for them, as a table."""

from __future__ import annotations

import pytest

from analytics.health import judge, mails, staged
from analytics.health.staged import Staged
from analytics.health.storage import Disk, Orphans
from analytics.health.types import Check, Level, Source

ALIVE = judge.Loading(True)
GB = 10**9


def late(lag_s: float) -> tuple[Source, ...]:
    return (Source("feed", "worker-0", 1, lag_s=lag_s), Source("feed", "worker-1", 1, lag_s=0.0))


def room(free: int, per_day: float, days_left: float | None) -> Check:
    return judge.disk(Disk(100 * GB, free, per_day, days_left, (("/data/warehouse-1", GB),)), 0.10, 0.05)


CASES = (
    (judge.loading(ALIVE, ()), "ok", "within seconds"),
    (judge.loading(ALIVE, late(29.0)), "ok", "within seconds"),
    (judge.loading(ALIVE, late(90.0)), "warn", "90 seconds behind"),
    (judge.loading(ALIVE, late(7200.0)), "bad", "2 hours behind"),
    (judge.loading(judge.Loading(False), late(1.0)), "bad", "does not run"),
    (judge.loading(judge.Loading(True, "The catalog is locked."), ()), "bad", "stands still: The catalog is locked."),
    (judge.loading(judge.Loading(False, None, "Made anew, 40% done."), ()), "warn", "40% done"),
    (judge.rejected(0, 0), "ok", "No line was ever refused"),
    (judge.rejected(0, 9), "ok", "(9 ever)"),
    (judge.rejected(1, 9), "warn", "1 line of"),
    (judge.recordings(Orphans((), (), (), (), 7)), "ok", "7 of ours"),
    (judge.recordings(Orphans((), (), ("a.wav",), (), 7)), "warn", "1 sound file of no known call"),
    (judge.recordings(Orphans((), ("b.wav",), (), (), 7)), "warn", "header without sound"),
    (judge.recordings(Orphans(("c.webm", "d.webm"), (), (), (), 20_000)), "bad", "the newest 20000"),
    (judge.recordings(Orphans((), (), (), ("call",), 7)), "bad", "never came"),
    (judge.maintenance(None, 60, True), "ok", "No maintenance yet"),
    (judge.maintenance(500, 60, True), "ok", "8 minutes ago"),
    (judge.maintenance(900, 60, True), "warn", "15 minutes ago"),
    (judge.maintenance(900, 60, False), "ok", "15 minutes ago"),
    (room(50 * GB, 0.0, None), "ok", "50.0 GB of 100.0 GB are free."),
    (room(50 * GB, GB, 45.0), "ok", "lasts 45 days"),
    (room(30 * GB, 3 * GB, 8.3), "warn", "lasts 8 days"),
    (room(12 * GB, 4 * GB, 1.7), "bad", "lasts 1 day"),
    (room(4 * GB, GB, 0.0), "bad", "not recorded any more"),
    (judge.transcripts(judge.Work(0, 0.0, 0, 1)), "ok", "Every recording"),
    (judge.transcripts(judge.Work(3, 60.0, 0, 1)), "ok", "3 recordings wait"),
    (judge.transcripts(judge.Work(1, 7200.0, 0, 1)), "warn", "1 recording waits"),
    (judge.transcripts(judge.Work(1, 90_000.0, 0, 0)), "bad", "the oldest for 25 hours"),
    (judge.transcripts(judge.Work(0, 0.0, 2, 1)), "warn", "2 recordings of the last 7 days"),
    (judge.webhooks(judge.Deliveries(1, 0, 0, 0.0, 0)), "ok", "1 endpoint, 0 events waiting."),
    (judge.webhooks(judge.Deliveries(2, 1, 5, 20.0, 0)), "warn", "1 endpoint disabled"),
    (judge.webhooks(judge.Deliveries(2, 0, 5, 900.0, 0)), "warn", "the oldest for 15 minutes"),
    (mails.judged(mails.Mails(1)), "ok", "1 report comes by mail."),
    (mails.judged(mails.Mails(2, 3, 600.0)), "ok", "3 mails waiting, the oldest for 10 minutes."),
    (mails.judged(mails.Mails(2, 3, 7200.0)), "warn", "the oldest for 2 hours"),
    (mails.judged(mails.Mails(1, failed=1)), "warn", "1 mail of the last 7 days could not be sent."),
    (mails.judged(mails.Mails(1, server=False, alive=False)), "warn", "no mail server is named"),
    (mails.judged(mails.Mails(1, alive=False)), "warn", "the process that sends does not run"),
    (mails.judged(mails.Mails(0, alive=False)), "ok", "0 reports come by mail."),
    (staged.judged(Staged(3)), "ok", "Every import is loaded."),
    (staged.judged(Staged(3, waiting=["a/b"], oldest_s=20.0)), "ok", "1 import waits to be loaded"),
    (staged.judged(Staged(3, waiting=["a/b", "a/c"], oldest_s=900.0)), "warn", "2 imports wait"),
    (staged.judged(Staged(3, unfinished=["a/b.part"])), "warn", "1 import begun and not finished"),
    (staged.judged(Staged(3, refused=["a/b"], unfinished=["a/c.part"])), "bad", "1 import on the disk cannot be"),
    (staged.judged(Staged(3, undoing=["a/b.undone"])), "warn", "1 import should be taken out"),
    (staged.judged(Staged(3, under_way=1)), "ok", "An import is being read now."),
)


@pytest.mark.parametrize(("check", "level", "says"), CASES, ids=lambda value: getattr(value, "title", None))
def test_a_state_has_its_level_and_its_words(check: Check, level: str, says: str) -> None:
    assert check.level == level and says in check.says
    assert bool(check.remedy) or check.level is Level.OK  # whoever is alarmed is told what to do


def test_old_warehouses_are_named_where_room_is_short() -> None:
    assert "/data/warehouse-1 (1.0 GB)" in room(12 * GB, 4 * GB, 1.7).remedy
