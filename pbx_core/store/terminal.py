"""What the operator's commands share: the database, a tenant by its domain, names that are fit to show, tables."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pbx_core.errors import InputError
from pbx_core.settings import Settings, load
from pbx_core.store import directory, engine

NAME_CHARACTERS_MAX = 64  # of a tenant, an extension, a person: what fits a phone's display and a table


def open_db(data: Path) -> sa.Engine:
    """The database of a data directory, made or brought up to date first."""
    settings: Settings = load(data)
    return engine.migrate(settings)


def tenant_of(db: sa.Engine, domain: str) -> directory.Tenant:
    """The tenant with this domain; InputError names those that there are."""
    found = directory.tenant_by_domain(db, domain)
    if found is None:
        known = ", ".join(t.domain for t in directory.tenants(db)) or "none yet"
        raise InputError(f"There is no tenant with the domain {domain!r} (there are: {known}).", error_id="no_tenant")
    return found


def clean_name(text: str, *, empty: bool = False) -> str:
    """A name without control characters, at most NAME_CHARACTERS_MAX long."""
    clean = " ".join(text.split())
    if not clean.isprintable() or len(clean) > NAME_CHARACTERS_MAX or not (clean or empty):
        raise InputError(
            f"{text[:80]!r} is not a name: 1 to {NAME_CHARACTERS_MAX} printable characters; nothing was created.",
            error_id="bad_name",
        )
    return clean


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]], none: str) -> None:
    """A table on the terminal, tab-separated lines elsewhere, for scripts. Cells are text, never markup."""
    found = list(rows)
    if not found:
        say(none)
    elif sys.stdout.isatty():
        drawn = Table(*heads)
        for row in found:
            drawn.add_row(*(Text(cell) for cell in row))
        Console().print(drawn)
    else:
        for row in found:
            click.echo("\t".join(row))


def say(text: str) -> None:
    """A line on standard output."""
    click.echo(text)
