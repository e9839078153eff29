"""What was found in a call, by REST: for those who may see the call, quoting only what they may read."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from analytics.corrected import correct
from analytics.meaning.record import Heard, meaning
from analytics.redact.visible import HIDDEN, Verdict, visible_corrected
from dashboard.web.meanings import as_json
from pbx_core.domain.records import Disposition, Party
from pbx_core.domain.records.redaction import RedactedSpan
from pbx_core.store.directory import Tenant
from tests.support import facts, office


def test_a_call_comes_with_what_was_found_and_without_its_terms(browser, town) -> None:
    found = browser("analyst@acme.test").get(f"/api/calls/{town.acme_office.spoken.cdr.call_id}").json()["meaning"]
    assert found["tags"] == ["no heating", "<b>booked</b>", "script"]
    assert found["hits"][0]["quote"] == "boiler"
    assert "terms" not in found
    assert browser("owner@acme.test").get(f"/api/calls/{town.acme_office.other.cdr.call_id}").json()["meaning"] is None


@pytest.mark.parametrize("query", ["tag=no%20heating", "alert=yes"])
def test_calls_are_filtered_and_nobody_sees_those_of_others(browser, town, query: str) -> None:
    listed = browser("owner@acme.test").get(f"/api/calls?{query}").json()["calls"]
    assert [c["call_id"] for c in listed] == [town.acme_office.spoken.cdr.call_id]
    assert listed[0]["alerts"] == ["cold-house"]
    assert browser("owner@birch.test").get(f"/api/calls?{query}").json()["calls"][0]["call_id"] != listed[0]["call_id"]
    assert browser("owner@acme.test").get("/api/calls?alert=perhaps").status_code == 400


def test_what_is_hidden_in_the_text_is_hidden_in_quotations() -> None:
    tenant = Tenant("t" * 32, "T", "t.test", "UTC", ("en",))
    call = facts.make_call(random.Random(1), tenant, datetime(2026, 1, 1, tzinfo=UTC), said=office.SAID, recorded=True,
                           disposition=Disposition.ANSWERED)  # fmt: skip
    assert call.transcript and call.turns
    record = meaning(Heard(call.transcript, call.turns, Party.CALLER, "internal"), office.WISHES)
    text = correct(call.transcript, [])
    boiler = call.transcript.utterances[1]
    word = boiler.words[2]
    span = RedactedSpan(boiler.utterance_id, boiler.party, 2, 2, word.start_s, word.end_s, "name")
    masked = as_json(record, visible_corrected(text, Verdict(spans=(span,)), False))
    assert masked
    assert masked["hits"][0]["quote"] == HIDDEN
    assert "boiler" not in str(masked["extracts"]) and HIDDEN in str(masked["extracts"])
    unknown = as_json(record, visible_corrected(text, Verdict(False, "nobody knows"), False))
    assert unknown
    assert {part["quote"] for part in (*unknown["hits"], *unknown["items"])} == {None}
    assert {part["text"] for part in unknown["extracts"]} == {None}
    assert as_json(record, text)["hits"][0]["quote"] == "boiler"  # type: ignore[index]
