"""The judgement of a recording, as a table."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pbx_core.media.spool import SpoolEnd
from pbx_core.media.verdict import Sound, judge

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("faults", "aborted", "talk_s", "sound", "quality", "named"),
    [
        ((), False, 10.0, Sound(10.0, 10.02, ()), "ok", []),
        ((), False, 10.0, Sound(9.76, 10.24, ()), "ok", []),
        ((), False, 10.0, Sound(9.7, 10.0, ()), "truncated", ["the caller's side holds 9.70 s of 10.00 s talked"]),
        ((), False, 10.0, Sound(10.0, 10.5, ()), "degraded", ["callee's side holds 10.50 s", "10.00 s"]),
        (("starved: 3.1 % of the callee's frames",), False, 10.0, Sound(10, 10, ()), "degraded", ["3.1 %"]),
        (("disk_full",), False, 10.0, Sound(4.0, 4.0, ()), "truncated", ["disk_full", "4.00 s of 10.00 s"]),
        ((), True, 10.0, Sound(7.0, 7.0, ()), "truncated", ["aborted"]),
        (("starved: 2 %",), True, 1.0, Sound(7.0, 7.0, ()), "truncated", ["aborted", "starved: 2 %"]),
        ((), False, 1.0, Sound(1.0, 1.0, ("caller.wav is empty: silence instead",)), "truncated", ["caller.wav"]),
    ],
)
def test_quality_and_its_reason(
    faults: tuple[str, ...], aborted: bool, talk_s: float, sound: Sound, quality: str, named: list[str]
) -> None:
    got, reason = judge(SpoolEnd(AT, talk_s, aborted, faults), sound)
    assert got == quality
    assert (reason is None) == (quality == "ok")
    for part in named:
        assert part in (reason or "")
