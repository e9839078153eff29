"""`callbench numbers`, `callbench my`, `callbench trunk`: a plan of short numbers in bulk, what a user sets for
himself, carriers and their passwords."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from pbx_core.clock import SystemClock
from pbx_core.domain import dialplan
from pbx_core.domain import numbers as plans
from pbx_core.domain.model import Extension, UserSettings
from pbx_core.domain.modelcheck_values import EXTENSIONS_MAX, short_numbers
from pbx_core.domain.nodes import Hangup, Origin, Wish
from pbx_core.errors import InputError
from pbx_core.settings import load
from pbx_core.store import audit, facts, models, secrets, usersettings
from pbx_core.store.model_command import AUTHOR, secrets_file, secrets_option, tell_applied, tenant_option
from pbx_core.store.schema import trunk_state
from pbx_core.store.terminal import clean_name, open_db, say, table, tenant_of

NAMES_BYTES_MAX = 1_000_000
SECRET_CHARS_MAX = 256
FORWARDINGS = ("forward_always", "forward_busy", "forward_no_answer", "forward_offline")


@click.command()
@tenant_option
@click.option(
    "--count", type=click.IntRange(1, EXTENSIONS_MAX), help="How many; without it, as many as there are names."
)
@click.option("--first", default="1", show_default=True, help="Digit with which they begin.")
@click.option("--names", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A name per line.")
@secrets_option
@click.pass_obj
def numbers(data: Path, domain: str, count: int | None, first: str, names: Path | None, secrets: Path | None) -> None:
    """Add many extensions at once: the first free short numbers that begin with a digit. Three digits by default,
    more when three are not enough. Their SIP passwords are made and shown once."""
    db = open_db(data)
    owner = tenant_of(db, domain)
    called = _names(names)
    wanted = count if count is not None else len(called)
    if not wanted:
        raise InputError("Say how many (--count), or whose they are (--names).", error_id="bad_count")
    version, before = models.active(db, owner.tenant_id)
    taken = {number for _, number in short_numbers(before)}
    taken |= {*before.outbound.emergency, *plans.emergency_numbers(before.outbound.country)}
    try:
        made = plans.plan(wanted, first, frozenset(taken))
    except ValueError as error:
        raise InputError(f"{str(error).capitalize()}; nothing was created.", error_id="bad_plan") from None
    added = tuple(Extension(n, name=called[i] if i < len(called) else "") for i, n in enumerate(made))
    after = replace(before, extensions=before.extensions + added)
    with secrets_file(secrets) as keep:
        comment = f"{wanted} extensions from {made[0]}"
        done = models.apply(db, SystemClock(), owner.tenant_id, after, AUTHOR, comment, based_on=version)
        keep(done.passwords)
    audit.note(db, SystemClock(), owner.tenant_id, None, "model_applied", str(done.version))
    tell_applied(done, owner.domain, before, after, secrets)


def _names(file: Path | None) -> list[str]:
    if file is None:
        return []
    if file.stat().st_size > NAMES_BYTES_MAX:
        raise InputError(f"{file} is larger than a list of names; nothing was created.", error_id="bad_file")
    try:
        return [clean_name(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise InputError(f"{file} is no text in UTF-8; nothing was created.", error_id="bad_file") from None


@click.command()
@tenant_option
@click.option("--number", required=True, help="The user's extension.")
@click.option("--dnd/--no-dnd", default=None, help="Do not disturb.")
@click.option("--forward-always", help="Number that gets every call; '' switches it off. So with the others.")
@click.option("--forward-busy", help="Number, or voicemail, when the phone is busy.")
@click.option("--forward-no-answer", help="Number, or voicemail, when nobody answers.")
@click.option("--forward-no-answer-s", type=float, help="After how many seconds.")
@click.option("--forward-offline", help="Number, or voicemail, when no phone is signed in.")
@click.option("--follow-me", help="Numbers tried one after another, separated by commas.")
@click.option("--greeting", help="Sound heard before a message is left: prompt:name or say:en:words.")
@click.pass_obj
def my(data: Path, /, domain: str, number: str, **options: Any) -> None:
    """What a user sets for himself: show it, or change what is named. Nobody else's model touches it."""
    db = open_db(data)
    tenant_id = tenant_of(db, domain).tenant_id
    changes = {name: value for name, value in options.items() if value is not None}
    if "follow_me" in changes:
        changes["follow_me"] = [n for each in changes["follow_me"].split(",") if (n := each.strip())]
    if changes:
        _reachable(db, domain, number, changes)
        held = usersettings.change_user(db, SystemClock(), tenant_id, number, changes, AUTHOR)
    else:
        _known(db, tenant_id, number)
        held = usersettings.user_settings(db, tenant_id).get(number) or UserSettings(number)
    rows = [(name, _said(getattr(held, name))) for name in usersettings.CHANGEABLE]
    table(("Setting", "Value"), rows, "")


def _reachable(db: sa.Engine, domain: str, number: str, changes: dict[str, Any]) -> None:
    """InputError for a number that this user's calls could never be forwarded to, and for a greeting that is not there:
    the same that his phone is told when he dials it."""
    clock, owner = SystemClock(), tenant_of(db, domain)
    _, found = models.active(db, owner.tenant_id)
    greeting = str(changes.get("greeting", ""))
    if greeting.startswith("prompt:") and greeting.removeprefix("prompt:") not in found.book.prompts:
        raise InputError(f"The model has no {greeting!r}; nothing was changed.", error_id="bad_setting")
    wanted = [value for name, value in changes.items() if name in FORWARDINGS] + [*changes.get("follow_me", ())]
    me = Origin("extension", number, extension=number)
    known = facts.gather(db, clock, owner.tenant_id, home=owner.domain, at=clock.now())
    for value in wanted:
        if value in ("", "voicemail"):
            continue
        routed = dialplan.resolve(found, known, Wish(me, destination=f"change:forward_always:{value}"))
        if isinstance(routed.node, Hangup):
            raise InputError(f"{value}: {routed.steps[0].text}; nothing was changed.", error_id="bad_setting")


def _known(db: sa.Engine, tenant_id: str, number: str) -> None:
    if number not in models.active(db, tenant_id)[1].book.extensions:
        raise InputError(f"There is no extension {number!r}.", error_id="no_extension", status=404)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(value) or "–"
    return f"{value:g}" if isinstance(value, float) else str(value) or "–"


@click.group()
def trunk() -> None:
    """Connections to carriers. They are made in the model; their passwords are kept apart, here."""


@trunk.command("secret")
@click.argument("trunk_id")
@tenant_option
@click.option("--stdin", "from_stdin", is_flag=True, help="Read it from standard input instead of asking.")
@click.pass_obj
def trunk_secret(data: Path, trunk_id: str, domain: str, from_stdin: bool) -> None:
    """Set the password with which TRUNK_ID signs in at its carrier."""
    settings, db = load(data), open_db(data)
    owner = tenant_of(db, domain)
    known = models.active(db, owner.tenant_id)[1].book.trunks
    if trunk_id not in known:
        there = ", ".join(known) or "none yet"
        raise InputError(f"{domain} has no trunk {trunk_id!r} (there are: {there}).", error_id="no_trunk", status=404)
    clear = sys.stdin.readline().rstrip("\r\n") if from_stdin else click.prompt("Password", hide_input=True)
    if not clear or len(clear) > SECRET_CHARS_MAX or not clear.isprintable():
        raise InputError(f"A password has 1 to {SECRET_CHARS_MAX} printable characters.", error_id="bad_secret")
    secrets.put(db, settings, SystemClock(), owner.tenant_id, secrets.trunk(trunk_id), clear)
    audit.note(db, SystemClock(), owner.tenant_id, None, "trunk_secret_set", trunk_id)
    say(f"The password of {trunk_id} is kept, sealed with {settings.data / 'keys' / 'secret.key'}.")


@trunk.command("list")
@tenant_option
@click.pass_obj
def trunk_list(data: Path, domain: str) -> None:
    """Show the trunks and how they are."""
    db = open_db(data)
    tenant_id = tenant_of(db, domain).tenant_id
    kept = secrets.names(db, tenant_id)
    with db.connect() as connection:
        rows = connection.execute(sa.select(trunk_state).where(trunk_state.c.tenant_id == tenant_id)).all()
    states = {row.trunk_id: row for row in rows}
    now = SystemClock().now().timestamp()
    out = []
    for each in models.active(db, tenant_id)[1].trunks:
        state = states.get(each.id)
        signed_in = state is not None and (state.registered_until or 0) > now
        sign_in = ("signed in" if signed_in else "not signed in") if each.register else "by address"
        password = "password kept" if secrets.trunk(each.id) in kept else "no password"
        out.append((
            each.id, f"{each.host}:{each.port}/{each.transport}", sign_in, password if each.register else "–",
            f"{state.calls if state else 0} of {each.channels} calls",
            f"circuit {state.circuit.replace('_', ' ')}{': ' + state.reason if state.reason else ''}" if state else "–",
        ))  # fmt: skip
    table(("Trunk", "Where", "Sign-in", "Password", "Calls", "State"), out, "There are no trunks in the model.")
