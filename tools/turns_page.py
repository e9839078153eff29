"""Writes the tables of docs/turns.md from docs/benchmarks/turns.json: `python tools/turns_page.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "turns.md"
FIGURES = DOCS / "benchmarks" / "turns.json"
BEGIN, END = "<!-- tables: made by tools/turns_page.py -->", "<!-- end of tables -->"
WAYS = {"ours": "Callbench", "no_echo": "without the echo guard", "default_vad": "faster-whisper's voice activity"}
FIGURE_NAMES = {
    "talk_ratio": "talk ratio, points",
    "overlap_s": "overlap, s",
    "silence_s": "silence, s",
    "interruptions": "interruptions",
    "patience_s": "patience, s",
    "interactivity": "changes per minute",
}


def tables(found: dict[str, Any]) -> str:
    """Markdown of everything that was measured."""
    lines = [
        f"{found['conversations']} conversations of {found['audio_s'] / found['conversations']:.0f} s with "
        f"{found['true_interruptions']} interruptions and {found['true_backchannels']} backchannels; mean absolute "
        "error of one conversation.",
        "",
        "| condition | " + " | ".join(FIGURE_NAMES.values()) + " |",
        "|---|" + "---|" * len(FIGURE_NAMES),
    ]
    for condition, ways in found["conditions"].items():
        lines.append(f"| {_plain(condition)} | " + " | ".join(_number(ways["ours"][n]) for n in FIGURE_NAMES) + " |")
    lines += ["", "The same sound heard otherwise, overlap in seconds / interruptions:", ""]
    lines += ["| condition | " + " | ".join(WAYS.values()) + " |", "|---|" + "---|" * len(WAYS)]
    for condition, ways in found["conditions"].items():
        cells = [f"{_number(ways[w]['overlap_s'])} / {_number(ways[w]['interruptions'])}" for w in WAYS]
        lines.append(f"| {_plain(condition)} | " + " | ".join(cells) + " |")
    mono = found["mono"]
    lines += [
        "",
        "Both sides in one channel:",
        "",
        "| voices | told apart | speech given to the wrong voice, mean / worst |",
    ]
    lines.append("|---|---|---|")
    for name, one in mono.items():
        if isinstance(one, dict):
            share = [f"{100 * v:.1f} %" if v is not None else "–" for v in (one["confusion"], one["confusion_max"])]
            lines.append(f"| {_plain(name)} | {one['parted']} of {one['conversations']} | {' / '.join(share)} |")
    lines += [
        "",
        f"One voice alone was parted in two {mono['alone_parted']} times of {mono['alone']}.",
        "",
        f"Measured on {found['cores']} cores of {found['processor']}, commit {found['commit']}, rules "
        f"`{found['version']}`.",
    ]
    return "\n".join(lines)


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def filled(page: str, found: dict[str, Any]) -> str:
    """The page with the tables of these figures."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{tables(found)}\n\n{END}{after}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(filled(PAGE.read_text(), json.loads(FIGURES.read_text())))


if __name__ == "__main__":
    main()
