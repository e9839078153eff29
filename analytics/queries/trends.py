"""Figures over time, by hour or day of the tenant's time zone."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from analytics.queries.reader import Reader
from analytics.queries.types import Scope, period, zone
from pbx_core.errors import InputError

# local: the wall clock's hour or day. ahead_s: the zone's offset, so that the two equal hours in which clocks are put
# back stay apart; a day is one bucket whatever happens in it (ahead_s 0 there).
_VOLUME = """
    SELECT date_trunc($grain, started_at AT TIME ZONE $zone) AS local,
           CASE WHEN $grain = 'hour'
                THEN epoch(started_at AT TIME ZONE $zone) - epoch(started_at) ELSE 0 END AS ahead_s,
           disposition, count(*) AS calls, sum(talk_s) AS talk_s
    FROM scoped($tenant_id, $extension, $since, $until)
    GROUP BY ALL ORDER BY ALL
"""
_QUALITY = """
    WITH c AS (SELECT call_id, started_at AS call_at FROM scoped($tenant_id, $extension, $since, $until)),
    span AS (SELECT coalesce(min(call_id), '') AS low, coalesce(max(call_id), '') AS high FROM c)
    SELECT date_trunc($grain, c.call_at AT TIME ZONE $zone) AS local,
           CASE WHEN $grain = 'hour'
                THEN epoch(c.call_at AT TIME ZONE $zone) - epoch(c.call_at) ELSE 0 END AS ahead_s,
           count(*) AS legs, avg(leg.mos) AS mos_mean, min(leg.mos) AS mos_min,
           avg(leg.loss_share) AS loss_share_mean, avg(leg.jitter_ms_mean) AS jitter_ms_mean
    FROM lk.main.leg AS leg JOIN c USING (call_id)
    WHERE leg.tenant_id = $tenant_id AND leg.mos IS NOT NULL
      AND leg.call_id BETWEEN (SELECT low FROM span) AND (SELECT high FROM span)
    GROUP BY ALL ORDER BY ALL
"""


def volume(reader: Reader, scope: Scope, since: datetime, until: datetime, time_zone: str, grain: str) -> pd.DataFrame:
    """Columns bucket (start of the hour or day, tz-aware in time_zone), disposition, calls, talk_s. Buckets without
    calls are left out. grain: 'hour' or 'day'; InputError for others and for unknown zones."""
    return _bucketed(reader, _VOLUME, scope, since, until, time_zone, grain)


def quality(reader: Reader, scope: Scope, since: datetime, until: datetime, time_zone: str, grain: str) -> pd.DataFrame:
    """Columns bucket, legs (with media), mos_mean, mos_min, loss_share_mean, jitter_ms_mean; legs count in the bucket
    in which their call started."""
    return _bucketed(reader, _QUALITY, scope, since, until, time_zone, grain)


def _bucketed(
    reader: Reader, sql: str, scope: Scope, since: datetime, until: datetime, time_zone: str, grain: str
) -> pd.DataFrame:
    if grain not in ("hour", "day"):
        raise InputError(f"Figures are shown by hour or by day, not by {grain[:32]!r}.", error_id="bad_grain")
    tz = zone(time_zone)
    values: dict[str, Any] = {**period(scope, since, until), "zone": time_zone, "grain": grain}
    frame = reader.frame(sql, values)
    local = pd.to_datetime(frame.pop("local"))
    ahead = pd.to_timedelta(frame.pop("ahead_s").astype("float64"), unit="s")
    frame.insert(0, "bucket", _hours(local, ahead, tz) if grain == "hour" else _days(local, tz))
    return frame


def _hours(local: pd.Series, ahead: pd.Series, tz: ZoneInfo) -> pd.Series:
    utc: pd.Series = (local - ahead).dt.tz_localize("UTC").dt.tz_convert(tz)
    return utc


def _days(local: pd.Series, tz: ZoneInfo) -> pd.Series:
    """Midnight of each day; the first moment of the day where clocks jump over midnight."""
    starts: pd.Series = local.dt.tz_localize(tz, ambiguous=[True] * len(local), nonexistent="shift_forward")
    return starts
