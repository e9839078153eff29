"""`callbench explain`: step by step why a call from X to Y at time T goes where it goes."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from pbx_core.clock import SystemClock
from pbx_core.domain import hours, numbers
from pbx_core.domain.explain import Branch, explain
from pbx_core.domain.model import Model
from pbx_core.domain.nodes import Origin, Wish
from pbx_core.errors import InputError
from pbx_core.store import facts, models
from pbx_core.store.model_command import tenant_option
from pbx_core.store.terminal import open_db, say, tenant_of

WIDTH = 160  # columns where there is no terminal
_SEPARATORS = re.compile(r"[\s()./-]")  # as people write numbers; phones do not dial them


@click.command("explain")
@tenant_option
@click.option("--from", "caller", required=True, help="An extension, a number outside, or anonymous.")
@click.option("--to", "called", required=True, help="What is dialled: digits, a code, a number of ours.")
@click.option("--at", default="", help="2026-12-25 10:00 in the tenant's time zone, or with +06:00; without it, now.")
@click.option("--trunk", "trunk_id", default="", help="The trunk that brings a call from outside.")
@click.option("--overflow", is_flag=True, help="As if all channels of the number called were in use.")
@click.pass_obj
def explain_command(data: Path, domain: str, caller: str, called: str, at: str, trunk_id: str, overflow: bool) -> None:
    """Say why a call goes where it goes, with everything that could happen to it."""
    db = open_db(data)
    owner = tenant_of(db, domain)
    version, model = models.active(db, owner.tenant_id)
    caller, called = (_SEPARATORS.sub("", text) for text in (caller, called))
    wish = wish_of(model, caller, called, trunk_id, overflow=overflow)
    clock = SystemClock()
    when = _moment(at, model) if at else clock.now()
    known = facts.gather(db, clock, owner.tenant_id, home=owner.domain, at=when)
    local = when.astimezone(hours.zone(model.time_zone))
    say(f"{caller} calls {called} on {local:%A %Y-%m-%d %H:%M} {model.time_zone}, by version {version} of the model.")
    if at:
        say("Phones signed in, users' settings and running calls are those of now: they are not kept for other times.")
    root = explain(model, known, wish)
    console = Console(width=None if Console().is_terminal else WIDTH)
    console.print(_tree(root))


def wish_of(model: Model, caller: str, called: str, trunk_id: str = "", *, overflow: bool = False) -> Wish:
    """The question to the dialplan for a call from `caller` (extension, outside number, anonymous) to `called`."""
    if caller in model.book.extensions:
        return Wish(Origin("extension", caller, model.book.extensions[caller].name, extension=caller), called)
    country = model.outbound.country
    outside = numbers.caller(caller, country)
    if outside != "anonymous" and not numbers.is_e164(outside):
        raise InputError(f"{caller!r} is neither an extension nor a number outside.", error_id="no_extension")
    did = numbers.parse(called, country)
    number = did.e164 if did else called
    found = model.book.dids.get(number)
    trunk_id = trunk_id or (found.trunk if found else "")
    return Wish(Origin("trunk", outside, did=number, trunk_id=trunk_id), number, overflow=overflow)


def _moment(text: str, model: Model) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is no time; write 2026-12-25 10:00.", error_id="bad_time") from None
    return found if found.tzinfo else found.replace(tzinfo=hours.zone(model.time_zone))


def _tree(branch: Branch) -> Tree:
    head = f"{branch.when} → {branch.destination}" if branch.when else branch.destination
    if branch.repeats:
        return Tree(Text(f"{head}: {branch.stop}"))
    tree = Tree(Text(head))
    for step in branch.steps:
        tree.add(Text(f"{step.place}: {step.text}"))
    stop = tree.add(Text(f"⇒ {branch.stop}"))
    for further in branch.branches:
        stop.children.append(_tree(further))
    return tree
