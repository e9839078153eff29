"""Phones that are signed in, as far as the dialplan knows; nobody listens at their address."""

from __future__ import annotations

from typing import Any

SIGNED_IN_S = 86_400.0


def binding_row(tenant_id: str, number: str, now: float) -> dict[str, Any]:
    """A row of the table `binding`."""
    return {
        "tenant_id": tenant_id,
        "number": number,
        "contact": f"sip:{number}@192.0.2.9",
        "source": "udp:192.0.2.9:5060",
        "call_id": number,
        "cseq": 1,
        "registered_at": now,
        "expires_at": now + SIGNED_IN_S,
    }
