"""From a transcript to what a manager asks for: the record in the journal, its rows, the list of calls by tag and
alert, one call's meaning, the topics that rise, and what the wishes of today make of yesterday's calls."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from analytics import queries
from analytics.meaning.command import command as meaning_command
from analytics.meaning.record import Heard, meaning
from analytics.queries import CallFilter, Scope, topics
from analytics.remade import Remaker
from ingest import command
from pbx_core.clock import SystemClock
from pbx_core.domain.model import Model
from pbx_core.domain.model_speech import Speech, SpeechRule, Tracker
from pbx_core.domain.records import Disposition, MeaningRecord, Party
from pbx_core.domain.terms import reference
from pbx_core.feed import Journal
from pbx_core.settings import Settings, load
from pbx_core.store import directory, edits, engine, jobs, models
from tests.support import facts

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
WISHES = Speech(
    summary=True,
    trackers=(Tracker("refund", ("refund",)), Tracker("angry", ("ridiculous",))),
    rules=(
        SpeechRule("money", ("tracker:refund",), tag="money & <b>refunds</b>", score=-3),
        SpeechRule("fury", ("tracker:refund", "tracker:angry"), tag="fury", alert=True),
    ),
)
TEXTS = (
    ("I want a refund please", "of course"),
    ("I want a refund this is ridiculous", "calm down"),
    ("the parcel has arrived", "wonderful news"),
)


@dataclass(frozen=True)
class Place:
    """A loaded warehouse of two tenants that said the same; `calls` of acme, oldest first."""

    settings: Settings
    db: sa.Engine
    reader: queries.Reader
    acme: directory.Tenant
    birch: directory.Tenant
    calls: list[facts.Call]
    records: list[MeaningRecord]

    def listed(self, **flt: object) -> list[str]:
        return list(queries.calls(self.reader, Scope(self.acme.tenant_id), CallFilter(**flt)).frame.call_id)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings, clock = load(tmp_path_factory.mktemp("meaning") / "data"), SystemClock()
    db = engine.migrate(settings)
    tenants = [directory.add_tenant(db, clock, d, d) for d in ("acme.test", "birch.test")]
    made: list[tuple[list[facts.Call], list[MeaningRecord]]] = []
    for tenant in tenants:
        rng = random.Random(tenant.tenant_id)
        calls = [
            facts.make_call(
                rng, tenant, NOW + timedelta(minutes=i), disposition=Disposition.ANSWERED, said=said, recorded=True,
                caller="101" if i else "103", callee="102",
            )
            for i, said in enumerate(TEXTS)
        ]  # fmt: skip
        found = []
        for call in calls:
            assert call.transcript and call.turns
            found.append(meaning(Heard(call.transcript, call.turns, Party.CALLEE, "inbound"), WISHES))
        facts.write(settings, clock, calls)
        write(settings, clock, found)
        made.append((calls, found))
    command.load_all(command.Loop(settings, clock, db))
    reader = queries.open_reader(settings)
    yield Place(settings, db, reader, tenants[0], tenants[1], *made[0])
    reader.close()
    db.dispose()


def write(settings: Settings, clock: SystemClock, found: list[MeaningRecord]) -> None:
    journal = Journal(settings.journal_dir, "transcribe-0", clock)
    for record in found:
        journal.append("meaning", record.recording_id, record.tenant_id, record)
    journal.close()


def test_the_record_comes_back_as_it_was_written(place: Place) -> None:
    for call, record in zip(place.calls, place.records, strict=True):
        detail = queries.call(place.reader, Scope(place.acme.tenant_id), call.cdr.call_id)
        assert detail
        assert detail.meaning == record
    assert place.records[1].hits[0].quote == "refund"


def test_calls_are_found_by_tag_and_by_alert(place: Place) -> None:
    plain, angry, happy = (c.cdr.call_id for c in place.calls)
    assert place.listed(tag="money & <b>refunds</b>") == [angry, plain]
    assert place.listed(tag="fury") == [angry]
    assert place.listed(tag="fur") == []
    assert place.listed(tag="%") == []
    assert place.listed(alert=True) == [angry]
    assert place.listed(alert=False) == [happy, plain]
    row = queries.calls(place.reader, Scope(place.acme.tenant_id), CallFilter(alert=True)).frame.iloc[0]
    assert (row.tags, row.alerts, row.score) == (["fury", "money & <b>refunds</b>"], ["fury"], -3)


def test_an_agent_finds_his_own_calls_only(place: Place) -> None:
    (first, *_) = place.calls
    own = queries.calls(place.reader, Scope(place.acme.tenant_id, "103"), CallFilter(tag="money & <b>refunds</b>"))
    assert list(own.frame.call_id) == [first.cdr.call_id]
    assert queries.call(place.reader, Scope(place.acme.tenant_id, "103"), place.calls[1].cdr.call_id) is None
    assert queries.call(place.reader, Scope(place.birch.tenant_id), first.cdr.call_id) is None


def test_wishes_of_today_are_applied_to_calls_of_yesterday_once(place: Place) -> None:
    model = Model(speech=replace(WISHES, rules=(SpeechRule("joy", ("not tracker:refund",), tag="joy"),)))
    models.apply(place.db, SystemClock(), place.acme.tenant_id, model, "test", "")

    def run() -> str:
        arguments = ["--tenant", "acme.test", "--days", "3660"]
        done = CliRunner().invoke(meaning_command, arguments, obj=place.settings.data, catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    assert "3 of 3 recordings came out differently" in run()
    command.load_all(command.Loop(place.settings, SystemClock(), place.db))
    assert place.listed(tag="joy") == [place.calls[2].cdr.call_id]
    assert place.listed(tag="fury") == place.listed(alert=True) == []
    detail = queries.call(place.reader, Scope(place.acme.tenant_id), place.calls[1].cdr.call_id)
    assert detail and detail.meaning
    assert [hit.quote for hit in detail.meaning.hits] == ["refund", "ridiculous"]
    assert "0 of 3 recordings" in run()
    untouched = queries.calls(place.reader, Scope(place.birch.tenant_id), CallFilter(tag="fury"))
    assert len(untouched.frame) == 1


def test_topics_compare_two_weeks_of_one_tenant(place: Place) -> None:
    clock, rng = SystemClock(), random.Random(7)
    later = NOW + timedelta(days=60)
    calls = []
    for week, said in ((1, "the kettles leak"), (2, "the parcel came")):
        for i in range(25):
            text = said if i < 20 else "a reason of another sort"
            at = later - timedelta(days=7 * week) + timedelta(hours=i + 1)
            calls.append(facts.make_call(rng, place.acme, at, disposition=Disposition.ANSWERED, said=[text, "kettle"],
                                         recorded=True, caller="101", callee="102"))  # fmt: skip
    found = [meaning(Heard(c.transcript, c.turns, Party.CALLEE, "internal"), Speech()) for c in calls]  # type: ignore[arg-type]
    write(place.settings, clock, found)
    facts.write(place.settings, clock, calls)
    command.load_all(command.Loop(place.settings, clock, place.db))
    compared = topics.rising(place.reader, Scope(place.acme.tenant_id), later)
    assert compared.of == {"en": (25, 25)}
    assert [(t.counted.term, t.counted.calls, t.counted.calls_before) for t in compared.topics] == [("leak", 20, 0)]
    assert topics.rising(place.reader, Scope(place.acme.tenant_id), later, ["Mrs Leaks"]).topics == []
    assert topics.rising(place.reader, Scope(place.birch.tenant_id), later).of == {}
    assert topics.rising(place.reader, Scope(place.acme.tenant_id, "103"), later).of == {}


def test_what_people_put_right_counts_within_seconds_and_once(place: Place) -> None:
    """A refund that the engine did not hear is written into the transcript: the tracker finds it, at its second."""
    clock, acme = SystemClock(), place.acme
    models.apply(place.db, clock, acme.tenant_id, Model(speech=WISHES), "test", "")
    call = place.calls[2]
    assert call.transcript
    said = call.transcript.utterances[0]
    author = directory.add_person(
        place.db, clock, acme.tenant_id, "anna@acme.test", "Anna", "manager", "correct horse battery"
    )
    spot = edits.Place(
        call.cdr.call_id, call.transcript.recording_id, edits.EditKind.TEXT, reference(said.utterance_id, said.text),
        said.party,
    )  # fmt: skip
    edit = edits.add(place.db, clock, acme.tenant_id, author.person_id, spot, "the refund has arrived", "", "k" * 32)
    about = {"call_id": call.cdr.call_id, "recording_id": call.transcript.recording_id}
    for _ in range(2):  # the browser may send it twice
        jobs.enqueue(place.db, clock, "meaning", edit.record.edit_id, acme.tenant_id, about, jobs.URGENT)
    jobs.enqueue(place.db, clock, "meaning", "of another tenant", place.birch.tenant_id, about, jobs.URGENT)
    journal = Journal(place.settings.journal_dir, "transcribe-1", clock)
    remaker = Remaker(place.settings, place.db, clock, journal, "transcribe-1")
    while remaker.step():
        pass
    remaker.close()
    journal.close()
    assert jobs.counts(place.db, "meaning") == {"done": 2}
    command.load_all(command.Loop(place.settings, clock, place.db))
    detail = queries.call(place.reader, Scope(acme.tenant_id), call.cdr.call_id)
    assert detail and detail.meaning and detail.transcript
    (hit,) = detail.meaning.hits
    assert (hit.name, hit.quote) == ("refund", "refund")
    assert said.start_s <= hit.start_s <= said.end_s
    assert detail.transcript.utterances[0].text == said.text, "what the engine heard is kept"
    assert queries.call(place.reader, Scope(place.birch.tenant_id), call.cdr.call_id) is None
