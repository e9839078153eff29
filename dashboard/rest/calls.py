"""GET /v1/calls, /v1/calls/{call_id}: the list behind the page Calls, every row of it, and one call."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from analytics import queries
from analytics.queries.belonging import conversation_of
from analytics.queries.calls import LIMIT_MAX
from dashboard.rest.access import Program, There, must_listen, time_zone
from dashboard.rest.shapes import CallDetail, CallList, CallRow
from dashboard.web import access, filters
from dashboard.web.api import listed
from pbx_core.api.answers import not_found
from pbx_core.domain.records import Disposition

router = APIRouter(prefix="/v1/calls", tags=["history"])

LIMIT = 50
CURSOR_CHARS_MAX = 300
MOMENT_CHARS_MAX = 40
CALL_ID = re.compile(r"[0-9a-f]{32}")
DAY = "a day of the tenant's zone (2026-01-31), or a timestamp with its zone"

Moment = Annotated[str, Field(max_length=MOMENT_CHARS_MAX, description=f"not before; {DAY}")]
Until = Annotated[str, Field(max_length=MOMENT_CHARS_MAX, description=f"before; a day is included; {DAY}")]
Cursor = Annotated[str, Field(max_length=CURSOR_CHARS_MAX, description="next_cursor or previous_cursor of an answer")]
Text = Annotated[str, Field(max_length=filters.TEXT_CHARS_MAX)]


class CallQuery(BaseModel):
    """The filter of the page Calls. A name that is not here is refused: a slip of the pen would answer everything."""

    model_config = ConfigDict(extra="forbid")

    since: Moment | None = None
    until: Until | None = None
    number: Text | None = Field(None, description="part of any of the call's numbers")
    disposition: Disposition | None = None
    min_talk_s: float | None = Field(None, ge=0, le=86400, description="talked at least so long")
    recorded: Literal["yes", "no"] | None = None
    said: Text | None = Field(None, description="words in the transcript; needs the right listen")
    tag: Text | None = Field(None, description="set by a rule")
    alert: Literal["yes", "no"] | None = None
    cursor: Cursor | None = None
    limit: int = Field(LIMIT, ge=1, le=LIMIT_MAX, description="calls on a page")

    def filter(self, zone: str) -> queries.CallFilter:
        """As the queries take it."""
        given = self.model_dump(exclude={"cursor", "limit"}, exclude_none=True)
        return filters.read({name: str(value) for name, value in given.items()}, zone)


@router.get("")
def calls(request: Request, session: Program, there: There, asked: Annotated[CallQuery, Query()]) -> CallList:
    """Calls, newest first, by pages; every call of the filter is reached by following next_cursor. A page stays right
    while new calls come."""
    if asked.said:
        must_listen(request)
    flt = asked.filter(time_zone(there, session))
    page = queries.calls(there.reader(), access.scope(session), flt, asked.cursor, asked.limit)
    rows = [CallRow.model_validate(row) for row in listed(there, page.frame)]
    return CallList(calls=rows, next_cursor=page.next_cursor, previous_cursor=page.previous_cursor)


@router.get("/{call_id}")
def call(session: Program, there: There, call_id: str) -> CallDetail:
    """One call: its numbers and times, its legs with their quality, its story, its recordings."""
    scope = access.scope(session)
    found = queries.call(there.reader(), scope, call_id) if CALL_ID.fullmatch(call_id) else None
    if found is None:
        raise not_found()
    own: dict[str, Any] = dict(vars(found.cdr))
    own["conversation_id"] = conversation_of(there.reader(), scope, found.cdr)
    parts = {"events": found.events, "recordings": found.recordings, "gone": found.gone}
    return CallDetail.model_validate({**own, **parts}, from_attributes=True)
