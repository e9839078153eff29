"""Campaigns of outbound informing in the database: their numbers, their tries, who wants no more calls.

A try has its call_id and stands in the database before anybody dials: whoever dies in between, the number is not
called again for it. A try ends exactly once, and its record (domain.records.InformRecord) is told before that is
committed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.domain import campaign as rules_
from pbx_core.domain.campaign import CampaignState, NumberState, Result, Rules
from pbx_core.domain.informing import destinations
from pbx_core.domain.nodes import Node
from pbx_core.domain.records import InformRecord, from_json, to_json
from pbx_core.errors import InputError
from pbx_core.store.acd import write
from pbx_core.store.schema import campaign, campaign_number, campaign_try, opt_out
from pbx_core.store.upsert import insert

LOOK_MAX = 200  # numbers that one claim looks through for one that may be called now
AGAIN_S = 2.0  # a call that found no worker is asked for again after so long
HEARD_S = 7200.0  # a message of a campaign that has ended is still there for calls under way

Tell = Callable[[InformRecord], None]  # writes a journal line; must be on disk when it returns


@dataclass(frozen=True)
class Campaign:
    """A campaign as it stands."""

    tenant_id: str
    campaign_id: str
    name: str
    rules: Rules
    state: CampaignState
    created_at: float
    finished_at: float | None


@dataclass(frozen=True)
class Try:
    """One call of a campaign."""

    tenant_id: str
    campaign_id: str
    call_id: str
    number: str
    attempt: int
    started_at: float


def create(
    db: sa.Engine, clock: Clock, tenant_id: str, name: str, rules: Rules, numbers: Sequence[str], author: str
) -> str:
    """A campaign as a draft; its id. Numbers that have opted out before stand in it as such and are not called."""
    found = rules_.mistakes(rules)
    if found:
        raise InputError(f"{'; '.join(found)}. Nothing was created.", error_id="bad_campaign")
    if not numbers:
        raise InputError("There is no number to call; nothing was created.", error_id="no_numbers")
    campaign_id, now = clock.new_id(), clock.now().timestamp()
    with write(db) as connection:
        refused = set(connection.execute(sa.select(opt_out.c.number).where(opt_out.c.tenant_id == tenant_id)).scalars())
        connection.execute(
            sa.insert(campaign).values(
                tenant_id=tenant_id,
                campaign_id=campaign_id,
                name=name,
                rules=json.dumps(to_json(rules)),
                state="draft",
                author=author,
                created_at=now,
            )
        )
        connection.execute(
            sa.insert(campaign_number),
            [
                {
                    "tenant_id": tenant_id,
                    "campaign_id": campaign_id,
                    "number": number,
                    "state": "opted_out" if number in refused else "ready",
                    "reason": "on the opt-out list" if number in refused else "",
                    "changed_at": now,
                }
                for number in numbers
            ],
        )
    return campaign_id


def act(db: sa.Engine, clock: Clock, tenant_id: str, campaign_id: str, action: str) -> Campaign:
    """start, pause or cancel; InputError when the campaign is not one that can be. Calls under way go on."""
    from_, to = rules_.MAY[action]
    with write(db) as connection:
        found = get(connection, tenant_id, campaign_id)
        if found.state not in from_:
            raise InputError(f"The campaign is {found.state}; it cannot {action}.", error_id="bad_state", status=409)
        finished = clock.now().timestamp() if to is CampaignState.CANCELLED else None
        _set(connection, tenant_id, campaign_id, state=to.value, finished_at=finished)
        return get(connection, tenant_id, campaign_id)


def get(connection: sa.Connection, tenant_id: str, campaign_id: str) -> Campaign:
    """One campaign of a tenant; InputError when there is none."""
    row = connection.execute(
        sa.select(campaign).where(campaign.c.tenant_id == tenant_id, campaign.c.campaign_id == campaign_id)
    ).one_or_none()
    if row is None:
        raise InputError(f"There is no campaign {campaign_id[:40]!r}.", error_id="no_campaign", status=404)
    return _campaign(row)


def of_tenant(db: sa.Engine, tenant_id: str) -> list[Campaign]:
    """All campaigns of a tenant, the newest first."""
    statement = sa.select(campaign).where(campaign.c.tenant_id == tenant_id).order_by(campaign.c.created_at.desc())
    with db.connect() as connection:
        return [_campaign(row) for row in connection.execute(statement)]


def running(db: sa.Engine) -> list[Campaign]:
    """The campaigns that run, of all tenants: what the informer works on."""
    with db.connect() as connection:
        rows = connection.execute(
            sa.select(campaign).where(campaign.c.state == "running").order_by(campaign.c.created_at)
        )
        return [_campaign(row) for row in rows]


def informs(connection: sa.Connection, tenant_id: str, now: float) -> dict[str, Node]:
    """What `inform:<name>` stands for in this tenant now; for dialplan.Facts."""
    statement = sa.select(campaign.c.campaign_id, campaign.c.rules).where(
        campaign.c.tenant_id == tenant_id,
        campaign.c.state != "draft",
        sa.or_(campaign.c.finished_at.is_(None), campaign.c.finished_at > now - HEARD_S),
    )
    found: dict[str, Node] = {}
    for row in connection.execute(statement):
        found |= destinations(row.campaign_id, _rules(row.rules))
    return found


def claim(db: sa.Engine, clock: Clock, tenant_id: str, campaign_id: str, call_id: str) -> Try | None:
    """Begin the next try of a running campaign with this call_id, if its pace allows one and a number is due. Numbers
    found in their quiet hours are put off to their end."""
    now = clock.now().timestamp()
    with write(db) as connection:
        found = get(connection, tenant_id, campaign_id)
        if found.state is not CampaignState.RUNNING or not _room(connection, found, now):
            return None
        due = connection.execute(
            sa.select(campaign_number)
            .where(*_of(found), campaign_number.c.state == "ready", campaign_number.c.not_before <= now)
            .order_by(campaign_number.c.not_before, campaign_number.c.number)
            .limit(LOOK_MAX)
        ).all()
        for row in due:
            here = (*_of(found), campaign_number.c.number == row.number)
            if _opted_out(connection, tenant_id, row.number):
                values: dict[str, Any] = {"state": "opted_out", "reason": "on the opt-out list"}
                connection.execute(sa.update(campaign_number).where(*here).values(**values, changed_at=now))
                continue
            zone = rules_.zone_of(row.number, found.rules)
            at = rules_.may_call_at(datetime.fromtimestamp(now, UTC), zone, found.rules).timestamp()
            if at > now:
                connection.execute(sa.update(campaign_number).where(*here).values(not_before=at))
                continue
            begun = Try(tenant_id, campaign_id, call_id, row.number, row.tries + 1, now)
            connection.execute(sa.insert(campaign_try).values(vars(begun)))
            values = {"state": "calling", "tries": begun.attempt, "call_id": call_id, "changed_at": now}
            connection.execute(sa.update(campaign_number).where(*here).values(values))
            return begun
    return None


def withdraw(db: sa.Engine, clock: Clock, taken: Try) -> None:
    """The try certainly did not come to a call (no worker had room): it did not happen."""
    now = clock.now().timestamp()
    with write(db) as connection:
        gone = connection.execute(sa.delete(campaign_try).where(*_this(taken), campaign_try.c.ended_at.is_(None)))
        if gone.rowcount:
            values = {"state": "ready", "tries": taken.attempt - 1, "not_before": now + AGAIN_S, "call_id": None}
            _set_number(connection, taken, values, now)


def finish(db: sa.Engine, clock: Clock, tell: Tell, taken: Try, result: Result) -> bool:
    """Say what came of a try; False when that was said before. Who opted out is never called again."""
    now = clock.now().timestamp()
    with write(db) as connection:
        found = get(connection, taken.tenant_id, taken.campaign_id)
        values: dict[str, Any] = {"result": result.result, "key": result.key, "reason": result.reason}
        ended = connection.execute(
            sa.update(campaign_try)
            .where(*_this(taken), campaign_try.c.ended_at.is_(None))
            .values(**values, ended_at=now)
        )
        if not ended.rowcount:
            return False
        zone = rules_.zone_of(taken.number, found.rules)
        follows = rules_.after(found.rules, taken.attempt, result, zone, now)
        changes = {"state": follows.state.value, "not_before": follows.not_before}
        _set_number(connection, taken, {**changes, "key": result.key or None, "reason": result.reason}, now)
        if follows.state is NumberState.OPTED_OUT:
            refusal = {"tenant_id": taken.tenant_id, "number": taken.number, "at": now}
            connection.execute(
                insert(opt_out).values(**refusal, campaign_id=taken.campaign_id).on_conflict_do_nothing()
            )
        at = datetime.fromtimestamp(taken.started_at, UTC)
        ids = (taken.call_id, taken.tenant_id, taken.campaign_id, taken.number)
        tell(InformRecord(*ids, at, result.result, result.key, taken.attempt))
    return True


def under_way(db: sa.Engine) -> list[Try]:
    """The tries that have not ended, of all tenants."""
    with db.connect() as connection:
        rows = connection.execute(sa.select(campaign_try).where(campaign_try.c.ended_at.is_(None))).all()
    return [Try(r.tenant_id, r.campaign_id, r.call_id, r.number, r.attempt, r.started_at) for r in rows]


def close_finished(db: sa.Engine, clock: Clock) -> int:
    """End the running campaigns in which nobody is to be called any more; how many."""
    now = clock.now().timestamp()
    left = sa.select(campaign_number.c.number).where(
        campaign_number.c.tenant_id == campaign.c.tenant_id,
        campaign_number.c.campaign_id == campaign.c.campaign_id,
        campaign_number.c.state.in_(("ready", "calling")),
    )
    where = campaign.c.state == "running", ~left.exists()
    with db.connect() as connection:
        if connection.execute(sa.select(campaign.c.campaign_id).where(*where).limit(1)).one_or_none() is None:
            return 0
    with write(db) as connection:
        return connection.execute(sa.update(campaign).where(*where).values(state="done", finished_at=now)).rowcount


def _room(connection: sa.Connection, found: Campaign, now: float) -> int:
    lately = sa.or_(campaign_try.c.ended_at.is_(None), campaign_try.c.started_at > now - rules_.PACE_WINDOW_S)
    rows = connection.execute(
        sa.select(campaign_try.c.started_at, campaign_try.c.ended_at).where(
            campaign_try.c.tenant_id == found.tenant_id, campaign_try.c.campaign_id == found.campaign_id, lately
        )
    ).all()
    calling = sum(1 for r in rows if r.ended_at is None)
    return rules_.room(found.rules, calling, [r.started_at for r in rows], now)


def _opted_out(connection: sa.Connection, tenant_id: str, number: str) -> bool:
    where = opt_out.c.tenant_id == tenant_id, opt_out.c.number == number
    return connection.execute(sa.select(opt_out.c.number).where(*where)).one_or_none() is not None


def _of(found: Campaign) -> tuple[sa.ColumnElement[bool], ...]:
    return campaign_number.c.tenant_id == found.tenant_id, campaign_number.c.campaign_id == found.campaign_id


def _this(taken: Try) -> tuple[sa.ColumnElement[bool], ...]:
    return campaign_try.c.tenant_id == taken.tenant_id, campaign_try.c.call_id == taken.call_id


def _set_number(connection: sa.Connection, taken: Try, values: dict[str, Any], now: float) -> None:
    """Change the number of a try, unless a later one has begun with it."""
    connection.execute(
        sa.update(campaign_number)
        .where(
            campaign_number.c.tenant_id == taken.tenant_id,
            campaign_number.c.campaign_id == taken.campaign_id,
            campaign_number.c.number == taken.number,
            campaign_number.c.call_id == taken.call_id,
        )
        .values(**values, changed_at=now)
    )


def _set(connection: sa.Connection, tenant_id: str, campaign_id: str, **values: Any) -> None:
    here = campaign.c.tenant_id == tenant_id, campaign.c.campaign_id == campaign_id
    connection.execute(sa.update(campaign).where(*here).values(values))


def _rules(text: str) -> Rules:
    return from_json(Rules, json.loads(text))


def _campaign(row: sa.Row[Any]) -> Campaign:
    return Campaign(
        row.tenant_id,
        row.campaign_id,
        row.name,
        _rules(row.rules),
        CampaignState(row.state),
        row.created_at,
        row.finished_at,
    )
