"""Colours that can be read, and charts that add up on the day on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from dashboard import charts
from dashboard.theme import DARK, LIGHT, Palette
from dashboard.web.routes import ASSETS
from pbx_core.domain.records import Disposition

READABLE = 4.5  # contrast of text, WCAG 2.2 criterion 1.4.3


def luminance(colour: str) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "soft", "accent", "caller", "callee", "good", "warn", "bad"])
def test_every_colour_of_text_can_be_read_on_its_ground(palette: Palette, name: str) -> None:
    for ground in (palette.ground, palette.panel):
        low, high = sorted((luminance(getattr(palette, name)), luminance(ground)))
        assert (high + 0.05) / (low + 0.05) >= READABLE


def test_the_components_have_the_colours_of_the_theme() -> None:
    css = (ASSETS / "player.css").read_text()
    assert f"--caller: {LIGHT.caller}; --callee: {LIGHT.callee};" in css


def test_minutes_of_the_hour_that_comes_twice_are_added() -> None:
    hours = [datetime(2026, 11, 1, 5, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)]  # both 1 o'clock in New York
    frame = pd.DataFrame(
        {
            "bucket": pd.to_datetime(hours).tz_convert("America/New_York"),
            "disposition": [Disposition.ANSWERED] * 2,
            "calls": [1, 1],
            "talk_s": [120.0, 60.0],
        }
    )
    day = [datetime(2026, 11, d, 4 if d == 1 else 5, tzinfo=UTC) for d in (1, 2)]
    window = charts.Window(*day, "hour", ZoneInfo("America/New_York"))
    (bars,) = charts.talk(frame, LIGHT, window).data
    assert list(bars.y) == [3.0] and len(bars.x) == 1
