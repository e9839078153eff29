"""The palette and the Streamlit theme built from it, light and dark. System fonts only: nothing is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", sans-serif'
CODE_FONT = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace'


@dataclass(frozen=True)
class Palette:
    """One mode's colours. caller and callee are the two voices everywhere: waveform, transcript, bars."""

    ground: str
    panel: str
    ink: str
    soft: str
    line: str
    accent: str
    caller: str
    callee: str
    good: str
    warn: str
    bad: str
    quiet: str


LIGHT = Palette(
    ground="#ffffff",
    panel="#f4f6f7",
    ink="#16262e",
    soft="#52656f",
    line="#d9e0e4",
    accent="#0b6e75",
    caller="#0b6e75",
    callee="#9c5a0a",
    good="#2f7d4f",
    warn="#9c5a0a",
    bad="#b3362c",
    quiet="#9aa9b0",
)
DARK = Palette(
    ground="#0f1719",
    panel="#172225",
    ink="#e6eef0",
    soft="#9db0b7",
    line="#2b3a3f",
    accent="#4fb8bd",
    caller="#4fb8bd",
    callee="#eaa94f",
    good="#6cc391",
    warn="#eaa94f",
    bad="#f08a7f",
    quiet="#6c8087",
)


def options() -> dict[str, Any]:
    """Streamlit options `theme.*` for both modes; the browser's setting chooses."""
    out: dict[str, Any] = {
        "theme.font": FONT,
        "theme.headingFont": FONT,
        "theme.codeFont": CODE_FONT,
        "theme.baseFontSize": 15,
        "theme.headingFontWeights": [650, 650, 600, 600, 600, 600],
        "theme.headingFontSizes": ["1.75rem", "1.25rem", "1.05rem", "1rem", "0.95rem", "0.9rem"],
        "theme.metricValueFontSize": "1.5rem",
        "theme.metricValueFontWeight": 600,
        "theme.baseRadius": "8px",
        "theme.showWidgetBorder": True,
        "theme.linkUnderline": False,
        "theme.paddingTop": "0.9rem",
        "theme.paddingBottom": "3rem",
    }
    for mode, palette in (("light", LIGHT), ("dark", DARK)):
        colours = {
            "primaryColor": palette.accent,
            "backgroundColor": palette.ground,
            "secondaryBackgroundColor": palette.panel,
            "textColor": palette.ink,
            "borderColor": palette.line,
            "linkColor": palette.accent,
            "dataframeHeaderBackgroundColor": palette.panel,
            "chartCategoricalColors": [
                palette.caller,
                palette.callee,
                palette.quiet,
                palette.bad,
                palette.good,
            ],
        }
        out.update({f"theme.{mode}.{key}": value for key, value in colours.items()})
        out.update(
            {f"theme.{mode}.sidebar.{k}": colours[k] for k in ("primaryColor", "textColor", "borderColor", "linkColor")}
        )
        out[f"theme.{mode}.sidebar.backgroundColor"] = palette.panel
        out[f"theme.{mode}.sidebar.secondaryBackgroundColor"] = palette.ground
    return out
