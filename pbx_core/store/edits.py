"""What people put right in transcripts: text, whose words, names. Every row is one change, so the history is complete;
the operational database is their home, ingest copies them into the warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.domain.records import Party, TranscriptEditRecord
from pbx_core.errors import InputError
from pbx_core.store.comments import KEY_CHARS_MAX
from pbx_core.store.schema import person, transcript_edit

TEXT_CHARS_MAX = 2000  # of an utterance, which lasts 28 s at most
WORDS_MAX = 400  # of an utterance: their times are found in the square of that
NAME_CHARS_MAX = 64
PER_RECORDING_MAX = 5000  # changes: several for each utterance of a long call


class EditKind(StrEnum):
    """What was changed."""

    TEXT = "text"
    PARTY = "party"  # whose utterance it is
    NAME = "name"  # of a party, in this recording


@dataclass(frozen=True)
class Place:
    """What a change is about. utterance: as domain.terms.reference() writes it, "" for a name. party: whose words it is
    to be (kind party), or whose name or words it is."""

    call_id: str
    recording_id: str
    kind: EditKind
    utterance: str
    party: Party


@dataclass(frozen=True)
class Edit:
    """A change with its author's name."""

    record: TranscriptEditRecord
    author: str


class Overtaken(InputError):
    """Somebody changed the same place since this person looked; `now` is what stands there, None: what was heard."""

    def __init__(self, now: Edit | None) -> None:
        who = now.author if now else "Somebody"
        super().__init__(
            f"{who} has changed this meanwhile; nothing was kept. Look at what stands there now, then decide.",
            error_id="changed_meanwhile",
            status=409,
        )
        self.now = now


def add(
    engine: sa.Engine,
    clock: Clock,
    tenant_id: str,
    author_id: str,
    place: Place,
    text: str | None,
    seen: str,
    idempotency_key: str,
) -> Edit:
    """Keep a change. seen: id of the change that this person saw in force there, "" for what the engine heard;
    Overtaken when another is. The same key again returns what was kept the first time; with another content it is a
    conflict (InputError, 409)."""
    text = _checked(place.kind, text, idempotency_key)
    t = transcript_edit.c
    values = {
        "edit_id": clock.new_id(),
        "tenant_id": tenant_id,
        "call_id": place.call_id,
        "recording_id": place.recording_id,
        "utterance_id": place.utterance,
        "kind": str(place.kind),
        "party": str(place.party),
        "text": text,
        "author_id": author_id,
        "idempotency_key": idempotency_key,
        "created_at": clock.now().timestamp(),
    }
    key = sa.and_(t.tenant_id == tenant_id, t.author_id == author_id, t.idempotency_key == idempotency_key)
    with engine.begin() as connection:
        # first a write that changes nothing: the lock is held before anything is read
        connection.execute(sa.update(transcript_edit).where(sa.false()).values(text=text))
        kept = connection.execute(_select().where(key)).one_or_none()
        if kept is not None:
            _refuse_another(kept, values)
            return _edit(kept)
        standing = connection.execute(_select().where(_at(tenant_id, place)).order_by(t.changed_seq.desc())).first()
        if (standing.edit_id if standing else "") != seen:
            raise Overtaken(_edit(standing) if standing else None)
        _refuse_too_many(connection, tenant_id, place.recording_id)
        connection.execute(sa.insert(transcript_edit).values(**values, changed_seq=_next_seq()))
        return _edit(connection.execute(_select().where(t.edit_id == values["edit_id"])).one())


def of_recording(engine: sa.Engine, tenant_id: str, recording_id: str) -> list[Edit]:
    """All changes to a recording's transcript in their order."""
    t = transcript_edit.c
    statement = _select().where(t.tenant_id == tenant_id, t.recording_id == recording_id).order_by(t.changed_seq)
    with engine.connect() as connection:
        return [_edit(row) for row in connection.execute(statement)]


def record_of(row: sa.Row[Any]) -> TranscriptEditRecord:
    """A row of transcript_edit as the record that travels on."""
    return TranscriptEditRecord(
        edit_id=row.edit_id,
        call_id=row.call_id,
        tenant_id=row.tenant_id,
        recording_id=row.recording_id,
        utterance_id=row.utterance_id,
        kind=row.kind,
        party=row.party,
        text=row.text,
        author_id=row.author_id,
        created_at=datetime.fromtimestamp(row.created_at, UTC),
    )


def _at(tenant_id: str, place: Place) -> sa.ColumnElement[bool]:
    t = transcript_edit.c
    same = [t.tenant_id == tenant_id, t.recording_id == place.recording_id, t.kind == str(place.kind)]
    if place.kind is EditKind.NAME:
        return sa.and_(*same, t.party == str(place.party))
    return sa.and_(*same, t.utterance_id == place.utterance)


def _select() -> sa.Select[Any]:
    return sa.select(transcript_edit, person.c.name.label("author")).join(
        person, person.c.person_id == transcript_edit.c.author_id
    )


def _edit(row: sa.Row[Any]) -> Edit:
    return Edit(record_of(row), row.author)


def _next_seq() -> sa.ScalarSelect[Any]:
    other = transcript_edit.alias("other")
    return sa.select(sa.func.coalesce(sa.func.max(other.c.changed_seq), 0) + 1).scalar_subquery()


def _refuse_another(kept: sa.Row[Any], values: dict[str, Any]) -> None:
    same = ("call_id", "recording_id", "utterance_id", "kind", "party", "text")
    if any(getattr(kept, name) != values[name] for name in same):
        raise InputError(
            "This request was sent before with another content; the first one is kept. Send it again as a new change.",
            error_id="idempotency_conflict",
            status=409,
        )


def _refuse_too_many(connection: sa.Connection, tenant_id: str, recording_id: str) -> None:
    t = transcript_edit.c
    count = connection.scalar(
        sa.select(sa.func.count())
        .select_from(transcript_edit)
        .where(t.tenant_id == tenant_id, t.recording_id == recording_id)
    )
    if (count or 0) >= PER_RECORDING_MAX:
        raise InputError(
            f"This transcript has been changed {PER_RECORDING_MAX} times; nothing more is kept.",
            error_id="too_many_edits",
            status=409,
        )


def _checked(kind: EditKind, text: str | None, idempotency_key: str) -> str | None:
    if not 8 <= len(idempotency_key) <= KEY_CHARS_MAX:
        raise InputError(
            f"Idempotency-Key needs 8 to {KEY_CHARS_MAX} characters; nothing was kept. Send a random one.",
            error_id="bad_idempotency_key",
        )
    if text is None:
        return None
    if kind is EditKind.PARTY:
        return ""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    limit = NAME_CHARS_MAX if kind is EditKind.NAME else TEXT_CHARS_MAX
    if len(text) > limit or len(text.split()) > WORDS_MAX:
        raise InputError(
            f"At most {limit} characters and {WORDS_MAX} words fit; nothing was kept. Shorten it.",
            error_id="long_edit",
        )
    if kind is EditKind.NAME and not text:
        raise InputError("The name has no letters; nothing was kept.", error_id="empty_name")
    return text
