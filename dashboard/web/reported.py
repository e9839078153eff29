"""GET /api/reports/{rhythm}.html and .pdf: the report of the last period, as who asks would get it by mail."""

from __future__ import annotations

import threading

from fastapi import FastAPI
from starlette.responses import Response

from analytics.reports import making, page, pdf
from dashboard.web.answers import Signed, problem
from dashboard.web.context import Context
from pbx_core.domain import report_slots
from pbx_core.domain.report_slots import Rhythm
from pbx_core.store import directory

_drawing = threading.Lock()  # one at a time: a report takes a second or two of processor time


def routes(api: FastAPI, context: Context) -> None:
    """Both forms."""

    @api.get("/reports/{name}")
    def report(session: Signed, name: str) -> Response:
        rhythm, _, form = name.partition(".")
        tenant = directory.tenant_by_id(context.db, session.tenant_id)
        person = directory.person_by_id(context.db, session.tenant_id, session.person_id)
        if rhythm not in set(Rhythm) or form not in ("html", "pdf") or tenant is None or person is None:
            return problem(404, "not_found", f"There are reports {', '.join(Rhythm)}, as html and pdf.")
        kind, now = Rhythm(rhythm), context.clock.now()
        about = making.about(tenant, person)
        slot = report_slots.latest(kind, 0, about.zone, now)
        with _drawing:
            made = making.report(context.settings, context.reader(), about, making.NAMES[kind], kind, slot, now)
            content = page.write(made, page.inline) if form == "html" else pdf.write(made)
        media_type = "text/html" if form == "html" else "application/pdf"
        headers = {"Cache-Control": "private, no-store"}
        if form == "pdf":
            headers["Content-Disposition"] = f'attachment; filename="{rhythm}-{slot.first:%Y-%m-%d}.pdf"'
        return Response(content, media_type=media_type, headers=headers)
