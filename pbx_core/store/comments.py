"""Reviewers' comments on calls. The operational database is their home; ingest copies changes into the warehouse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.errors import InputError
from pbx_core.store.schema import comment, person

TEXT_CHARS_MAX = 4000  # a correction, not a document
PER_CALL_MAX = 500  # more than any page can show
KEY_CHARS_MAX = 64
AT_S_MAX = 24 * 3600.0


@dataclass(frozen=True)
class Comment:
    """A comment with its author's name. at_s: second in the recording, None for the call as a whole."""

    comment_id: str
    call_id: str
    author_id: str
    author: str
    at_s: float | None
    text: str
    created_at: float  # UTC epoch seconds


def add(
    engine: sa.Engine,
    clock: Clock,
    tenant_id: str,
    author_id: str,
    call_id: str,
    text: str,
    at_s: float | None,
    idempotency_key: str,
) -> Comment:
    """Keep a comment. The same key again returns what was kept the first time; with another content it is a
    conflict (InputError, 409)."""
    text = _checked(text, at_s, idempotency_key)
    key = sa.and_(
        comment.c.tenant_id == tenant_id,
        comment.c.author_id == author_id,
        comment.c.idempotency_key == idempotency_key,
    )
    values = {
        "comment_id": clock.new_id(),
        "tenant_id": tenant_id,
        "call_id": call_id,
        "author_id": author_id,
        "at_s": at_s,
        "text": text,
        "idempotency_key": idempotency_key,
        "created_at": clock.now().timestamp(),
        "changed_seq": _next_seq(),
    }
    try:
        with engine.begin() as connection:
            # first a write that changes nothing: the lock is held before anything is read
            connection.execute(sa.update(comment).where(sa.false()).values(text=text))
            kept = connection.execute(sa.select(comment).where(key)).one_or_none()
            if kept is None:
                _refuse_too_many(connection, tenant_id, call_id)
                connection.execute(sa.insert(comment).values(values))
    except sa.exc.IntegrityError:  # another process was faster with the same key
        with engine.connect() as connection:
            kept = connection.execute(sa.select(comment).where(key)).one_or_none()
        if kept is None:
            raise
    if kept is not None and (kept.call_id, kept.text, kept.at_s) != (call_id, text, at_s):
        raise InputError(
            "This request was sent before with another text; the first one is kept. Send it again as a new comment.",
            error_id="idempotency_conflict",
            status=409,
        )
    wanted = values["comment_id"] if kept is None else kept.comment_id
    return _one(engine, tenant_id, str(wanted))


def remove(engine: sa.Engine, clock: Clock, tenant_id: str, comment_id: str, *, author_id: str | None) -> bool:
    """Mark a comment as deleted; author_id None: whoever wrote it. False when there is no such comment (of his)."""
    where = [comment.c.tenant_id == tenant_id, comment.c.comment_id == comment_id, comment.c.deleted_at.is_(None)]
    if author_id is not None:
        where.append(comment.c.author_id == author_id)
    with engine.begin() as connection:
        done = connection.execute(
            sa.update(comment).where(*where).values(deleted_at=clock.now().timestamp(), changed_seq=_next_seq())
        )
    return done.rowcount == 1


def find(engine: sa.Engine, tenant_id: str, comment_id: str) -> Comment | None:
    """One comment that is not deleted."""
    with engine.connect() as connection:
        row = connection.execute(
            _select().where(
                comment.c.tenant_id == tenant_id, comment.c.comment_id == comment_id, comment.c.deleted_at.is_(None)
            )
        ).one_or_none()
    return None if row is None else Comment(**row._mapping)


def of_call(engine: sa.Engine, tenant_id: str, call_id: str) -> list[Comment]:
    """The comments on a call that are not deleted, in the order of the sound, those without a time last."""
    statement = (
        _select()
        .where(comment.c.tenant_id == tenant_id, comment.c.call_id == call_id, comment.c.deleted_at.is_(None))
        .order_by(comment.c.at_s.is_(None), comment.c.at_s, comment.c.created_at)
        .limit(PER_CALL_MAX)
    )
    with engine.connect() as connection:
        return [Comment(**row._mapping) for row in connection.execute(statement)]


def _one(engine: sa.Engine, tenant_id: str, comment_id: str) -> Comment:
    with engine.connect() as connection:
        row = connection.execute(
            _select().where(comment.c.tenant_id == tenant_id, comment.c.comment_id == comment_id)
        ).one()
    return Comment(**row._mapping)


def _select() -> sa.Select[Any]:
    return sa.select(
        comment.c.comment_id,
        comment.c.call_id,
        comment.c.author_id,
        person.c.name.label("author"),
        comment.c.at_s,
        comment.c.text,
        comment.c.created_at,
    ).join(person, person.c.person_id == comment.c.author_id)


def _next_seq() -> sa.ScalarSelect[Any]:
    other = comment.alias("other")
    return sa.select(sa.func.coalesce(sa.func.max(other.c.changed_seq), 0) + 1).scalar_subquery()


def _refuse_too_many(connection: sa.Connection, tenant_id: str, call_id: str) -> None:
    count = connection.scalar(
        sa.select(sa.func.count())
        .select_from(comment)
        .where(comment.c.tenant_id == tenant_id, comment.c.call_id == call_id, comment.c.deleted_at.is_(None))
    )
    if (count or 0) >= PER_CALL_MAX:
        raise InputError(
            f"This call has {PER_CALL_MAX} comments already; nothing was added. Delete one that is settled.",
            error_id="too_many_comments",
            status=409,
        )


def _checked(text: str, at_s: float | None, idempotency_key: str) -> str:
    text = "".join(c for c in text if c in "\n\t" or c.isprintable()).strip()
    if not text:
        raise InputError("The comment has no text; nothing was kept. Write something first.", error_id="empty_comment")
    if len(text) > TEXT_CHARS_MAX:
        raise InputError(
            f"The comment has {len(text)} characters, at most {TEXT_CHARS_MAX} fit; nothing was kept. Shorten it.",
            error_id="long_comment",
        )
    if at_s is not None and not (math.isfinite(at_s) and 0 <= at_s <= AT_S_MAX):
        raise InputError("The time of the comment lies outside the recording; nothing was kept.", error_id="bad_time")
    if not 8 <= len(idempotency_key) <= KEY_CHARS_MAX:
        raise InputError(
            f"Idempotency-Key needs 8 to {KEY_CHARS_MAX} characters; nothing was kept. Send a random one.",
            error_id="bad_idempotency_key",
        )
    return text
