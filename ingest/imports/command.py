"""`callbench import`: calls and recordings of another exchange, from its folder into the dashboards, and out again."""

from __future__ import annotations

import sys
import zoneinfo
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ingest.imports import formats, plan, stage, staging, undo_command
from ingest.imports.following import follow
from ingest.imports.preview import Preview, preview
from ingest.imports.raw import Evidence
from ingest.sources.imported import LOADED, REFUSED
from pbx_core import log
from pbx_core.clock import SystemClock
from pbx_core.errors import InputError, Unavailable
from pbx_core.settings import load
from pbx_core.store.terminal import open_db, say, tenant_of


class _Imports(click.Group):
    """What names no sub-command is a folder to bring in."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = ["folder", *args]
        return super().parse_args(ctx, args)


@click.group("import", cls=_Imports)
def import_command() -> None:
    """Bring in the call logs and recordings of another exchange; `callbench import PATH` is `import folder PATH`."""


import_command.add_command(undo_command.list_)
import_command.add_command(undo_command.undo_command)


@import_command.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--tenant", "domain", required=True, help="Domain of the tenant whose calls they become.")
@click.option("--format", "only", help="Take only files of this format; an unknown name lists them.")
@click.option("--zone", help="Time zone of the stamps, as Europe/Berlin, where the files do not tell it.")
@click.option(
    "--recordings", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Sound lies there too."
)
@click.option("--no-recordings", is_flag=True, help="Take the calls only.")
@click.option("--transcribe", is_flag=True, help="Have the recordings transcribed, behind everything else.")
@click.option("--dry-run", is_flag=True, help="Say what would come in; write nothing.")
@click.option("--yes", is_flag=True, help="Ask nothing: refuse where a person would have to answer.")
@click.pass_obj
def folder(
    data: Path,
    path: Path,
    domain: str,
    only: str | None,
    zone: str | None,
    recordings: Path | None,
    no_recordings: bool,
    transcribe: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Bring in a folder of another exchange, or one file."""
    settings = load(data)
    log.setup("import", "WARNING")  # a person reads the terminal
    if zone is not None and zone not in zoneinfo.available_timezones():
        raise InputError(f"{zone!r} is no time zone; use a name like Europe/Berlin.", error_id="bad_time_zone")
    db = open_db(data)
    tenant = tenant_of(db, domain)
    made = plan.make(
        tenant.tenant_id,
        path,
        sounds_in=recordings,
        only=only,
        home_zone=tenant.time_zone,
        given_zone=zone,
        ask=_refuse if yes else _ask,
        told=_tell,
    )
    if no_recordings:
        made = replace(made, sounds=())
    _tell_rest(made)
    if dry_run:
        with _drawn() as step:
            found = preview(made, settings, step, sounds=not no_recordings)
        _tell_preview(found)
        return
    clock = SystemClock()
    wish = stage.Wish(sounds=not no_recordings, transcribe=transcribe)
    with _drawn() as step:
        manifest = stage.stage(made, settings, clock, db, wish, step)
    segment = f"{manifest.tenant_id}/{manifest.import_id}"
    if not follow(settings, clock, db, segment, (LOADED, REFUSED)):
        raise Unavailable(
            "Everything is read and staged, but the ingest process did not load it in time; it will as soon as it can. "
            "`callbench status` shows what it does."
        )
    _tell_done(manifest)


@contextmanager
def _drawn() -> Iterator[staging.Progress]:
    """A bar on a terminal, nothing elsewhere."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("looking", total=None)

        def step(what: str, done: int, total: int) -> None:
            bar.update(task, description=what[:60], completed=done, total=max(1, total))

        yield step


def _ask(found: Evidence, question: str, answers: Sequence[str]) -> str:
    for sentence in found.says:
        say(f"  {sentence}")
    for answer in answers:
        if answer in found.options:
            say(f"  {answer}: {found.options[answer]}")
    return str(
        click.prompt(
            question,
            type=click.Choice(list(answers)) if found.options or answers == ("yes", "no") else _Zone(),
            default=answers[0],
        )
    )


class _Zone(click.ParamType):
    name = "zone"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in zoneinfo.available_timezones():
            self.fail(f"{value!r} is no time zone; use a name like Europe/Berlin", param, ctx)
        return value


def _refuse(found: Evidence, question: str, answers: Sequence[str]) -> str:
    raise InputError(
        f"{question} Possible: {', '.join(answers)}. Nothing was imported; say --zone or --format, or leave out --yes.",
        error_id="unsure",
    )


def _tell(found: Evidence, seen: plan.Seen) -> None:
    say(f"{seen.name}: {formats.installed()[found.format].title}, {seen.bytes / 1e6:.1f} MB")
    for sentence in found.says:
        say(f"  {sentence}")


def _tell_rest(made: plan.Plan) -> None:
    if made.sounds:
        size = sum(s.bytes for s in made.sounds) / 1e9
        say(f"{len(made.sounds)} sound files, {size:.2f} GB")
    for skipped in made.skipped[:10]:
        say(f"left alone: {skipped.name} ({skipped.reason})")
    if len(made.skipped) > 10:
        say(f"left alone: {len(made.skipped) - 10} more files")


def _tell_preview(found: Preview) -> None:
    say(f"{found.rows} rows make {found.calls} calls from {found.first_at} to {found.last_at}.")
    say("  " + ", ".join(f"{count} {name}" for name, count in (*found.dispositions, *found.directions)))
    say(f"  {found.duplicates} rows stand there more than once, {found.rejects} cannot be read")
    for file, line, reason in found.shown_rejects:
        say(f"    {plan.shown(file)} line {line}: {plan.shown(reason)}")
    if found.sounds:
        say(f"  {found.matched} of {found.sounds} sound files belong to a call")
    for kind, count in found.orphans:
        say(f"  {count} {_KINDS[kind]}")
    if found.same is not None and found.changed is not None:
        fresh = found.calls - found.same - found.changed
        say(f"  {fresh} calls are new, {found.changed} would change, {found.same} are there already")
    say("Nothing was written: this was a dry run.")


_KINDS = {
    "no_file": "calls name a recording that is not there",
    "no_call": "sound files belong to no call",
    "empty": "sound files are a header without sound",
    "unreadable": "sound files cannot be read",
}


def _tell_done(manifest: staging.Manifest) -> None:
    say(
        f"{manifest.calls} calls and {manifest.recordings} recordings are in the warehouse: {manifest.rows} rows, "
        f"{manifest.duplicates} of them more than once, {manifest.rejects} put aside, {manifest.orphans} without a "
        f"counterpart. Import {manifest.import_id}."
    )
