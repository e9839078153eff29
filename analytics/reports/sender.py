"""Sends what has fallen due, in rounds. Each mail is written down twice before it leaves: its row in the operational
database, and its very bytes in a file, so that every try sends the same figures under the same Message-ID."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from analytics import queries
from analytics.reports import mail, making
from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.domain import report_slots
from pbx_core.errors import CallbenchError
from pbx_core.settings import Settings
from pbx_core.store import directory, reports
from pbx_core.store.reports import Mail, Schedule

DELAYS_S = (60, 300, 900, 3600, 7200, 14_400, 28_800, 28_800)  # after each failed try; about a day in all

_log = log.get(__name__)


@dataclass
class Tally:
    """For the board: what this process did, and what the last try met with."""

    sent: int = 0
    failed: int = 0
    waiting: int = 0
    problem: str = ""


class Sender:
    """One process; others may run beside it."""

    def __init__(self, settings: Settings, db: sa.Engine, clock: Clock, reader: Callable[[], queries.Reader]) -> None:
        self._settings, self._db, self._clock, self._reader = settings, db, clock, reader
        self.tally = Tally()

    def round(self) -> None:
        """Write down what has fallen due, then send what waits and may be tried now."""
        self._plan()
        while (due := reports.claim(self._db, self._clock, self._settings.report_lease_s)) is not None:
            self._send(due)
        counts = reports.counts(self._db)
        self.tally.waiting = counts.get("waiting", 0) + counts.get("sending", 0)
        if not self.tally.waiting:
            self.tally.problem = ""

    def _plan(self) -> None:
        now = self._clock.now()
        host = mail.sender(self._settings).domain
        tenants = {t.tenant_id: t for t in directory.tenants(self._db)}
        for schedule in reports.schedules(self._db):
            zone = making.zone_of(tenants[schedule.tenant_id])
            slot = report_slots.latest(schedule.rhythm, schedule.hour, zone, now)
            if slot.due.timestamp() > schedule.created_at:
                reports.plan(self._db, self._clock, schedule, slot.key, host)

    def _send(self, due: Mail) -> None:
        known = {"schedule_id": due.schedule_id, "slot": due.slot, "try": due.tries}
        try:
            schedule, person = self._still_wanted(due)
            to = mail.recipient(person)
            content = self._written(due, schedule, person)
            mail.hand_over(self._settings, content, mail.sender(self._settings).addr_spec, to.addr_spec)
        except mail.Refused as error:
            self._end(due, "failed", str(error))
            _log.warning("report not sent", extra={**known, "reason": str(error)})
        except (CallbenchError, OSError, sa.exc.OperationalError) as error:
            self._put_off(due, str(error))
            _log.warning("report waits", extra={**known, "reason": str(error)})
        else:
            self._end(due, "sent")
            _log.info("report sent", extra=known)

    def _still_wanted(self, due: Mail) -> tuple[Schedule, directory.Person]:
        schedule = reports.schedule(self._db, due.tenant_id, due.schedule_id)
        person = directory.person_by_id(self._db, due.tenant_id, due.person_id)
        if schedule is None or person is None:
            raise mail.Refused(reports.NOT_WANTED, error_id="not_wanted")
        return schedule, person

    def _written(self, due: Mail, schedule: Schedule, person: directory.Person) -> bytes:
        """The mail's bytes, made at the first try and kept until it is over."""
        path = self._path(due)
        if not path.exists():
            tenant = directory.tenant_by_id(self._db, due.tenant_id)
            assert tenant is not None
            zone = making.zone_of(tenant)
            day = datetime.strptime(due.slot, "%Y-%m-%d").replace(tzinfo=UTC).date()
            slot = report_slots.slot(schedule.rhythm, schedule.hour, zone, day)
            about = making.about(tenant, person)
            made = making.report(
                self._settings, self._reader(), about, schedule.name, schedule.rhythm, slot, self._clock.now()
            )
            envelope = mail.Envelope(mail.sender(self._settings), mail.recipient(person), due.message_id)
            _keep(path, mail.compose(made, envelope))
        return path.read_bytes()

    def _put_off(self, due: Mail, reason: str) -> None:
        self.tally.problem = reason[:300]
        if due.tries > len(DELAYS_S):
            self._end(due, "failed", f"Given up after {due.tries} tries. {reason}")
            return
        again = self._clock.now().timestamp() + DELAYS_S[due.tries - 1]
        reports.finish(self._db, self._clock, due, "waiting", reason, again)

    def _end(self, due: Mail, state: str, reason: str = "") -> None:
        if reports.finish(self._db, self._clock, due, state, reason):
            self._path(due).unlink(missing_ok=True)
            self.tally.sent += state == "sent"
            self.tally.failed += state == "failed"

    def _path(self, due: Mail) -> Path:
        folder = self._settings.reports_dir / due.tenant_id / due.schedule_id
        return folder / f"{due.slot}-{due.person_id}.eml"


def _keep(path: Path, content: bytes) -> None:
    """Whole or not at all, and on the disk before anything is sent."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    scratch = path.with_suffix(f".{os.getpid()}.tmp")
    with scratch.open("wb") as file:
        os.fchmod(file.fileno(), 0o640)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def reader_of(settings: Settings) -> Callable[[], queries.Reader]:
    """Opens the warehouse at the first need; Unavailable until there is one."""
    opened: list[queries.Reader] = []

    def reader() -> queries.Reader:
        if not opened:
            opened.append(queries.open_reader(settings))
        return opened[0]

    return reader
