"""What came of a campaign: how many were reached, what every try brought."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from pbx_core.domain.records import iso
from pbx_core.domain.spreadsheet import cell
from pbx_core.store.schema import campaign_number, campaign_try

HEADS = ("number", "state", "attempts", "key", "reason", "last_change", "results")


@dataclass(frozen=True)
class Report:
    """states: numbers by state. tries: (attempt, result) → how many; a call under way has the result "calling".
    reasons: of the numbers that failed, the most frequent first. due_at: epoch seconds before which nobody is called
    (quiet hours, the pause after a try); None: nobody waits."""

    states: dict[str, int]
    tries: dict[tuple[int, str], int]
    reasons: tuple[tuple[str, int], ...]
    due_at: float | None = None

    @property
    def numbers(self) -> int:
        """How many numbers the campaign has."""
        return sum(self.states.values())


def report(db: sa.Engine, tenant_id: str, campaign_id: str) -> Report:
    """The figures of a campaign of this tenant."""
    number, try_ = campaign_number.c, campaign_try.c
    mine = number.tenant_id == tenant_id, number.campaign_id == campaign_id
    count = sa.func.count()
    with db.connect() as connection:
        states = connection.execute(
            sa.select(number.state, count.label("n")).where(*mine).group_by(number.state).order_by(number.state)
        ).all()
        tries = connection.execute(
            sa.select(try_.attempt, try_.result, count)
            .where(try_.tenant_id == tenant_id, try_.campaign_id == campaign_id)
            .group_by(try_.attempt, try_.result)
        ).all()
        reasons = connection.execute(
            sa.select(number.reason, count)
            .where(*mine, number.state == "failed")
            .group_by(number.reason)
            .order_by(count.desc(), number.reason)
        ).all()
        due_at = connection.execute(sa.select(sa.func.min(number.not_before)).where(*mine, number.state == "ready"))
        due = due_at.scalar()
    return Report(
        {row.state: row.n for row in states},
        {(attempt, result or "calling"): n for attempt, result, n in sorted(tries)},
        tuple((reason or "unknown", n) for reason, n in reasons),
        due,
    )


def rows(db: sa.Engine, tenant_id: str, campaign_id: str) -> Iterator[tuple[str, ...]]:
    """One row a number under HEADS, by number, every cell safe for a spreadsheet."""
    number, try_ = campaign_number.c, campaign_try.c
    with db.connect() as connection:
        results: dict[str, list[str]] = {}
        for row in connection.execute(
            sa.select(try_.number, try_.result)
            .where(try_.tenant_id == tenant_id, try_.campaign_id == campaign_id)
            .order_by(try_.attempt)
        ):
            results.setdefault(row.number, []).append(row.result or "calling")
        for row in connection.execute(
            sa.select(campaign_number)
            .where(number.tenant_id == tenant_id, number.campaign_id == campaign_id)
            .order_by(number.number)
        ):
            at = iso(datetime.fromtimestamp(row.changed_at, UTC))
            story = " ".join(results.get(row.number, []))
            found = (row.number, row.state, str(row.tries), row.key or "", row.reason, at, story)
            yield tuple(cell(text) for text in found)
