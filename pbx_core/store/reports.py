"""Reports by mail: the schedules of a tenant, and every mail that has to go, written down before it goes.

A mail is one row for (schedule, slot, person): planning it again adds nothing, and who sends holds it by a lease, so
two processes do not send it twice. A process that dies while sending leaves the lease to run out; the next one sends
again under the same Message-ID, by which mail servers know a mail that they have taken already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pbx_core.clock import Clock, random_id
from pbx_core.domain.report_slots import Rhythm
from pbx_core.errors import InputError
from pbx_core.store.schema import person, report_mail, report_recipient, report_schedule
from pbx_core.store.terminal import clean_name

SCHEDULES_MAX = 50  # of a tenant
RECIPIENTS_MAX = 50  # of a schedule
REASON_CHARS_MAX = 300
NOT_WANTED = "The schedule has ended, or this person may not sign in any more"  # reason of a mail that no one misses


@dataclass(frozen=True)
class Schedule:
    """A report that comes by itself. recipients: ids of people of the tenant."""

    tenant_id: str
    schedule_id: str
    name: str
    rhythm: Rhythm
    hour: int
    created_at: float
    recipients: tuple[str, ...]


@dataclass(frozen=True)
class Mail:
    """One mail. state: waiting, sending, sent, failed."""

    tenant_id: str
    schedule_id: str
    slot: str
    person_id: str
    message_id: str
    state: str
    tries: int
    not_before: float
    holder: str
    reason: str
    created_at: float
    changed_at: float


def add(
    db: sa.Engine,
    clock: Clock,
    tenant_id: str,
    name: str,
    rhythm: str,
    hour: int,
    recipients: Sequence[str],
    created_by: str | None,
) -> Schedule:
    """Make a schedule; its first report is the next that falls due. InputError when something does not fit."""
    if rhythm not in set(Rhythm) or not 0 <= hour <= 23:
        raise InputError(f"A report comes {', '.join(Rhythm)}, at an hour from 0 to 23.", error_id="bad_schedule")
    wanted = sorted(set(recipients))
    if not 1 <= len(wanted) <= RECIPIENTS_MAX:
        raise InputError(f"A report goes to 1 to {RECIPIENTS_MAX} people.", error_id="bad_recipients")
    made = Schedule(
        tenant_id, random_id(), clean_name(name), Rhythm(rhythm), hour, clock.now().timestamp(), tuple(wanted)
    )
    with db.begin() as connection:
        own = sa.select(sa.func.count()).where(
            person.c.tenant_id == tenant_id, person.c.person_id.in_(wanted), person.c.disabled_at.is_(None)
        )
        if connection.scalar(own) != len(wanted):
            raise InputError("Only people of this tenant can be sent a report.", error_id="bad_recipients")
        mine = sa.select(sa.func.count()).where(
            report_schedule.c.tenant_id == tenant_id, report_schedule.c.ended_at.is_(None)
        )
        if (connection.scalar(mine) or 0) >= SCHEDULES_MAX:
            raise InputError(f"A tenant has at most {SCHEDULES_MAX} reports.", error_id="too_many_reports")
        row = {k: getattr(made, k) for k in ("tenant_id", "schedule_id", "name", "hour", "created_at")}
        connection.execute(sa.insert(report_schedule).values(**row, rhythm=str(made.rhythm), created_by=created_by))
        ids = {"tenant_id": tenant_id, "schedule_id": made.schedule_id}
        connection.execute(sa.insert(report_recipient), [{**ids, "person_id": p} for p in wanted])
    return made


def end(db: sa.Engine, clock: Clock, tenant_id: str, schedule_id: str) -> bool:
    """Send no more of them; whether there was such a schedule."""
    mine = sa.and_(report_schedule.c.tenant_id == tenant_id, report_schedule.c.schedule_id == schedule_id)
    change = sa.update(report_schedule).where(mine, report_schedule.c.ended_at.is_(None))
    with db.begin() as connection:
        return connection.execute(change.values(ended_at=clock.now().timestamp())).rowcount == 1


def schedules(db: sa.Engine, tenant_id: str | None = None) -> list[Schedule]:
    """Those in force, of one tenant or (for the process that sends) of all, by name."""
    wanted = sa.select(report_schedule).where(report_schedule.c.ended_at.is_(None))
    if tenant_id is not None:
        wanted = wanted.where(report_schedule.c.tenant_id == tenant_id)
    with db.connect() as connection:
        rows = connection.execute(wanted.order_by(report_schedule.c.name)).all()
        people: dict[tuple[str, str], list[str]] = {}
        for r in connection.execute(sa.select(report_recipient).order_by(report_recipient.c.person_id)):
            people.setdefault((r.tenant_id, r.schedule_id), []).append(r.person_id)
    return [
        Schedule(
            r.tenant_id,
            r.schedule_id,
            r.name,
            Rhythm(r.rhythm),
            r.hour,
            r.created_at,
            tuple(people.get((r.tenant_id, r.schedule_id), ())),
        )
        for r in rows
    ]


def schedule(db: sa.Engine, tenant_id: str, schedule_id: str) -> Schedule | None:
    """One in force."""
    return next((s for s in schedules(db, tenant_id) if s.schedule_id == schedule_id), None)


def plan(db: sa.Engine, clock: Clock, of: Schedule, slot: str, host: str) -> int:
    """Write down the mails of a slot; those that stand there stay. How many are new."""
    with db.connect() as connection:
        known = set(connection.scalars(sa.select(report_mail.c.person_id).where(_slot(of, slot))))
    new = 0
    for person_id in sorted(set(of.recipients) - known):
        now = clock.now().timestamp()
        name = hashlib.sha256(f"{of.tenant_id} {of.schedule_id} {slot} {person_id}".encode()).hexdigest()[:40]
        row = {
            "tenant_id": of.tenant_id,
            "schedule_id": of.schedule_id,
            "slot": slot,
            "person_id": person_id,
            "message_id": f"<report-{name}@{host}>",
            "state": "waiting",
            "not_before": now,
            "created_at": now,
            "changed_at": now,
        }
        try:
            with db.begin() as connection:
                connection.execute(sa.insert(report_mail).values(row))
            new += 1
        except sa.exc.IntegrityError:
            pass  # another process was faster
    return new


def claim(db: sa.Engine, clock: Clock, lease_s: float) -> Mail | None:
    """A mail whose time has come, held for so long; None when there is none. One whose holder has died counts too."""
    now = clock.now().timestamp()
    open_ = sa.and_(report_mail.c.state.in_(("waiting", "sending")), report_mail.c.not_before <= now)
    with db.connect() as connection:
        found = connection.execute(sa.select(report_mail).where(open_).order_by(report_mail.c.not_before)).first()
    if found is None:
        return None
    row = _mail(found)
    held = {"state": "sending", "tries": row.tries + 1, "not_before": now + lease_s, "holder": random_id()}
    unchanged = sa.and_(report_mail.c.holder == row.holder, report_mail.c.tries == row.tries, open_)
    if not _change(db, row, unchanged, {**held, "changed_at": now}):
        return claim(db, clock, lease_s)  # another process took it
    return Mail(**{**row.__dict__, **held, "changed_at": now})


def finish(db: sa.Engine, clock: Clock, mail: Mail, state: str, reason: str = "", not_before: float = 0.0) -> bool:
    """What came of a claimed mail: sent, failed for good, or waiting until not_before. False when the lease had run
    out and another process holds it."""
    values = {
        "state": state,
        "reason": reason[:REASON_CHARS_MAX],
        "not_before": not_before,
        "changed_at": clock.now().timestamp(),
    }
    return _change(db, mail, report_mail.c.holder == mail.holder, values)


def mails(db: sa.Engine, tenant_id: str, limit: int = 50) -> list[Mail]:
    """The latest of a tenant, newest first."""
    wanted = sa.select(report_mail).where(report_mail.c.tenant_id == tenant_id)
    with db.connect() as connection:
        rows = connection.execute(wanted.order_by(report_mail.c.created_at.desc()).limit(limit)).all()
    return [_mail(r) for r in rows]


def counts(db: sa.Engine) -> dict[str, int]:
    """How many mails are in each state; for the board."""
    with db.connect() as connection:
        rows = connection.execute(sa.select(report_mail.c.state, sa.func.count()).group_by(report_mail.c.state)).all()
    return {state: int(n) for state, n in rows}


def _slot(of: Schedule, slot: str) -> sa.ColumnElement[bool]:
    mine = sa.and_(report_mail.c.tenant_id == of.tenant_id, report_mail.c.schedule_id == of.schedule_id)
    return sa.and_(mine, report_mail.c.slot == slot)


def _change(db: sa.Engine, mail: Mail, only: sa.ColumnElement[bool], values: dict[str, Any]) -> bool:
    key = sa.and_(*(report_mail.c[n] == getattr(mail, n) for n in ("tenant_id", "schedule_id", "slot", "person_id")))
    with db.begin() as connection:
        return connection.execute(sa.update(report_mail).where(key, only).values(**values)).rowcount == 1


def _mail(row: sa.Row[Any]) -> Mail:
    return Mail(**row._mapping)
