"""Tokens by which programs use the API: 256 random bits, shown once; only their SHA-256 is kept. The tenant is the
token's, never the request's."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.errors import InputError
from pbx_core.store import audit
from pbx_core.store.schema import api_token

OPERATOR = ""  # the tenant_id of the operator's own tokens
PREFIX = "cb_"  # so that a token found in a log or a repository is recognised
TOKEN_BYTES = 32
TOKEN_ID_CHARS = 16  # of the hash: names a token in lists and in the audit, says nothing about the token
TOKENS_MAX = 100  # living ones of one tenant


class Right(StrEnum):
    """What a token may do."""

    READ = "read"  # live state, the model, explanations, what calls there were
    LISTEN = "listen"  # recordings and transcripts
    CONTROL = "control"  # place, end, transfer calls; switch recording
    MODEL = "model"  # change the model


RIGHTS = ", ".join(Right)


@dataclass(frozen=True)
class Token:
    """A token as it is kept."""

    token_id: str
    tenant_id: str
    name: str
    rights: frozenset[Right]
    created_at: float
    revoked_at: float | None


def add(db: sa.Engine, clock: Clock, tenant_id: str, name: str, rights: Collection[Right]) -> tuple[Token, str]:
    """A new token and its text, which is told now and never again."""
    if not rights:
        raise InputError(f"A token needs at least one right: {RIGHTS}.", error_id="no_rights")
    if tenant_id == OPERATOR and set(rights) != {Right.READ}:
        raise InputError("The operator's token reads; calls and models belong to tenants.", error_id="bad_rights")
    if sum(t.revoked_at is None for t in listed(db, tenant_id)) >= TOKENS_MAX:
        raise InputError(
            f"There are {TOKENS_MAX} tokens already; revoke those not used any more.", error_id="too_many_tokens"
        )
    text = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    row = {
        "token_sha256": digest(text),
        "tenant_id": tenant_id,
        "name": name,
        "rights": ",".join(sorted(rights)),
        "created_at": clock.now().timestamp(),
    }
    with db.begin() as connection:
        connection.execute(sa.insert(api_token).values(row))
    made = _token({**row, "revoked_at": None})
    audit.note(db, clock, tenant_id, None, "token_added", made.token_id)
    return made, text


def find(db: sa.Engine, text: str) -> Token | None:
    """The living token with this text. What is compared is its hash: timing says nothing about the token."""
    wanted = digest(text)
    with db.connect() as connection:
        row = connection.execute(sa.select(api_token).where(api_token.c.token_sha256 == wanted)).one_or_none()
    if row is None or not hmac.compare_digest(row.token_sha256, wanted) or row.revoked_at is not None:
        return None
    return _token(dict(row._mapping))


def listed(db: sa.Engine, tenant_id: str) -> list[Token]:
    """All tokens of a tenant, the revoked ones too, oldest first."""
    statement = sa.select(api_token).where(api_token.c.tenant_id == tenant_id).order_by(api_token.c.created_at)
    with db.connect() as connection:
        return [_token(dict(row._mapping)) for row in connection.execute(statement)]


def revoke(db: sa.Engine, clock: Clock, tenant_id: str, token_id: str) -> None:
    """End a token at once; InputError when this tenant has no living token with this id."""
    if len(token_id) == TOKEN_ID_CHARS:
        with db.begin() as connection:
            done = connection.execute(
                sa.update(api_token)
                .where(
                    api_token.c.tenant_id == tenant_id,
                    sa.func.substr(api_token.c.token_sha256, 1, TOKEN_ID_CHARS) == token_id,
                    api_token.c.revoked_at.is_(None),
                )
                .values(revoked_at=clock.now().timestamp())
            )
        if done.rowcount:
            audit.note(db, clock, tenant_id, None, "token_revoked", token_id)
            return
    raise InputError(f"There is no living token {token_id!r} here; nothing was changed.", error_id="no_token")


def digest(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _token(row: dict[str, Any]) -> Token:
    rights = frozenset(Right(word) for word in row["rights"].split(","))
    token_id = row["token_sha256"][:TOKEN_ID_CHARS]
    return Token(token_id, row["tenant_id"], row["name"], rights, row["created_at"], row["revoked_at"])
