"""Informing: quiet hours, pace, retries, lists; a whole campaign in virtual time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

from pbx_core.domain import campaign, numberlist
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.campaign import NumberState, Result, Rules
from pbx_core.domain.informing import destinations, result_of
from pbx_core.domain.nodes import Announce, Menu
from pbx_core.domain.records import CallEventRecord, from_json, to_json

RULES = Rules(("say:en:The water is off tomorrow.",), time_zone="Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "zone", "quiet", "then"),
    [
        ("2026-01-05 12:00", "UTC", "20:00-09:00", "2026-01-05 12:00"),
        ("2026-01-05 20:00", "UTC", "20:00-09:00", "2026-01-06 09:00"),
        ("2026-01-05 08:59", "UTC", "20:00-09:00", "2026-01-05 09:00"),
        ("2026-01-05 09:00", "UTC", "20:00-09:00", "2026-01-05 09:00"),
        ("2026-01-05 15:00", "Asia/Bishkek", "20:00-09:00", "2026-01-06 03:00"),  # 21:00 there
        ("2026-01-05 12:30", "UTC", "12:00-13:00", "2026-01-05 13:00"),
        ("2026-01-05 03:00", "UTC", "", "2026-01-05 03:00"),
        ("2026-01-05 03:00", "UTC", "09:00-09:00", "2026-01-05 03:00"),
        ("2026-03-29 00:30", "Europe/Berlin", "20:00-09:00", "2026-03-29 07:00"),  # the night that lacks an hour
        ("2026-10-25 00:30", "Europe/Berlin", "20:00-09:00", "2026-10-25 08:00"),  # the night with one twice
    ],
)
def test_quiet_hours_are_those_of_the_person(now: str, zone: str, quiet: str, then: str) -> None:
    assert campaign.may_call_at(at(now), zone, replace(RULES, quiet=quiet)) == at(then)


@pytest.mark.parametrize(
    ("number", "zone"),
    [
        ("+996312123456", "Asia/Bishkek"),
        ("+12125551234", "America/New_York"),
        ("+79161234567", "Europe/Berlin"),  # eleven zones: the tenant's counts
    ],
)
def test_the_zone_is_the_numbers_own_where_its_plan_names_one(number: str, zone: str) -> None:
    assert campaign.zone_of(number, RULES) == zone


def test_the_pace_is_bounded_at_once_and_per_minute() -> None:
    rules = replace(RULES, at_once=3, per_minute=5)
    assert campaign.room(rules, 0, [], 1000.0) == 3
    assert campaign.room(rules, 2, [990.0, 995.0], 1000.0) == 1
    assert campaign.room(rules, 3, [990.0] * 3, 1000.0) == 0
    assert campaign.room(rules, 0, [941.0] * 4, 1000.0) == 1
    assert campaign.room(rules, 0, [939.0] * 9, 1000.0) == 3
    assert campaign.room(rules, 0, [4600.0] * 5, 1000.0) == 0  # the clock was set back


@pytest.mark.parametrize(
    ("attempt", "result", "state", "wait_s"),
    [
        (1, Result("acknowledged", "1"), NumberState.ACKNOWLEDGED, 0),
        (1, Result("opted_out", "9"), NumberState.OPTED_OUT, 0),
        (1, Result("busy"), NumberState.READY, 300),
        (2, Result("no_answer"), NumberState.READY, 3600),
        (3, Result("no_answer"), NumberState.FAILED, 0),
        (1, Result("failed"), NumberState.READY, 900),
        (1, Result("failed", lasting=True), NumberState.FAILED, 0),
        (1, Result("reached"), NumberState.READY, 14_400),  # heard, but no key
        (3, Result("reached"), NumberState.REACHED, 0),
    ],
)
def test_what_follows_from_a_try(attempt: int, result: Result, state: NumberState, wait_s: float) -> None:
    now = at("2026-01-05 10:00").timestamp()
    follows = campaign.after(RULES, attempt, result, "UTC", now)
    assert follows == campaign.Next(state, now + wait_s if wait_s else 0.0)


def test_a_retry_that_would_fall_into_quiet_hours_waits_for_the_morning() -> None:
    follows = campaign.after(RULES, 1, Result("no_answer"), "UTC", at("2026-01-05 19:30").timestamp())
    assert follows.not_before == at("2026-01-06 09:00").timestamp()


def test_without_an_acknowledgement_key_hearing_it_is_enough() -> None:
    rules = replace(RULES, acknowledge_key="")
    assert campaign.after(rules, 1, Result("reached"), "UTC", 0.0).state is NumberState.REACHED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"at_once": 0}, "calls at once"),
        ({"per_minute": 601}, "calls per minute"),
        ({"tries": 11}, "tries"),
        ({"sounds": ()}, "nothing to say"),
        ({"opt_out_key": "1"}, "different keys"),
        ({"opt_out_key": "12"}, "one of 0-9*#"),
        ({"quiet": "8pm-9am"}, "20:00-09:00"),
        ({"quiet": "20:00"}, "20:00-09:00"),
        ({"quiet": "25:00-09:00"}, "20:00-09:00"),
    ],
)
def test_rules_that_do_not_fit_are_named(change: dict[str, object], said: str) -> None:
    found = campaign.mistakes(replace(RULES, **change))  # type: ignore[arg-type]
    assert (said in "; ".join(found)) and bool(found) is bool(said)


def test_rules_survive_the_database() -> None:
    assert from_json(Rules, to_json(RULES)) == RULES


def events(*kinds: tuple[EventType, dict[str, object]], leg: str = "caller") -> list[CallEventRecord]:
    return [
        CallEventRecord("c", "t", n, at("2026-01-05"), 0.0, kind, leg if kind is EventType.ANSWERED else None, detail)
        for n, (kind, detail) in enumerate(kinds)
    ]


ANSWERED = (EventType.ANSWERED, {})


def key(pressed: str, menu: str = "inform:x") -> tuple[EventType, dict[str, object]]:
    return EventType.MENU_KEY, {"menu": menu, "key": pressed}


def closed(disposition: str, cause: str) -> tuple[EventType, dict[str, object]]:
    return EventType.CLOSED, {"disposition": disposition, "cause": cause}


@pytest.mark.parametrize(
    ("happened", "result"),
    [
        ([ANSWERED, key("1")], None),
        ([ANSWERED, key("1"), closed("answered", "200 OK")], Result("acknowledged", "1")),
        ([ANSWERED, key("t"), key("9"), closed("answered", "200 OK")], Result("opted_out", "9")),
        ([ANSWERED, key("1", "main"), closed("answered", "200 OK")], Result("reached", "", "200 OK")),
        ([ANSWERED, (EventType.ABORTED, {"reason": "crash"})], Result("reached", "", "crash")),
        ([closed("busy", "486 Busy Here")], Result("busy", "", "486 Busy Here")),
        ([closed("no_answer", "ring limit 40 s")], Result("no_answer", "", "ring limit 40 s")),
        ([closed("failed", "480 Unavailable")], Result("no_answer", "", "480 Unavailable")),
        ([closed("failed", "404 Not Found")], Result("failed", "", "404 Not Found", lasting=True)),
        ([closed("failed", "503 No Circuit")], Result("failed", "", "503 No Circuit")),
    ],
)
def test_what_came_of_a_call(happened: list[tuple[EventType, dict[str, object]]], result: Result | None) -> None:
    assert result_of(events(*happened), RULES) == result


def test_the_message_is_a_menu_with_its_keys_or_an_announcement_without() -> None:
    found = destinations("x", RULES)
    assert isinstance(found["x"], Menu)
    assert found["x"].keys == (("1", "hangup:done"), ("9", "inform:x:out"))
    assert isinstance(found["x:out"], Announce)
    plain = destinations("x", replace(RULES, acknowledge_key="", opt_out_key=""))
    assert plain == {"x": Announce(RULES.sounds, "hangup:done")}


def test_a_list_is_read_checked_and_each_number_taken_once() -> None:
    text = [
        "# customers",
        "\ufeff+49 30 123456",
        "030/123456; Bob",
        '"0171 2345678",Alice',
        "hello",
        "=1+1",
        "0900 3123456",
        "+870776001234",
        "112",
        "",
        "+493099999",
    ]
    found = numberlist.read_numbers(text, "DE", {"+493099999"})
    assert found.good == ("+4930123456", "+491712345678")
    assert found.doubles == 1
    assert [(line, why.split(" are")[0]) for line, _, why in found.bad] == [
        (5, "is no telephone number"),
        (6, "is no telephone number"),
        (7, "premium numbers"),
        (8, "satellite and global networks"),
        (9, "is no telephone number"),
        (11, "is a number of your own"),
    ]


def test_a_campaign_of_three_days_keeps_its_pace_its_hours_and_its_tries() -> None:
    """200 numbers in two zones, in virtual time: what the store does, done with lists."""
    rules = replace(RULES, at_once=3, per_minute=6, tries=3)
    rng = Random(5)
    zones = {f"+{n}": ("Asia/Bishkek" if n % 2 else "America/New_York") for n in range(200)}
    ready = dict.fromkeys(zones, 0.0)
    states: dict[str, NumberState] = {}
    attempts: Counter[str] = Counter()
    started: list[float] = []
    under_way: list[tuple[float, str]] = []
    now = at("2026-01-05 08:00").timestamp()
    most = 0
    while (ready or under_way) and now < at("2026-01-12 08:00").timestamp():
        for end, number in [u for u in under_way if u[0] <= now]:
            under_way.remove((end, number))
            result = Result(rng.choice(["acknowledged", "reached", "busy", "no_answer", "failed", "opted_out"]))
            follows = campaign.after(rules, attempts[number], result, zones[number], now)
            states[number] = follows.state
            if follows.state is NumberState.READY:
                ready[number] = follows.not_before
        for number in sorted((n for n, t in ready.items() if t <= now), key=lambda n: (ready[n], n)):
            if not campaign.room(rules, len(under_way), started, now):
                break
            allowed = campaign.may_call_at(datetime.fromtimestamp(now, UTC), zones[number], rules).timestamp()
            if allowed > now:
                ready[number] = allowed
                continue
            del ready[number]
            attempts[number] += 1
            local = datetime.fromtimestamp(now, campaign.hours.zone(zones[number]))
            assert 9 <= local.hour < 20
            started.append(now)
            under_way.append((now + rng.uniform(5, 60), number))
        most = max(most, len(under_way))
        now += 1.0
    assert not ready and not under_way
    assert most == 3
    assert max(sum(1 for s in started if begin - 60 < s <= begin) for begin in started) <= 6
    assert max(attempts.values()) == 3
    assert set(states.values()) <= {
        NumberState.ACKNOWLEDGED, NumberState.OPTED_OUT, NumberState.REACHED, NumberState.FAILED,
    }  # fmt: skip
