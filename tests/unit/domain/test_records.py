"""The records that travel through the journals survive the way there and back, and say what is wrong otherwise."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx_core import feed
from pbx_core.domain import records
from pbx_core.domain.records import Cdr, Disposition, Party, Word

MILLISECONDS = st.integers(0, 4_000_000_000_000).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
JSON = st.dictionaries(TEXT, st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT, max_size=3)

st.register_type_strategy(datetime, MILLISECONDS)
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(str, TEXT)
st.register_type_strategy(dict, JSON)


@pytest.mark.parametrize("kind", sorted(records.KINDS))
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_record_comes_back_from_its_line_as_it_was(kind: str, data: st.DataObject) -> None:
    record = data.draw(st.from_type(records.KINDS[kind]))
    line = feed.encode(kind, "id", record.tenant_id, "2026-01-01T00:00:00.000Z", record)
    assert line.count(b"\n") == 1
    entry = feed.decode(line[:-1])
    assert entry.record == record
    assert records.to_json(entry.record) == records.to_json(record)


@given(
    junk=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
@settings(max_examples=200, deadline=None)
def test_any_json_is_a_record_or_a_value_error(junk: Any) -> None:
    for kind in records.KINDS.values():
        with pytest.raises(ValueError, match=kind.__name__):
            records.from_json(kind, junk)


def _cdr(**changes: Any) -> dict[str, Any]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    whole = Cdr(
        "c", "t", "internal", "101", "Alice", "102", at, None, None, at, None, 0.0, 1.0, 0.0, 0.0, 0,
        Disposition.BUSY, "486 Busy Here", "callee", False, 0, None, "not answered", "worker-0", "1",
    )  # fmt: skip
    return {**records.to_json(whole), **changes}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"talk_s": "long"}, r"Cdr\.talk_s: str instead of float"),
        ({"talk_s": True}, r"Cdr\.talk_s: bool instead of float"),
        ({"bill_s": 1.5}, r"Cdr\.bill_s: float instead of int"),
        ({"bill_s": True}, r"Cdr\.bill_s: bool instead of int"),
        ({"disposition": "abducted"}, "'abducted' is not a Disposition"),
        ({"started_at": "yesterday"}, "yesterday"),
        ({"started_at": "2026-01-01T00:00:00"}, "no time zone"),
        ({"started_at": None}, r"Cdr\.started_at: not a timestamp"),
        ({"call_id": None}, r"Cdr\.call_id: NoneType instead of str"),
        ({"legs": [{}]}, r"Cdr\.legs\[0\]: field 'answered_at' is missing"),
        ({"legs": {}}, r"Cdr\.legs: not a list"),
        ({"colour": "red"}, "unknown field 'colour'"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], said: str) -> None:
    records.from_json(Cdr, _cdr())
    with pytest.raises(ValueError, match=said):
        records.from_json(Cdr, _cdr(**changes))


def test_a_missing_field_is_named() -> None:
    data = _cdr()
    del data["cause"]
    with pytest.raises(ValueError, match="'cause' is missing"):
        records.from_json(Cdr, data)


def test_whole_numbers_are_taken_for_seconds() -> None:
    assert records.from_json(Word, {"text": "yes", "start_s": 1, "end_s": 2, "p": 1}) == Word("yes", 1.0, 2.0, 1.0)


def test_times_are_written_in_utc_and_a_naive_one_is_refused() -> None:
    bishkek = timezone(timedelta(hours=6))
    assert records.iso(datetime(2026, 1, 1, 3, 0, 0, 1999, bishkek)) == "2025-12-31T21:00:00.001Z"
    with pytest.raises(ValueError, match="naive"):
        records.iso(datetime(2026, 1, 1))


def test_every_record_names_its_tenant_and_is_frozen() -> None:
    for kind in records.KINDS.values():
        assert "tenant_id" in {f.name for f in dataclasses.fields(kind)}
        assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert json.dumps(records.to_json((Party.CALLER,))) == '["caller"]'
