"""What goes into the queries and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from pbx_core.domain.records import (
    CallEventRecord,
    Cdr,
    MeaningRecord,
    RecordingGone,
    RecordingRecord,
    RedactionRecord,
    TranscriptRecord,
    TurnsRecord,
)
from pbx_core.domain.redaction import Wishes
from pbx_core.errors import InputError

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(9999, 1, 1, tzinfo=UTC)
TEXT_CHARS_MAX = 200  # of a filter's text; longer ones are refused


@dataclass(frozen=True)
class Scope:
    """Whose calls: a tenant's, or (for an agent) those of his extension only. hide: what is not to be found by its
    words; None: nothing, he has the right to originals."""

    tenant_id: str
    extension: str | None = None
    hide: Wishes | None = None


@dataclass(frozen=True)
class CallFilter:
    """Which of them; None means no limit. since <= start < until. `number` and `said` are plain substrings: `%`, `_`
    and quotes mean themselves; `said` ignores case and looks within utterances. tag: set by a rule; alert: whether any
    rule alerts."""

    since: datetime | None = None
    until: datetime | None = None
    number: str | None = None
    disposition: str | None = None
    min_talk_s: float | None = None
    recorded: bool | None = None
    said: str | None = None
    tag: str | None = None
    alert: bool | None = None


@dataclass(frozen=True)
class CallPage:
    """A page of calls, newest first.

    frame: call_id, started_at (tz-aware UTC), caller_number, caller_name, callee_number, disposition, direction,
    answered_by, queue, voicemail, segments, cause, wait_s, talk_s, mos_min, recording_id,
    recording_quality, transcript_status, language, caller_talk_ratio, comments (count), tags and alerts (lists,
    of all recordings of the call), score (of its main recording).
    Unknown values are None or NaN. Cursors are opaque; None where the list ends.
    """

    frame: pd.DataFrame
    next_cursor: str | None
    previous_cursor: str | None


@dataclass(frozen=True)
class CallDetail:
    """Everything the warehouse knows of one call; what is not there (yet) is None. recordings: all segments in their
    order; `recording` is the one that turns and transcript belong to. gone: those that were deleted."""

    cdr: Cdr
    recording: RecordingRecord | None
    turns: TurnsRecord | None
    transcript: TranscriptRecord | None
    events: tuple[CallEventRecord, ...]
    recordings: tuple[RecordingRecord, ...] = ()
    gone: tuple[RecordingGone, ...] = ()
    meaning: MeaningRecord | None = None
    redaction: RedactionRecord | None = None


def parameters(scope: Scope, flt: CallFilter) -> dict[str, Any]:
    """Bound parameters of the macro `chosen`; InputError when a value cannot be meant."""
    for name in ("number", "said", "disposition", "tag"):
        value = getattr(flt, name)
        if value is not None and len(value) > TEXT_CHARS_MAX:
            raise InputError(f"The filter {name!r} is longer than {TEXT_CHARS_MAX} characters.", error_id="bad_filter")
    return {
        **scope_parameters(scope),
        "since": _utc(flt.since, BEGINNING),
        "until": _utc(flt.until, END),
        "number": flt.number or None,
        "disposition": flt.disposition or None,
        "min_talk_s": flt.min_talk_s,
        "recorded": flt.recorded,
        "said": flt.said or None,
        **readable_parameters(scope),
        "tag": flt.tag or None,
        "alert": flt.alert,
    }


def scope_parameters(scope: Scope) -> dict[str, Any]:
    """Bound parameters that limit a query to the scope; InputError without a tenant."""
    if not scope.tenant_id:
        raise InputError("A query needs a tenant.", error_id="no_tenant")
    return {"tenant_id": scope.tenant_id, "extension": scope.extension}


def readable_parameters(scope: Scope) -> dict[str, Any]:
    """Bound parameters of the macro `readable`."""
    return {
        "originals": scope.hide is None,
        "wishes": scope.hide.sha256 if scope.hide is not None and scope.hide.any else None,
    }


def period(scope: Scope, since: datetime, until: datetime) -> dict[str, Any]:
    """Bound parameters of a query over a period; InputError for naive times."""
    return {**scope_parameters(scope), "since": _utc(since, BEGINNING), "until": _utc(until, END)}


def zone(name: str) -> ZoneInfo:
    """A time zone by IANA name; InputError when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"There is no time zone {name[:64]!r}.", error_id="bad_time_zone") from None


def _utc(at: datetime | None, default: datetime) -> datetime:
    if at is None:
        return default
    if at.tzinfo is None:
        raise InputError("A time needs a time zone.", error_id="naive_time")
    return at.astimezone(UTC)
