"""Web sessions and sign-in attempts. Only hashes of tokens and of e-mail addresses lie in the database."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.domain.redaction import Wishes, wishes_of
from pbx_core.store import models
from pbx_core.store.schema import login_attempt, person, web_session

SEEN_EVERY_S = 60.0  # seen_at is renewed at most so often, to spare the disk a write per request
ATTEMPTS_KEPT_S = 24 * 3600.0


@dataclass(frozen=True)
class Session:
    """A live session with the person it belongs to, as he stands now. hide: what his tenant wants hidden from him;
    None: he has the right to originals."""

    token_sha256: str
    csrf: str
    created_at: float
    seen_at: float
    tenant_id: str
    person_id: str
    name: str
    email: str
    role: str
    extension: str | None
    hide: Wishes | None


@dataclass(frozen=True)
class Opened:
    """A session just made; `token` is told to the browser once and kept nowhere."""

    token: str
    csrf: str


def digest(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def open_session(engine: sa.Engine, clock: Clock, tenant_id: str, person_id: str) -> Opened:
    """Start a session for somebody whose password was right."""
    made = Opened(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
    now = clock.now().timestamp()
    with engine.begin() as connection:
        connection.execute(
            sa.insert(web_session).values(
                token_sha256=digest(made.token),
                tenant_id=tenant_id,
                person_id=person_id,
                csrf=made.csrf,
                created_at=now,
                seen_at=now,
            )
        )
    return made


def look(engine: sa.Engine, clock: Clock, token_sha256: str, idle_s: float) -> Session | None:
    """The session if it lives: not ended, used within idle_s, its person not disabled. Being asked is not use."""
    statement = (
        sa.select(
            web_session.c.token_sha256,
            web_session.c.csrf,
            web_session.c.created_at,
            web_session.c.seen_at,
            person.c.tenant_id,
            person.c.person_id,
            person.c.name,
            person.c.email,
            person.c.role,
            person.c.extension,
            person.c.originals,
        )
        .join(person, person.c.person_id == web_session.c.person_id)
        .where(
            web_session.c.token_sha256 == token_sha256,
            web_session.c.ended_at.is_(None),
            web_session.c.seen_at > clock.now().timestamp() - idle_s,
            person.c.disabled_at.is_(None),
            person.c.tenant_id == web_session.c.tenant_id,
        )
    )
    with engine.connect() as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    fields = dict(row._mapping)
    hide = None if fields.pop("originals") else wishes_of(models.active(engine, row.tenant_id)[1])
    return Session(**fields, hide=hide)


def touch(engine: sa.Engine, clock: Clock, session: Session) -> None:
    """Note that the session was used; written at most every SEEN_EVERY_S."""
    now = clock.now().timestamp()
    if now - session.seen_at < SEEN_EVERY_S:
        return
    with engine.begin() as connection:
        connection.execute(
            sa.update(web_session).where(web_session.c.token_sha256 == session.token_sha256).values(seen_at=now)
        )


def end(engine: sa.Engine, clock: Clock, token_sha256: str) -> None:
    """End a session; repeating it is harmless."""
    with engine.begin() as connection:
        connection.execute(
            sa.update(web_session)
            .where(web_session.c.token_sha256 == token_sha256, web_session.c.ended_at.is_(None))
            .values(ended_at=clock.now().timestamp())
        )


@dataclass(frozen=True)
class Attempt:
    """A sign-in attempt, booked as failed before the password is looked at, so that attempts made at the same
    moment count each other. `allowed` is False beyond a limit."""

    attempt_id: int
    allowed: bool


def begin_attempt(
    engine: sa.Engine, clock: Clock, address: str, email: str, failures_max: int, window_s: float
) -> Attempt:
    """Book an attempt. Limits within window_s: failures_max per address and account, four times as many per
    address over all accounts (guessing one password for everybody) and per account over all addresses."""
    now = clock.now().timestamp()
    hashed = digest(email.strip().lower())
    recent = sa.and_(login_attempt.c.at > now - window_s, login_attempt.c.ok.is_(False))
    by_address = login_attempt.c.address == address
    by_account = login_attempt.c.email_sha256 == hashed

    def count(*where: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
        return sa.select(sa.func.count()).select_from(login_attempt).where(recent, *where).scalar_subquery()

    with engine.begin() as connection:
        connection.execute(sa.delete(login_attempt).where(login_attempt.c.at < now - ATTEMPTS_KEPT_S))
        made = connection.execute(
            sa.insert(login_attempt).values(at=now, address=address, email_sha256=hashed, ok=False)
        )
        pair, address_all, account_all = connection.execute(
            sa.select(count(by_address, by_account), count(by_address), count(by_account))
        ).one()
    allowed = pair <= failures_max and address_all <= 4 * failures_max and account_all <= 4 * failures_max
    return Attempt(int(made.inserted_primary_key[0]) if made.inserted_primary_key else 0, allowed)


def attempt_succeeded(engine: sa.Engine, attempt: Attempt) -> None:
    """The password was right: the attempt no longer counts as a failure."""
    with engine.begin() as connection:
        connection.execute(sa.update(login_attempt).where(login_attempt.c.id == attempt.attempt_id).values(ok=True))
