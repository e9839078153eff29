"""The informer with a worker that makes the calls as told: campaigns, opt-out, call-backs, and death in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from pbx_core import feed
from pbx_core.clock import SystemClock
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.campaign import Rules
from pbx_core.domain.model import Did, Model, Outbound, QueueMember, QueueModel, Trunk
from pbx_core.domain.records import CallEventRecord
from pbx_core.feed import Journal
from pbx_core.informer.informer import BUSY_S, IDLE_S, NO_TRACE_S, Informer
from pbx_core.store import campaigns, models, services
from pbx_core.store.acd import Acd, Joined
from pbx_core.store.schema import binding, campaign_number, campaign_try, opt_out, pbx_model, queue_call
from tests.conftest import World
from tests.support.callmaker import ANSWERED, callmaker, closed, key
from tests.support.waiting import until

RULES = Rules(("say:en:The water is off.",), at_once=5, per_minute=600, quiet="", spacing_s={})
ANN, BOB, EVE = "+4930123456", "+4930123457", "+4930123458"


class Ahead(SystemClock):
    """The machine's clock, put forward by a test."""

    def __init__(self) -> None:
        object.__setattr__(self, "by", [timedelta()])

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by[0]  # type: ignore[attr-defined,no-any-return]

    def ahead(self, seconds: float) -> None:
        self.by[0] += timedelta(seconds=seconds)  # type: ignore[attr-defined]


class Town:
    """A tenant with a trunk and a queue, and an informer that is stepped by hand."""

    def __init__(self, world: World) -> None:
        self.world, self.clock, self.tenant_id = world, Ahead(), world.acme.tenant_id
        models.apply(world.db, world.clock, self.tenant_id, self.model_for("+493011111"), "test")
        self.model = models.active(world.db, self.tenant_id)[1]
        self.journal = Journal(world.settings.journal_dir, "informer", self.clock)
        self.informer = Informer(world.settings, world.db, self.clock, self.journal)

    def model_for(self, did: str) -> Model:
        return Model(
            extensions=models.active(self.world.db, self.tenant_id)[1].extensions,
            trunks=(Trunk("carrier", "192.0.2.7"),),
            dids=(Did(did, "extension:101"),),
            outbound=Outbound(country="DE"),
            queues=(QueueModel("sales", "Sales", (QueueMember("101", always=True),)),),
        )

    def campaign(self, *numbers: str, rules: Rules = RULES) -> str:
        made = campaigns.create(self.world.db, self.clock, self.tenant_id, "water", rules, numbers, "test")
        campaigns.act(self.world.db, self.clock, self.tenant_id, made, "start")
        return made

    def ahead(self, seconds: float) -> None:
        """So much time passes; whoever stands on the board goes on beating."""
        self.clock.ahead(seconds)
        for row in services.all_services(self.world.db):
            services.beat(self.world.db, self.clock, row.name, row.started_at, row.detail)

    def state(self, campaign_id: str) -> str:
        with self.world.db.connect() as connection:
            return campaigns.get(connection, self.tenant_id, campaign_id).state

    def numbers(self) -> dict[str, str]:
        with self.world.db.connect() as connection:
            return {r.number: r.state for r in connection.execute(sa.select(campaign_number))}

    def records(self, kind: str) -> list[object]:
        directory = self.world.settings.journal_dir
        lines = [line for s in feed.segments(directory) for line in feed.read(directory, s)]
        return [e.record for e in (feed.decode(line.raw) for line in lines) if e.kind == kind]

    def run(self, campaign_id: str, seconds: int = 100) -> None:
        """Step until the campaign is done; between steps so much time passes."""
        for _ in range(200):
            self.informer.step()
            if self.state(campaign_id) == "done":
                return
            self.ahead(seconds)
        raise AssertionError(self.numbers())


@pytest.fixture
def town(world: World) -> Town:
    return Town(world)


def test_each_number_is_called_told_and_its_answer_recorded(town: Town) -> None:
    with callmaker(town.world.settings, town.world.db, clock=town.clock) as maker:
        campaign_id = town.campaign(ANN, BOB, EVE)
        menu = f"inform:{campaign_id}"
        maker.answers = {
            ANN: [[ANSWERED, key("1", menu), closed()]],
            BOB: [[ANSWERED, key("9", menu), closed()]],
            EVE: [[closed("busy", "486 Busy Here")], [ANSWERED, key("t", menu), closed()]],
        }
        town.run(campaign_id)
    assert town.numbers() == {ANN: "acknowledged", BOB: "opted_out", EVE: "reached"}
    assert Counter(maker.numbers()) == {ANN: 1, BOB: 1, EVE: 3}
    first = maker.asked[0]
    assert (first["do"], first["direction"], first["then"]) == ("originate", "informing", menu)
    assert first["shown"] == "+493011111"
    assert first["target"]["routes"][0]["trunk_id"] == "carrier"
    said = sorted((r.number, r.attempt, r.result, r.key) for r in town.records("inform"))  # type: ignore[attr-defined]
    assert said == [
        (ANN, 1, "acknowledged", "1"),
        (BOB, 1, "opted_out", "9"),
        (EVE, 1, "busy", ""),
        (EVE, 2, "reached", ""),
        (EVE, 3, "reached", ""),
    ]


def test_who_opted_out_is_never_called_again_also_when_it_happened_after_the_list_was_made(town: Town) -> None:
    draft = campaigns.create(town.world.db, town.clock, town.tenant_id, "later", RULES, [ANN, BOB], "test")
    with callmaker(town.world.settings, town.world.db, clock=town.clock) as maker:
        first = town.campaign(BOB)
        maker.answers = {n: [[ANSWERED, key("9", f"inform:{first}"), closed()]] for n in (ANN, BOB)}
        town.run(first)
        campaigns.act(town.world.db, town.clock, town.tenant_id, draft, "start")
        maker.answers[ANN] = [[ANSWERED, key("1", f"inform:{draft}"), closed()]]
        town.run(draft)
        third = town.campaign(BOB)
        town.run(third)
        other = campaigns.create(town.world.db, town.clock, town.world.birch.tenant_id, "x", RULES, [BOB], "test")
    assert maker.numbers() == [BOB, ANN]
    with town.world.db.connect() as connection:
        assert [r.number for r in connection.execute(sa.select(opt_out))] == [BOB]
        row = connection.execute(sa.select(campaign_number).where(campaign_number.c.campaign_id == other)).one()
    assert row.state == "ready"  # another tenant's list is another one


def test_nobody_is_called_in_quiet_hours_and_all_are_after_them(town: Town) -> None:
    begin = town.clock.now().astimezone(UTC)
    quiet = f"{begin - timedelta(hours=1):%H:%M}-{begin + timedelta(hours=2):%H:%M}"
    with callmaker(town.world.settings, town.world.db, clock=town.clock) as maker:
        maker.answers = {ANN: [[ANSWERED, closed()]]}
        rules = replace(RULES, quiet=quiet, time_zone="UTC", acknowledge_key="")
        # a number whose plan names many zones: the tenant's hours count
        campaign_id = town.campaign("+18005551234", rules=rules)
        assert town.numbers() == {"+18005551234": "ready"}
        town.informer.step()
        assert maker.asked == []
        town.ahead(3 * 3600)
        town.informer.step()
    # abroad is switched off in this model: it may be tried now, and is refused by the dialplan, for good
    assert town.numbers() == {"+18005551234": "failed"}
    assert town.state(campaign_id) == "done"
    (record,) = town.records("inform")
    assert record.result == "failed"  # type: ignore[attr-defined]


def test_without_room_the_try_does_not_count_and_a_paused_or_cancelled_campaign_calls_nobody(town: Town) -> None:
    campaign_id = town.campaign(ANN)
    town.informer.step()  # no worker at all
    with callmaker(town.world.settings, town.world.db, clock=town.clock) as maker:
        maker.refuse = {"error": "no_slot"}
        town.ahead(3)
        town.informer.step()
        assert len(maker.asked) == 1
        campaigns.act(town.world.db, town.clock, town.tenant_id, campaign_id, "pause")
        town.ahead(3)
        town.informer.step()
        campaigns.act(town.world.db, town.clock, town.tenant_id, campaign_id, "start")
        maker.refuse, maker.answers = None, {ANN: [[ANSWERED, key("1", f"inform:{campaign_id}"), closed()]]}
        town.run(campaign_id)
    assert len(maker.asked) == 2
    (record,) = town.records("inform")
    assert (record.attempt, record.result) == (1, "acknowledged")  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="is done; it cannot cancel"):
        campaigns.act(town.world.db, town.clock, town.tenant_id, campaign_id, "cancel")


def test_a_call_that_left_no_trace_is_a_failed_try(town: Town) -> None:
    with callmaker(town.world.settings, town.world.db, clock=town.clock) as maker:
        maker.answers = {ANN: [None]}
        campaign_id = town.campaign(ANN, rules=replace(RULES, tries=1))
        town.informer.step()
        town.informer.step()
        assert town.numbers() == {ANN: "calling"}
        town.ahead(NO_TRACE_S + 1)
        town.informer.step()
    assert (town.numbers(), town.state(campaign_id)) == ({ANN: "failed"}, "done")
    assert len(maker.asked) == 1


def test_a_call_whose_worker_was_killed_ends_by_what_its_successor_writes(town: Town) -> None:
    with callmaker(town.world.settings, town.world.db, clock=town.clock) as maker:
        maker.answers = {ANN: [[ANSWERED]]}
        campaign_id = town.campaign(ANN, rules=replace(RULES, tries=1))
        town.informer.step()
        town.ahead(NO_TRACE_S + 1)
        town.informer.step()
        assert town.numbers() == {ANN: "calling"}  # there is a trace: somebody will close it
        request = maker.asked[0]
        # a new informer finds the call in the journals, from before its own time
        town.informer = Informer(town.world.settings, town.world.db, town.clock, town.journal)
        successor = Journal(town.world.settings.journal_dir, "worker-0", town.clock)
        ids = request["call_id"], town.tenant_id
        for seq, kind in ((2, EventType.ABORTED), (3, EventType.CLOSED)):
            event = CallEventRecord(*ids, seq, town.clock.now(), 0.0, kind.value, None, {"reason": "killed"})
            successor.append("call_event", f"{ids[0]}-{seq}", town.tenant_id, event)
        town.informer.step()
    assert (town.numbers(), town.state(campaign_id)) == ({ANN: "reached"}, "done")


def test_a_broken_model_puts_its_own_calls_off_and_no_others(town: Town) -> None:
    birch = town.world.birch.tenant_id
    models.apply(town.world.db, town.world.clock, birch, town.model_for("+493022222"), "test")
    town.campaign(ANN)
    other = campaigns.create(town.world.db, town.clock, birch, "x", RULES, [BOB], "test")
    campaigns.act(town.world.db, town.clock, birch, other, "start")
    with town.world.db.begin() as connection:
        broken = pbx_model.c.tenant_id == town.tenant_id
        connection.execute(sa.update(pbx_model).where(broken).values(document="{", created_at=1.0))
    with callmaker(town.world.settings, town.world.db, clock=town.clock) as maker:
        maker.answers = {BOB: [[ANSWERED, key("1", f"inform:{other}"), closed()]]}
        town.informer.step()
        town.informer.step()
    assert maker.numbers() == [BOB]
    with town.world.db.connect() as connection:
        rows = connection.execute(sa.select(campaign_number)).all()
    assert {r.number: (r.state, r.tries) for r in rows} == {ANN: ("ready", 0), BOB: ("acknowledged", 1)}


def test_an_idle_informer_asks_seldom_and_writes_nothing(town: Town) -> None:
    assert town.informer.step() == IDLE_S
    town.campaign(ANN)
    with callmaker(town.world.settings, town.world.db, clock=town.clock) as maker:
        maker.answers = {ANN: [None]}
        assert town.informer.step() == BUSY_S


def _wait_in_line(town: Town, entry_id: str, number: str) -> Acd:
    desk = Acd(town.world.db, town.clock, lambda _: town.model, lambda _: None)
    assert isinstance(desk.join(town.tenant_id, "sales", entry_id, number, "worker-0"), Joined)
    return desk


def _entries(town: Town) -> list[tuple[str, str, str]]:
    with town.world.db.connect() as connection:
        rows = connection.execute(sa.select(queue_call).order_by(queue_call.c.joined_at))
        return [(r.number, r.state, r.worker) for r in rows]


def _register(town: Town) -> None:
    row = {"tenant_id": town.tenant_id, "number": "101", "contact": "sip:x", "call_id": "x", "cseq": 1}
    with town.world.db.begin() as connection:
        connection.execute(
            sa.insert(binding).values(**row, source="udp:192.0.2.1:5060", registered_at=0.0, expires_at=4e9)
        )


def test_who_asked_to_be_called_back_is_called_when_an_agent_is_free_and_gets_his_old_place(town: Town) -> None:
    desk = _wait_in_line(town, "a" * 32, ANN)
    desk.leave(town.tenant_id, "a" * 32, "callback")
    town.ahead(16)
    with callmaker(town.world.settings, town.world.db, clock=town.clock) as maker:
        maker.answers = {ANN: [[closed("busy", "486 Busy Here")], None]}
        town.informer.step()
        assert maker.asked == []  # nobody could take him
        _register(town)
        town.informer.step()
        town.informer.step()
        assert _entries(town) == [(ANN, "callback", "")]  # busy; again later
        town.informer.step()
        assert len(maker.asked) == 1
        town.ahead(121)
        town.informer.step()
        assert [r["then"] for r in maker.asked] == ["queue:sales"] * 2
        desk.join(town.tenant_id, "sales", "b" * 32, BOB, "worker-0")
        assert [s.offer for s in desk.poll("worker-0")] == [None]  # the agent is kept for Ann
        call_id = maker.asked[1]["call_id"]
        assert desk.join(town.tenant_id, "sales", call_id, ANN, "worker-0") == Joined(1, None)
        maker.happen(maker.asked[1], ANSWERED, closed())  # the call's end does not touch who has joined
        offers = {s.entry_id: s.offer for s in desk.poll("worker-0")}
        assert offers["b" * 32] is None and offers[call_id] is not None
    facts = [(e.type, e.call_id == call_id) for e in town.records("queue_event")]  # type: ignore[attr-defined]
    assert facts == [("callback_due", False), ("callback_failed", False), ("callback_due", True)]


def test_a_customer_who_is_not_reached_three_times_is_given_up(town: Town) -> None:
    _register(town)
    desk = _wait_in_line(town, "a" * 32, ANN)
    desk.leave(town.tenant_id, "a" * 32, "callback")
    town.ahead(16)
    with callmaker(town.world.settings, town.world.db, clock=town.clock) as maker:
        for _ in range(12):
            town.informer.step()
            town.ahead(60)
    assert len(maker.asked) == 3
    assert _entries(town) == []


def _started(world: World) -> subprocess.Popen[bytes]:
    program = "from pbx_core.informer.command import informer; import pathlib, sys; "
    program += "informer.main(args=[], obj=pathlib.Path(sys.argv[1]), standalone_mode=False)"
    return subprocess.Popen([sys.executable, "-c", program, str(world.settings.data)])


def test_kill_9_in_the_middle_never_calls_a_number_twice_in_one_attempt(town: Town) -> None:
    """The real process, killed again and again while it calls forty numbers, each of which answers."""
    numbers = [f"+49301234{n:02}" for n in range(40)]
    with callmaker(town.world.settings, town.world.db, clock=town.clock) as maker:
        campaign_id = campaigns.create(
            town.world.db, SystemClock(), town.tenant_id, "water", replace(RULES, at_once=3), numbers, "test"
        )
        maker.answers = {n: [[ANSWERED, key("1", f"inform:{campaign_id}"), closed()]] for n in numbers}
        campaigns.act(town.world.db, SystemClock(), town.tenant_id, campaign_id, "start")
        deaths = 0
        while town.state(campaign_id) != "done" and deaths < 4:
            process = _started(town.world)
            wanted = min(40, len(maker.asked) + 9)
            until(lambda: len(maker.asked) >= wanted, 60, every_s=0.002, what="calls")  # noqa: B023
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            deaths += 1
        process = _started(town.world)
        try:
            # a try whose informer died before it asked anybody leaves no trace and fails much later: put that forward
            def settled() -> bool:
                with town.world.db.connect() as connection:
                    rows = connection.execute(sa.select(campaign_try)).all()
                asked = {r["call_id"] for r in maker.asked}
                open_ = [r for r in rows if r.ended_at is None]
                return len(rows) == 40 and all(r.call_id not in asked for r in open_)

            until(settled, 60, what="all results")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
    per_call = Counter(r["call_id"] for r in maker.asked)
    assert max(per_call.values()) == 1
    assert max(Counter(maker.numbers()).values()) == 1  # one attempt each, for all answered
    assert deaths >= 3
    results = Counter(r.call_id for r in town.records("inform"))  # type: ignore[attr-defined]
    directory = town.world.settings.journal_dir
    town.journal.close()  # ours; those of the killed ones were ended by their successors
    assert all(feed.is_complete(directory / s) for s in feed.segments(directory))
    assert max(results.values()) <= 2  # a line twice is harmless: its id is the call's
