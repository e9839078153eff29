"""From a schedule's slot and a person to his report: his rights decide whose calls it counts."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from analytics import queries
from analytics.reports import content
from analytics.reports.content import About, Report
from pbx_core.domain.report_slots import Rhythm, Slot
from pbx_core.settings import Settings
from pbx_core.store.directory import Person, Tenant

NAMES = {Rhythm.DAILY: "Calls of the day", Rhythm.WEEKLY: "Calls of the week", Rhythm.MONTHLY: "Calls of the month"}
SEE_ALL = ("owner", "manager", "analyst")


def zone_of(tenant: Tenant) -> ZoneInfo:
    """The tenant's time zone; UTC when this machine does not know it."""
    try:
        return ZoneInfo(tenant.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def about(tenant: Tenant, person: Person | None) -> About:
    """Whose calls somebody may count: an agent those of his extension. None: the operator, at the terminal."""
    zone = zone_of(tenant)
    if person is None or person.role in SEE_ALL:
        return About(tenant.name, zone, queries.Scope(tenant.tenant_id), "All calls of the office.")
    extension = person.extension or "-"  # matches no number
    return About(tenant.name, zone, queries.Scope(tenant.tenant_id, extension), f"Calls of extension {extension}.")


def report(
    settings: Settings,
    reader: queries.Reader,
    of: About,
    name: str,
    rhythm: Rhythm,
    slot: Slot,
    now: datetime,
) -> Report:
    """The report of a slot."""
    return content.gather(reader, of, name, rhythm, slot, settings.web_address, now)
