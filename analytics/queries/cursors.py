"""Opaque page cursors: a position in the list (start, call_id) and the direction in which to go on.

A cursor holds no right: tenant and extension always come from the scope, so a forged one shows nothing foreign.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pbx_core.errors import InputError

Direction = Literal["older", "newer"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROS_MAX = 253_000_000_000_000_000  # before the year 9988
_CHARS_MAX = 300


@dataclass(frozen=True)
class Cursor:
    """Go on from this call, without it."""

    direction: Direction
    started_at: datetime
    call_id: str


def encode(cursor: Cursor) -> str:
    """As text for an address."""
    micros = (cursor.started_at - _EPOCH) // timedelta(microseconds=1)
    body = json.dumps([cursor.direction, micros, cursor.call_id], separators=(",", ":"))
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def decode(text: str) -> Cursor:
    """The inverse; InputError for anything that encode() does not make."""
    wrong = InputError("This page address does not fit. Start again from the first page.", error_id="bad_cursor")
    if len(text) > _CHARS_MAX:
        raise wrong
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        body = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        raise wrong from None
    if not (isinstance(body, list) and len(body) == 3):
        raise wrong
    direction, micros, call_id = body
    if direction not in ("older", "newer") or not isinstance(micros, int) or isinstance(micros, bool):
        raise wrong
    if not 0 <= micros < _MICROS_MAX or not isinstance(call_id, str) or not call_id.isalnum():
        raise wrong
    return Cursor(direction, _EPOCH + timedelta(microseconds=micros), call_id)
