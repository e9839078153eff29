"""Phrases with side, window, negation and word forms; scripts with the time of each item: as tables."""

from __future__ import annotations

from typing import Any

import pytest

from analytics.meaning import checklists
from analytics.meaning.record import meaning
from pbx_core.domain.model_speech import Checklist, ChecklistItem, Side, Speech, Tracker
from tests.support.sayings import said


def _quotes(language: str, tracker: Tracker, *lines: str) -> list[str]:
    return [hit.quote for hit in meaning(said(language, *lines), Speech(trackers=(tracker,))).hits]


@pytest.mark.parametrize(
    ("language", "phrase", "text", "heard"),
    [
        # word forms by stem
        ("en", "cancel", "I was cancelling my order", "cancelling"),
        ("en", "cancel the order", "please Cancelled the Orders, now", "Cancelled the Orders,"),
        ("en", "refund", "they re-fund nobody", None),
        ("en", "don't like", "I don’t like it", "don’t like"),
        ("en", "cancel", "a cancer is no such thing", None),
        ("ru", "вернуть деньги", "когда вы вернёте деньги?", None),  # a stem of its own: написать обе формы
        ("ru", "договор", "мы расторгаем Договоры.", "Договоры."),
        ("ru", "перезвонить", "я вам перезвоню позже", "перезвоню"),
        ("ru", "счёт", "пришлите счет, пожалуйста", "счет,"),
        ("ru", "договор", "мы договорились обо всём", "договорились"),  # stems are coarse: docs/model.md says so
        # by likeness where there is no stemmer
        ("ky", "төлөм", "төлөмдү качан жасайм", "төлөмдү"),
        ("sw", "lipa", "nataka kulipa bili", "kulipa"),
        ("sw", "na", "nataka kulipa", None),  # short words must be equal
        ("ky", "акча кайтаруу", "акчаны кайтарууга болобу", "акчаны кайтарууга"),
        ("sw", "malipo", "habari za asubuhi", None),
        # a phrase is one run of words
        ("en", "price list", "the price of the list", None),
        ("en", "price list", "price-list", "price-list"),
        ("en", "e-mail", "write an E-Mail to us", "E-Mail"),
    ],
)
def test_a_phrase_is_found_in_its_forms(language: str, phrase: str, text: str, heard: str | None) -> None:
    found = _quotes(language, Tracker("t", (phrase,)), f"customer 0 {text}")
    assert found == ([heard] if heard else [])


@pytest.mark.parametrize(
    ("unless", "text", "count"),
    [
        (("not",), "I am not interested", 0),
        (("not interested",), "I am not interested", 0),
        (("not",), "I am interested", 1),
        (("not",), "Certainly not. I am interested", 1),  # another sentence
        (("not",), "not that it matters to you today but I am interested", 1),  # too far
        (("never", "not"), "we were never interested, but they are interested", 1),
        (("don't",), "I don't think they are interested", 0),
        (("interested",), "interested", 1),  # what denies stands before
    ],
)
def test_what_is_denied_does_not_count(unless: tuple[str, ...], text: str, count: int) -> None:
    assert len(_quotes("en", Tracker("t", ("interested",), unless=unless), f"customer 0 {text}")) == count


def test_a_russian_denial() -> None:
    tracker = Tracker("t", ("интересно",), unless=("не",))
    assert _quotes("ru", tracker, "customer 0 Мне это не очень интересно.", "customer 5 А вот это интересно!") == [
        "интересно!"
    ]


@pytest.mark.parametrize(
    ("side", "from_s", "to_s", "heard"),
    [
        (Side.ANY, 0, 0, [3.0, 13.4, 40.0]),
        (Side.AGENT, 0, 0, [3.0, 40.0]),
        (Side.CUSTOMER, 0, 0, [13.4]),
        (Side.ANY, 0, 10.4, [3.0, 13.4]),  # seconds count from the first word, which is said at 3 s
        (Side.ANY, 10.4, 0, [13.4, 40.0]),
        (Side.AGENT, 1, 30, []),
    ],
)
def test_a_tracker_keeps_to_its_side_and_time(side: Side, from_s: float, to_s: float, heard: list[float]) -> None:
    lines = ("agent 3 price", "customer 13 the price", "agent 40 prices")
    tracker = Tracker("t", ("price",), side=side, from_s=from_s, to_s=to_s)
    found = meaning(said("en", *lines), Speech(trackers=(tracker,))).hits
    assert [hit.start_s for hit in found] == heard


def test_of_phrases_that_overlap_the_longer_is_one_hit_with_its_place() -> None:
    tracker = Tracker("price", ("price", "price list", "list"), name="Prices")
    (hit,) = meaning(said("en", "customer 2 your price list please"), Speech(trackers=(tracker,))).hits
    assert (hit.name, hit.utterance_id, hit.start_s, hit.end_s, hit.quote, hit.fuzzy) == (
        "Prices", "r-0000", 2.4, 3.2, "price list", False,
    )  # fmt: skip


def test_a_phrase_may_cross_a_short_pause_and_no_long_one() -> None:
    tracker = Tracker("t", ("money back",))
    assert _quotes("en", tracker, "customer 0 I want my money", "customer 3 back now") == ["money back"]
    assert _quotes("en", tracker, "customer 0 I want my money", "customer 9 back now") == []


def test_likeness_is_marked_as_what_it_is() -> None:
    record = meaning(said("sw", "customer 0 nataka kulipa"), Speech(trackers=(Tracker("t", ("lipa",)),)))
    assert record.hits[0].fuzzy
    assert "likeness" in record.reasons["forms"]


SCRIPT = Checklist(
    "hello",
    (
        ChecklistItem("Greeting", ("good morning", "good afternoon"), within_s=10),
        ChecklistItem("Name", ("my name is",), within_s=2),
        ChecklistItem("Recording", ("recorded",)),
        ChecklistItem("Asked by the customer", ("how much",), side=Side.CUSTOMER),
    ),
    name="Opening",
)


def test_every_item_of_a_script_has_its_time_or_is_missing() -> None:
    lines = ("agent 5 Good morning,", "customer 7 Good afternoon. How much?", "agent 9 my name is Bob")
    record = meaning(said("en", *lines), Speech(checklists=(SCRIPT,)))
    assert [(i.title, i.status, i.at_s, i.quote) for i in record.items] == [
        ("Greeting", "said", 5.0, "Good morning,"),
        ("Name", "late", 9.0, "my name is"),
        ("Recording", "missing", None, None),
        ("Asked by the customer", "said", 7.8, "How much?"),
    ]
    assert checklists.share(list(record.items)) == 0.5
    assert {i.checklist for i in record.items} == {"Opening"}


@pytest.mark.parametrize(
    ("limits", "direction", "queue", "applied"),
    [
        ({}, "inbound", "", True),
        ({}, "internal", "", False),
        ({"directions": ()}, "internal", "", True),
        ({"directions": ("outbound",)}, "inbound", "", False),
        ({"queues": ("sales",)}, "inbound", "sales", True),
        ({"queues": ("sales",)}, "inbound", "support", False),
        ({"queues": ("sales",)}, "inbound", "", False),
    ],
)
def test_a_script_is_for_its_queues_and_directions(
    limits: dict[str, Any], direction: str, queue: str, applied: bool
) -> None:
    script = Checklist("c", (ChecklistItem("Hello", ("hello",)),), **limits)
    record = meaning(said("en", "agent 0 hello", direction=direction, queue=queue), Speech(checklists=(script,)))
    assert bool(record.items) is applied
