"""Measures and judges: the health of the data for the operator, or of one tenant's part."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from analytics.health import judge, lag, mails, staged, storage
from analytics.health.types import Check, Health, Level, Source
from analytics.queries import Reader, health
from ingest import origin, renewal
from ingest.maintenance import Epoch
from pbx_core.clock import Clock
from pbx_core.settings import Settings
from pbx_core.store import services
from pbx_core.store.schema import job, webhook_delivery, webhook_endpoint

RECENT = timedelta(days=7)
STANDS_STILL = "New calls are late or missing in the figures. Nothing is lost."


def gather(
    settings: Settings, db: sa.Engine, clock: Clock, reader: Reader | None, tenant_id: str | None = None
) -> Health:
    """reader: None when the warehouse cannot be read now. tenant_id: None for the operator, who sees all."""
    now = clock.now()
    board = services.all_services(db)
    state = _loading(settings, board, now)
    checks: list[Check] = []
    waiting = _sources(settings, db, reader, now) if reader else ()
    checks.append(judge.loading(state, waiting))
    if reader is None and state.renewal is None and state.alive:
        says = "There is no warehouse that can be read."
        checks.append(Check("warehouse", "Warehouse", Level.BAD, says, "Read logs/ingest.log."))
    if reader:
        checks.append(judge.rejected(*health.refused(reader, now - RECENT, tenant_id)))
        checks.append(judge.recordings(storage.orphans(settings, db, reader, tenant_id, now)))
    alive = sum(s.name.startswith("transcribe") and s.alive(now.timestamp()) for s in board)
    checks.append(judge.transcripts(_work(db, tenant_id, now, alive)))
    if (deliveries := _deliveries(db, tenant_id, now)).endpoints:
        checks.append(judge.webhooks(deliveries))
    posted = mails.mails(settings, db, board, tenant_id, now)
    if posted.schedules or posted.waiting or posted.failed:
        checks.append(mails.judged(posted))
    if reader and (there := staged.staged(settings, health.positions(reader), tenant_id, now)).looked_at:
        checks.append(staged.judged(there))
    if tenant_id is not None:
        return Health(tenant_id, now, tuple(map(_theirs, checks)), _own(reader, tenant_id) if reader else ())
    if reader:
        checks.append(
            judge.disk(storage.disk(settings, reader, now), settings.disk_warn_share, settings.disk_stop_share)
        )
    at = Epoch(settings).changed_at()
    age_s = None if at is None else max(0.0, now.timestamp() - at)
    checks.append(judge.maintenance(age_s, settings.maintenance_interval_s, state.alive))
    return Health(None, now, tuple(checks), (*waiting, *_imports(reader, None)) if reader else ())


def _theirs(check: Check) -> Check:
    """Without the machine: a tenant's people can do nothing about it but tell."""
    figures = {k: v for k, v in check.figures.items() if k != "longest"}
    if check.level is Level.OK:
        return replace(check, remedy="", figures=figures)
    says = STANDS_STILL if check.name == "loading" and check.level is Level.BAD else check.says
    return replace(check, says=says, remedy="Tell who runs this system.", figures=figures)


def _loading(settings: Settings, board: list[services.Service], now: datetime) -> judge.Loading:
    row = next((s for s in board if s.name == "ingest"), None)
    under_way = renewal.read(settings)
    alive = row is not None and row.alive(now.timestamp())
    problem = row.detail.get("problem") if row and alive else None
    return judge.Loading(alive, problem, under_way.sentence if under_way else None)


def _sources(settings: Settings, db: sa.Engine, reader: Reader, now: datetime) -> tuple[Source, ...]:
    """The journals by process and the tables; those of which nothing is loaded yet as well."""
    at = health.positions(reader)
    waiting = {("feed", name): w for name, w in lag.journals(settings, at, now).items()}
    waiting |= lag.tables(db, at, origin.read(settings), now)
    loaded = {(row["source"], row["part"]): row for row in health.sources(reader)}
    out = []
    for key in sorted(waiting.keys() | {k for k in loaded if k[0] in ("feed", *lag.TABLES)}):
        row, rest = loaded.get(key, {}), waiting.get(key, lag.Waiting())
        counts = {name: int(row.get(name, 0)) for name in ("loaded", "lines", "rejected", "repeated")}
        out.append(
            Source(*key, **counts, waiting=rest.amount, lag_s=round(rest.lag_s, 1), newest_at=row.get("read_at"))
        )
    return tuple(out)


def _own(reader: Reader, tenant_id: str) -> tuple[Source, ...]:
    rows = health.own_rows(reader, tenant_id)
    own = [Source("own", r["part"], r["loaded"], newest_at=r["newest"]) for r in rows]
    return (*own, *_imports(reader, tenant_id))


def _imports(reader: Reader, tenant_id: str | None) -> tuple[Source, ...]:
    return tuple(
        Source(
            "import",
            str(row["source_name"]),
            row["calls"],
            lines=row["rows"],
            rejected=row["rejects"],
            repeated=row["duplicates"],
            newest_at=row["imported_at"],
        )
        for row in health.imports(reader, tenant_id)
    )


def _work(db: sa.Engine, tenant_id: str | None, now: datetime, listeners: int) -> judge.Work:
    mine = [job.c.kind == "transcribe"] + ([] if tenant_id is None else [job.c.tenant_id == tenant_id])
    waits = sa.select(sa.func.count(), sa.func.min(job.c.created_at)).where(*mine, job.c.state.in_(("ready", "leased")))
    lost = sa.select(sa.func.count()).where(
        *mine, job.c.state == "failed", job.c.finished_at >= (now - RECENT).timestamp()
    )
    with db.connect() as connection:
        waiting, oldest = connection.execute(waits).one()
        failed = connection.scalar(lost) or 0
    return judge.Work(waiting, max(0.0, now.timestamp() - oldest) if oldest else 0.0, failed, listeners)


def _deliveries(db: sa.Engine, tenant_id: str | None, now: datetime) -> judge.Deliveries:
    def mine(table: sa.Table) -> list[sa.ColumnElement[bool]]:
        return [] if tenant_id is None else [table.c.tenant_id == tenant_id]

    disabled = sa.func.sum(sa.case((webhook_endpoint.c.state == "disabled", 1), else_=0))
    endpoints = sa.select(sa.func.count(), disabled).where(*mine(webhook_endpoint))
    sent = webhook_delivery.c
    waits = sa.select(sa.func.count(), sa.func.min(sent.created_at)).where(
        *mine(webhook_delivery), sent.state == "waiting"
    )
    lost = sa.select(sa.func.count()).where(
        *mine(webhook_delivery), sent.state == "given_up", sent.changed_at >= (now - RECENT).timestamp()
    )
    with db.connect() as connection:
        known, off = connection.execute(endpoints).one()
        waiting, oldest = connection.execute(waits).one()
        given_up = connection.scalar(lost) or 0
    return judge.Deliveries(known, off or 0, waiting, max(0.0, now.timestamp() - oldest) if oldest else 0.0, given_up)
