"""analytics.queries against a real warehouse of two tenants with the same extension numbers."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from analytics import queries
from analytics.queries import CallFilter, Scope
from ingest import command
from ingest.places import local
from pbx_core.clock import SystemClock
from pbx_core.domain.records import Disposition
from pbx_core.errors import InputError, Unavailable
from pbx_core.settings import load
from pbx_core.store import directory, engine
from tests.support import facts, lake

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SINCE, UNTIL = NOON - timedelta(days=3), NOON + timedelta(days=1)


@dataclass(frozen=True)
class Office:
    """A loaded warehouse; `calls` by tenant, newest first."""

    settings: object
    reader: queries.Reader
    acme: directory.Tenant
    birch: directory.Tenant
    calls: dict[str, list[facts.Call]]

    def scope(self, tenant: directory.Tenant | None = None, extension: str | None = None) -> Scope:
        return Scope((tenant or self.acme).tenant_id, extension)


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Iterator[Office]:
    """One warehouse for the module: nothing here writes. Two calls of each tenant start at the same moment."""
    settings, clock = load(tmp_path_factory.mktemp("office") / "data"), SystemClock()
    db = engine.migrate(settings)
    acme = directory.add_tenant(db, clock, "Acme Ltd", "acme.test", time_zone="Asia/Bishkek")
    birch = directory.add_tenant(db, clock, "Birch & Sons", "birch.test")
    made = {}
    for tenant, count in ((acme, 60), (birch, 25)):
        calls = facts.make_calls(tenant, count, since=SINCE, until=NOON, seed=1)
        rng = random.Random(tenant.tenant_id)
        for text, direction in (
            ("Please send the INVOICE for 100% wool_socks", "inbound"),
            ("Здравствуйте, счёт пришёл", "outbound"),
            ("plain", "internal"),
        ):
            call = facts.make_call(
                rng, tenant, NOON, disposition=Disposition.ANSWERED, said=[text, "okay"], recorded=True
            )
            calls.append(replace(call, cdr=replace(call.cdr, direction=direction)))
        facts.write(settings, clock, calls)
        made[tenant.tenant_id] = sorted(calls, key=lambda c: (c.cdr.started_at, c.cdr.call_id), reverse=True)
    command.load_all(command.Loop(settings, clock, db))
    reader = queries.open_reader(settings)
    yield Office(settings, reader, acme, birch, made)
    reader.close()
    db.dispose()


def ids(calls) -> list[str]:
    return [c.cdr.call_id for c in calls]


def chosen(office: Office, **filters) -> list[str]:
    return list(queries.calls(office.reader, office.scope(), CallFilter(**filters), limit=500).frame.call_id)


def walk(office: Office, scope: Scope, flt: CallFilter, limit: int) -> tuple[list[list[str]], list[list[str]]]:
    """Pages from first to last, and back again."""
    forth, back = [], []
    page = queries.calls(office.reader, scope, flt, limit=limit)
    while True:
        forth.append(list(page.frame.call_id))
        if page.next_cursor is None:
            break
        page = queries.calls(office.reader, scope, flt, page.next_cursor, limit)
    while True:
        back.append(list(page.frame.call_id))
        if page.previous_cursor is None:
            break
        page = queries.calls(office.reader, scope, flt, page.previous_cursor, limit)
    return forth, back


# paging


@pytest.mark.parametrize("limit", [7, 9, 500])
def test_paging_forth_and_back_shows_every_call_once_newest_first(office, limit):
    forth, back = walk(office, office.scope(), CallFilter(), limit)
    assert [i for page in forth for i in page] == ids(office.calls[office.acme.tenant_id])
    assert all(len(page) == limit for page in forth[:-1])
    assert back[-1] == forth[0]
    assert {i for page in back for i in page} == {i for page in forth for i in page}


def test_neighbours_follow_the_list_and_its_filter(office):
    flt = CallFilter(disposition="answered")
    listed = chosen(office, disposition="answered")
    for position in (0, 5, len(listed) - 1):
        newer, older = queries.neighbours(office.reader, office.scope(), listed[position], flt)
        assert newer == (listed[position - 1] if position else None)
        assert older == (listed[position + 1] if position + 1 < len(listed) else None)
    assert queries.neighbours(office.reader, office.scope(), "unknown") == (None, None)


def forged(*body) -> str:
    return base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%%%",
        "é",
        "A" * 10_000,
        forged("older", 1),
        forged("sideways", 1, "a"),
        forged("older", "1", "a"),
        forged("older", True, "a"),
        forged("older", -1, "a"),
        forged("older", 10**30, "a"),
        forged("older", 1, "' OR 1=1 --"),
        forged("older", 1, None),
        forged("older", 1.5, "a"),
        base64.urlsafe_b64encode(b"[" * 200).decode(),
    ],
)
def test_a_tampered_cursor_is_refused(office, cursor):
    with pytest.raises(InputError) as refused:
        queries.calls(office.reader, office.scope(), cursor=cursor)
    assert refused.value.error_id == "bad_cursor"


def test_a_cursor_of_another_tenant_shows_nothing_of_his(office):
    theirs = queries.calls(office.reader, office.scope(office.birch), limit=5).next_cursor
    page = queries.calls(office.reader, office.scope(), cursor=theirs, limit=500)
    assert set(page.frame.call_id) <= set(ids(office.calls[office.acme.tenant_id]))


def test_an_empty_list_has_its_columns_and_no_cursors(office):
    page = queries.calls(office.reader, office.scope(), CallFilter(number="999"))
    assert len(page.frame) == 0 and page.next_cursor is None and page.previous_cursor is None
    assert {"call_id", "started_at", "mos_min", "comments"} <= set(page.frame.columns)


# filters


def test_each_filter_chooses_what_it_says(office):
    calls = office.calls[office.acme.tenant_id]
    day = NOON - timedelta(days=1)
    assert chosen(office, since=day) == ids(c for c in calls if c.cdr.started_at >= day)
    assert chosen(office, until=day) == ids(c for c in calls if c.cdr.started_at < day)
    assert chosen(office, disposition="busy") == ids(c for c in calls if c.cdr.disposition == "busy")
    assert chosen(office, min_talk_s=100) == ids(c for c in calls if c.cdr.talk_s >= 100)
    assert chosen(office, recorded=True) == ids(c for c in calls if c.cdr.recording_id)
    assert chosen(office, recorded=False) == ids(c for c in calls if not c.cdr.recording_id)
    assert chosen(office, number="03") == ids(c for c in calls if "103" in (c.cdr.caller_number, c.cdr.callee_number))
    assert chosen(office, number="", said="", disposition="") == ids(calls)


def saying(office: Office, said: str) -> list[str]:
    wanted = said.lower()
    return ids(
        c
        for c in office.calls[office.acme.tenant_id]
        if c.transcript and any(wanted in u.text.lower() for u in c.transcript.utterances)
    )


@pytest.mark.parametrize("said", ["invoice", "100% W", "wool_s", "СЧЁТ", "socks'", "a%b", "_____", "b>last</B"])
def test_said_finds_the_literal_text_whatever_its_case(office, said):
    assert chosen(office, said=said) == saying(office, said)


HOSTILE = [
    "' OR 1=1 --",
    "'; DROP TABLE lk.main.call; --",
    "'; COPY lk.main.call TO '/tmp/stolen.csv'; --",
    "%",
    "_",
    "\\",
    "\\%",
    "$tenant_id",
    "?",
    "read_text('/etc/passwd')",
    "\x00",
    "\u202e",
    "🙂" * 50,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_filters_take_every_text_literally(office, text):
    assert chosen(office, said=text) == saying(office, text)
    assert chosen(office, number=text) == []
    assert chosen(office, disposition=text) == []
    assert queries.call(office.reader, office.scope(), text) is None
    assert queries.recording(office.reader, office.scope(), text) is None
    assert len(chosen(office)) == 63


def test_text_that_is_no_text_or_far_too_long_is_refused(office):
    for text in ("x" * 1_000_000, "\ud800"):
        with pytest.raises(InputError):
            chosen(office, said=text)
    with pytest.raises(InputError):
        chosen(office, since=datetime(2026, 1, 1))
    with pytest.raises(InputError):
        queries.calls(office.reader, office.scope(), limit=0)
    with pytest.raises(InputError):
        queries.calls(office.reader, Scope(""))


# detail


def test_a_call_comes_back_as_it_was_written(office):
    calls = office.calls[office.acme.tenant_id]
    for call in (*calls[:5], *calls[5::4]):
        found = queries.call(office.reader, office.scope(), call.cdr.call_id)
        kept = (call.recording,) if call.recording else ()
        assert found == queries.CallDetail(call.cdr, call.recording, call.turns, call.transcript, call.events, kept)
        if call.recording:
            assert queries.recording(office.reader, office.scope(), call.recording.recording_id) == call.recording


def test_a_row_of_the_list_agrees_with_the_call(office):
    calls = {c.cdr.call_id: c for c in office.calls[office.acme.tenant_id]}
    for row in queries.calls(office.reader, office.scope(), limit=500).frame.to_dict("records"):
        call = calls[row["call_id"]]
        scores = [leg.mos for leg in call.cdr.legs if leg.mos is not None]
        assert row["started_at"] == call.cdr.started_at and row["caller_name"] == call.cdr.caller_name
        assert (row["mos_min"] == min(scores)) if scores else row["mos_min"] != row["mos_min"]
        assert (row["recording_quality"] == call.recording.quality) if call.recording else True
        assert (row["transcript_status"] == call.transcript.status) if call.transcript else True
        assert row["comments"] == 0


# figures


def test_the_overview_counts_what_the_records_say(office):
    calls = office.calls[office.acme.tenant_id]
    figures = {m.metric_id: m for m in queries.overview(office.reader, office.scope(), SINCE, UNTIL)}
    answered = [c for c in calls if c.cdr.disposition == "answered"]
    scores = [leg.mos for c in calls for leg in c.cdr.legs if leg.mos is not None]
    recordings = [c for c in calls if c.recording]
    assert figures["calls"].value == len(calls)
    assert figures["answer_rate"].value == pytest.approx(len(answered) / len(calls))
    assert figures["talk_s_total"].value == pytest.approx(sum(c.cdr.talk_s for c in calls))
    assert figures["wait_s_mean"].value == pytest.approx(sum(c.cdr.wait_s for c in answered) / len(answered))
    assert figures["mos_mean"].value == pytest.approx(sum(scores) / len(scores))
    assert figures["share_mos_below_3_6"].numerator == sum(1 for s in scores if s < 3.6)
    assert figures["recorded_share"].value == pytest.approx(len(recordings) / len(answered))
    assert figures["recording_ok_share"].numerator == sum(1 for c in recordings if c.recording.quality == "ok")
    for figure in figures.values():
        assert figure.definition and figure.exclusions and figure.version
        assert (figure.value is None) == (figure.reason is not None)


def test_our_side_is_the_callee_of_calls_from_outside_and_the_caller_of_calls_to_outside(office):
    figures = {m.metric_id: m for m in queries.overview(office.reader, office.scope(), SINCE, UNTIL)}
    ours = {"inbound": 1, "outbound": 0}
    told = [(c.turns, ours[c.cdr.direction]) for c in office.calls[office.acme.tenant_id] if c.cdr.direction in ours]
    shares = [turns.parties[side].talk_ratio for turns, side in told]
    assert figures["agent_talk_ratio_mean"].denominator == len(told) == 2
    assert figures["agent_talk_ratio_mean"].value == pytest.approx(sum(shares) / 2)
    gaps = [turns.parties[side].patience_s for turns, side in told if turns.parties[side].patience_s is not None]
    assert figures["agent_patience_s_mean"].value == pytest.approx(sum(gaps) / len(gaps))
    per_minute = [c.turns.interactivity for c in office.calls[office.acme.tenant_id] if c.turns]
    per_minute = [value for value in per_minute if value is not None]
    assert figures["interactivity_mean"].value == pytest.approx(sum(per_minute) / len(per_minute))


def test_a_figure_over_nothing_is_none_and_says_why(office):
    for figure in queries.overview(office.reader, office.scope(), UNTIL, UNTIL):
        if figure.value is None:
            assert figure.reason
        else:
            assert figure.value == 0 and figure.denominator is None


@pytest.mark.parametrize("grain", ["hour", "day"])
def test_volume_adds_up_in_buckets_of_the_tenants_zone(office, grain):
    frame = queries.volume(office.reader, office.scope(), SINCE, UNTIL, "Asia/Bishkek", grain)
    calls = office.calls[office.acme.tenant_id]
    assert frame.calls.sum() == len(calls)
    assert frame.talk_s.sum() == pytest.approx(sum(c.cdr.talk_s for c in calls))
    assert {b.utcoffset() for b in frame.bucket} == {timedelta(hours=6)}
    assert all(b.minute == 0 and (grain == "hour" or b.hour == 0) for b in frame.bucket)


def test_quality_counts_the_legs_with_media(office):
    frame = queries.quality(office.reader, office.scope(), SINCE, UNTIL, "Asia/Bishkek", "day")
    legs = [leg for c in office.calls[office.acme.tenant_id] for leg in c.cdr.legs if leg.mos is not None]
    assert frame.legs.sum() == len(legs)
    assert (frame.mos_mean * frame.legs).sum() / len(legs) == pytest.approx(sum(x.mos for x in legs) / len(legs))
    assert frame.mos_min.min() == min(x.mos for x in legs)


def test_no_zone_and_no_grain_but_known_ones(office):
    for zone, grain in (("Mars/Olympus", "day"), ("../../etc/passwd", "day"), ("UTC", "minute")):
        with pytest.raises(InputError):
            queries.volume(office.reader, office.scope(), SINCE, UNTIL, zone, grain)


# isolation


def every_answer(office: Office, scope: Scope, call_id: str, recording_id: str) -> str:
    """What every query gives to this scope, as text."""
    reader = office.reader
    period = (SINCE, UNTIL)
    out = [queries.calls(reader, scope, limit=500).frame.to_csv()]
    out.append(queries.calls(reader, scope, CallFilter(said="o"), limit=500).frame.to_csv())
    out.append(repr(queries.call(reader, scope, call_id)))
    out.append(repr(queries.neighbours(reader, scope, call_id)))
    out.append(repr(queries.recording(reader, scope, recording_id)))
    out.append(repr(queries.overview(reader, scope, *period)))
    out.append(queries.volume(reader, scope, *period, "UTC", "hour").to_csv())
    out.append(queries.quality(reader, scope, *period, "UTC", "hour").to_csv())
    return "\n".join(out)


def test_two_tenants_with_equal_numbers_never_see_each_other(office):
    for mine, theirs in ((office.acme, office.birch), (office.birch, office.acme)):
        foreign = office.calls[theirs.tenant_id]
        recorded = next(c for c in foreign if c.recording)
        text = every_answer(office, office.scope(mine), recorded.cdr.call_id, recorded.recording.recording_id)
        for call in foreign:
            assert call.cdr.call_id not in text
            assert call.recording is None or call.recording.recording_id not in text
        unknown = every_answer(office, office.scope(mine), "0" * 32, "0" * 32)
        assert text == unknown  # a foreign id and an unknown one: no difference


def test_the_figures_of_a_tenant_do_not_depend_on_the_other(office):
    for tenant in (office.acme, office.birch):
        figures = queries.overview(office.reader, office.scope(tenant), SINCE, UNTIL)
        assert figures[0].value == len(office.calls[tenant.tenant_id])
    nobody = queries.overview(office.reader, Scope("f" * 32), SINCE, UNTIL)
    assert nobody[0].value == 0


def test_an_agent_sees_the_calls_of_his_extension_only(office):
    calls = office.calls[office.acme.tenant_id]
    scope = office.scope(extension="101")
    own = [c for c in calls if "101" in (c.cdr.caller_number, c.cdr.callee_number)]
    other = next(c for c in calls if c.recording and c not in own)
    assert 0 < len(own) < len(calls)
    assert list(queries.calls(office.reader, scope, limit=500).frame.call_id) == ids(own)
    assert queries.call(office.reader, scope, other.cdr.call_id) is None
    assert queries.recording(office.reader, scope, other.recording.recording_id) is None
    assert queries.neighbours(office.reader, scope, other.cdr.call_id) == (None, None)
    mine = next(c for c in own if c.recording)
    assert queries.recording(office.reader, scope, mine.recording.recording_id) == mine.recording
    figures = {m.metric_id: m.value for m in queries.overview(office.reader, scope, SINCE, UNTIL)}
    assert figures["calls"] == len(own)
    assert queries.volume(office.reader, scope, SINCE, UNTIL, "UTC", "day").calls.sum() == len(own)
    legs = sum(1 for c in own for leg in c.cdr.legs if leg.mos is not None)
    assert queries.quality(office.reader, scope, SINCE, UNTIL, "UTC", "day").legs.sum() == legs


# the reader itself


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/callbench-stolen.csv'",
        "ATTACH '/tmp/callbench-other.db'",
        "SET enable_external_access=true",
        "DELETE FROM lk.main.call",
        "INSTALL httpfs",
    ],
)
def test_the_reading_connection_can_do_nothing_but_read_the_warehouse(office, sql):
    with pytest.raises(Unavailable):
        office.reader.rows(sql)
    assert queries.freshness(office.reader)["calls"] == 91


def test_without_a_warehouse_the_reader_says_what_to_do(world):
    with pytest.raises(Unavailable, match="callbench up"):
        queries.open_reader(world.settings)


def test_an_open_reader_sees_new_commits_and_a_rebuilt_warehouse(world):
    facts.write_calls(world.settings, world.clock, world.acme, 3)
    lake.ingest_once(world.settings, world.clock)
    reader = queries.open_reader(world.settings)
    scope = Scope(world.acme.tenant_id)
    assert len(queries.calls(reader, scope).frame) == 3
    first = facts.write_calls(world.settings, world.clock, world.acme, 2, seed=5)[0]
    lake.ingest_once(world.settings, world.clock)
    assert len(queries.calls(reader, scope).frame) == 5
    assert queries.freshness(reader)["last_ingest_at"] > world.clock.now() - timedelta(minutes=1)
    local.move_aside(world.settings, world.clock)
    call = facts.make_call(random.Random(1), world.acme, world.clock.now())
    facts.write(world.settings, world.clock, [replace(call, cdr=replace(call.cdr, caller_name="after"))])
    lake.ingest_once(world.settings, world.clock)
    assert len(queries.calls(reader, scope).frame) == 6
    assert queries.call(reader, scope, first.call_id).cdr == first
    reader.close()
