"""`callbench prompt`: the sounds of a tenant: uploaded files, and how words will sound."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from pbx_core import settings as settings_module
from pbx_core.errors import InputError, Unavailable
from pbx_core.media.prompts import Prompts
from pbx_core.store import models
from pbx_core.store.terminal import open_db, say, table, tenant_of


@click.group()
def prompt() -> None:
    """A tenant's sounds: greetings, announcements, music."""


@prompt.command("upload")
@click.argument("domain")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def prompt_upload(data: Path, domain: str, name: str, file: Path) -> None:
    """Take FILE (MP3, WAV or OGG, at most 5 MB and 10 minutes) under NAME, for a prompt of the model to play."""
    owner = tenant_of(open_db(data), domain)
    _store(data).upload(owner.tenant_id, name, file)
    say(f"{name} is ready. In the model: a prompt with file = {name!r}.")


@prompt.command("list")
@click.argument("domain")
@click.pass_obj
def prompt_list(data: Path, domain: str) -> None:
    """Show the uploaded sounds and which prompts of the model play them."""
    db = open_db(data)
    owner = tenant_of(db, domain)
    _, model = models.active(db, owner.tenant_id)
    rows = [
        (name, ", ".join(p.id for p in model.prompts if p.file == name))
        for name in _store(data).uploads(owner.tenant_id)
    ]
    table(("Name", "Prompts"), rows, "Nothing was uploaded yet.")
    there = {name for name, _ in rows}
    for each in model.prompts:
        if each.file and each.file not in there:
            say(f"prompt:{each.id} is silent: no sound {each.file!r} was uploaded.")


@prompt.command("delete")
@click.argument("domain")
@click.argument("name")
@click.pass_obj
def prompt_delete(data: Path, domain: str, name: str) -> None:
    """Remove an uploaded sound. A prompt that still names it is silent."""
    db = open_db(data)
    owner = tenant_of(db, domain)
    there = _store(data).uploads(owner.tenant_id)
    if name not in there:
        known = ", ".join(there) or "none yet"
        raise InputError(f"There is no uploaded sound {name!r} (there are: {known}).", error_id="no_such_prompt")
    _store(data).delete_upload(owner.tenant_id, name)
    say(f"{name} is removed.")
    if silent := [p.id for p in models.active(db, owner.tenant_id)[1].prompts if p.file == name]:
        say(f"Silent until there is another of this name: {', '.join(f'prompt:{each}' for each in silent)}.")


@prompt.command("save")
@click.argument("domain")
@click.argument("sound")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def prompt_save(data: Path, domain: str, sound: str, file: Path) -> None:
    """Write SOUND as callers hear it into FILE (WAV): prompt:main, "say:ru:Добрый день", music:default, tone:beep."""
    db = open_db(data)
    owner = tenant_of(db, domain)
    _, model = models.active(db, owner.tenant_id)
    made = _store(data).render(owner.tenant_id, sound, model)
    try:
        shutil.copyfile(made, file)
    except OSError as error:
        raise Unavailable(f"{file} cannot be written: {error.strerror}") from error
    say(f"{file} is written.")


def _store(data: Path) -> Prompts:
    return Prompts(settings_module.load(data))
