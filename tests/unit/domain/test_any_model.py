"""Whatever model validates: every destination and everything that is dialled finds a node, within the allowed hops."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx_core.domain.dialplan import STOPS, Facts, resolve
from pbx_core.domain.explain import Past, course, exits, explain
from pbx_core.domain.model import Model, Neighbour, UserSettings
from pbx_core.domain.modelcheck_links import destinations
from pbx_core.domain.modelfile import ModelError, from_document, read_toml, to_toml
from pbx_core.domain.nodes import HOPS_MAX, Hangup, Origin, Ring, Wish

EXTENSIONS = ("101", "102", "103", "104")
PUBLIC = ("+996312880101", "+996312880102")
NAMES = ("a", "b", "c")
DESTINATIONS = [
    *(f"extension:{n}" for n in EXTENSIONS), *(f"voicemail:{n}" for n in EXTENSIONS),
    *(f"{kind}:{name}" for kind in ("group", "queue", "menu", "announcement", "hours") for name in NAMES),
    "conference:600", "outside:+996555123456", "outside:+996312880102", "hangup:busy", "hangup:done",
    *(f"did:{n}" for n in PUBLIC),
]  # fmt: skip
to = st.sampled_from(DESTINATIONS)
maybe = st.one_of(st.just(""), to)
members = st.lists(st.sampled_from((*EXTENSIONS, "+996555123457")), min_size=1, max_size=4, unique=True)
agents = st.lists(st.sampled_from(EXTENSIONS), min_size=1, max_size=3, unique=True)
modes = st.sampled_from(["always", "on_demand", "never"])


def named(thing: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(dict.fromkeys(NAMES, thing))


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "time_zone": "Asia/Bishkek",
        "outbound": {"country": "KG", "international": draw(st.booleans()), "countries": ["DE"]},
        "trunks": {"t1": {"host": "a.test"}, "t2": {"host": "b.test", "number_format": "national"}},
        "extensions": {n: {"record": draw(modes), "international": draw(st.booleans()), "groups": ["g"],
                           "supervises": draw(st.sampled_from([[], ["*"], ["102"]]))} for n in EXTENSIONS},
        "dids": {n: {"destination": draw(to), "overflow": draw(to)} for n in PUBLIC},
        "hours": draw(named(st.fixed_dictionaries({"open": st.just(["mon-fri 09:00-18:00"]), "then": to,
                                                   "otherwise": to}))),
        "groups": draw(named(st.fixed_dictionaries({
            "members": members, "on_no_answer": to, "on_busy": maybe,
            "strategy": st.sampled_from(["at_once", "sequence", "random"])}))),
        "queues": draw(named(st.fixed_dictionaries({
            "name": st.just("Q"), "members": agents, "on_overflow": to, "on_empty": maybe, "exit_key": st.just("*"),
            "on_exit": to}))),
        "menus": draw(named(st.fixed_dictionaries({
            "greeting": st.just(["say:en:Hello"]), "keys": st.dictionaries(st.sampled_from("0123456789*#"), to,
                                                                          min_size=1, max_size=4),
            "on_timeout": to, "on_invalid": to, "direct": st.booleans()}))),
        "announcements": draw(named(st.fixed_dictionaries({"sounds": st.just(["tone:beep"]), "then": to}))),
        "rooms": {"600": {}},
    }  # fmt: skip


def user(number: str) -> st.SearchStrategy[UserSettings]:
    target = st.sampled_from(["", "", "voicemail", *EXTENSIONS, "600", "+996555123456", PUBLIC[0], "0555123456", "9"])
    return st.builds(
        UserSettings, st.just(number), dnd=st.booleans(), forward_always=target, forward_busy=target,
        forward_no_answer=target, forward_offline=target,
        follow_me=st.lists(target.filter(bool), max_size=3).map(tuple),
    )  # fmt: skip


@st.composite
def known(draw: st.DrawFn) -> Facts:
    return Facts(
        datetime(2026, 11, draw(st.integers(16, 22)), draw(st.integers(0, 23)), tzinfo=UTC),
        registered=frozenset(draw(st.sets(st.sampled_from(EXTENSIONS)))),
        users={n: draw(user(n)) for n in draw(st.sets(st.sampled_from(EXTENSIONS)))},
        neighbours=(Neighbour("c", "w", draw(st.sampled_from(["ringing", "talking", "parked"])), ("102",), "701"),),
        seed=draw(st.integers(0, 9)),
    )


DIALLED = [
    *EXTENSIONS, "600", "701", "112", "999", "*97", "*8", "**102", "*31102", "*72103", "*7", "*", "#", "+996555123456",
    "0555123456", "+4930901820", "+870771234567", *PUBLIC,
]  # fmt: skip
typed = st.one_of(st.sampled_from(DIALLED), st.text("0123456789*#+", max_size=24))
origins = st.one_of(
    st.sampled_from(EXTENSIONS).map(lambda n: Origin("extension", n, extension=n)),
    st.just(Origin("trunk", "+996555000999", did=PUBLIC[0], trunk_id="t1")),
    st.just(Origin("trunk", "", did=PUBLIC[1])),
    st.just(Origin("system", "")),
)
calm = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def valid(document: dict[str, Any]) -> Model | None:
    """None for those with circles: validation refuses them."""
    try:
        return from_document(document)
    except ModelError as error:
        assert all("circle" in m.text for m in error.mistakes)
        return None


@calm
@given(documents(), known(), origins, typed)
def test_everything_that_is_asked_finds_an_end(
    document: dict[str, Any], facts: Facts, origin: Origin, digits: str
) -> None:
    model = valid(document)
    if model is None:
        return
    wishes = [Wish(origin, digits), Wish(origin, digits, overflow=True), Wish(origin, digits, visited=("menu:a",))]
    wishes += [Wish(origin, destination=d) for _, d in destinations(model)]
    wishes += [Wish(origin, destination=f"{kind}:{digits}") for kind in STOPS]
    for wish in wishes:
        routed = resolve(model, facts, wish)
        assert len(routed.visited) <= HOPS_MAX + len(wish.visited)
        assert routed.steps
        assert routed == resolve(model, facts, wish)  # the same question, the same answer
        if isinstance(routed.node, Ring):
            assert routed.node.targets
            assert all(len(t.routes) > 0 for t in routed.node.targets if t.number.startswith("+"))


@calm
@given(documents(), known(), origins, st.lists(st.integers(0, 20), max_size=30))
def test_whichever_exit_a_call_takes_it_ends(
    document: dict[str, Any], facts: Facts, origin: Origin, choices: list[int]
) -> None:
    """Machine, dialplan, machine: without a menu in between the guard ends it after at most HOPS_MAX stops, and with
    menus too."""
    model = valid(document)
    if model is None:
        return
    wish = Wish(origin, PUBLIC[0] if origin.kind == "trunk" else "101")
    stops = 0
    for choice in [*choices, *([0] * (HOPS_MAX + 2))]:
        routed = resolve(model, facts, wish)
        ways = list(exits(routed.node))
        if not ways:
            return
        stops += 1
        wish = Wish(routed.origin, destination=ways[choice % len(ways)], visited=routed.visited)
    assert isinstance(routed.node, Hangup) or stops <= HOPS_MAX + 1


@calm
@given(documents(), known(), origins, typed, st.lists(st.sampled_from(["1", "t", "i", "0", "101"]), max_size=6))
def test_every_call_can_be_explained_and_placed_again(
    document: dict[str, Any], facts: Facts, origin: Origin, digits: str, keys: list[str]
) -> None:
    model = valid(document)
    if model is None:
        return
    assert explain(model, facts, Wish(origin, digits)).stop
    for ended in ("answered", "no_answer", "busy", "failed"):
        assert course(model, facts, Wish(origin, digits), Past(tuple(keys), ended, "overflow"))


@calm
@given(documents())
def test_every_valid_model_is_read_back_equal(document: dict[str, Any]) -> None:
    model = valid(document)
    if model is not None:
        assert read_toml(to_toml(model)) == model


@calm
@given(known(), typed)
def test_nobody_from_outside_reaches_the_outside(facts: Facts, digits: str) -> None:
    """Threat 12: whatever a caller types, no trunk is rung unless the model itself, or a user, sends him there."""
    model = from_document(
        {"outbound": {"country": "KG"}, "trunks": {"t": {"host": "a.test"}}, "extensions": {n: {} for n in EXTENSIONS}}
    )
    stranger = Origin("trunk", "+996555000999", did=PUBLIC[0], trunk_id="t")
    routed = resolve(model, Facts(facts.at), Wish(stranger, digits, visited=("menu:a",)))
    node = routed.node
    assert not isinstance(node, Ring) or not any(t.outside for t in node.targets)


@pytest.mark.parametrize("kind", sorted(STOPS))
def test_no_kind_of_destination_trips_over_odd_names(kind: str) -> None:
    model = Model()
    for name in ("", ":", "::", "x" * 1000, "\x00", "101:102:103", "📞"):
        routed = resolve(
            model, Facts(datetime.now(UTC)), Wish(Origin("extension", "101"), destination=f"{kind}:{name}")
        )
        assert isinstance(routed.node, Hangup)
