"""The simulated offices: the same seed, the same days; logs as the systems write them, by hand-made examples."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections import Counter
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest

from tests.support.offices import asterisk, draw, freepbx, freeswitch, mikopbx, ours, people, truth
from tests.support.offices.calls import WITHHELD, Call, Message, Offer, Ring, Talk, Transfer, Wait

AT = datetime(2026, 3, 28, 23, 59, 50, tzinfo=UTC)  # in Berlin the clocks change in the night after
EPOCH = int(AT.timestamp())
OFFICE = people.Office("acme", "Europe/Berlin", "a" * 32)
CLASSES = {"answered", "answered_elsewhere", "voicemail", "out_of_hours", "abandoned", "blocked", "missed"}


def call(*steps, caller="+4915112345678", did=people.HELP, ended_s=60.0, hung_up="caller", **more) -> Call:
    fields = {"direction": "inbound", "name": "Ann", "dialled": did, "trunk": people.TRUNK, **more}
    return Call("c" * 32, AT, caller=caller, did=did, steps=steps, ended_s=ended_s, hung_up=hung_up, **fields)


QUEUED = call(
    Wait(
        0.0, 20.0, "support", "answered",
        (Offer(2.0, 10.0, (("104", "no_answer"),)), Offer(12.0, 20.0, (("105", "answered"),))), "105",
    ),
    Talk(20.0, 60.0, "105"),
)  # fmt: skip
HANDED_ON = call(
    Ring(0.0, 5.0, "extension:102", (("102", "answered"),), "102"),
    Talk(5.0, 30.0, "102"),
    Transfer(34.0, 30.0, "102", "103", "blind"),
    Talk(34.0, 60.0, "103"),
    did=people.DIRECT,
)
GROUP = call(
    Ring(0.0, 6.0, "group:sales", (("101", "declined"), ("102", "cancelled"), ("103", "answered")), "103"),
    Talk(6.0, 60.0, "103"),
    did=people.LINE,
)
MESSAGE = call(
    Ring(0.0, 20.0, "extension:102", (("102", "no_answer"),)), Message(20.0, 60.0, "102", True), did=people.DIRECT
)


def test_the_same_seed_gives_the_same_days_and_another_seed_others():
    assert draw.plan(OFFICE, 3).stories == draw.plan(OFFICE, 3).stories
    assert draw.plan(OFFICE, 3).stories != draw.plan(OFFICE, 4).stories


def test_a_few_offices_meet_every_class():
    plans = [draw.plan(OFFICE, seed) for seed in range(4)]
    met = Counter(t.klass for plan in plans for t in truth.conversations(plan))
    assert met.keys() == CLASSES | {"reached", "not_reached"}


def test_no_two_calls_of_one_number_overlap():
    for plan in (draw.plan(OFFICE, seed) for seed in range(4)):
        ends: dict[str, datetime] = {}
        for one in plan.calls:
            if one.outside:
                assert one.started_at >= ends.get(one.outside, one.started_at)
                ends[one.outside] = one.ended_at


def test_our_records_say_what_happened():
    plan = draw.plan(OFFICE, 1)
    for one in plan.calls:
        cdr = ours.written(OFFICE, one)[0].cdr
        assert (cdr.started_at, cdr.ended_at) == (one.started_at, one.ended_at)
        if one.direction != "callback" and one.direction != "click":
            assert (cdr.disposition == "answered") == bool(one.talks)
            assert cdr.talk_s == pytest.approx(one.ended_s - one.talks[0].at_s if one.talks else 0.0)
        assert cdr.voicemail == any(isinstance(s, Message) and s.left for s in one.steps)


def test_the_truth_of_a_transfer_and_of_a_message():
    plan = draw.Plan(OFFICE, AT, AT, [[HANDED_ON]])
    (handed,) = truth.conversations(plan)
    assert (handed.klass, handed.answered_by, handed.agents) == ("answered", "102", ["102", "103"])
    assert (handed.wait_s, handed.talk_s, handed.transferred) == (5.0, 55.0, "blind")
    (left,) = truth.conversations(draw.Plan(OFFICE, AT, AT, [[MESSAGE]]))
    assert (left.klass, left.wait_s, left.talk_s) == ("voicemail", 60.0, 0.0)


def test_asterisk_writes_a_row_per_phone_and_the_queues_story():
    found = asterisk.logged([QUEUED])
    rows = list(csv.reader(io.StringIO(asterisk.master(found, 21))))
    assert [len(r) for r in rows] == [21, 21]
    rang, answered = rows
    assert rang[5:17] == [
        "PJSIP/main-00000001", "PJSIP/104-00000002", "Queue", "support,t,,,300", "2026-03-28 23:59:50", "",
        "2026-03-29 00:00:00", "10", "0", "NO ANSWER", "DOCUMENTATION", f"{EPOCH}.1",
    ]  # fmt: skip
    assert answered[9:15] == [
        "2026-03-29 00:00:00", "2026-03-29 00:00:00", "2026-03-29 00:00:50", "50", "50", "ANSWERED"
    ]  # fmt: skip
    assert {r[19] for r in rows} == {f"{EPOCH}.1"}
    assert asterisk.queue_log(found).splitlines() == [
        f"{EPOCH}|{EPOCH}.1|support|NONE|ENTERQUEUE||+4915112345678|1",
        f"{EPOCH + 10}|{EPOCH}.1|support|PJSIP/104|RINGNOANSWER|8000",
        f"{EPOCH + 20}|{EPOCH}.1|support|PJSIP/105|CONNECT|20|{EPOCH + 10}.3|8",
        f"{EPOCH + 60}|{EPOCH}.1|support|PJSIP/105|COMPLETECALLER|20|40|1",
    ]


@pytest.mark.parametrize("columns", asterisk.COLUMNS)
def test_asterisks_rows_have_as_many_columns_as_asked_for(columns):
    plan = draw.plan(OFFICE, 2, grain_s=1.0, plain=True)
    text = asterisk.master(asterisk.logged(plan.calls), columns, "Europe/Berlin")
    assert {len(r) for r in csv.reader(io.StringIO(text))} == {columns}


def test_freepbx_shows_a_queue_by_local_channels_and_a_group_by_its_number():
    rows = list(csv.DictReader(io.StringIO(freepbx.report(asterisk.logged([QUEUED]), "Europe/Berlin"))))
    assert [(r["dcontext"], r["dst"], r["disposition"], r["billsec"]) for r in rows] == [
        ("ext-queues", "610", "NO ANSWER", "0"),
        ("from-internal", "104", "NO ANSWER", "0"),
        ("ext-queues", "610", "ANSWERED", "50"),
        ("from-internal", "105", "ANSWERED", "40"),
    ]
    assert rows[0]["calldate"] == "2026-03-29 00:59:50"
    assert len({r["linkedid"] for r in rows}) == 1
    (group,) = {r["dst"] for r in csv.DictReader(io.StringIO(freepbx.report(asterisk.logged([GROUP]), "UTC")))}
    assert group == "600"


def test_mikopbx_has_a_row_per_phone_and_marks_machines(tmp_path):
    mikopbx.write(tmp_path / "cdr.db", [QUEUED, HANDED_ON], "Europe/Berlin")
    with sqlite3.connect(tmp_path / "cdr.db") as db:
        found = db.execute("SELECT start, dst_num, disposition, is_app, transfer, billsec FROM cdr_general").fetchall()
    db.close()
    assert found == [
        ("2026-03-29 00:59:50.000", "610", "NOANSWER", "1", "0", 0),
        ("2026-03-29 00:59:52.000", "104", "NOANSWER", "0", "0", 0),
        ("2026-03-29 01:00:02.000", "105", "ANSWERED", "0", "0", 40),
        ("2026-03-29 00:59:50.000", "102", "ANSWERED", "0", "0", 25),
        ("2026-03-29 01:00:20.000", "103", "ANSWERED", "0", "1", 26),
    ]


def test_freeswitch_writes_the_calling_leg_and_json_every_leg(tmp_path):
    line = freeswitch.master([HANDED_ON], "UTC").rstrip("\n")
    fields = line.strip('"').split('","')
    assert fields[:10] == [
        "Ann", "+4915112345678", people.DIRECT, "public", "2026-03-28 23:59:50", "2026-03-28 23:59:55",
        "2026-03-29 00:00:50", "60", "55", "NORMAL_CLEARING",
    ]  # fmt: skip
    freeswitch.write_json(tmp_path, [HANDED_ON])
    legs = [json.loads(p.read_text())["variables"] for p in sorted(tmp_path.glob("*.json"))]
    assert [
        (leg["direction"], unquote(leg["destination_number"])) for leg in legs if leg["direction"] == "inbound"
    ] == [("inbound", people.DIRECT)]
    assert sorted(leg["destination_number"] for leg in legs if leg["direction"] == "outbound") == ["102", "103"]


def test_a_withheld_number_is_a_word_in_every_log():
    hidden = call(*QUEUED.steps, caller=WITHHELD)
    assert hidden.outside == ""
    assert '"anonymous"' in asterisk.master(asterisk.logged([hidden]), 18)
    assert '"anonymous"' in freeswitch.master([hidden], "UTC")
