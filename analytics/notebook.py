"""What a notebook begins with: one tenant's desk, with the figures of the dashboard and SQL of one's own.

from analytics import notebook
desk = notebook.open_desk()          # CALLBENCH_DATA, CALLBENCH_DOMAIN; CALLBENCH_SINCE, CALLBENCH_UNTIL
metrics.values(*desk.asked, ["service_level"])
desk.sql("SELECT count(*) FROM call WHERE started_at >= $since", {"since": desk.since})
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from analytics import queries
from analytics.queries import Reader, Scope
from analytics.tenantsql.session import Sql
from pbx_core.clock import SystemClock
from pbx_core.errors import InputError
from pbx_core.settings import Settings, load
from pbx_core.store import directory, engine

DAYS = 30  # looked back when nothing else is said


@dataclass(frozen=True)
class Desk:
    """A tenant and a period; since <= t < until, tz-aware UTC."""

    settings: Settings
    tenant: directory.Tenant
    reader: Reader
    since: datetime
    until: datetime
    sql: Sql

    @property
    def scope(self) -> Scope:
        """The tenant's calls, all of them."""
        return Scope(self.tenant.tenant_id)

    @property
    def asked(self) -> tuple[Reader, Scope, datetime, datetime]:
        """What every question about a period begins with."""
        return self.reader, self.scope, self.since, self.until


def open_desk(data: str | None = None, domain: str | None = None) -> Desk:
    """The desk of the tenant with this SIP domain. InputError when there is none; Unavailable without a warehouse."""
    settings = load(data or os.environ.get("CALLBENCH_DATA"))
    tenant = _tenant(settings, domain or os.environ.get("CALLBENCH_DOMAIN", ""))
    zone = ZoneInfo(tenant.time_zone)
    until = _midnight("CALLBENCH_UNTIL", zone) or SystemClock().now()
    since = _midnight("CALLBENCH_SINCE", zone) or until - timedelta(days=DAYS)
    return Desk(settings, tenant, queries.open_reader(settings), since, until, connect(settings, tenant))


def connect(settings: Settings, tenant: directory.Tenant) -> Sql:
    """Read-only SQL over this tenant's rows."""
    return Sql(settings, tenant.tenant_id)


def _tenant(settings: Settings, domain: str) -> directory.Tenant:
    db = engine.connect(settings)
    try:
        found = directory.tenant_by_domain(db, domain)
    finally:
        db.dispose()
    if found is None:
        raise InputError(f"CALLBENCH_DOMAIN {domain!r} is not the domain of a tenant in {settings.data}.")
    return found


def _midnight(variable: str, zone: ZoneInfo) -> datetime | None:
    """The beginning of the day that the variable names, 2026-03-01."""
    text = os.environ.get(variable, "")
    if not text:
        return None
    try:
        return datetime.combine(datetime.fromisoformat(text).date(), datetime.min.time(), zone).astimezone(UTC)
    except ValueError:
        raise InputError(f"{variable} is {text!r} and not a day such as 2026-03-01.") from None
