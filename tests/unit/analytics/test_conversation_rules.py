"""Which calls are one conversation, and which rule makes its class: small stories, one after the other."""

from __future__ import annotations

import pytest

from analytics.conversations import rules
from tests.support.derivedlake import LINE, START, DerivedLake, call, call_id, evidence

ANN, BEN = "+996555000111", "+996555000222"
TALK = (10.0, 70.0)


@pytest.fixture
def lake() -> DerivedLake:
    return DerivedLake()


def classes(lake: DerivedLake) -> list[str]:
    return [c for (_, c) in lake.conversations("started_at, class")]


def test_every_rule_gives_a_class_and_the_last_of_each_side_always_holds():
    assert {r.gives for r in rules.RULES} == set(rules.ConversationClass)
    assert [r.id for r in rules.RULES if r.holds == "true"] == ["inbound.missed/1", "placed.not_reached/1"]
    assert len(rules.BY_ID) == len(rules.RULES)


CASES = {
    "a queue was asked, an agent talked": (call("1", ANN, 0, talked=TALK, by="101"), "answered"),
    "the person asked talked": (call("1", ANN, 0, talked=TALK, by="101", asked="extension:101"), "answered"),
    "a group was asked, one member took it": (
        call("1", ANN, 0, talked=TALK, by="103", asked="group:sales"), "answered",
    ),
    "a conference was joined": (call("1", ANN, 0, talked=TALK, asked="conference:600"), "answered"),
    "another took it up": (call("1", ANN, 0, talked=TALK, by="102", asked="extension:101"), "answered_elsewhere"),
    "the person's mobile took it": (
        call("1", ANN, 0, talked=TALK, by=BEN, asked="extension:101"), "answered_elsewhere",
    ),
    "a message was left": (call("1", ANN, 0, asked="extension:101", voicemail=True), "voicemail"),
    "a message left when it was closed": (
        call("1", ANN, 0, asked="voicemail:101", voicemail=True, closed_hours="office"), "voicemail",
    ),
    "closed": (
        call("1", ANN, 0, asked="announcement:closed", closed_hours="office"), "out_of_hours",
    ),
    "closed but somebody answered all the same": (
        call("1", ANN, 0, talked=TALK, by="101", closed_hours="office"), "answered",
    ),
    "left the queue himself": (call("1", ANN, 0), "abandoned"),
    "our machine died while he waited": (call("1", ANN, 0, hangup_party="system"), "missed"),
    "waited too long": (call("1", ANN, 0, queue_result="overflow"), "missed"),
    "the queue was full at the door": (
        call("1", ANN, 0, queue_result="overflow", queue_wait_s=0.2, ringing_at=None), "blocked",
    ),
    "a blocked caller": (
        call("1", ANN, 0, asked="announcement:no", refused="blocked", disposition="cancelled"), "blocked",
    ),
    "all channels in use": (call("1", ANN, 0, asked="hangup:busy", route=("did:" + LINE,), refused="full"), "blocked"),
    "a number that leads nowhere": (
        call("1", ANN, 0, asked="", route=("did:" + LINE,), disposition="failed"), "blocked",
    ),
    "nobody took it": (call("1", ANN, 0, asked="extension:101"), "missed"),
    "hung up in the menu": (call("1", ANN, 0, asked="menu:main", disposition="cancelled"), "missed"),
    "asked to be called back": (call("1", ANN, 0, queue_result="callback"), "missed"),
    "we reached him": (call("1", ANN, 0, direction="outbound", talked=TALK), "reached"),
    "we did not": (call("1", ANN, 0, direction="outbound"), "not_reached"),
    "he answered a call-back, no agent came": (call("1", ANN, 0, direction="callback", talked=TALK), "not_reached"),
    "he answered a call-back and an agent came": (
        call("1", ANN, 0, direction="callback", talked=TALK, by="101"), "reached",
    ),
    "a campaign was heard": (call("1", ANN, 0, direction="informing", talked=TALK, asked="inform:1"), "reached"),
    "among ourselves": (call("1", "102", 0, direction="internal", talked=TALK, by="102"), "reached"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_call(lake: DerivedLake, case: str):
    made, wanted = CASES[case]
    lake.put(made)
    ((kind, rule, said),) = lake.conversations("class, rule, evidence")
    assert kind == wanted
    assert rules.BY_ID[rule].gives == kind
    assert evidence(said)


def test_an_unanswered_call_of_an_import_without_a_route_is_missed_not_blocked(lake: DerivedLake):
    lake.put(call("1", ANN, 0, asked="", route=(), destination="", disposition="failed"))
    assert classes(lake) == ["missed"]


def test_three_tries_in_two_minutes_are_one_conversation(lake: DerivedLake):
    lake.put(call("1", ANN, 0), call("2", ANN, 50), call("3", ANN, 100, talked=TALK, by="101"))
    ((kind, calls, attempts, wait_s, said),) = lake.conversations("class, calls, attempts, wait_s, evidence")
    assert (kind, calls, attempts, wait_s) == ("answered", 3, 3, 110.0)
    assert evidence(said)["talked"] == "101 talked after 110 s"
    assert [r[3] for r in lake.roles()] == ["first", "repeat", "repeat"]


def test_the_window_counts_from_the_end_of_the_attempt_and_its_border_belongs_to_it(lake: DerivedLake):
    lake.put(call("1", ANN, 0, lasts=30), call("2", ANN, 330, lasts=30), call("3", ANN, 661))
    assert [c for (_, c) in lake.conversations("started_at, calls")] == [2, 1]


def test_who_was_heard_and_calls_again_begins_anew(lake: DerivedLake):
    lake.put(call("1", ANN, 0, talked=TALK, by="101"), call("2", ANN, 80))
    assert classes(lake) == ["answered", "abandoned"]
    first, second = lake.conversations("conversation_id, repeat_of, repeated_by")
    assert (first[2], second[1]) == (second[0], first[0])


def test_a_repeat_is_a_caller_with_whom_somebody_had_talked_and_never_our_own_call(lake: DerivedLake):
    ours = {"direction": "outbound", "talked": (5, 20)}
    lake.put(
        call("1", ANN, 0),  # in vain: who tries again later was not helped before
        call("2", ANN, 1000, talked=TALK, by="101"),
        call("3", ANN, 2000, **ours),
        call("4", ANN, 3000, direction="outbound"),
        call("5", ANN, 4000),
        call("6", ANN, 5000 + 7 * 86400, talked=TALK, by="101"),  # more than 7 days after the last talk
    )
    found = lake.conversations("conversation_id, repeat_of, repeated_by")
    ids = [row[0] for row in found]
    assert [(ids.index(of) if of else None, ids.index(by) if by else None) for _, of, by in found] == [
        (None, None), (None, 4), (None, 4), (None, None), (2, None), (None, None)
    ]  # fmt: skip


def test_a_talk_in_between_whoever_called_ends_the_window(lake: DerivedLake):
    lake.put(call("1", ANN, 0), call("2", ANN, 60, direction="outbound", talked=(5, 20)), call("3", ANN, 120))
    assert classes(lake) == ["abandoned", "reached", "abandoned"]


def test_a_vain_call_of_ours_in_between_does_not(lake: DerivedLake):
    lake.put(call("1", ANN, 0), call("2", ANN, 60, direction="outbound"), call("3", ANN, 120))
    assert [c for (_, c) in lake.conversations("started_at, calls")] == [2, 1]


@pytest.mark.parametrize("number", ["anonymous", "", "unknown", "alice", "0000", "' OR 1=1 --", "+0"])
def test_callers_without_a_number_are_never_joined(lake: DerivedLake, number: str):
    lake.put(call("1", number, 0), call("2", number, 40), call("3", number, 90, talked=TALK, by="101"))
    assert classes(lake) == ["abandoned", "abandoned", "answered"]
    assert {row[:3] for row in lake.conversations("outside_number, repeat_of, recovered_by")} == {("", "", "")}


def test_two_tenants_with_the_same_numbers_stay_apart(lake: DerivedLake):
    other = "b" * 32
    lake.put(call("1", ANN, 0), call("2", ANN, 40, tenant=other, talked=TALK, by="101"))
    lake.put(call("1", ANN, 0, tenant=other))
    assert lake.conversations("tenant_id, class, calls, recovered_by") == [
        ("a" * 32, "abandoned", 1, ""),
        (other, "answered", 2, ""),
    ]


def test_a_consultation_belongs_to_the_call_that_it_was_given_to(lake: DerivedLake):
    main = call("1", ANN, 0, talked=(10, 200), by="101", transferred="attended")
    asked = call("2", "102", 60, direction="internal", talked=(5, 30), by="102", conversation_id=main.call_id)
    lake.put(asked)
    lake.put(main)
    ((kind, calls, talk_s, transferred, agents),) = lake.conversations("class, calls, talk_s, transferred, agents")
    assert (kind, calls, talk_s, transferred) == ("answered", 2, 190.0, "attended")
    assert agents == '["101"]'
    assert [r[3] for r in lake.roles()] == ["first", "transfer"]


def test_a_call_back_out_of_the_queue_answers_the_conversation(lake: DerivedLake):
    asked = call("1", ANN, 0, queue_result="callback")
    vain = call("2", ANN, 600, direction="callback", conversation_id=asked.call_id)
    heard = call("3", ANN, 900, direction="callback", talked=(20, 100), by="104", conversation_id=asked.call_id)
    lake.put(heard, vain)
    lake.put(asked)
    ((kind, calls, by, attempts),) = lake.conversations("class, calls, answered_by, attempts")
    assert (kind, calls, by, attempts) == ("answered", 3, "104", 1)
    assert [r[3] for r in lake.roles()] == ["first", "callback", "callback"]


def test_a_chain_of_names_and_a_circle_are_followed(lake: DerivedLake):
    first = call("1", ANN, 0, queue_result="callback")
    second = call("2", ANN, 100, direction="callback", talked=(5, 60), by="101", conversation_id=first.call_id)
    third = call("3", "102", 120, direction="internal", conversation_id=second.call_id)
    left, right = (call(n, "103", 500, direction="internal") for n in "45")
    left, right = (
        call("4", "103", 500, direction="internal", conversation_id=right.call_id),
        call("5", "103", 500, direction="internal", conversation_id=left.call_id),
    )
    lake.put(third, right, first, left, second)
    assert [c for (_, c) in lake.conversations("started_at, calls")] == [3, 2]


def test_a_call_cannot_belong_to_a_story_of_last_week(lake: DerivedLake):
    lake.put(call("1", ANN, 0), call("2", "102", 7 * 86400, direction="internal", conversation_id=call_id("1", 0)))
    assert len(lake.conversations()) == 2


def test_out_of_hours_only_when_every_attempt_met_closed_doors(lake: DerivedLake):
    lake.put(
        call("1", ANN, 0, asked="extension:101"), call("2", ANN, 60, asked="announcement:x", closed_hours="office")
    )
    lake.put(call("3", BEN, 0, asked="announcement:x", closed_hours="office"))
    lake.put(call("4", BEN, 60, asked="announcement:x", closed_hours="office"))
    assert sorted(classes(lake)) == ["missed", "out_of_hours"]


def test_a_machine_that_calls_without_a_pause_is_not_one_endless_conversation(lake: DerivedLake):
    lake.put(*(call(f"{n:03d}", ANN, n * 60, lasts=5) for n in range(rules.ATTEMPTS_MAX + 3)))
    assert sorted(c for (c,) in lake.conversations("calls")) == [1, 1, 1, rules.ATTEMPTS_MAX]


def test_a_lost_caller_is_recovered_by_our_call_or_by_his_own(lake: DerivedLake):
    lake.put(call("1", ANN, 0, voicemail=True), call("2", BEN, 0, asked="extension:101"))
    lake.put(call("3", ANN, 4000, direction="outbound", talked=(10, 60), ours="102"))
    lake.put(call("4", BEN, 8000, talked=(20, 60), by="103"), call("5", BEN, 9000, talked=(20, 60), by="104"))
    rows = lake.conversations("class, recovered_agent, recovery_s, recovered_by")
    assert ("voicemail", "102", 3980.0, call_id("3", 4000)) in rows
    assert ("missed", "103", 7990.0, call_id("4", 8000)) in rows
    assert all(by == "" for kind, _, _, by in rows if kind in ("answered", "reached"))


def test_after_the_days_of_recovery_a_lost_caller_stays_lost(lake: DerivedLake):
    late = rules.RECOVERY_DAYS * 86400 + 60
    lake.put(call("1", ANN, 0, lasts=30), call("2", ANN, late, direction="outbound", talked=(5, 60)))
    assert lake.conversations("recovered_by") == [("",), ("",)]


def test_a_call_that_is_told_anew_changes_its_conversation(lake: DerivedLake):
    lake.put(call("1", ANN, 0), call("2", ANN, 60, talked=TALK, by="101"))
    lake.put(call("1", BEN, 0))  # the record came again, with the right number
    assert lake.conversations("outside_number, class") == [(ANN, "answered"), (BEN, "abandoned")]
    lake.put(call("1", ANN, 0))
    assert lake.conversations("outside_number, class, calls") == [(ANN, "answered", 2)]


def test_across_midnight_and_the_hour_that_comes_twice(lake: DerivedLake):
    night = (START.replace(month=10, day=24, hour=23, minute=59, second=50) - START).total_seconds()
    lake.put(call("1", ANN, night, lasts=30), call("2", ANN, night + 60, talked=TALK, by="101"))
    twice = night + 3600 + 600  # 01:00 UTC: in Berlin clocks go back from 3 to 2
    lake.put(call("3", BEN, twice - 30, lasts=20), call("4", BEN, twice + 30, talked=TALK, by="101"))
    assert [c for (_, c) in lake.conversations("started_at, calls")] == [2, 2]


def test_hostile_text_is_kept_as_text(lake: DerivedLake):
    nasty = "486 \"<script>'; DROP TABLE conversation;--\u202e"
    lake.put(call("1", ANN, 0, asked="extension:101", cause=nasty))
    ((said,),) = lake.conversations("evidence")
    assert evidence(said)["ended"] == f"It ended with: {nasty}"
