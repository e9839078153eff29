"""Where calls go in the shared office: who dials what, what is so at that moment, where the call stands then."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from pbx_core.domain.dialplan import resolve
from pbx_core.domain.model import Model, Neighbour, UserSettings
from pbx_core.domain.nodes import HOPS_MAX, Change, Hangup, Join, JoinHow, Mailbox, Menu, Queue, Ring, Voicemail, Wish
from tests.support.dialplan import BERLIN, CITY, OFFICE, asked, changed, facts, origin, reasons, where

STRANGER = "+996555123456"


@pytest.mark.parametrize(
    ("caller", "dialled", "stands"),
    [
        ("101", "102", "rings 102 Bob"),
        ("101", "101", "busy 486"),  # his own number
        ("101", "999", "wrong_number 404"),
        ("101", "", "wrong_number 404"),
        ("101", "1" * 33, "wrong_number 404"),
        ("101", "102\r\nX: y", "wrong_number 404"),
        ("101", "200", "rings 102 Bob, 105 Eva"),  # a group without the caller
        ("101", "201", "waits in queue support"),
        ("101", "600", "conference 600"),
        ("101", "701", "retrieve 701: there is none"),
        ("101", "112", "rings 112 by main or backup"),
        ("105", "112", "rings 112 by backup or main"),  # Berlin's own trunk for it first
        ("101", "103", "rings 103 Chynara"),  # a short number of the plan, though police elsewhere
        ("101", "0312555555", "rings +996312555555 by main or backup"),
        ("101", "+996312555555", "rings +996312555555 by main or backup"),
        ("101", "00996312555555", "rings +996312555555 by main or backup"),
        ("101", CITY, "menu main"),  # our own number does not leave the house
        ("101", "+493012345678", "not_allowed 403"),  # 101 may not call abroad
        ("102", "+493012345678", "rings +493012345678 by backup or main"),  # the route for 49
        ("102", "+77272501234", "rings +77272501234 by main or backup"),
        ("102", "+12025550123", "not_allowed 403"),  # the USA is not in the tenant's list
        ("105", "+77272501234", "not_allowed 403"),  # Kazakhstan is not in Eva's list
        ("102", "+870771234567", "not_allowed 403"),
        ("102", "+881612345678", "not_allowed 403"),
        ("102", "+8821234567", "not_allowed 403"),
        ("102", "+87812345678901", "not_allowed 403"),
        ("102", "+979123456789", "not_allowed 403"),
        ("102", "+19005551234", "not_allowed 403"),
        ("102", "+19765551234", "not_allowed 403"),
        ("102", "+499001234567", "not_allowed 403"),  # premium in an allowed country
        (STRANGER, CITY, "menu main"),
        (STRANGER, "+996312999999", "wrong_number 404"),  # not ours
        (STRANGER, "extension:104", "rings 104 Daniyar"),
        (STRANGER, "mailbox:101", "no_right 403"),
        (STRANGER, "listen:103", "no_right 403"),
        (STRANGER, "change:dnd:on", "no_right 403"),
        (STRANGER, "pickup:", "no_right 403"),
        ("101", "voicemail:106", "no_answer 480"),  # has no mailbox
        ("101", "nonsense:1", "wrong_number 404"),
        ("101", "group:nobody", "wrong_number 404"),
    ],
)
def test_what_is_dialled_leads_there(caller: str, dialled: str, stands: str) -> None:
    assert where(asked(caller, dialled)) == stands


@pytest.mark.parametrize(
    "digits", ["0312555555", "+996312555555", "112", "*97", "*72102", "**102", "600", "201", "701"]
)
def test_a_caller_from_outside_dials_nothing_but_extensions(digits: str) -> None:
    """In a menu, that is: no way outside, no code, no room, not even an emergency number (threats 8 and 12)."""
    routed = asked(STRANGER, digits, visited=(f"did:{CITY}", "menu:main"))
    assert where(routed) == "wrong_number 404"
    assert where(asked(STRANGER, "104", visited=(f"did:{CITY}", "menu:main"))) == "rings 104 Daniyar"


@pytest.mark.parametrize("digits", ["0312555555", "*72102", "600"])
def test_nor_does_he_when_somebody_of_the_house_sent_him_into_the_menu(digits: str) -> None:
    for sender in (origin("101"), replace(origin(STRANGER, CITY), extension="101")):
        wish = Wish(sender, digits, visited=("extension:101", "menu:main"))
        assert where(resolve(OFFICE, facts(), wish)) == "wrong_number 404"


@pytest.mark.parametrize(
    ("at", "stands"),
    [
        ("2026-11-23 08:59", "hears prompt:closed"),
        ("2026-11-23 09:00", "menu main"),
        ("2026-11-23 18:00", "hears prompt:closed"),
        ("2026-11-28 12:00", "menu main"),  # Saturday
        ("2026-12-25 12:00", "hears prompt:closed"),  # a holiday of one year
        ("2027-12-24 12:00", "menu main"),
        ("2027-03-21 12:00", "hears prompt:closed"),  # of every year
        ("2026-12-31 11:00", "menu main"),  # a holiday with hours
        ("2026-12-31 13:00", "hears prompt:closed"),
    ],
)
def test_hours_and_holidays_decide(at: str, stands: str) -> None:
    assert where(asked(STRANGER, CITY, at=at)) == stands


@pytest.mark.parametrize(
    ("user", "stands", "because"),
    [
        (UserSettings("102", dnd=True), "leaves a message for 102", "does not want to be disturbed"),
        (UserSettings("102", dnd=True, forward_busy="103"), "rings 103 Chynara", "does not want to be disturbed"),
        (UserSettings("102", forward_always="103"), "rings 103 Chynara", "forwards every call to 103"),
        (UserSettings("102", forward_always="voicemail"), "leaves a message for 102", "forwards every call"),
        (UserSettings("102", forward_always="600"), "conference 600", "forwards every call"),
        (UserSettings("102", forward_always="+493012345678"), "rings +493012345678 by backup or main", "route germany"),
        (UserSettings("102", forward_always="+12025550123"), "not_allowed 403", "US"),
        (UserSettings("102", forward_always="+19005551234"), "not_allowed 403", "premium"),
        (UserSettings("102", forward_always="4711"), "wrong_number 404", "there is no number 4711"),
        (UserSettings("102", forward_always="101"), "loop 482", "would ring the phone that calls"),
        (UserSettings("102", forward_always="102"), "loop 482", "in a circle"),
        (UserSettings("102", forward_always=CITY), "menu main", "is a number of our own"),
    ],
)
def test_a_users_wishes_come_first(user: UserSettings, stands: str, because: str) -> None:
    routed = asked("101", "102", users=[user])
    assert where(routed) == stands
    assert because in reasons(routed)


def test_a_forwarded_call_goes_outside_with_the_rights_and_number_of_who_forwarded() -> None:
    """101 may not call Germany; 105, who forwards there, may, and shows Berlin's number."""
    routed = asked("101", "105", users=[UserSettings("105", forward_always="+493012345678")])
    assert isinstance(routed.node, Ring)
    assert {r.caller_id for r in routed.node.targets[0].routes} == {BERLIN}
    assert routed.origin.extension == "105"
    refused = asked("105", "101", users=[UserSettings("101", forward_always="+493012345678")])
    assert where(refused) == "not_allowed 403"
    from_outside = asked(STRANGER, "extension:105", users=[UserSettings("105", forward_always="+493012345678")])
    assert isinstance(from_outside.node, Ring)
    assert {r.caller_id for r in from_outside.node.targets[0].routes} == {BERLIN}  # never the stranger's


@pytest.mark.parametrize("length", [2, 3, 6])
def test_forwarding_in_a_circle_ends_at_once(length: int) -> None:
    ring = [str(101 + i) for i in range(length)]
    users = [UserSettings(n, forward_always=ring[(i + 1) % length]) for i, n in enumerate(ring)]
    routed = asked(STRANGER, "extension:101", users=users)
    assert where(routed) == "loop 482"
    assert len(routed.visited) <= HOPS_MAX


def test_forwarding_over_an_own_public_number_is_a_circle_too() -> None:
    model = changed(dids={BERLIN: {"destination": "extension:105"}})
    routed = asked(STRANGER, BERLIN, model=model, users=[UserSettings("105", forward_always=BERLIN)])
    assert where(routed) == "loop 482"


def test_a_menu_may_be_heard_again_but_not_for_ever() -> None:
    visited: tuple[str, ...] = ()
    for _ in range(HOPS_MAX + 1):
        routed = asked(STRANGER, "menu:main", visited=visited)
        visited = routed.visited
    assert where(routed) == "loop 482"
    again = asked(STRANGER, "group:sales", visited=("menu:main", "group:sales", "menu:main"))
    assert where(again) == "rings 101 Aigul, 102 Bob, 105 Eva"


def test_what_follows_a_phone_that_is_not_answered() -> None:
    plain = asked("101", "102").node
    assert isinstance(plain, Ring)
    assert (plain.on_no_answer, plain.on_busy, plain.on_offline, plain.ring_s) == (*["voicemail:102"] * 3, 25.0)
    user = UserSettings("102", forward_no_answer="103", forward_no_answer_s=12, forward_busy="104",
                        forward_offline="voicemail")  # fmt: skip
    wished = asked("101", "102", users=[user]).node
    assert isinstance(wished, Ring)
    assert (wished.on_no_answer, wished.on_busy, wished.on_offline) == (
        "forward:102:103", "forward:102:104", "voicemail:102",
    )  # fmt: skip
    assert wished.ring_s == 12
    assert where(asked("101", wished.on_no_answer, users=[user])) == "rings 103 Chynara"
    nobody = asked("101", "106").node
    assert isinstance(nobody, Ring)
    assert (nobody.on_no_answer, nobody.on_busy, nobody.on_offline) == ("", "", "")


def test_follow_me_looks_for_him_in_turn_and_only_where_he_may_call() -> None:
    user = UserSettings("102", follow_me=("103", "+493012345678", "+12025550123", "102x"))
    first = asked(STRANGER, "extension:102", users=[user])
    assert isinstance(first.node, Ring) and first.node.on_no_answer == "follow:102"
    second = asked(STRANGER, "follow:102", users=[user], visited=first.visited)
    assert where(second) == "rings 103 Chynara, +493012345678 by backup or main one after another"
    assert "US is not in outbound.countries" in reasons(second)
    assert isinstance(second.node, Ring) and second.node.on_no_answer == "voicemail:102"


def test_group_members_who_do_not_want_to_be_disturbed_are_passed_over() -> None:
    users = [UserSettings("101", dnd=True), UserSettings("102", forward_always="103")]
    assert where(asked(STRANGER, "group:sales", users=users)) == "rings 102 Bob, 105 Eva"
    everyone = [UserSettings(n, dnd=True) for n in ("101", "102", "105")]
    routed = asked(STRANGER, "group:sales", users=everyone)
    assert where(routed) == "leaves a message for 101"
    assert "nobody can be rung" in reasons(routed)


def test_a_group_rings_numbers_outside_by_the_tenants_rules_whoever_calls() -> None:
    model = changed(groups={"sales": {"members": ["102", "+493012345678"], "strategy": "sequence"}})
    for caller in (STRANGER, "101", "105"):
        routed = asked(caller, "group:sales", model=model)
        assert where(routed) == "rings 102 Bob, +493012345678 by backup or main one after another"


def test_random_order_is_another_for_another_call_and_the_same_for_the_same() -> None:
    model = changed(groups={"sales": {"members": ["101", "102", "103", "104"], "strategy": "random"}})
    orders = [where(asked(STRANGER, "group:sales", model=model, seed=seed)) for seed in range(20)]
    assert len(set(orders)) > 5
    assert orders[3] == where(asked(STRANGER, "group:sales", model=model, seed=3))
    assert all(sorted(o.removeprefix("rings ").removesuffix(" one after another").split(", ")) ==
               ["101 Aigul", "102 Bob", "103 Chynara", "104 Daniyar"] for o in orders)  # fmt: skip


@pytest.mark.parametrize(
    ("caller", "stands"),
    [
        ("+996555000111", "rejected 603"),
        ("0555000111", "rejected 603"),  # as a carrier may write it
        ("+996777912345", "rejected 603"),
        ("+996777812345", "menu main"),
        ("anonymous", "menu main"),
    ],
)
def test_blocked_callers_are_turned_away(caller: str, stands: str) -> None:
    assert where(asked(caller, CITY)) == stands


def test_lists_block_the_withheld_and_let_the_listed_through() -> None:
    model = changed(callers={"block": ["*"], "allow": ["+99655512*"], "blocked_hear": "announcement:closed"})
    assert where(asked("", CITY, model=model)) == "hears prompt:closed"
    assert where(asked("+12025550123", CITY, model=model)) == "hears prompt:closed"
    assert where(asked(STRANGER, CITY, model=model)) == "menu main"
    assert where(asked("101", CITY, model=model)) == "menu main"  # a phone of the house is no stranger


def test_the_call_beyond_the_last_channel_meets_its_fate() -> None:
    routed = asked(STRANGER, CITY, overflow=True)
    assert where(routed) == "waits in queue support"
    assert "all 2 channels are in use" in reasons(routed)
    assert where(asked("+996555000111", CITY, overflow=True)) == "rejected 603"
    assert where(asked(STRANGER, BERLIN, overflow=True, trunk="backup")) == "busy 486"


def test_a_number_tied_to_a_trunk_is_called_by_no_other() -> None:
    assert where(asked(STRANGER, BERLIN, trunk="backup")) == "rings 105 Eva"
    assert where(asked(STRANGER, BERLIN, trunk="main")) == "wrong_number 404"


def test_emergency_calls_need_no_right_and_hear_nothing_first() -> None:
    model = changed(outbound={"international": False, "countries": [], "calls_max": 1})
    for digits in ("112",):
        node = asked("101", digits, model=model, users=[UserSettings("101", dnd=True)]).node
        assert isinstance(node, Ring)
        assert all(r.emergency and r.number == "112" for r in node.targets[0].routes)
        assert node.record.announcement == () and node.record.mode == "never"
    prefixed = changed(outbound={"outside_prefix": "9"})
    assert where(asked("101", "9112", model=prefixed)) == "rings 112 by main or backup"
    assert where(asked("101", "112", model=prefixed)) == "rings 112 by main or backup"
    berlin = changed(offices={"berlin": {"name": "Berlin", "country": "DE", "caller_id": BERLIN}})
    assert where(asked("105", "110", model=berlin)) == "rings 110 by main or backup"  # of that country
    assert where(asked("101", "110", model=berlin)) == "wrong_number 404"


def test_an_outside_prefix_is_taken_off() -> None:
    model = changed(outbound={"outside_prefix": "9"})
    assert where(asked("101", "90312555555", model=model)) == "rings +996312555555 by main or backup"
    assert where(asked("101", "0312555555", model=model)) == "wrong_number 404"
    assert where(asked("101", "+996312555555", model=model)) == "rings +996312555555 by main or backup"


def test_service_numbers_are_called_as_they_are_when_the_tenant_allows_them() -> None:
    model = changed(outbound={"services": ["115", "116117"], "outside_prefix": "9"})
    node = asked("101", "115", model=model).node
    assert isinstance(node, Ring)
    assert [(r.trunk_id, r.number) for r in node.targets[0].routes] == [("main", "115"), ("backup", "115")]
    assert where(asked("101", "9116117", model=model)) == "rings 116117 by main or backup"
    assert where(asked("101", "115")) == "wrong_number 404"
    assert where(asked(STRANGER, "115", model=model, visited=("menu:main",))) == "wrong_number 404"


def test_ten_thousand_digit_strings_typed_in_a_menu_reach_nobody_outside() -> None:
    """Threat 12; with a member of the group outside, whom the model itself names."""
    digits = random.Random(12)
    for _ in range(10_000):
        typed = "".join(digits.choices("0123456789*#+", k=digits.randint(1, 20)))
        node = asked(STRANGER, typed.replace(":", ""), visited=("menu:main",)).node
        assert isinstance(node, Hangup) or (isinstance(node, Ring) and not node.targets[0].outside)


def test_carriers_get_numbers_as_they_want_them_and_only_verified_callers() -> None:
    node = asked("102", "+493012345678").node
    assert isinstance(node, Ring)
    assert [(r.trunk_id, r.number, r.caller_id, r.country, r.international) for r in node.targets[0].routes] == [
        ("backup", "493012345678", CITY, "DE", True),
        ("main", "+493012345678", CITY, "DE", True),
    ]
    home = asked("105", "+996312555555").node
    assert isinstance(home, Ring) and home.targets[0].routes[0].caller_id == BERLIN


@pytest.mark.parametrize(
    ("parts", "caller", "dialled", "mode", "rule"),
    [
        ({}, STRANGER, "extension:104", "always", "recording.default"),
        ({}, "101", "102", "never", "recording.internal"),
        ({}, STRANGER, "extension:106", "never", "extension 106"),
        ({}, "106", "+996312555555", "never", "extension 106"),
        ({"recording": {"inbound": "on_demand"}}, STRANGER, "extension:104", "on_demand", "recording.inbound"),
        ({"recording": {"outbound": "never"}}, "101", "+996312555555", "never", "recording.outbound"),
        ({"dids": {CITY: {"destination": "extension:104", "record": "never"}}}, STRANGER, CITY, "never",
         f"number {CITY}"),
        ({"groups": {"sales": {"members": ["102", "106"], "record": "always"}}}, STRANGER, "group:sales", "never",
         "extension 106"),
        ({"groups": {"sales": {"members": ["102"], "record": "on_demand"}}}, STRANGER, "group:sales", "on_demand",
         "group sales"),
        ({"queues": {"support": {"name": "S", "members": ["103"], "record": "never"}}}, STRANGER, "queue:support",
         "never", "queue support"),
        ({"extensions": {"104": {"record": "always", "record_inbound": "never"}}}, STRANGER, "extension:104", "never",
         "extension 104"),
        ({"extensions": {"104": {"record": "always", "record_inbound": "never"}}}, "101", "104", "always",
         "extension 104"),
    ],
)  # fmt: skip
def test_the_strictest_place_decides_on_recording(
    parts: dict[str, Any], caller: str, dialled: str, mode: str, rule: str
) -> None:
    document = {k: v if k != "extensions" else {**_extensions(), **v} for k, v in parts.items()}
    node = asked(caller, dialled, model=changed(**document)).node
    assert isinstance(node, Ring | Queue)
    assert (str(node.record.mode), node.record.rule) == (mode, rule)
    assert bool(node.record.announcement) == (mode != "never")


def test_a_call_from_outside_stays_one_when_it_is_transferred() -> None:
    """Calls inside are not recorded here; this one began outside."""
    sender = replace(origin("101"), did=CITY, trunk_id="main")
    node = resolve(OFFICE, facts(), Wish(sender, "102", visited=(f"did:{CITY}", "extension:101"))).node
    assert isinstance(node, Ring)
    assert (node.record.mode, node.record.rule) == ("always", "recording.default")


def _extensions() -> dict[str, Any]:
    from pbx_core.domain.modelfile import to_document

    extensions: dict[str, Any] = to_document(OFFICE)["extensions"]
    return extensions


CALLS = (
    Neighbour("c1", "worker-1", "ringing", ("102",)),
    Neighbour("c2", "worker-2", "talking", ("103", "105")),
    Neighbour("c3", "worker-3", "parked", (), "703"),
    Neighbour("c4", "worker-3", "ringing", ("106",)),
)


@pytest.mark.parametrize(
    ("caller", "dialled", "how", "call_id", "worker"),
    [
        ("101", "*8", JoinHow.PICKUP, "c1", "worker-1"),  # both are in the group front
        ("103", "*8", JoinHow.PICKUP, "", ""),
        ("101", "**102", JoinHow.PICKUP, "c1", "worker-1"),
        ("103", "**106", JoinHow.PICKUP, "c4", "worker-3"),  # 106 is in no group: anybody may
        ("103", "**104", JoinHow.PICKUP, "", ""),
        ("104", "703", JoinHow.RETRIEVE, "c3", "worker-3"),
        ("104", "*70703", JoinHow.RETRIEVE, "c3", "worker-3"),
        ("104", "704", JoinHow.RETRIEVE, "", ""),
        ("101", "*31103", JoinHow.LISTEN, "c2", "worker-2"),
        ("101", "*32103", JoinHow.WHISPER, "c2", "worker-2"),
        ("101", "*33103", JoinHow.BARGE, "c2", "worker-2"),
        ("101", "*31104", JoinHow.LISTEN, "", ""),
    ],
)
def test_codes_join_other_calls(caller: str, dialled: str, how: JoinHow, call_id: str, worker: str) -> None:
    node = asked(caller, dialled, neighbours=CALLS).node
    assert isinstance(node, Join)
    assert (node.how, node.call_id, node.worker) == (how, call_id, worker)
    assert node.on_none


@pytest.mark.parametrize(
    ("caller", "dialled", "stands"),
    [
        ("103", "**102", "no_right 403"),  # Chynara is not in the group front
        ("102", "*31103", "no_right 403"),  # Bob supervises nobody
        ("101", "*31105", "no_right 403"),  # Aigul not Eva
        ("101", "*31101", "no_right 403"),
        ("101", "*70750", "wrong_number 404"),
        ("101", "*99", "wrong_number 404"),
        ("101", "*72101", "not_allowed 403"),
        ("101", "*72+493012345678", "not_allowed 403"),
        ("101", "*72999", "wrong_number 404"),
        ("102", "*45", "no_right 403"),  # an agent of no queue
    ],
)
def test_codes_without_the_right_or_the_target_are_refused(caller: str, dialled: str, stands: str) -> None:
    assert where(asked(caller, dialled, neighbours=CALLS)) == stands


@pytest.mark.parametrize("dialled", ["*97", "*78", "*72102", "*45", "*8", "**102", "*31103", "*33103"])
def test_nobody_is_transferred_to_what_is_somebodys_own(dialled: str) -> None:
    """101 is asked whose target this is, in the middle of a call with somebody else: he would hear 101's messages."""
    assert where(asked("101", dialled, neighbours=CALLS)) != "no_right 403"
    assert where(asked("101", dialled, neighbours=CALLS, visited=("extension:101",))) == "no_right 403"


@pytest.mark.parametrize(
    ("dialled", "what", "value"),
    [
        ("*78", "dnd", "on"), ("*79", "dnd", ""), ("*72102", "forward_always", "102"), ("*73", "forward_always", ""),
        ("*900312555555", "forward_busy", "0312555555"), ("*91", "forward_busy", ""),
        ("*92102", "forward_no_answer", "102"), ("*93", "forward_no_answer", ""),
        ("*94102", "forward_offline", "102"), ("*95", "forward_offline", ""),
        ("*45", "queue_login", ""), ("*46", "queue_logout", ""),
        ("*47", "queue_pause", ""), ("*48", "queue_unpause", ""),
    ],
)  # fmt: skip
def test_codes_change_ones_own_settings(dialled: str, what: str, value: str) -> None:
    node = asked("103", dialled).node
    assert isinstance(node, Change)
    assert (node.what, node.value) == (what, value)
    assert node.sounds[0].startswith("say:ru:")  # Chynara's language


def test_ones_mailbox_and_its_messages() -> None:
    node = asked("101", "*97", messages={"101": ("m1", "m2"), "102": ("secret",)}).node
    assert isinstance(node, Mailbox)
    assert [m for m, _ in node.messages] == ["m1", "m2"]
    assert node.messages[1][1][1] == "recording:m2:caller"
    assert where(asked("101", "mailbox:102")) == "no_right 403"


def test_a_greeting_of_ones_own() -> None:
    own = asked("101", "voicemail:102", users=[UserSettings("102", greeting="prompt:welcome")]).node
    assert isinstance(own, Voicemail) and own.greeting == ("prompt:welcome",)
    standard = asked("101", "voicemail:102").node
    assert isinstance(standard, Voicemail) and "Bob" in standard.greeting[0]


def test_a_menu_knows_its_keys_and_who_may_be_dialled() -> None:
    node = asked(STRANGER, "menu:main").node
    assert isinstance(node, Menu)
    assert dict(node.keys) == {"0": "extension:101", "1": "group:sales", "2": "queue:support"}
    assert node.direct == tuple(OFFICE.book.extensions)


def test_a_room_that_lives_on_another_worker_is_joined_there() -> None:
    assert asked("101", "600", rooms={"600": "worker-5"}).node.worker == "worker-5"  # type: ignore[union-attr]
    assert "4711" not in repr(asked("101", "600").node)


def test_the_reasons_tell_the_story() -> None:
    assert reasons(asked(STRANGER, CITY, at="2026-12-25 10:00")).splitlines() == [
        f"did {CITY}: leads to hours:office",
        "hours office: closed (fri 2026-12-25 10:00 Asia/Bishkek, holiday 2026-12-25); goes to announcement:closed",
        "announcement closed: is played, then voicemail:101",
    ]


def test_without_trunks_and_without_a_model_phones_call_each_other() -> None:
    from pbx_core.domain.model import Extension

    bare = Model(extensions=(Extension("101"), Extension("102")))
    assert where(asked("101", "102", model=bare)) == "rings 102"
    assert where(asked("101", "+996312555555", model=bare)) == "not_allowed 403"
    assert where(asked("101", "112", model=bare)) == "no_trunk 503"


def test_an_end_is_said_before_it_is_paid_for() -> None:
    node = asked("103", "999").node
    assert isinstance(node, Hangup)
    assert node.sounds and node.sounds[0].startswith("say:ru:")
    assert origin("103").extension == "103"
