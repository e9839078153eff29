"""Messages in mailboxes: who left one, whether it was heard or deleted. The sound itself is a recording."""

from __future__ import annotations

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.store.schema import voicemail_message as message
from pbx_core.store.upsert import insert


def left(
    db: sa.Engine,
    clock: Clock,
    tenant_id: str,
    mailbox: str,
    recording_id: str,
    call_id: str,
    caller: str,
    seconds: float,
) -> None:
    """Keep a message; repeating it is harmless."""
    row = {
        "tenant_id": tenant_id,
        "message_id": recording_id,
        "mailbox": mailbox,
        "call_id": call_id,
        "caller": caller,
        "seconds": seconds,
        "left_at": clock.now().timestamp(),
    }
    with db.begin() as connection:
        connection.execute(insert(message).values(row).on_conflict_do_nothing())


def heard(db: sa.Engine, clock: Clock, tenant_id: str, mailbox: str, message_id: str) -> None:
    """Its owner has heard it; the first time counts."""
    _mark(db, tenant_id, mailbox, message_id, "heard_at", clock.now().timestamp())


def deleted(db: sa.Engine, clock: Clock, tenant_id: str, mailbox: str, message_id: str) -> None:
    """Its owner does not want it any more."""
    _mark(db, tenant_id, mailbox, message_id, "deleted_at", clock.now().timestamp())


def _mark(db: sa.Engine, tenant_id: str, mailbox: str, message_id: str, column: str, at: float) -> None:
    found = sa.and_(message.c.tenant_id == tenant_id, message.c.mailbox == mailbox, message.c.message_id == message_id)
    with db.begin() as connection:
        connection.execute(sa.update(message).where(found, message.c[column].is_(None)).values({column: at}))
