"""Conversations: the list, and one of them with its evidence and calls."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from analytics.conversations import rules
from analytics.queries import cursors
from analytics.queries.cursors import Cursor
from analytics.queries.reader import Reader
from analytics.queries.types import BEGINNING, END, TEXT_CHARS_MAX, Scope, period, scope_parameters
from pbx_core.errors import InputError

LIMIT_MAX = 500

# Those of the scope: an extension's conversations are those in which it took part.
SEEN = """
    SELECT v.* FROM lk.main.conversation AS v
    WHERE v.tenant_id = $tenant_id AND v.started_at >= $since AND v.started_at < $until
      AND ($extension IS NULL OR v.conversation_id IN (
        SELECT k.conversation_id FROM lk.main.conversation_call AS k
        WHERE k.tenant_id = $tenant_id AND k.call_id IN (
            SELECT s.call_id FROM scoped($tenant_id, $extension, $since, TIMESTAMPTZ '9999-01-01 00:00:00+00') AS s)))
"""
_LIST = f"""
    SELECT conversation_id, started_at, direction, outside_number, did, answered_by, class, rule, calls, attempts,
           wait_s, talk_s, queue, recovered_by, recovered_at
    FROM ({SEEN})
    WHERE ($kind IS NULL OR class = $kind) AND ($number IS NULL OR contains(outside_number, $number))
      AND (started_at, conversation_id) < ($from_at, $from_id)
    ORDER BY started_at DESC, conversation_id DESC LIMIT $n
"""  # noqa: S608
_ONE = f"SELECT * FROM ({SEEN}) WHERE conversation_id = $conversation_id"  # noqa: S608
# mine: the viewer may open the call itself
_CALLS = """
    SELECT k.role, c.call_id, c.started_at, c.ended_at, c.direction, c.caller_number, c.caller_name, c.callee_number,
           c.answered_by, c.disposition, c.cause, c.queue, c.queue_result, c.wait_s, c.talk_s, c.voicemail,
           c.transferred, c.destination, c.closed_hours,
           c.call_id IN (SELECT s.call_id FROM scoped($tenant_id, $extension, $since, $until) AS s) AS mine
    FROM lk.main.conversation_call AS k JOIN lk.main.call AS c USING (tenant_id, call_id)
    WHERE k.tenant_id = $tenant_id AND k.conversation_id = $conversation_id
      AND k.started_at BETWEEN $since AND $until AND c.started_at BETWEEN $since AND $until
    ORDER BY c.started_at, c.call_id
"""


@dataclass(frozen=True)
class Evidence:
    """One fact by which the rule held."""

    fact: str
    value: str
    says: str
    call_id: str


@dataclass(frozen=True)
class ConversationDetail:
    """One conversation: its row by column (times tz-aware UTC), the rule that classed it and the facts by which it
    held, its calls (columns of _CALLS; `mine`: the viewer may open the call)."""

    row: dict[str, Any]
    rule: rules.Rule
    evidence: tuple[Evidence, ...]
    calls: pd.DataFrame


def conversations(
    reader: Reader,
    scope: Scope,
    since: datetime,
    until: datetime,
    *,
    kind: str | None = None,
    number: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> tuple[pd.DataFrame, str | None]:
    """(those that began in since <= t < until, newest first; cursor of the next page or None). kind: a class; number:
    part of the number outside. InputError for a malformed cursor, kind, number or limit."""
    if kind is not None and kind not in set(rules.ConversationClass):
        raise InputError(f"There is no class {kind[:32]!r}.", error_id="bad_class")
    if number is not None and len(number) > TEXT_CHARS_MAX:
        raise InputError(f"A number has at most {TEXT_CHARS_MAX} characters.", error_id="bad_filter")
    at = cursors.decode(cursor) if cursor else Cursor("older", END, "")
    values = {**period(scope, since, until), "kind": kind, "number": number or None}
    frame = timed(reader, _LIST, {**values, "from_at": at.started_at, "from_id": at.call_id, "n": limited(limit) + 1})
    more = len(frame) > limit
    frame = frame.head(limit)
    if not more:
        return frame, None
    last = frame.iloc[-1]
    return frame, cursors.encode(Cursor("older", last["started_at"].to_pydatetime(), last["conversation_id"]))


def conversation(reader: Reader, scope: Scope, conversation_id: str) -> ConversationDetail | None:
    """One conversation, or None when there is none in the scope."""
    values = {**scope_parameters(scope), "conversation_id": conversation_id}
    found = reader.rows(_ONE, {**values, "since": BEGINNING, "until": END})
    if not found:
        return None
    (row,) = found
    around = {"since": row["started_at"], "until": row["ended_at"]}
    facts = tuple(Evidence(e["fact"], e["value"], e["says"], e["call_id"]) for e in json.loads(row["evidence"]))
    return ConversationDetail(row, rules.BY_ID[row["rule"]], facts, timed(reader, _CALLS, {**values, **around}))


def limited(limit: int) -> int:
    """How many rows a page holds; InputError when that is too much."""
    if not 1 <= limit <= LIMIT_MAX:
        raise InputError(f"A page holds 1 to {LIMIT_MAX} conversations.", error_id="bad_limit")
    return limit


def timed(reader: Reader, sql: str, values: dict[str, Any]) -> pd.DataFrame:
    """The answer, its times tz-aware UTC."""
    frame = reader.frame(sql, values)
    for name in frame.columns:
        if name.endswith("_at"):
            frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame
