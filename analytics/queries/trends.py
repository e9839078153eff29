"""Figures over time, by hour or day of the tenant's time zone, in the shape in which charts draw them."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from analytics.queries.asked import asked
from analytics.queries.reader import Reader
from analytics.queries.totals import totals
from analytics.queries.types import Scope
from pbx_core.domain.records import Disposition
from pbx_core.errors import InputError

# how a mean is made of two totals
_MEANS = {
    "mos_mean": ("mos_sum", "mos_legs"),
    "loss_share_mean": ("loss_sum", "loss_legs"),
    "jitter_ms_mean": ("jitter_sum_ms", "jitter_legs"),
}


def volume(reader: Reader, scope: Scope, since: datetime, until: datetime, time_zone: str, grain: str) -> pd.DataFrame:
    """Columns bucket (start of the hour or day, tz-aware in time_zone), disposition, calls, talk_s. Buckets without
    calls are left out. grain: 'hour' or 'day'; InputError for others and for unknown zones."""
    names = [str(d) for d in Disposition]
    frame = _bucketed(reader, scope, since, until, time_zone, grain, [*names, "talk_s"])
    long = frame.melt(["bucket", "talk_s"], names, "disposition", "calls").query("calls > 0").sort_values("bucket")
    # only answered calls are talked in
    long["talk_s"] = long["talk_s"].where(long["disposition"] == Disposition.ANSWERED, 0.0)
    return long[["bucket", "disposition", "calls", "talk_s"]].astype({"calls": "int64"}).reset_index(drop=True)


def quality(reader: Reader, scope: Scope, since: datetime, until: datetime, time_zone: str, grain: str) -> pd.DataFrame:
    """Columns bucket, legs (with media), mos_mean, mos_min, loss_share_mean, jitter_ms_mean; legs count in the bucket
    in which their call started."""
    names = sorted({name for pair in _MEANS.values() for name in pair} | {"mos_min"})
    frame = _bucketed(reader, scope, since, until, time_zone, grain, names)
    frame = frame[frame.mos_legs > 0].reset_index(drop=True)
    for name, (above, below) in _MEANS.items():
        frame[name] = frame[above] / frame[below].where(frame[below] > 0)
    frame["legs"] = frame.mos_legs.astype("int64")
    return frame[["bucket", "legs", "mos_mean", "mos_min", "loss_share_mean", "jitter_ms_mean"]]


def _bucketed(
    reader: Reader, scope: Scope, since: datetime, until: datetime, time_zone: str, grain: str, names: list[str]
) -> pd.DataFrame:
    if grain not in ("hour", "day"):
        raise InputError(f"Figures are shown by hour or by day, not by {grain[:32]!r}.", error_id="bad_grain")
    return totals(reader, asked(scope, since, until, grain, None, time_zone), names).rename(columns={"key": "bucket"})
