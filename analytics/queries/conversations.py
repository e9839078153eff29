"""Conversations: the list, one of them with its evidence and calls; lost callers: who waits, who was made good."""

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
# One line per number. Whoever was talked with after he was lost, however late, does not wait any more.
_WAITING = f"""
    WITH seen AS ({SEEN})
    SELECT outside_number, min(started_at) AS lost_at, max(started_at) AS last_at, count(*) AS times,
           sum(attempts)::BIGINT AS attempts, arg_max(conversation_id, started_at) AS conversation_id,
           arg_max(class, started_at) AS class, arg_max(queue, started_at) AS queue, arg_max(did, started_at) AS did
    FROM seen AS lost
    WHERE list_contains($lost, class) AND direction = 'inbound' AND outside_number <> '' AND recovered_by = ''
      AND NOT EXISTS (
        SELECT 1 FROM lk.main.conversation AS later
        WHERE later.tenant_id = $tenant_id AND later.outside_number = lost.outside_number
          AND later.started_at >= $since AND later.answered_at >= lost.ended_at)
    GROUP BY outside_number ORDER BY lost_at, outside_number LIMIT $n
"""  # noqa: S608
_RECOVERED = f"""
    WITH seen AS ({SEEN})
    SELECT lost.conversation_id, lost.started_at, lost.outside_number, lost.class, lost.queue, lost.recovered_by,
           lost.recovered_at, lost.recovered_agent, lost.recovery_s, found.direction <> 'inbound' AS we_called
    FROM seen AS lost JOIN lk.main.conversation AS found
      ON found.tenant_id = $tenant_id AND found.conversation_id = lost.recovered_by AND found.started_at >= $since
    WHERE lost.recovered_by <> ''
    ORDER BY lost.recovered_at DESC, lost.conversation_id LIMIT $n
"""  # noqa: S608
_BY_AGENT = f"""
    WITH seen AS ({SEEN})
    SELECT recovered_agent AS agent, count(*) AS callers, quantile_cont(recovery_s, 0.5) AS p50_s,
           quantile_cont(recovery_s, 0.95) AS p95_s
    FROM seen WHERE recovered_by <> '' GROUP BY ALL ORDER BY callers DESC, agent LIMIT $n
"""  # noqa: S608
_WITHHELD = f"""
    SELECT count(*) AS n FROM ({SEEN})
    WHERE list_contains($lost, class) AND direction = 'inbound' AND outside_number = ''
"""  # noqa: S608


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
    frame = _frame(reader, _LIST, {**values, "from_at": at.started_at, "from_id": at.call_id, "n": _limit(limit) + 1})
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
    return ConversationDetail(row, rules.BY_ID[row["rule"]], facts, _frame(reader, _CALLS, {**values, **around}))


def waiting(reader: Reader, scope: Scope, since: datetime, until: datetime, limit: int = 100) -> pd.DataFrame:
    """Lost callers with whom nobody has talked since, one row per number, the longest waiting first: outside_number,
    lost_at, last_at, times (conversations), attempts, conversation_id, class, queue, did (of the last one)."""
    return _frame(reader, _WAITING, _asked(scope, since, until, limit))


def recovered(reader: Reader, scope: Scope, since: datetime, until: datetime, limit: int = 100) -> pd.DataFrame:
    """Lost callers with whom somebody talked later, the last first: conversation_id, started_at, outside_number, class,
    queue, recovered_by, recovered_at, recovered_agent, recovery_s, we_called (else he called again himself)."""
    return _frame(reader, _RECOVERED, _asked(scope, since, until, limit, lost=False))


def recovered_by_agent(
    reader: Reader, scope: Scope, since: datetime, until: datetime, limit: int = 100
) -> pd.DataFrame:
    """Columns agent, callers, p50_s, p95_s; who talked with most of the lost callers first."""
    return _frame(reader, _BY_AGENT, _asked(scope, since, until, limit, lost=False))


def withheld(reader: Reader, scope: Scope, since: datetime, until: datetime) -> int:
    """Lost callers who hid their numbers: nobody can call them back."""
    values = _asked(scope, since, until, 1)
    values.pop("n")
    return int(reader.rows(_WITHHELD, values)[0]["n"])


def _asked(scope: Scope, since: datetime, until: datetime, limit: int, *, lost: bool = True) -> dict[str, Any]:
    classes = {"lost": [str(c) for c in rules.TO_RECOVER]} if lost else {}
    return {**period(scope, since, until), "n": _limit(limit), **classes}


def _limit(limit: int) -> int:
    if not 1 <= limit <= LIMIT_MAX:
        raise InputError(f"A page holds 1 to {LIMIT_MAX} conversations.", error_id="bad_limit")
    return limit


def _frame(reader: Reader, sql: str, values: dict[str, Any]) -> pd.DataFrame:
    frame = reader.frame(sql, values)
    for name in frame.columns:
        if name.endswith("_at"):
            frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame
