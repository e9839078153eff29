"""What can be exported, and as which kind of file: tables as CSV, Excel and Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analytics import queries
from analytics.export import commas, frozen, pieces, stories, subjects, workbook, workshop
from analytics.export.subjects import Subject
from dashboard.web import access
from dashboard.web.context import Context
from dashboard.web.exporting import Run
from pbx_core.store import directory
from pbx_core.store.sessions import Session

PARQUET = "application/vnd.apache.parquet"


@dataclass(frozen=True)
class Asked:
    """What somebody wants exported. kind: of conversations, the class alone."""

    context: Context
    session: Session
    flt: queries.CallFilter
    tenant: directory.Tenant
    run: Run
    kind: str | None = None
    embed: bool = False


Begin = Callable[[Asked], Iterator[bytes]]
Values = Callable[[Asked], dict[str, Any]]


@dataclass(frozen=True)
class Form:
    """A kind of file: its name ends with `ending`. begin: put aside what is needed, count it; then the pieces."""

    ending: str
    media_type: str
    begin: Begin


def _calls(asked: Asked) -> dict[str, Any]:
    return subjects.call_values(access.scope(asked.session), asked.flt)


def _conversations(asked: Asked) -> dict[str, Any]:
    flt = asked.flt
    return stories.values(access.scope(asked.session), flt.since, flt.until, asked.kind, flt.number)


def _table(subject: Subject, values: Values, pieces_of: Callable[[Asked, Path], Iterator[bytes]]) -> Begin:
    def begin(asked: Asked) -> Iterator[bytes]:
        run = asked.run
        path, run.rows = frozen.rows(asked.context.settings, run.folder, subject, values(asked), run.halt)
        return pieces_of(asked, path)

    return begin


def _csv(subject: Subject) -> Callable[[Asked, Path], Iterator[bytes]]:
    return lambda asked, path: commas.write(path, subject.columns, asked.tenant.time_zone, asked.run.tell)


def _xlsx(subject: Subject) -> Callable[[Asked, Path], Iterator[bytes]]:
    return lambda asked, path: workshop.write(
        path,
        asked.run.folder / "book.xlsx",
        subject.title,
        subject.columns,
        asked.tenant.time_zone,
        asked.run.tell,
    )


def _tables(subject: Subject, values: Values) -> dict[str, Form]:
    return {
        f"{subject.name}.csv": Form("csv", commas.MEDIA_TYPE, _table(subject, values, _csv(subject))),
        f"{subject.name}.xlsx": Form("xlsx", workbook.MEDIA_TYPE, _table(subject, values, _xlsx(subject))),
        f"{subject.name}.parquet": Form(
            "parquet", PARQUET, _table(subject, values, lambda asked, path: pieces.file(path))
        ),
    }


TABLES: dict[str, Form] = {**_tables(subjects.CALLS, _calls), **_tables(stories.CONVERSATIONS, _conversations)}
