"""The search in what was said: its address, read in one way for the page and for REST, and its hits as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from analytics import queries
from analytics.queries import Found, Speaker
from dashboard.web import access, filters
from dashboard.web.answers import Signed, answer
from dashboard.web.context import Context
from pbx_core.domain import records
from pbx_core.errors import InputError
from pbx_core.store import directory
from pbx_core.store.sessions import Session

NAMES = ("q", "speaker", "since", "until", "page")
PAGE_HITS = 20
PAGES_MAX = 50
SPEAKERS = {
    "Caller": Speaker.CALLER,
    "Callee": Speaker.CALLEE,
    "Our side": Speaker.AGENT,
    "Other side": Speaker.CUSTOMER,
}


def carried(params: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a search alone."""
    return {name: params[name] for name in NAMES if params.get(name)}


def page_of(params: Mapping[str, str]) -> int:
    """Which page of hits, from 1; InputError names what does not fit."""
    text = params.get("page") or "1"
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= PAGES_MAX):
        raise InputError(f"The page is a number from 1 to {PAGES_MAX}.", error_id="bad_filter")
    return int(text[:4])


def find(context: Context, session: Session, params: Mapping[str, str]) -> Found:
    """What was asked for, within what this person may hear. InputError names what does not fit."""
    speaker = params.get("speaker") or None
    if speaker is not None and speaker not in set(Speaker):
        raise InputError(f"The speaker is one of {', '.join(Speaker)}.", error_id="bad_filter")
    tenant = directory.tenant_by_id(context.db, session.tenant_id)
    flt = filters.read({k: params.get(k, "") for k in ("since", "until")}, tenant.time_zone if tenant else "UTC")
    return queries.search(
        context.reader(),
        access.scope(session),
        params.get("q", ""),
        speaker=Speaker(speaker) if speaker else None,
        own=[e.number for e in directory.extensions(context.db, session.tenant_id)],
        since=flt.since,
        until=flt.until,
        limit=PAGE_HITS,
        skip=(page_of(params) - 1) * PAGE_HITS,
    )


def as_json(found: Found) -> list[dict[str, Any]]:
    """The hits as the page shows them; words with whether they were found."""
    return [
        {
            "call_id": hit.call_id,
            "recording_id": hit.recording_id,
            "started_at": records.iso(hit.started_at),
            "caller_number": hit.caller_number,
            "callee_number": hit.callee_number,
            "party": hit.said.party,
            "at_s": round(hit.at_s, 2),
            "words": [[w.text.strip(), i in hit.marks] for i, w in enumerate(hit.said.words)]
            or [[hit.said.text, False]],
            "edited": hit.said.text_edit is not None,
            "similar": hit.similar,
        }
        for hit in found.hits
    ]


def routes(api: FastAPI, context: Context) -> None:
    """GET /api/search."""

    @api.get("/search")
    def search(request: Request, session: Signed) -> JSONResponse:
        found = find(context, session, request.query_params)
        return answer({"hits": as_json(found), "total": found.total})
