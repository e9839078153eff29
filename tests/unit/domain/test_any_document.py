"""Whatever stands in a document: it becomes a model or is refused with places, and nothing else happens."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx_core.domain import hours, numbers
from pbx_core.domain.model import Model
from pbx_core.domain.modelfile import ModelError, from_document, read_json, read_toml, to_document, to_json, to_toml
from tests.support.dialplan import OFFICE

ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["", ":", "extension:", "101", "+996312880101", "say:en:", "prompt:", "outside:+", "*", "menu:main",
                     "hours:office", "x" * 3000, "\ud800", "\x00", "01-01", "mon-fri 09:00-18:00", "KG", "-1"]),
)  # fmt: skip
ANYTHING = st.recursive(ODD, lambda s: st.lists(s, max_size=3) | st.dictionaries(st.text(max_size=8), s, max_size=3))
calm = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def _model_or_refusal(document: object) -> Model | None:
    try:
        return from_document(document)
    except ModelError as error:
        assert error.mistakes and all(m.text for m in error.mistakes)
        return None


def _places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of a document."""
    found = [path] if path else []
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return found + [p for key, value in items for p in _places(value, (*path, key))]


PLACES = _places(to_document(OFFICE))


@calm
@given(ANYTHING)
def test_anything_is_a_model_or_refused(document: object) -> None:
    _model_or_refusal(document)


@calm
@given(st.sampled_from(PLACES), ANYTHING)
def test_an_office_with_anything_at_any_place_is_a_model_or_refused(place: tuple[Any, ...], value: Any) -> None:
    document = copy.deepcopy(to_document(OFFICE))
    table: Any = document
    for key in place[:-1]:
        table = table[key]
    table[place[-1]] = value
    made = _model_or_refusal(document)
    if made is not None:
        assert read_json(to_json(made)) == made
        assert read_toml(to_toml(made)) == made


@calm
@given(st.sampled_from([p for p in PLACES if len(p) == 2 and isinstance(p[1], str)]), st.text(max_size=12))
def test_a_thing_under_any_name_is_a_model_or_refused(place: tuple[Any, ...], name: str) -> None:
    document = copy.deepcopy(to_document(OFFICE))
    document[place[0]][name] = document[place[0]].pop(place[1])
    _model_or_refusal(document)


@calm
@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (read_toml, read_json):
        try:
            read(text)
        except ModelError as error:
            assert error.mistakes
    for country in ("", "KG", "DE", "XX"):
        numbers.parse(text, country)
        numbers.caller(text, country)
    for parse in (hours.parse_opening, hours.parse_holiday, hours.zone):
        try:
            parse(text)
        except ValueError as error:
            assert str(error)
