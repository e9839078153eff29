"""Figures kept by hour equal the rows and the truth, in whatever order, how often and in which version rows come."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from analytics import queries
from analytics.metrics import audit, command
from analytics.metrics.rollups import AT_HAND, TABLES, Rollups
from analytics.queries import Scope, metrics
from ingest import derived, warehouse
from ingest.command import ingest
from ingest.sources.feed import FeedSource
from ingest.writer import Writer
from pbx_core.clock import SystemClock
from pbx_core.domain.records import CallEventRecord, Cdr, Disposition, QueueEvent
from pbx_core.errors import InputError
from pbx_core.feed import Journal
from pbx_core.settings import Settings, load
from tests.support import facts

ACME, BIRCH = "a" * 32, "b" * 32
FIRST = datetime(2026, 3, 28, 17, tzinfo=UTC)  # two days on, Berlin's clocks jump
LAST = FIRST + timedelta(days=3)
BERLIN = ZoneInfo("Europe/Berlin")
RESULTS = ("answered", "answered", "abandoned", "key", "overflow", "empty", "callback")
CALLS = 90


@dataclass(frozen=True)
class Office:
    """A warehouse that was filled in several rounds, and what is true of it."""

    settings: Settings
    reader: queries.Reader
    calls: tuple[facts.Call, ...]

    def of(self, tenant: str = ACME) -> list[Cdr]:
        return [c.cdr for c in self.calls if c.cdr.tenant_id == tenant]

    def values(self, *ids: str, **more: Any) -> list[float | None]:
        return [v.value for v in metrics.values(self.reader, Scope(ACME), FIRST, LAST, ids or None, **more)]


def random_call(rng: random.Random, tenant: str) -> facts.Call:
    """A call from outside, to outside or inside; half of those from outside wait in a queue."""
    start = FIRST + timedelta(seconds=rng.randrange(int((LAST - FIRST).total_seconds()) - 7200))
    direction = rng.choice(("inbound", "inbound", "outbound", "internal"))
    call = facts.make_call(rng, SimpleNamespace(tenant_id=tenant), start, talk_s=rng.choice((12, 300, 5000)))
    trunk_id = "" if direction == "internal" else rng.choice(("east", "west"))
    cdr = replace(call.cdr, direction=direction, trunk_id=trunk_id)
    if direction == "inbound":
        cdr = replace(cdr, caller_number=f"+4930{rng.randrange(9)}")
        if rng.random() < 0.5:
            result = "answered" if cdr.disposition is Disposition.ANSWERED else rng.choice(RESULTS[2:])
            wait_s = float(rng.choice((1, 4, 5, 19, 20, 21, 90)))
            cdr = replace(cdr, queue=rng.choice(("sales", "help")), queue_result=result, queue_wait_s=wait_s)
        if cdr.disposition is Disposition.ANSWERED:
            cdr = replace(cdr, answered_by=cdr.callee_number)
    elif direction == "outbound":
        cdr = replace(cdr, callee_number=f"+4940{rng.randrange(5)}")
    return replace(call, cdr=cdr)


def lines(call: facts.Call) -> list[tuple[str, str, Any]]:
    cdr, out = call.cdr, call.lines()
    if cdr.queue:
        offer = {"offer_id": "1", "results": {"101": "no_answer", "102": "answered", "103": "cancelled"}}
        event = CallEventRecord(cdr.call_id, cdr.tenant_id, 90, cdr.started_at, 1.0, "offer_ended", None, offer)
        out.append(("call_event", f"{cdr.call_id}-90", event))
        wrap = QueueEvent(f"{cdr.call_id}w", cdr.tenant_id, cdr.ended_at, cdr.queue, "102", "wrap_up", "7", cdr.call_id)
        out.append(("queue_event", wrap.event_id, wrap))
    return out


def old_version(rng: random.Random, cdr: Cdr) -> Cdr:
    """What was said of the call before: other times, another result."""
    moved = timedelta(hours=rng.choice((-5, 0, 3)))
    return replace(
        cdr,
        started_at=cdr.started_at + moved,
        ended_at=cdr.ended_at + moved + timedelta(hours=rng.choice((0, 2))),
        disposition=rng.choice(list(Disposition)),
        trunk_id="north",
    )


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Iterator[Office]:
    """Ninety calls of two tenants, a third of them first in an older version, everything shuffled, some told twice."""
    rng = random.Random(5)
    settings, clock = load(tmp_path_factory.mktemp("office") / "data"), SystemClock()
    calls = tuple(random_call(rng, rng.choice((ACME, ACME, BIRCH))) for _ in range(CALLS))
    told = [line for call in calls for line in lines(call)]
    early = [("cdr", c.cdr.call_id, old_version(rng, c.cdr)) for c in rng.sample(calls, CALLS // 3)]
    early += rng.sample(told, len(told) // 3)
    rng.shuffle(early)
    rng.shuffle(told)
    settings.data.mkdir(parents=True)
    by_name = {d.name: d for d in derived.installed()}
    con = warehouse.open_writer(settings)
    few, many = ([by_name["conversations"], Rollups(at_hand)] for at_hand in (AT_HAND, 0))  # both ways of adding up
    late = rng.sample(told, len(told) // 4)
    for batch, derivations in ((early, many), (told, few), (late, many)):
        writer = Writer(con, clock, [FeedSource(settings.journal_dir, clock)], derivations)
        journal = Journal(settings.journal_dir, "worker-0", clock)
        for kind, id_, record in batch:
            journal.append(kind, id_, record.tenant_id, record, sync=False)
        journal.sync()
        journal.close()
        while writer.round().backlog:
            pass
    reader = queries.open_reader(settings)
    yield Office(settings, reader, calls)
    reader.close()
    con.close()


def test_every_audit_is_content(office):
    con = warehouse.open_reader(office.settings)
    found = {f.audit.name: f.rows for f in audit.run(con)}
    con.close()
    assert found and {name: rows for name, rows in found.items() if rows} == {}


def test_an_audit_names_what_is_wrong_and_made_anew_all_is_as_it_was(office):
    """By the commands an operator has: which audit, which hour, which figure; then everything out of the rows."""
    data, run = office.settings.data, CliRunner().invoke

    def kept() -> dict[str, list[str]]:
        con = warehouse.open_reader(office.settings)
        names = (*TABLES, "conversation", "conversation_call")
        found = {n: sorted(map(repr, con.table(f"lk.main.{n}").fetchall())) for n in names}
        con.close()
        return found

    before = kept()
    con = warehouse.open_writer(office.settings)
    con.execute("UPDATE lk.main.rollup_hour SET busy = busy + 1 WHERE grain = 'call' AND cut = '' AND tenant_id = ?",
                [BIRCH])  # fmt: skip
    con.execute("DELETE FROM lk.main.rollup_line WHERE tenant_id = ? AND line = 'east'", [ACME])
    con.close()
    broken = run(command.audit, obj=data)
    assert broken.exit_code == 1 and broken.output.count("FAILED") == 2 and "callbench ingest --derive" in broken.output
    assert "FAILED rollup_line" in broken.output and "busy" in broken.output.partition("FAILED rollup_call")[2]
    assert run(ingest, ["--derive"], obj=data, catch_exceptions=False).exit_code == 0
    assert kept() == before and all(before.values())


def test_counts_and_means_are_those_of_the_calls(office):
    calls = office.of()
    answered = [c for c in calls if c.disposition is Disposition.ANSWERED]
    out = [c for c in calls if c.direction == "outbound"]
    values = office.values("calls", "answer_rate", "talk_s_mean", "asr", "distinct_destinations")
    assert values[0] == len(calls)
    assert values[1:4] == pytest.approx(
        [
            len(answered) / len(calls),
            sum(c.talk_s for c in answered) / len(answered),
            sum(c.disposition is Disposition.ANSWERED for c in out) / len(out),
        ]
    )
    assert values[4] == len({c.callee_number for c in out})


def test_four_service_levels_differ_as_they_are_defined(office):
    waited = [c for c in office.of() if c.queue]
    answered = [c for c in waited if c.queue_result == "answered"]
    gone = [c for c in waited if c.queue_result == "abandoned"]
    in_time = sum(c.queue_wait_s <= 20 for c in answered)
    short = sum(c.queue_wait_s < 5 for c in gone)
    truth = [
        in_time / len(waited),
        in_time / (len(waited) - short),
        in_time / len(answered),
        (in_time + sum(c.queue_wait_s <= 20 for c in gone)) / (len(answered) + len(gone)),
    ]
    names = ("service_level", "service_level_without_short", "service_level_answered", "service_level_completed")
    assert office.values(*names) == pytest.approx(truth)
    assert len(set(truth)) == 4
    found = office.values("wrap_up_mean", "agent_answer_rate", "agent_answer_rate_own")
    assert found == pytest.approx([7, 1 / 3, 1 / 2])
    rank = sorted(c.queue_wait_s for c in waited)[math.ceil(0.95 * len(waited)) - 1]
    assert office.values("queue_wait_p95") == [rank // 5 * 5]


def at_once(calls: list[Cdr]) -> int:
    """The truth, by counting at every beginning."""
    spans = [(c.started_at, c.ended_at) for c in calls if c.ended_at > c.started_at]
    return max(sum(a <= t < b for a, b in spans) for t, _ in spans)


def test_the_peak_is_exact_for_all_lines_and_for_each(office):
    calls = office.of()
    assert office.values("peak_calls") == [at_once(calls)] != [1]
    for trunk in ("east", "west"):
        truth = at_once([c for c in calls if c.trunk_id == trunk])
        assert office.values("peak_calls", where={"trunk_id": trunk}) == [truth]
    frame = metrics.series(office.reader, Scope(ACME), FIRST, LAST, ["peak_calls"], "trunk_id")
    assert list(frame.key) == ["east", "west"]
    assert office.values("peak_calls", where={"queue": "sales"}) == [None]


def test_days_are_those_of_the_zone_when_clocks_jump(office):
    frame = metrics.series(office.reader, Scope(ACME), FIRST, LAST, ["calls"], "day", time_zone="Europe/Berlin")
    truth: dict[str, int] = {}
    for c in office.of():
        day = f"{c.started_at.astimezone(BERLIN):%Y-%m-%d}"
        truth[day] = truth.get(day, 0) + 1
    assert {f"{key:%Y-%m-%d}": value for key, value in zip(frame.key, frame.value, strict=True)} == truth
    assert len({key.utcoffset() for key in frame.key}) == 2


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Europe/Berlin"])
@pytest.mark.parametrize("by", ["hour", "hour_of_day", "queue", "agent", "direction"])
def test_parts_add_up_in_every_zone(office, zone, by):
    frame = metrics.series(office.reader, Scope(ACME), FIRST, LAST, ["calls"], by, time_zone=zone)
    counted = [c for c in office.of() if by != "queue" or c.queue]
    if by == "agent":
        counted = [c for c in counted if c.direction == "outbound" or (c.direction == "inbound" and c.answered_by)]
    assert frame.value.sum() == len(counted)


def test_parts_of_hours_come_from_the_rows(office):
    since, until = FIRST + timedelta(hours=7, minutes=13), LAST - timedelta(hours=20, minutes=7, seconds=1)
    cut = metrics.values(office.reader, Scope(ACME), since, until, ["calls", "mos_mean", "mos_p05"])
    calls = [c for c in office.of() if since <= c.started_at < until]
    scores = sorted(leg.mos for c in calls for leg in c.legs if leg.mos is not None)
    assert cut[0].value == len(calls)
    assert cut[1].value == pytest.approx(sum(scores) / len(scores))
    assert cut[2].value == pytest.approx(math.floor(scores[math.ceil(0.05 * len(scores)) - 1] * 10 + 1e-9) / 10)


def test_an_extension_has_the_figures_of_its_own_calls(office):
    own = [c for c in office.of() if "101" in (c.caller_number, c.callee_number, c.answered_by)]
    own += [c for c in office.of() if c not in own and any(x.number == "101" and x.answered_at for x in c.legs)]
    values = metrics.values(office.reader, Scope(ACME, "101"), FIRST, LAST, ["calls", "talk_s_total", "peak_calls"])
    assert [v.value for v in values] == [len(own), pytest.approx(sum(c.talk_s for c in own)), at_once(own)]


@pytest.mark.parametrize("metric_id", ["service_level", "mos_mean", "recovery_rate", "agent_answer_rate"])
@pytest.mark.parametrize("extension", [None, "101"])
def test_the_rows_behind_a_figure_are_as_many_as_it_says(office, metric_id, extension):
    scope = Scope(ACME, extension)
    (value,) = metrics.values(office.reader, scope, FIRST, LAST, [metric_id])
    for side, expected in (("numerator", value.numerator), ("denominator", value.denominator)):
        rows, cursor = metrics.rows_behind(office.reader, scope, metric_id, side, FIRST, LAST, limit=40)
        found = [rows]
        while cursor:
            rows, cursor = metrics.rows_behind(
                office.reader, scope, metric_id, side, FIRST, LAST, limit=40, cursor=cursor
            )
            found.append(rows)
        ids = [row for frame in found for row in frame.row_id]
        assert len(ids) == len(set(ids))
        assert sum(frame.value.sum() for frame in found) == pytest.approx(expected)


def test_the_rows_behind_a_peak_are_the_calls_of_that_moment(office):
    rows, _ = metrics.rows_behind(office.reader, Scope(ACME), "peak_calls", "numerator", FIRST, LAST)
    calls = {c.call_id: c for c in office.of()}
    assert len(rows) == at_once(office.of())
    assert max(calls[i].started_at for i in rows.call_id) < min(calls[i].ended_at for i in rows.call_id)


def test_what_is_left_out_is_in_neither_part(office):
    rows, _ = metrics.rows_behind(office.reader, Scope(ACME), "mos_mean", "excluded", FIRST, LAST, limit=500)
    assert len(rows) == sum(leg.mos is None for c in office.of() for leg in c.legs)


def test_another_tenant_has_his_own_figures(office):
    (theirs,) = metrics.values(office.reader, Scope(BIRCH), FIRST, LAST, ["calls"])
    rows, _ = metrics.rows_behind(office.reader, Scope(BIRCH), "calls", "numerator", FIRST, LAST, limit=500)
    assert theirs.value == len(office.of(BIRCH))
    assert set(rows.call_id) == {c.call_id for c in office.of(BIRCH)}


def test_unknown_names_are_refused(office):
    scope = Scope(ACME)
    with pytest.raises(InputError):
        metrics.values(office.reader, scope, FIRST, LAST, ["no_such"])
    with pytest.raises(InputError):
        metrics.series(office.reader, scope, FIRST, LAST, ["calls"], "1; DROP TABLE call")
    with pytest.raises(InputError):
        metrics.values(office.reader, scope, FIRST, LAST, ["calls"], where={"1=1 OR queue": "x"})
    with pytest.raises(InputError):
        metrics.rows_behind(office.reader, scope, "calls", "all", FIRST, LAST)


def test_a_rival_that_cannot_be_computed_says_why(office):
    (value,) = metrics.values(office.reader, Scope(ACME), FIRST, LAST, ["mos_freeswitch_mean"])
    assert value.value is None and value.reason.startswith("not available, because")
