"""To which conversation a call belongs."""

from __future__ import annotations

from datetime import timedelta

from analytics.queries.reader import Reader
from analytics.queries.types import Scope
from pbx_core.domain.records import Cdr

_OF = """
    SELECT conversation_id FROM lk.main.conversation_call
    WHERE tenant_id = $tenant_id AND call_id = $call_id AND started_at BETWEEN $low AND $high
"""
_ABOUT = timedelta(seconds=1)


def conversation_of(reader: Reader, scope: Scope, cdr: Cdr) -> str:
    """For who has found the call within the scope: its conversation, repeated attempts included; what the exchange
    itself knew of it when it stands in none."""
    bounds = {"low": cdr.started_at - _ABOUT, "high": cdr.started_at + _ABOUT}
    found = reader.rows(_OF, {"tenant_id": scope.tenant_id, "call_id": cdr.call_id, **bounds})
    return str(found[0]["conversation_id"]) if found else cdr.conversation_id or cdr.call_id
