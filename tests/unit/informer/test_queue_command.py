"""`callbench agent` and `callbench queue`, as an operator types them."""

from __future__ import annotations

from click.testing import CliRunner

from pbx_core import feed
from pbx_core.clock import SystemClock
from pbx_core.domain.model import Model, QueueMember, QueueModel
from pbx_core.errors import InputError
from pbx_core.informer.queue_command import agent, queue
from pbx_core.store import models
from pbx_core.store.acd import Acd
from tests.conftest import World


def office(world: World) -> None:
    members = (QueueMember("101"), QueueMember("102", tier=2, always=True))
    model = Model(queues=(QueueModel("sales", "Sales", members),))
    models.apply(world.db, world.clock, world.acme.tenant_id, _with_extensions(world, model), "test")


def _with_extensions(world: World, model: Model) -> Model:
    from dataclasses import replace

    return replace(model, extensions=models.active(world.db, world.acme.tenant_id)[1].extensions)


def said(world: World, group: object, *words: str) -> str:
    done = CliRunner().invoke(group, words, obj=world.settings.data)  # type: ignore[arg-type]
    if isinstance(done.exception, InputError):
        return str(done.exception)
    assert done.exception is None, done.output
    return done.output


def test_an_agent_logs_in_pauses_returns_and_leaves_and_every_step_is_in_the_journal(world: World) -> None:
    office(world)
    about = ("--tenant", "acme.test", "--number", "101")
    assert said(world, agent, "login", *about) == "101 logged in to sales.\n"
    assert "already" in said(world, agent, "login", *about, "--queue", "sales")
    assert said(world, agent, "pause", *about, "--reason", "lunch") == "101 paused in sales.\n"
    listed = said(world, agent, "list", "--tenant", "acme.test").splitlines()
    assert [row.split("\t")[1:4] for row in listed] == [["101", "1", "paused: lunch"], ["102", "2", "offline"]]
    assert said(world, agent, "unpause", *about) == "101 takes calls again in sales.\n"
    assert said(world, agent, "logout", *about) == "101 logged out of sales.\n"
    events = []
    for segment in feed.segments(world.settings.journal_dir):
        assert segment.startswith("operator/")
        assert feed.is_complete(world.settings.journal_dir / segment)
        events += [feed.decode(e.raw).record for e in feed.read(world.settings.journal_dir, segment)]
    facts = sorted((e.at, e.type, e.agent, e.queue, e.reason) for e in events if e is not None)
    assert [f[1:] for f in facts] == [
        ("login", "101", "sales", ""),
        ("pause", "101", "sales", "lunch"),
        ("unpause", "101", "sales", ""),
        ("logout", "101", "sales", ""),
    ]


def test_what_does_not_exist_is_named(world: World) -> None:
    office(world)
    assert "no queue 'support' (there are: sales)" in said(
        world, agent, "login", "--tenant", "acme.test", "--number", "101", "--queue", "support"
    )
    assert "'103' is not an agent" in said(world, agent, "login", "--tenant", "acme.test", "--number", "103")
    assert "no tenant" in said(world, agent, "list", "--tenant", "nobody.test")
    assert "There are no queues yet" in said(world, queue, "status", "--tenant", "birch.test")
    assert "no queue" in said(world, queue, "status", "--tenant", "acme.test", "--queue", "x")


def test_the_status_shows_who_waits(world: World) -> None:
    office(world)
    model = models.active(world.db, world.acme.tenant_id)[1]
    desk = Acd(world.db, SystemClock(), lambda _: model, lambda _: None)
    desk.join(world.acme.tenant_id, "sales", "call-1", "+4930123456", "worker-0")
    shown = said(world, queue, "status", "--tenant", "acme.test").splitlines()
    assert shown[0].startswith("sales: 1 waiting, longest 0:00:0")
    assert shown[1].split("\t")[:3] == ["1", "+4930123456", "waiting"]
    assert shown[2].split("\t")[:2] == ["101", "logged out"]
