"""Conversations that are over and in which nobody of ours talked with the caller: the facts of the webhook call.missed.

Over is a conversation when the caller can no longer go on with it by calling again. So nobody is told of a call as
missed that a colleague answered, or that the caller himself repeated with success a minute later.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from analytics import queries
from analytics.conversations.rules import REPEAT_WINDOW_S, TO_RECOVER
from ingest import convert
from pbx_core.settings import Settings
from pbx_core.webhooks.facts import EventType, Fact

LONGEST = timedelta(days=3)  # of a conversation, repeats and call-backs included; bounds what is looked at

_CLOSED = """
    SELECT conversation_id, started_at, ended_at, class, rule, evidence, outside_number, did, trunk_id,
           first_destination, calls, attempts, wait_s, queue, queue_wait_s, queue_result, voicemail, repeat_of,
           recovered_by, recovered_at, recovered_agent
    FROM lk.main.conversation
    WHERE tenant_id = $tenant_id AND source = '' AND list_contains($classes, class)
      AND started_at >= $first AND started_at < $until AND ended_at >= $since AND ended_at < $until
    ORDER BY ended_at, conversation_id
"""


class Missed:
    """A source of webhooks (see pbx_core.webhooks.facts.Source)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reader: queries.Reader | None = None

    def facts(self, tenant_id: str, since: datetime, complete_until: datetime) -> list[Fact]:
        """Of conversations that closed since then, as far as the warehouse is complete. Unavailable when it cannot
        answer."""
        if self._reader is None:
            self._reader = queries.open_reader(self._settings)
        window = timedelta(seconds=REPEAT_WINDOW_S)
        ended_since = since - window
        found = self._reader.rows(
            _CLOSED,
            {
                "tenant_id": tenant_id,
                "classes": [str(c) for c in TO_RECOVER],
                "first": ended_since - LONGEST,
                "since": ended_since,
                "until": complete_until - window,
            },
        )
        return [_fact(tenant_id, row, window) for row in found]


def _fact(tenant_id: str, row: dict[str, Any], window: timedelta) -> Fact:
    data = {k: convert.utc(v) if isinstance(v, datetime) else v for k, v in row.items()}
    data["evidence"] = json.loads(row["evidence"])
    return Fact(tenant_id, EventType.CALL_MISSED, row["conversation_id"], data["ended_at"] + window, data)
