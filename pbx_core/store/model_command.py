"""`callbench model`: a tenant's exchange as one document: look, check, apply, take back."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from pbx_core.clock import SystemClock
from pbx_core.domain import modelfile
from pbx_core.domain.model import Model
from pbx_core.domain.modelcheck_values import hints
from pbx_core.domain.modeldiff import diff
from pbx_core.errors import InputError
from pbx_core.settings import load
from pbx_core.store import audit, models
from pbx_core.store.models import Applied
from pbx_core.store.terminal import open_db, say, table, tenant_of

AUTHOR = "command line"
CHANGES_SHOWN_MAX = 40  # lines; more bury the passwords and hints that follow

tenant_option = click.option("--tenant", "domain", required=True, help="The tenant's domain.")
secrets_option = click.option(
    "--secrets",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the passwords of new extensions into this new file, readable by you only, instead of showing them.",
)


@click.group()
def model() -> None:
    """The exchange of a tenant as one document: numbers, hours, menus, queues, groups, trunks, rules."""


@model.command("show")
@tenant_option
@click.pass_obj
def show(data: Path, domain: str) -> None:
    """Show what is in force, in short."""
    db = open_db(data)
    version, found = models.active(db, tenant_of(db, domain).tenant_id)
    say(f"Version {version} of {domain}, {found.time_zone}, {', '.join(found.languages)}." if version else
        f"{domain} has no model yet: its {len(found.extensions)} extensions call each other.")  # fmt: skip
    table(("Kind", "Name", "What it does"), _overview(found), "There is nothing in it.")


@model.command("export")
@tenant_option
@click.option("--json", "as_json", is_flag=True, help="As JSON instead of TOML.")
@click.option("--version", type=int, help="An older version; without it, the one in force.")
@click.pass_obj
def export(data: Path, domain: str, as_json: bool, version: int | None) -> None:
    """Print the whole document, to be changed and applied again."""
    db = open_db(data)
    owner = tenant_of(db, domain)
    found = models.active(db, owner.tenant_id)[1] if version is None else models.of_version(
        db, owner.tenant_id, version)  # fmt: skip
    click.echo(modelfile.to_json(found) if as_json else modelfile.to_toml(found), nl=as_json)


@model.command("check")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
def check(file: Path) -> None:
    """Say every mistake of FILE with its place; change nothing."""
    found = read_model(file)
    say("The model holds together.")
    _hint(found)


@model.command("apply")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@tenant_option
@click.option("--comment", default="", help="Why, for the history.")
@click.option("--based-on", type=int, help="The version you began from; refused when another came since.")
@click.option("--remove-extensions", is_flag=True, help="Extensions that FILE does not have may go, for good.")
@secrets_option
@click.pass_obj
def apply(
    data: Path,
    file: Path,
    domain: str,
    comment: str,
    based_on: int | None,
    remove_extensions: bool,
    secrets: Path | None,
) -> None:
    """Put FILE in force, if it holds together. Calls that run keep their way."""
    db = open_db(data)
    owner = tenant_of(db, domain)
    wanted = read_model(file)
    with secrets_file(secrets) as keep:
        _, before = models.active(db, owner.tenant_id)
        done = models.apply(
            db,
            SystemClock(),
            owner.tenant_id,
            wanted,
            AUTHOR,
            comment,
            based_on=based_on,
            may_remove=remove_extensions,
        )
        keep(done.passwords)
    audit.note(db, SystemClock(), owner.tenant_id, None, "model_applied", str(done.version))
    tell_applied(done, owner.domain, before, wanted, secrets)
    uploads = load(data).prompts_dir / owner.tenant_id / "uploads"
    for each in wanted.prompts:
        if each.file and not (uploads / f"{each.file}.wav").exists():
            say(f"Mind prompts.{each.id}: silent until a sound {each.file!r} is uploaded (callbench prompt upload).")


@model.command("undo")
@tenant_option
@click.option("--comment", default="", help="Why, for the history.")
@secrets_option
@click.pass_obj
def undo(data: Path, domain: str, comment: str, secrets: Path | None) -> None:
    """Take the last change back. Repeated, it takes back the one before."""
    db = open_db(data)
    owner = tenant_of(db, domain)
    with secrets_file(secrets) as keep:
        _, before = models.active(db, owner.tenant_id)
        done = models.undo(db, SystemClock(), owner.tenant_id, AUTHOR, comment)
        keep(done.passwords)
    audit.note(db, SystemClock(), owner.tenant_id, None, "model_undone", str(done.version))
    tell_applied(done, owner.domain, before, models.active(db, owner.tenant_id)[1], secrets)


@model.command("history")
@tenant_option
@click.pass_obj
def history(data: Path, domain: str) -> None:
    """Who changed it, when and why."""
    db = open_db(data)
    rows = [
        (str(v.version), f"{v.created_at:%Y-%m-%d %H:%M} UTC", v.author,
         v.comment + (f" (takes version {v.undoes} back)" if v.undoes else ""))
        for v in models.history(db, tenant_of(db, domain).tenant_id)
    ]  # fmt: skip
    table(("Version", "When", "Who", "Why"), rows, "Nothing was ever changed.")


@model.command("diff")
@tenant_option
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option("--version", type=int, help="What this version changed; without it and FILE, the newest.")
@click.pass_obj
def diff_command(data: Path, domain: str, file: Path | None, version: int | None) -> None:
    """Say in words what FILE would change, or what a version changed."""
    db = open_db(data)
    tenant_id = tenant_of(db, domain).tenant_id
    if file is not None:
        old, new = models.active(db, tenant_id)[1], read_model(file)
    else:
        entries = models.history(db, tenant_id)
        at = version if version is not None else max((v.version for v in entries), default=0)
        if at < 2:
            raise InputError("There is no earlier version to compare with.", error_id="no_version")
        old, new = models.of_version(db, tenant_id, at - 1), models.of_version(db, tenant_id, at)
    say("\n".join(diff(old, new)) or "Nothing is different.")


def read_model(file: Path) -> Model:
    """A valid model from a file, JSON when it is named so, else TOML; "-" reads standard input."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}", error_id="bad_file") from None
    return modelfile.read_json(text) if file.suffix == ".json" else modelfile.read_toml(text)


class secrets_file:
    """The file for passwords, made before anything is changed, so that a full disk or an existing file is noticed in
    time; removed again when the change fails."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def __enter__(self) -> secrets_file:
        if self._path is not None:
            try:
                os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            except OSError as error:
                raise InputError(
                    f"{self._path} cannot be made ({error.strerror}); nothing was changed.", error_id="bad_file"
                ) from None
        return self

    def __call__(self, passwords: dict[str, str]) -> None:
        if self._path is not None:
            self._path.write_text("".join(f"{number}\t{password}\n" for number, password in passwords.items()))

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None and self._path is not None:
            self._path.unlink(missing_ok=True)


def tell_applied(done: Applied, domain: str, before: Model, after: Model, secrets: Path | None) -> None:
    """What the change did, and the passwords, this once."""
    say(f"Version {done.version} of {domain} is in force.")
    changes = list(diff(before, after))
    for line in changes[:CHANGES_SHOWN_MAX]:
        Console().print(Text(f"  {line}"), soft_wrap=True)
    if len(changes) > CHANGES_SHOWN_MAX:
        left = len(changes) - CHANGES_SHOWN_MAX
        say(f"  … and {left} more: callbench model diff --tenant {domain} --version {done.version}")
    _hint(after)
    if done.removed:
        shown = ", ".join(done.removed[:CHANGES_SHOWN_MAX])
        rest = f" and {len(done.removed) - CHANGES_SHOWN_MAX} more" if len(done.removed) > CHANGES_SHOWN_MAX else ""
        say(f"Gone with their phones and passwords: {shown}{rest}.")
    if done.passwords and secrets is not None:
        say(f"The passwords of {len(done.passwords)} new extensions are in {secrets}, and nowhere else.")
    elif done.passwords:
        rows = [(n, f"sip:{n}@{domain}", password) for n, password in sorted(done.passwords.items())]
        table(("Number", "Address", "SIP password"), rows, "")
        say("Note the passwords now: they are not kept and cannot be shown again.")


def _hint(found: Model) -> None:
    for hint in hints(found):
        say(f"Mind {hint.place}: {hint.text}.")


def _overview(found: Model) -> list[tuple[str, str, str]]:
    rows = [("number", d.number, f"{d.channels} channels → {d.destination}, beyond them {d.overflow}")
            for d in found.dids]  # fmt: skip
    rows += [("hours", h.id, f"{'; '.join(h.open)} → {h.then}, else {h.otherwise}") for h in found.hours]
    rows += [("menu", m.id, ", ".join(f"{k} → {to}" for k, to in sorted(m.keys.items()))) for m in found.menus]
    rows += [("announcement", a.id, f"then {a.then}") for a in found.announcements]
    rows += [("group", g.id, f"{', '.join(g.members)} {g.strategy}, then {g.on_no_answer}") for g in found.groups]
    rows += [("queue", q.id, f"{', '.join(m.number for m in q.members)} {q.strategy}") for q in found.queues]
    rows += [("room", r.number, r.name) for r in found.rooms]
    rows += [("trunk", t.id, f"{t.host}, {'registers' if t.register else 'by address'}, {t.channels} channels")
             for t in found.trunks]  # fmt: skip
    rows += [("route", r.id, f"{', '.join(p or 'all' for p in r.prefixes)} by {', '.join(r.trunks)}")
             for r in found.routes]  # fmt: skip
    rows += [("extension", e.number, e.name) for e in found.extensions]
    return rows
