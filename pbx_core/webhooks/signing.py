"""Signatures by Standard Webhooks: HMAC-SHA256 over id, time and the raw body. Pure.

v1,base64(HMAC(secret, "<webhook-id>.<webhook-timestamp>.<body>"))      several, for each secret, with a space
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


def headers(event_id: str, at: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """What goes with the body. at: UTC epoch seconds of this try."""
    signed = f"{event_id}.{at}.".encode() + body
    made = (base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys)
    return {ID: event_id, TIMESTAMP: str(at), SIGNATURE: " ".join(f"v1,{text}" for text in made)}
