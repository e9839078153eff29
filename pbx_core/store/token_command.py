"""`callbench token`: which programs may use the API, and for what."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import sqlalchemy as sa

from pbx_core.clock import SystemClock
from pbx_core.errors import InputError
from pbx_core.store import tokens
from pbx_core.store.terminal import clean_name, open_db, say, table, tenant_of

OPERATOR = "operator"  # instead of a tenant's domain
_tenant_option = click.option(
    "--tenant", "domain", required=True, help="Domain of the tenant, or `operator` for who runs the service."
)


@click.group()
def token() -> None:
    """Tokens by which programs use the API of a tenant."""


@token.command("add")
@_tenant_option
@click.option("--rights", default="read", show_default=True, help=f"Of {tokens.RIGHTS}; comma separated.")
@click.argument("name")
@click.pass_obj
def token_add(data: Path, domain: str, rights: str, name: str) -> None:
    """Make a token for the program NAME and print it, once."""
    db = open_db(data)
    try:
        wanted = {tokens.Right(word.strip()) for word in rights.split(",")}
    except ValueError:
        raise InputError(
            f"{rights!r} is no list of rights; use {tokens.RIGHTS}. No token was made.", error_id="bad_rights"
        ) from None
    made, text = tokens.add(db, SystemClock(), _owner(db, domain), clean_name(name), wanted)
    say(f"Token {made.token_id} for {made.name} ({', '.join(sorted(made.rights))}):")
    say(text)
    say("Note it now: it is not kept and cannot be shown again.")


@token.command("list")
@_tenant_option
@click.pass_obj
def token_list(data: Path, domain: str) -> None:
    """Show the tokens; their texts are not kept."""
    db = open_db(data)
    rows = [
        (t.token_id, t.name, ",".join(sorted(t.rights)), _day(t.created_at), _day(t.revoked_at))
        for t in tokens.listed(db, _owner(db, domain))
    ]
    table(("Token", "Name", "Rights", "Made", "Revoked"), rows, "There are no tokens yet.")


@token.command("revoke")
@_tenant_option
@click.argument("token_id")
@click.pass_obj
def token_revoke(data: Path, domain: str, token_id: str) -> None:
    """End the token TOKEN_ID (from `token list`) at once."""
    db = open_db(data)
    tokens.revoke(db, SystemClock(), _owner(db, domain), token_id)
    say(f"Token {token_id} is revoked; whoever uses it is refused from now on.")


def _owner(db: sa.Engine, domain: str) -> str:
    return tokens.OPERATOR if domain == OPERATOR else tenant_of(db, domain).tenant_id


def _day(at: float | None) -> str:
    return "" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
