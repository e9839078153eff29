"""`callbench agent` and `callbench queue`: who serves the queues, who waits in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
import sqlalchemy as sa

from pbx_core.clock import Clock, SystemClock
from pbx_core.domain import acd
from pbx_core.domain.acd import EntryState
from pbx_core.domain.model import Model, QueueModel
from pbx_core.errors import InputError
from pbx_core.informer.operator import telling
from pbx_core.settings import load
from pbx_core.store import agents, line, models
from pbx_core.store.acd import Tell
from pbx_core.store.terminal import open_db, say, table, tenant_of

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class _Office:
    """What every command here needs."""

    db: sa.Engine
    clock: Clock
    tell: Tell
    tenant_id: str
    model: Model


@contextmanager
def _office(data: Path, domain: str) -> Iterator[_Office]:
    db, clock = open_db(data), SystemClock()
    tenant_id = tenant_of(db, domain).tenant_id
    with telling(load(data), clock) as tell:
        yield _Office(db, clock, tell, tenant_id, models.active(db, tenant_id)[1])


def _options(command: F) -> F:
    for option in (
        click.option("--number", required=True, help="The agent's extension."),
        click.option("--queue", default="", help="Of this queue only; without it, of all that name him."),
        click.option("--tenant", "domain", required=True, help="The tenant's domain."),
    ):
        command = option(command)
    return command


@click.group()
def agent() -> None:
    """Who serves the queues: log agents in and out, let them pause."""


@agent.command("login")
@_options
@click.pass_obj
def login(data: Path, domain: str, queue: str, number: str) -> None:
    """Let the agent take calls of his queues."""
    _change(data, domain, queue, number, agents.log_in, "logged in to", "is logged in already")


@agent.command("logout")
@_options
@click.pass_obj
def logout(data: Path, domain: str, queue: str, number: str) -> None:
    """Give the agent no more calls; one that runs goes on."""
    _change(data, domain, queue, number, agents.log_out, "logged out of", "is not logged in")


@agent.command("pause")
@_options
@click.option("--reason", default="", help="Shown in reports, as lunch.")
@click.pass_obj
def pause(data: Path, domain: str, queue: str, number: str, reason: str) -> None:
    """Give the agent no calls for a while."""
    _change(data, domain, queue, number, partial(agents.pause, reason=reason), "paused in", "is paused already")


@agent.command("unpause")
@_options
@click.pass_obj
def unpause(data: Path, domain: str, queue: str, number: str) -> None:
    """Give the agent calls again."""
    _change(data, domain, queue, number, agents.unpause, "takes calls again in", "was not paused")


@agent.command("list")
@click.option("--tenant", "domain", required=True, help="The tenant's domain.")
@click.option("--queue", default="", help="Of this queue only.")
@click.pass_obj
def list_(data: Path, domain: str, queue: str) -> None:
    """Show the agents of the queues and what each is doing."""
    with _office(data, domain) as o:
        rows = [
            (seen.queue.id, a.number, str(a.tier), acd.why_not(a, now) or "ready", str(a.calls), _duration(a.talk_s))
            for now, seen in _snapshots(o, queue)
            for a in seen.agents
        ]
    table(("Queue", "Agent", "Tier", "State", "Calls", "Talked"), rows, "There are no agents yet.")


@click.group()
def queue() -> None:
    """The waiting queues."""


@queue.command("status")
@click.option("--tenant", "domain", required=True, help="The tenant's domain.")
@click.option("--queue", "only", default="", help="This queue only.")
@click.pass_obj
def status(data: Path, domain: str, only: str) -> None:
    """Show who waits and for how long, and what the agents are doing."""
    with _office(data, domain) as o:
        seen = list(_snapshots(o, only))
    if not seen:
        say("There are no queues yet.")
    for now, queue_ in seen:
        _show(queue_, now)


def _show(seen: line.Snapshot, now: float) -> None:
    waiting = acd.in_order(seen.line)
    longest_s = max((now - e.joined_at for e in waiting), default=0.0)
    talking = sum(1 for e in seen.line if e.state is EntryState.TALKING)
    ready = sum(1 for a in seen.agents if not acd.why_not(a, now))
    say(
        f"{seen.queue.id}: {len(waiting)} waiting, longest {_duration(longest_s)}, {talking} talking, "
        f"{ready} of {len(seen.agents)} agents ready"
    )
    rows = []
    for place, entry in enumerate(waiting, 1):
        estimate = acd.estimated_wait_s(seen.queue, place, seen.agents, now)
        left = "" if estimate is None else _duration(estimate)
        rows.append((str(place), entry.number, entry.state.value, _duration(now - entry.joined_at), left))
    if rows:
        table(("Place", "Caller", "State", "Waits", "Estimated"), rows, "")
    served = [(a.number, acd.why_not(a, now) or "ready", str(a.calls)) for a in seen.agents]
    table(("Agent", "State", "Calls"), served, "It has no agents.")


def _snapshots(o: _Office, only: str) -> Iterator[tuple[float, line.Snapshot]]:
    now = o.clock.now().timestamp()
    if only and line.queue_of(o.model, only) is None:
        raise InputError(f"There is no queue {only!r}.", error_id="no_queue")
    chosen: list[QueueModel] = [q for q in o.model.queues if only in ("", q.id)]
    with o.db.connect() as connection:
        for each in chosen:
            yield now, line.snapshot(connection, o.tenant_id, o.model, each, now)


def _change(
    data: Path, domain: str, queue: str, number: str, act: Callable[..., tuple[str, ...]], done: str, already: str
) -> None:
    """Do it in the agent's queues, and say in which it is new."""
    with _office(data, domain) as o:
        queues = act(o.db, o.clock, o.tell, o.tenant_id, o.model, queue, number)
    say(f"{number} {done} {', '.join(queues)}." if queues else f"{number} {already}; nothing was changed.")


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=int(max(0.0, seconds))))
