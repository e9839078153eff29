"""Writes the tables of docs/speech.md from docs/benchmarks/asr.json: `python tools/speech_page.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "speech.md"
FIGURES = DOCS / "benchmarks" / "asr.json"
BEGIN, END = "<!-- tables: made by tools/speech_page.py -->", "<!-- end of tables -->"
NAMES = {
    "ours": "Callbench",
    "default": "faster-whisper, its defaults",
    "batched": "faster-whisper, BatchedInferencePipeline",
    "batched_default": "the same with its defaults",
}
LANGUAGES = {"en": "English", "ru": "Russian"}


def tables(found: dict[str, Any]) -> str:
    """Markdown of everything that was measured."""
    lines = []
    for length, engines in found["engines"].items():
        prefix = "" if length == "20s" else "long_"
        some = next(iter(engines.values()))
        lines += [
            f"### Calls of {length.removesuffix('s')} seconds",
            "",
            f"{some['calls']} calls, {some['audio_s']} s, {some['reference_words']} words; weights `{found['model']}`.",
            "",
            "| engine | CPU-s per second of call | ours is faster | word error rate | "
            + " | ".join(f"of it {LANGUAGES.get(code, code)}" for code in some["languages"])
            + " | memory, MB |",
            "|---|---|---|---|" + "---|" * len(some["languages"]) + "---|",
        ]
        for name, one in engines.items():
            faster = found.get(f"{prefix}speedup_vs_{name}")
            each = " | ".join(f"{100 * of['wer']:.1f} %" for of in one["languages"].values())
            lines.append(
                f"| {NAMES[name]} | {one['cpu_s_per_call_s']} | {f'{faster} times' if faster else '–'} | "
                f"{100 * one['wer']:.1f} % | {each} | {one['rss_mb']} |"
            )
        lines.append("")
    lines.append(
        f"Measured on {found['cores']} cores of {found['processor']}, load {found['load_average']}, commit "
        f"{found['commit']}, rules `{found['version']}`; model.bin has SHA-256 `{found['model_sha256']}`."
    )
    return "\n".join(lines)


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
