"""Reports by mail: those that wait or were not sent, and whether anything sends them; measured and judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from analytics.health.judge import EXAMPLES, count, span
from analytics.health.types import Check, Level
from pbx_core.settings import Settings
from pbx_core.store import services
from pbx_core.store.reports import NOT_WANTED
from pbx_core.store.schema import report_mail, report_schedule

RECENT = timedelta(days=7)
LATE_S = 3600.0  # mail servers that are busy or away for a while are usual


@dataclass(frozen=True)
class Mails:
    """Reports that come by themselves, mails that wait, for how long the oldest, those given up lately. reasons: what
    the last tries met with."""

    schedules: int
    waiting: int = 0
    oldest_s: float = 0.0
    failed: int = 0
    reasons: tuple[str, ...] = ()
    server: bool = True  # one is named
    alive: bool = True  # the process that sends


def mails(
    settings: Settings, db: sa.Engine, board: list[services.Service], tenant_id: str | None, now: datetime
) -> Mails:
    """Of one tenant, or of all."""

    def mine(table: sa.Table) -> list[sa.ColumnElement[bool]]:
        return [] if tenant_id is None else [table.c.tenant_id == tenant_id]

    mail = report_mail.c
    schedules = sa.select(sa.func.count()).where(*mine(report_schedule), report_schedule.c.ended_at.is_(None))
    open_ = sa.and_(*mine(report_mail), mail.state.in_(("waiting", "sending")))
    lost = sa.and_(
        *mine(report_mail),
        mail.state == "failed",
        mail.reason != NOT_WANTED,
        mail.changed_at >= (now - RECENT).timestamp(),
    )
    told = sa.select(mail.reason, sa.func.max(mail.changed_at).label("at")).where(
        sa.or_(open_, lost), mail.reason != ""
    )
    with db.connect() as connection:
        known = connection.scalar(schedules) or 0
        waiting, oldest = connection.execute(
            sa.select(sa.func.count(), sa.func.min(mail.created_at)).where(open_)
        ).one()
        failed = connection.scalar(sa.select(sa.func.count()).where(lost)) or 0
        reasons = connection.scalars(told.group_by(mail.reason).order_by(sa.desc("at")).limit(EXAMPLES)).all()
    return Mails(
        schedules=known,
        waiting=waiting,
        oldest_s=max(0.0, now.timestamp() - oldest) if oldest else 0.0,
        failed=failed,
        reasons=tuple(reasons),
        server=bool(settings.smtp_host),
        alive=any(s.name == "report" and s.alive(now.timestamp()) for s in board),
    )


def judged(found: Mails) -> Check:
    """Whether reports reach their people."""
    name, title = "reports", "Reports by mail"
    figures: dict[str, float | str | None] = {
        "schedules": found.schedules,
        "waiting": found.waiting,
        "oldest_s": round(found.oldest_s),
        "failed": found.failed,
    }
    says = f"{count(found.schedules, 'report')} {'comes' if found.schedules == 1 else 'come'} by mail"
    says += (
        f"; {count(found.waiting, 'mail')} waiting, the oldest for {span(found.oldest_s)}." if found.waiting else "."
    )
    if found.failed:
        says += f" {count(found.failed, 'mail')} of the last 7 days could not be sent."
    ok = not found.failed and found.oldest_s <= LATE_S
    remedy = "" if ok else (
        "What was met stands below, for each mail in `callbench report log`. Repair the mail server's settings or the "
        "address: what waits goes by itself, what was given up is not sent again, the next report is."
    )  # fmt: skip
    if found.schedules and not found.server:
        says, remedy, ok = (
            f"{says} None is sent: no mail server is named.",
            "Set smtp_host, see docs/reports.md.",
            False,
        )
    elif found.schedules and not found.alive:
        says, ok = f"{says} None is sent: the process that sends does not run.", False
        remedy = "Start `callbench up`; if it runs, read logs/report.log."
    return Check(name, title, Level.OK if ok else Level.WARN, says, remedy, figures, found.reasons)
