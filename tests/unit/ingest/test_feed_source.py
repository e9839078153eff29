"""The journal source: what is new, what is bad, how far it has read."""

from __future__ import annotations

import json
import os
import random
from datetime import UTC, datetime

import pytest

from ingest.batch import Batch
from ingest.sources import feed as source
from ingest.sources.feed import FeedSource
from pbx_core import feed
from pbx_core.clock import SystemClock
from pbx_core.domain import records
from pbx_core.domain.records import Disposition
from pbx_core.store.directory import Tenant
from tests.support import facts

ACME = Tenant("a" * 32, "Acme Ltd", "acme.test", "UTC", ("en",))
AT = "2026-03-01T12:00:00.000Z"


def cdr(seed=1, **kwargs):
    call = facts.make_call(
        random.Random(seed), ACME, datetime(2026, 3, 1, 12, tzinfo=UTC), disposition=Disposition.BUSY, **kwargs
    )
    return call.cdr


def line(record, at=AT):
    return feed.encode("cdr", record.call_id, record.tenant_id, at, record)


def changed(**fields):
    body = json.loads(line(cdr()))
    body["data"].update(fields)
    return json.dumps(body).encode() + b"\n"


@pytest.fixture
def journal(tmp_path):
    path = tmp_path / "worker-0" / "0001.jsonl"
    path.parent.mkdir()
    path.touch()
    return path


def gather(tmp_path, offsets=None):
    batch = Batch()
    more = FeedSource(tmp_path, SystemClock()).gather(offsets or {}, batch)
    return batch, more


BAD = {
    b"not json\n": "not JSON",
    b"\n": "not JSON",
    b"\x00\x00\x00\n": "not JSON",
    b"\xff\xfe\n": "not JSON",
    b"[1]\n": "not a JSON object",
    b'{"kind":"cdr"}\n': "'id' is missing",
    b'{"kind":"ledger","id":"1","tenant_id":"a","at":"%s"}\n' % AT.encode(): "unknown kind",
    b"[" * 100_000 + b"\n": "recursion",
    changed(talk_s="long"): "Cdr.talk_s",
    changed(talk_s=float("inf")): "not finite",
    changed(bill_s=10**30): "does not fit",
    changed(caller_name="\ud83d"): "does not fit",
    changed(disposition="great"): "'great' is not a Disposition",
    changed(call_id="other"): "id of the line",
    changed(surprise=1): "unknown field 'surprise'",
    changed(tenant_id="b" * 32): "tenant_id of the line and of its data differ",
    line(cdr(), at="yesterday"): "Invalid isoformat",
    line(cdr(), at="2026-03-01T12:00:00"): "no time zone",
}


@pytest.mark.parametrize(("raw", "reason"), BAD.items(), ids=[r.replace("'", "") for r in BAD.values()])
def test_a_bad_line_is_rejected_with_its_place_and_reason_and_its_neighbours_load(tmp_path, journal, raw, reason):
    first, last = cdr(seed=10), cdr(seed=11)
    journal.write_bytes(line(first) + raw + line(last))
    batch, more = gather(tmp_path)
    assert not more
    assert {key[1] for key in batch.rows["cdr"]} == {first.call_id, last.call_id}
    (reject,) = batch.rejects
    assert (reject.segment, reject.line, reject.position) == ("worker-0/0001.jsonl", 2, len(line(first)))
    assert reason in reject.reason
    assert len(reject.raw) <= 2000


def test_a_comment_does_not_travel_in_journals(tmp_path, journal):
    comment = records.CommentRecord("c", "x", ACME.tenant_id, "p", None, "hi", datetime.now(UTC), False)
    journal.write_bytes(feed.encode("comment", "c", ACME.tenant_id, AT, comment))
    batch, _ = gather(tmp_path)
    assert "does not travel" in batch.rejects[0].reason


def test_line_numbers_go_on_where_the_last_round_ended(tmp_path, journal):
    journal.write_bytes(line(cdr(1)) + line(cdr(2)))
    first, _ = gather(tmp_path)
    with journal.open("ab") as file:
        file.write(line(cdr(3)) + b"bad\n")
    second, _ = gather(tmp_path, first.offsets)
    assert [r.line for r in second.rejects] == [4]
    assert len(second.rows["cdr"]) == 1


def test_a_torn_line_waits_until_it_is_whole(tmp_path, journal):
    whole = line(cdr())
    journal.write_bytes(whole[:100])
    batch, more = gather(tmp_path)
    assert not batch.offsets and not batch.rejects and not more
    with journal.open("ab") as file:
        file.write(whole[100:])
    assert len(gather(tmp_path)[0].rows["cdr"]) == 1


def test_a_line_longer_than_any_line_is_skipped_and_named(tmp_path, journal, monkeypatch):
    monkeypatch.setattr(feed, "LINE_BYTES_MAX", 5000)
    journal.write_bytes(line(cdr(1)) + b"x" * 9000 + b"\n" + line(cdr(2)))
    first, more = gather(tmp_path)
    assert more and len(first.rows["cdr"]) == 1
    second, more = gather(tmp_path, first.offsets)
    assert more and "longer than the limit" in second.rejects[0].reason and second.rejects[0].line == 2
    third, more = gather(tmp_path, second.offsets)
    assert not more and len(third.rows["cdr"]) == 1


def test_of_two_versions_of_a_row_the_later_stays_whatever_the_order(tmp_path, journal):
    old, new = line(cdr(caller_name="old")), line(cdr(caller_name="new"), at="2026-03-01T12:00:01.000Z")
    for order in (old + new, new + old):
        journal.write_bytes(order)
        ((_, record),) = gather(tmp_path)[0].rows["cdr"].values()
        assert record.caller_name == "new"


def test_a_round_is_bounded_and_says_that_more_waits(tmp_path, journal, monkeypatch):
    monkeypatch.setattr(source, "SEGMENT_BYTES_MAX", 1)
    journal.write_bytes(b"".join(line(cdr(i)) for i in range(5)))
    offsets, rounds, more = {}, 0, True
    while more:
        batch, more = gather(tmp_path, offsets)
        offsets.update(batch.offsets)
        rounds += 1
    assert rounds == 5
    assert offsets[("feed", "worker-0/0001.jsonl")].lines == 5


def test_a_closed_segment_is_not_opened_again(tmp_path, monkeypatch):
    clock = SystemClock()
    journal = feed.Journal(tmp_path, "worker-0", clock)
    record = cdr()
    journal.append("cdr", record.call_id, record.tenant_id, record)
    journal.close()
    batch, _ = gather(tmp_path)
    assert batch.offsets[("feed", f"worker-0/{journal.path.name}")].complete
    monkeypatch.setattr(feed, "read", None)
    assert gather(tmp_path, batch.offsets)[0].offsets == {}


def test_a_segment_that_appears_later_is_found(tmp_path, journal):
    reader = FeedSource(tmp_path, SystemClock())
    os.utime(journal.parent, (1, 1))  # long unchanged: its listing is kept
    offsets = {}
    for number in range(2, 5):
        batch = Batch()
        (journal.parent / f"000{number}.jsonl").write_bytes(line(cdr(number)))
        reader.gather(offsets, batch)
        offsets.update(batch.offsets)
        assert len(batch.rows["cdr"]) == 1


def test_no_journal_directory_is_no_error(tmp_path):
    assert gather(tmp_path / "nowhere")[0].offsets == {}
