"""The filter of the call list as it stands in an address: one reading and one writing for pages and REST."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from analytics.queries import CallFilter
from pbx_core.domain.records import Disposition
from pbx_core.errors import InputError

NAMES = ("since", "until", "number", "disposition", "min_talk_s", "recorded", "said", "tag", "alert")
TEXT_CHARS_MAX = 100  # longer search texts are a mistake


def zone(name: str) -> ZoneInfo:
    """A tenant's time zone; UTC when the name is unknown to this machine."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def read(params: Mapping[str, str], time_zone: str) -> CallFilter:
    """From query parameters: since and until are days (until included) in the tenant's zone, or full timestamps.
    InputError names the parameter that does not fit."""
    disposition = params.get("disposition") or None
    if disposition is not None and disposition not in set(Disposition):
        raise _bad("disposition", f"one of {', '.join(Disposition)}")
    return CallFilter(
        since=_moment("since", params.get("since"), time_zone, end=False),
        until=_moment("until", params.get("until"), time_zone, end=True),
        number=_text("number", params.get("number")),
        disposition=disposition,
        min_talk_s=_seconds("min_talk_s", params.get("min_talk_s")),
        recorded=_yes_no("recorded", params.get("recorded")),
        said=_text("said", params.get("said")),
        tag=_text("tag", params.get("tag")),
        alert=_yes_no("alert", params.get("alert")),
    )


def carried(params: Mapping[str, str]) -> dict[str, str]:
    """The parameters of the filter alone, to be put into the next address."""
    return {name: params[name] for name in NAMES if params.get(name)}


def place(params: Mapping[str, str]) -> dict[str, str]:
    """The page of the list on which a call was opened, to be found again on the way back."""
    return {"cursor": params["cursor"]} if params.get("cursor") else {}


def _moment(name: str, text: str | None, time_zone: str, *, end: bool) -> datetime | None:
    if not text:
        return None
    try:
        if len(text) == 10:
            day = date.fromisoformat(text) + timedelta(days=1 if end else 0)
            return datetime.combine(day, time(), zone(time_zone)).astimezone(UTC)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise _bad(name, "a day such as 2026-01-31, or a timestamp with its zone") from None
    if at.tzinfo is None:
        raise _bad(name, "a day such as 2026-01-31, or a timestamp with its zone")
    return at.astimezone(UTC)


def _seconds(name: str, text: str | None) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise _bad(name, "a number of seconds") from None
    if not 0 <= value <= 86400:
        raise _bad(name, "a number of seconds from 0 to 86400")
    return value


def _yes_no(name: str, text: str | None) -> bool | None:
    if not text:
        return None
    if text not in ("yes", "no"):
        raise _bad(name, "yes or no")
    return text == "yes"


def _text(name: str, text: str | None) -> str | None:
    if not text or not text.strip():
        return None
    if len(text) > TEXT_CHARS_MAX:
        raise _bad(name, f"at most {TEXT_CHARS_MAX} characters")
    return text.strip()


def _bad(name: str, wanted: str) -> InputError:
    return InputError(f"The filter {name!r} does not fit; it takes {wanted}.", error_id="bad_filter")
