"""The search against a real warehouse of two tenants, with transcripts that people put right."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from analytics import queries
from analytics.queries import CallFilter, Found, Scope, Speaker
from ingest import command
from pbx_core.clock import SystemClock
from pbx_core.domain.records import Disposition, Party, RecordingGone
from pbx_core.domain.terms import reference
from pbx_core.errors import InputError
from pbx_core.feed import Journal
from pbx_core.settings import Settings, load
from pbx_core.store import directory, edits, engine
from tests.support import facts

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SAID = (
    ("hello this is the workshop", "my boiler is broken since Monday", "all boilers are out of stock", "that is bad"),
    ("good day the invoices were sent", "I called about my invoice twice", "100% sure [a-z]+ don't"),
    ("Здравствуйте, счёт пришёл вчера", "нет, счета я не видел"),
)
OWN = ("101", "102")


@dataclass
class Town:
    """A loaded warehouse; `calls` of acme in the order of SAID, the last the newest; birch has the same words."""

    settings: Settings
    db: sa.Engine
    loop: command.Loop
    reader: queries.Reader
    acme: directory.Tenant
    birch: directory.Tenant
    people: dict[str, str]
    calls: list[facts.Call]

    def find(self, text: str, extension: str | None = None, **more: object) -> Found:
        scope = Scope(self.acme.tenant_id, extension)
        return queries.search(self.reader, scope, text, own=OWN, **more)  # type: ignore[arg-type]

    def said(self, text: str, **more: object) -> list[str]:
        return [h.said.text for h in self.find(text, **more).hits]  # type: ignore[arg-type]

    def listed(self, text: str) -> list[str]:
        """The calls that the list shows when it is asked for what was said."""
        return list(queries.calls(self.reader, Scope(self.acme.tenant_id), CallFilter(said=text)).frame.call_id)

    def change(
        self, call: int, utterance: int, kind: edits.EditKind, party: Party, text: str | None, seen: str = ""
    ) -> str:
        transcript = self.calls[call].transcript
        assert transcript
        heard = transcript.utterances[utterance]
        place = edits.Place(
            transcript.call_id, transcript.recording_id, kind, reference(heard.utterance_id, heard.text), party
        )
        key = SystemClock().new_id()
        made = edits.add(self.db, SystemClock(), self.acme.tenant_id, self.people["acme"], place, text, seen, key)
        command.load_all(self.loop)
        return made.record.edit_id


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    settings, clock = load(tmp_path_factory.mktemp("search") / "data"), SystemClock()
    db = engine.migrate(settings)
    made, people, tenants = {}, {}, []
    for name in ("acme", "birch"):
        tenant = directory.add_tenant(db, clock, name, f"{name}.test")
        person = directory.add_person(
            db, clock, tenant.tenant_id, f"anna@{name}.test", "Anna", "manager", "correct horse"
        )
        rng = random.Random(name)
        made[name] = [
            facts.make_call(rng, tenant, NOON + timedelta(hours=n), disposition=Disposition.ANSWERED, said=said,
                            caller=("996555000111", "101", "102")[n], callee=("101", "996555000222", "101")[n])
            for n, said in enumerate(SAID)
        ]  # fmt: skip
        facts.write(settings, clock, made[name])
        tenants.append(tenant)
        people[name] = person.person_id
    loop = command.Loop(settings, clock, db)
    command.load_all(loop)
    reader = queries.open_reader(settings)
    yield Town(settings, db, loop, reader, *tenants, people, made["acme"])
    reader.close()
    db.dispose()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("boiler", [SAID[0][1], SAID[0][2]]),
        ('"my boiler"', [SAID[0][1]]),
        ('"boiler my"', []),
        ('"boilers are"', [SAID[0][2]]),
        ("invo*", [SAID[1][0], SAID[1][1]]),
        ("boyler", [SAID[0][1], SAID[0][2]]),
        ("пришол", [SAID[2][0]]),
        ("здраствуйте", [SAID[2][0]]),
        ("calling", [SAID[1][1]]),
        ("Счета", [SAID[2][0], SAID[2][1]]),
        ("don't", [SAID[1][2]]),
        ('100% "[a-z]+"', [SAID[1][2]]),
    ],
)
def test_what_is_found(town: Town, typed: str, expected: list[str]) -> None:
    assert sorted(town.said(typed)) == sorted(expected)


def test_a_hit_says_where_it_is_heard(town: Town) -> None:
    (hit,) = town.find('"my boiler" broken').hits
    words = town.calls[0].transcript.utterances[1].words  # type: ignore[union-attr]
    assert (hit.at_s, hit.marks, hit.similar) == (words[0].start_s, (0, 1, 3), False)
    assert hit.recording_id == town.calls[0].cdr.recording_id and hit.started_at == town.calls[0].cdr.started_at
    assert [h.similar for h in town.find("boyler").hits] == [True, True]


@pytest.mark.parametrize(
    ("typed", "speaker", "found"),
    [
        ("boiler", Speaker.CALLEE, [SAID[0][1]]),
        ("boiler", Speaker.AGENT, [SAID[0][1]]),  # 101 was called
        ("boiler", Speaker.CUSTOMER, [SAID[0][2]]),
        ("invoice", Speaker.AGENT, [SAID[1][0]]),  # 101 calls
        ("счет", Speaker.AGENT, [SAID[2][0]]),  # both are ours: who calls
    ],
)
def test_by_speaker(town: Town, typed: str, speaker: Speaker, found: list[str]) -> None:
    assert town.said(typed, speaker=speaker) == found


def test_an_agent_finds_his_own_calls_only_and_nobody_another_tenants(town: Town) -> None:
    assert town.said("счет", extension="101") and not town.said("boiler", extension="102")
    assert town.find("boiler", extension="-").total == 0
    theirs = queries.search(town.reader, Scope(town.birch.tenant_id), "boiler")
    assert theirs.total == 2 and not {h.call_id for h in theirs.hits} & {c.cdr.call_id for c in town.calls}


def test_pages_and_periods(town: Town) -> None:
    both = town.find("is", limit=1)
    rest = town.find("is", limit=50, skip=1)
    assert both.total == rest.total == len(rest.hits) + 1 and both.hits[0] not in rest.hits
    assert town.find("is", since=NOON + timedelta(minutes=30)).total == 0
    for limit, skip in ((0, 0), (101, 0), (1, 1001), (1, -1)):
        with pytest.raises(InputError):
            town.find("is", limit=limit, skip=skip)


def test_what_people_put_right_is_what_is_found(town: Town) -> None:
    first = town.change(0, 3, edits.EditKind.TEXT, Party.CALLEE, "That is a dreadful Ёлка")
    assert town.said("dreadful") == town.said("елка") == town.said('"a dreadful"') == ["That is a dreadful Ёлка"]
    (hit,) = town.find("dreadful").hits
    assert hit.said.words[hit.marks[0]].p is None and hit.said.heard.start_s < hit.at_s < hit.said.heard.end_s
    assert town.said("bad") == []
    assert town.listed("dreadful") == [town.calls[0].cdr.call_id] and town.listed("bad") == []
    town.change(0, 3, edits.EditKind.PARTY, Party.CALLER, "")
    assert town.said("dreadful", speaker=Speaker.CALLER) and not town.said("dreadful", speaker=Speaker.CALLEE)
    town.change(0, 3, edits.EditKind.TEXT, Party.CALLEE, None, seen=first)
    assert town.said("dreadful") == [] and town.said("bad") == [SAID[0][3]]


@pytest.mark.parametrize(
    "typed",
    ["' OR 1=1 --", "$tenant_id", "(a+)+$" * 30, "a" * 200, "\x00 🦆 boiler"],
)
def test_hostile_searches_are_just_words(town: Town, typed: str) -> None:
    try:
        assert {h.call_id for h in town.find(typed).hits} <= {c.cdr.call_id for c in town.calls}
    except InputError as error:
        assert str(error)


def test_words_of_a_deleted_recording_are_not_found(town: Town) -> None:
    gone = town.calls[2].recording
    assert gone and town.said("счет")
    journal = Journal(town.settings.journal_dir, "keeper", SystemClock())
    record = RecordingGone(gone.recording_id, gone.call_id, gone.tenant_id, NOON, "erased", "keeper", gone.sha256)
    journal.append("recording_gone", gone.recording_id, gone.tenant_id, record)
    journal.close()
    command.load_all(town.loop)
    assert town.said("счет") == []
