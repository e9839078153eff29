"""GET /api/exports/{name}: everything that a filter shows, as a file that is sent while it is made.

First the answer is put aside (analytics.export.frozen), with the tenant, the extension and the filter of who asks;
then the request is written down; then the pieces follow. Who closes the connection stops the work. An export that ends
early breaks the connection, so that no browser takes a part for the whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar
from urllib.parse import urlencode

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from analytics.export import vcon
from analytics.export.frozen import Stopped
from dashboard.web import export_forms, exported_texts, filters
from dashboard.web.answers import Signed, Writing, answer, no_call, problem
from dashboard.web.context import Context
from dashboard.web.export_forms import Asked, Form
from dashboard.web.exporting import Exports, Run
from pbx_core import log
from pbx_core.store import audit, directory
from pbx_core.store.sessions import Session

PRIVATE = {"Cache-Control": "private, no-store"}
T = TypeVar("T")

_log = log.get(__name__)


FORMS: dict[str, Form] = {**export_forms.TABLES, **exported_texts.FORMS}


def routes(api: FastAPI, context: Context) -> None:
    """GET /api/exports, GET /api/exports/{name}, DELETE /api/exports/{run_id}."""
    exports = context.exports

    @api.get("/exports")
    def running(session: Signed) -> JSONResponse:
        return answer({"exports": [as_json(run) for run in exports.of(session)]})

    @api.delete("/exports/{run_id}")
    def stop(session: Writing, run_id: str) -> JSONResponse:
        if not exports.stop(session, run_id):
            return problem(404, "not_found", "There is no such export any more.")
        return answer({"stopped": run_id})

    @api.get("/calls/{call_id}/vcon")
    def container(session: Signed, call_id: str, audio: str = "") -> Response:
        tenant = directory.tenant_by_id(context.db, session.tenant_id)
        zone = tenant.time_zone if tenant else "UTC"
        text = exported_texts.Container(context, session, zone, audio == "embed").of(context.reader(), call_id)
        if text is None:
            return no_call()
        _write_down(context, session, f"vcon {call_id}{' audio' if audio == 'embed' else ''}")
        headers = {"Content-Disposition": f'attachment; filename="call-{call_id}.vcon.json"', **PRIVATE}
        return Response(text, media_type=vcon.MEDIA_TYPE, headers=headers)

    @api.get("/exports/{name}")
    async def export(request: Request, session: Signed, name: str, audio: str = "") -> Response:
        form = FORMS.get(name)
        if form is None:
            return problem(404, "not_found", f"What can be exported: {', '.join(FORMS)}.")
        tenant = await anyio.to_thread.run_sync(directory.tenant_by_id, context.db, session.tenant_id)
        if tenant is None:
            return problem(403, "no_tenant", "Your tenant no longer exists.")
        flt = filters.read(request.query_params, tenant.time_zone)
        run = exports.begin(session, name)
        kind = request.query_params.get("class") or None
        asked = Asked(context, session, flt, tenant, run, kind, audio == "embed")
        try:
            made = await _while_wanted(request, run, lambda: form.begin(asked))
            await anyio.to_thread.run_sync(_note, asked, _carried(request))
        except BaseException as error:
            exports.end(run)
            if isinstance(error, Stopped):
                return problem(499, "stopped", str(error))
            raise
        file = f"{name.partition('.')[0]}-{context.clock.now():%Y%m%dT%H%M%SZ}.{form.ending}"
        headers = {"Content-Disposition": f'attachment; filename="{file}"', **PRIVATE}
        return Sent(exports, run, made, form.media_type, headers)


def as_json(run: Run) -> dict[str, str | int | None]:
    """How far an export is."""
    return {"run_id": run.run_id, "name": run.name, "rows": run.rows, "done": run.done}


async def _while_wanted(request: Request, run: Run, work: Callable[[], T]) -> T:
    """The result of work done in a thread; Stopped when the other side goes away meanwhile."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        run.halt.set()

    watching = asyncio.create_task(watch())
    try:
        return await anyio.to_thread.run_sync(work)
    finally:
        watching.cancel()


class Sent(StreamingResponse):
    """Sends the pieces. However it ends, nothing is left of the export; one that was stopped has no proper end, so that
    the other side knows that it has not all."""

    def __init__(
        self, exports: Exports, run: Run, made: Iterator[bytes], media_type: str, headers: dict[str, str]
    ) -> None:
        super().__init__(self._pieces(), media_type=media_type, headers=headers)
        self._exports, self._run, self._made = exports, run, made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except Stopped:
            _log.info("export stopped", extra={"export": self._run.name, "rows": self._run.done})
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._end)

    async def _pieces(self) -> AsyncIterator[bytes]:
        while (piece := await anyio.to_thread.run_sync(next, self._made, None)) is not None:
            yield piece
            self._run.halt.check()

    def _end(self) -> None:
        close = getattr(self._made, "close", None)
        if close is not None:
            close()
        self._exports.end(self._run)


def _carried(request: Request) -> dict[str, str]:
    kind = request.query_params.get("class")
    return {**filters.carried(request.query_params), **({"class": kind} if kind else {})}


def _note(asked: Asked, carried: dict[str, str]) -> None:
    """Who took what with him, before the first piece leaves."""
    what = f"{asked.run.name} rows={asked.run.rows}"
    if asked.session.hide is None and asked.run.name in exported_texts.FORMS:
        what += " originals"
    if asked.embed:
        what += " audio"
    _write_down(asked.context, asked.session, f"{what} {urlencode(carried)}".strip())


def _write_down(context: Context, session: Session, what: str) -> None:
    db, clock = context.db, context.clock
    audit.note(db, clock, session.tenant_id, session.person_id, "exported", what, session.token_sha256)
