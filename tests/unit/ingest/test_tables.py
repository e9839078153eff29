"""Records become rows that fit their tables, for every kind of record."""

from __future__ import annotations

import dataclasses
import random
from datetime import UTC, datetime, timedelta

import pytest

from ingest import convert, tables
from pbx_core.domain.records import KINDS, Disposition
from pbx_core.store.directory import Tenant
from tests.support import facts

ACME = Tenant("a" * 32, "Acme Ltd", "acme.test", "UTC", ("en",))
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_call(**kwargs):
    return facts.make_call(
        random.Random(3),
        ACME,
        START,
        disposition=Disposition.ANSWERED,
        recorded=True,
        said=["hello", "goodbye"],
        **kwargs,
    )


def test_every_kind_of_record_has_its_family_of_tables():
    assert tables.FAMILIES.keys() == KINDS.keys()


def test_every_field_of_a_record_has_a_column():
    for kind, family in tables.FAMILIES.items():
        columns = {convert._FIELD.get(c.name, c.name) for c in family.table.columns} - {"stamp", *convert._OURS}
        nested = {
            "cdr": {"legs"}, "turns": {"parties"}, "transcript": {"utterances"}, "redaction": {"spans"},
            "meaning": {"parties", "hits", "items", "extracts"},
        }.get(kind, set())  # fmt: skip
        assert columns == {f.name for f in dataclasses.fields(KINDS[kind])} - nested, kind


def test_every_table_says_what_a_row_is_and_every_column_what_it_holds():
    for table in tables.TABLES:
        assert table.grain
        assert set(table.key) <= {c.name for c in table.columns}, table.name
        assert all(c.comment for c in table.columns), table.name
    for table in tables.FACTS:
        assert table.key[0] == table.columns[0].name == "tenant_id"


def test_rows_fit_the_arrow_schema_of_their_tables():
    for kind, _, record in a_call(caller_name="O'Hara \u202e\x00 😀").lines():
        family = tables.FAMILIES[kind]
        rows = convert.to_arrow(family.table, [convert.row(kind, record, "s")])
        assert rows.schema == family.table.schema
        for child in family.children:
            parts = list(convert.child_rows(child, record))
            assert convert.to_arrow(child.table, parts).num_rows == len(child.items(record)) == 2


def test_no_rows_make_an_empty_table():
    assert convert.to_arrow(tables.CALL, []).num_rows == 0


def test_times_are_kept_to_the_millisecond_in_utc():
    cdr = a_call().cdr
    made = convert.to_arrow(tables.CALL, [convert.row("cdr", cdr, "s")])
    assert made.column("started_at")[0].as_py() == START
    assert made.column("ended_at")[0].as_py() - START == cdr.ended_at - START > timedelta(0)


@pytest.mark.parametrize("broken", [{"talk_s": float("nan")}, {"bill_s": 1 << 63}, {"caller_name": "\ud800"}])
def test_a_value_that_fits_no_column_is_named_as_an_error(broken):
    with pytest.raises(ValueError, match=r"not finite|does not fit"):
        convert.check("cdr", dataclasses.replace(a_call().cdr, **broken))
