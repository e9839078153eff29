"""GET /v1/lost-callers/…: what the page Missed calls shows: who still waits, who was made good, by whom, how fast."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from analytics.conversations.rules import ConversationClass
from analytics.queries import lost
from analytics.queries.conversations import LIMIT_MAX
from analytics.queries.types import BEGINNING, END
from dashboard.rest.access import Program, There, time_zone
from dashboard.rest.calls import LIMIT, Cursor, Moment, Until
from dashboard.rest.shapes import Shape
from dashboard.web import access, filters
from dashboard.web.api import rows as plain_rows

router = APIRouter(prefix="/v1/lost-callers", tags=["history"])


class Waiting(Shape):
    """A number whose caller was lost and with which nobody has talked since."""

    outside_number: str
    lost_at: datetime = Field(description="since when he waits: start of the first conversation in which he was lost")
    last_at: datetime = Field(description="start of the last one")
    times: int = Field(description="conversations in which he was lost")
    attempts: int = Field(description="times he called in these")
    conversation_id: str = Field(description="the last one")
    class_: ConversationClass = Field(alias="class", description="of the last one")
    queue: str
    did: str = Field(description="public number that he called last")


class WaitingList(Shape):
    """A page, the longest waiting first; follow next_cursor until it is null."""

    callers: list[Waiting]
    withheld: int = Field(description="lost callers of the period who hid their numbers, on no page")
    next_cursor: str | None


class Recovered(Shape):
    """A lost conversation, and that in which somebody talked with the number afterwards."""

    conversation_id: str
    started_at: datetime
    outside_number: str
    class_: ConversationClass = Field(alias="class")
    queue: str
    recovered_by: str = Field(description="conversation in which somebody talked")
    recovered_at: datetime
    recovered_agent: str = Field(description="our number that talked")
    recovery_s: float = Field(description="from the end of the lost conversation to that talk; exact")
    we_called: bool = Field(description="false: he called again himself")


class RecoveredList(Shape):
    """A page, the last talk first; follow next_cursor until it is null."""

    conversations: list[Recovered]
    next_cursor: str | None


class OfAgent(Shape):
    """How many lost callers one of ours talked with, and how fast; exact."""

    agent: str
    callers: int
    p50_s: float
    p95_s: float


class Agents(Shape):
    """Who talked with most of them first."""

    agents: list[OfAgent]


class PeriodQuery(BaseModel):
    """When they were lost; a name that is not here is refused."""

    model_config = ConfigDict(extra="forbid")

    since: Moment | None = None
    until: Until | None = None

    def times(self, zone: str) -> tuple[datetime, datetime]:
        """UTC; all times where none is given."""
        given = {name: text for name in ("since", "until") if (text := getattr(self, name)) is not None}
        period = filters.read(given, zone)
        return period.since or BEGINNING, period.until or END


class PageQuery(PeriodQuery):
    """A page of them."""

    cursor: Cursor | None = None
    limit: int = Field(LIMIT, ge=1, le=LIMIT_MAX, description="rows on a page")


@router.get("/waiting")
def waiting(session: Program, there: There, asked: Annotated[PageQuery, Query()]) -> WaitingList:
    """Whom to call now: one row per number, by pages."""
    of = (there.reader(), access.scope(session), *asked.times(time_zone(there, session)))
    frame, cursor = lost.waiting(*of, limit=asked.limit, cursor=asked.cursor)
    callers = [Waiting.model_validate(row) for row in plain_rows(frame)]
    return WaitingList(callers=callers, withheld=lost.withheld(*of), next_cursor=cursor)


@router.get("/recovered")
def recovered(session: Program, there: There, asked: Annotated[PageQuery, Query()]) -> RecoveredList:
    """Those with whom somebody talked afterwards, by pages."""
    of = (there.reader(), access.scope(session), *asked.times(time_zone(there, session)))
    frame, cursor = lost.recovered(*of, limit=asked.limit, cursor=asked.cursor)
    return RecoveredList(conversations=[Recovered.model_validate(r) for r in plain_rows(frame)], next_cursor=cursor)


@router.get("/agents")
def agents(session: Program, there: There, asked: Annotated[PeriodQuery, Query()]) -> Agents:
    """The same by who talked with them; at most as many as a page holds."""
    since, until = asked.times(time_zone(there, session))
    frame = lost.recovered_by_agent(there.reader(), access.scope(session), since, until, LIMIT_MAX)
    return Agents(agents=[OfAgent.model_validate(row) for row in plain_rows(frame)])
