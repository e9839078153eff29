"""GET /v1/conversations…: calls that are one story as one row, with the rule that classed it and its evidence."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from analytics.conversations.rules import ConversationClass
from analytics.queries import conversations as asking
from analytics.queries.types import BEGINNING, END
from dashboard.rest.access import Program, There, time_zone
from dashboard.rest.calls import CALL_ID, LIMIT, Cursor, Moment, Text, Until
from dashboard.rest.shapes import Shape
from dashboard.web import access, filters
from dashboard.web.api import rows as plain_rows
from ingest import convert
from pbx_core.api.answers import not_found
from pbx_core.domain.records import Disposition

router = APIRouter(prefix="/v1/conversations", tags=["history"])


class ConversationRow(Shape):
    """One conversation of the list."""

    conversation_id: str = Field(description="id of its first call")
    started_at: datetime
    direction: str = Field(description="of its first call")
    outside_number: str = Field(description="E.164 where known; empty: internal, or withheld")
    did: str = Field(description="public number that was called first")
    answered_by: str = Field(description="our number that first talked; empty: nobody did")
    class_: ConversationClass = Field(alias="class")
    rule: str = Field(description="id of the rule that made the class")
    calls: int
    attempts: int = Field(description="times the outside party called")
    wait_s: float | None = Field(description="to the first talk, else to the end")
    talk_s: float | None
    queue: str
    recovered_by: str = Field(description="lost: later conversation in which somebody talked with him; empty: none")
    recovered_at: datetime | None


class ConversationList(Shape):
    """A page, newest first; follow next_cursor until it is null."""

    conversations: list[ConversationRow]
    next_cursor: str | None


class Rule(Shape):
    """A rule of the one table of classes; a changed one has a new number."""

    id: str
    words: str


class Evidence(Shape):
    """A fact by which the rule held."""

    fact: str
    value: str
    says: str
    call_id: str


class CallOf(Shape):
    """A call of a conversation."""

    call_id: str
    role: str = Field(description="first, transfer, callback, repeat")
    started_at: datetime
    ended_at: datetime
    direction: str
    caller_number: str
    caller_name: str
    callee_number: str
    answered_by: str
    disposition: Disposition
    cause: str
    queue: str
    queue_result: str
    wait_s: float
    talk_s: float
    voicemail: bool
    transferred: str


class ConversationDetail(Shape):
    """One conversation, why it is of its class, and its calls."""

    conversation_id: str
    started_at: datetime
    ended_at: datetime
    direction: str
    outside_number: str
    did: str
    trunk_id: str
    first_destination: str
    class_: ConversationClass = Field(alias="class")
    rule: Rule
    evidence: list[Evidence]
    answered_by: str
    answered_at: datetime | None
    agents: list[str] = Field(description="our numbers that talked, in order")
    attempts: int
    legs: int
    wait_s: float | None
    talk_s: float | None
    hold_s: float | None
    queue: str
    queue_wait_s: float | None
    queue_result: str
    voicemail: bool
    transferred: str
    mos_min: float | None
    hangup_party: str
    repeat_of: str = Field(description="earlier conversation of the same number within a week; empty: none")
    repeated_by: str
    recovered_by: str
    recovered_at: datetime | None
    recovered_agent: str
    recovery_s: float | None
    source: str = Field(description="import that brought it; empty: our own exchange")
    definition_version: str
    calls: list[CallOf]


class ConversationQuery(BaseModel):
    """Which of them; a name that is not here is refused."""

    model_config = ConfigDict(extra="forbid")

    since: Moment | None = None
    until: Until | None = None
    class_: ConversationClass | None = Field(None, alias="class", description="what became of them")
    number: Text | None = Field(None, description="part of the number outside")
    cursor: Cursor | None = None
    limit: int = Field(LIMIT, ge=1, le=asking.LIMIT_MAX, description="conversations on a page")


@router.get("")
def conversations(session: Program, there: There, asked: Annotated[ConversationQuery, Query()]) -> ConversationList:
    """Conversations, newest first, by pages."""
    given = {name: text for name in ("since", "until") if (text := getattr(asked, name)) is not None}
    period = filters.read(given, time_zone(there, session))
    frame, cursor = asking.conversations(
        there.reader(), access.scope(session), period.since or BEGINNING, period.until or END,
        kind=asked.class_, number=asked.number, cursor=asked.cursor, limit=asked.limit,
    )  # fmt: skip
    rows = [ConversationRow.model_validate(row) for row in plain_rows(frame)]
    return ConversationList(conversations=rows, next_cursor=cursor)


@router.get("/{conversation_id}")
def conversation(session: Program, there: There, conversation_id: str) -> ConversationDetail:
    """One conversation with the rule that made it answered, missed …, the facts by which the rule held, its calls."""
    known = CALL_ID.fullmatch(conversation_id)
    found = asking.conversation(there.reader(), access.scope(session), conversation_id) if known else None
    if found is None:
        raise not_found()
    row = {k: convert.utc(v) if isinstance(v, datetime) else v for k, v in found.row.items()}
    parts = {
        "rule": found.rule,
        "evidence": list(found.evidence),
        "agents": json.loads(row["agents"] or "[]"),
        "calls": plain_rows(found.calls),
    }
    return ConversationDetail.model_validate({**row, **parts}, from_attributes=True)
