"""Requests with an idempotency key: the same one sent twice is done once and answered alike."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.errors import InputError
from pbx_core.store.schema import api_request

KEPT_S = 86_400.0  # a key may be used again after a day
_KEY = re.compile(r"[A-Za-z0-9_.:-]{8,64}")


@dataclass(frozen=True)
class Begun:
    """A request that begins now (answer None), or one that was answered before. object_id: what it makes, known
    before anything is done."""

    key: str
    object_id: str
    answer: Any = None


def begin(db: sa.Engine, clock: Clock, tenant_id: str, key: str, request: Any) -> Begun:
    """Book the key. InputError 409 when it stood for another request, or when its first attempt has no answer (it is
    under way, or its process died in it); InputError 400 when it is no key."""
    if not _KEY.fullmatch(key):
        raise InputError(
            "The header Idempotency-Key is missing or is not 8 to 64 letters, digits, '_', '.', ':' or '-'. Nothing "
            "was done. Send a fresh key, the same one when you repeat the request.",
            error_id="bad_idempotency_key",
        )
    now = clock.now().timestamp()
    digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    row = {"tenant_id": tenant_id, "key": key, "request_sha256": digest, "object_id": clock.new_id(), "created_at": now}
    try:
        with db.begin() as connection:
            connection.execute(sa.delete(api_request).where(api_request.c.created_at < now - KEPT_S))
            connection.execute(sa.insert(api_request).values(row))
    except sa.exc.IntegrityError:
        return _before(db, tenant_id, key, digest)
    return Begun(key, str(row["object_id"]))


def end(db: sa.Engine, tenant_id: str, begun: Begun, answer: Any) -> None:
    """Keep the answer for repetitions."""
    with db.begin() as connection:
        connection.execute(
            sa.update(api_request)
            .where(api_request.c.tenant_id == tenant_id, api_request.c.key == begun.key)
            .values(answer=json.dumps(answer))
        )


def forget(db: sa.Engine, tenant_id: str, begun: Begun) -> None:
    """Nothing was done: the key may be used again at once."""
    with db.begin() as connection:
        connection.execute(
            sa.delete(api_request).where(api_request.c.tenant_id == tenant_id, api_request.c.key == begun.key)
        )


def _before(db: sa.Engine, tenant_id: str, key: str, digest: str) -> Begun:
    with db.connect() as connection:
        row = connection.execute(
            sa.select(api_request).where(api_request.c.tenant_id == tenant_id, api_request.c.key == key)
        ).one_or_none()
    if row is not None and row.request_sha256 != digest:
        raise InputError(
            "This Idempotency-Key belonged to another request within the last day; nothing was done. Use a fresh one.",
            error_id="idempotency_key_reused",
            status=409,
        )
    if row is None or row.answer is None:
        raise InputError(
            "The first attempt with this Idempotency-Key has no outcome yet; nothing more was done. Look at the live "
            "calls, or ask again in a moment.",
            error_id="still_under_way",
            status=409,
        )
    return Begun(key, row.object_id, json.loads(row.answer))
