"""Names that people see beside a number: what a phone or carrier sends is hostile text."""

from __future__ import annotations

import re
import unicodedata

NAME_CHARS_MAX = 64
_FROM_NAME = re.compile(r'^\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*<')


def display_name(from_header: str) -> str:
    """The display name of a From header, unquoted, without control and bidi characters, at most 64 characters."""
    found = _FROM_NAME.match(from_header)
    if found is None:
        return ""
    text = re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else (found[2] or "")
    return visible(text)


def visible(text: str) -> str:
    """Text from outside without control, format and surrogate characters, cut to 64."""
    kept = "".join(c for c in text if unicodedata.category(c)[0] != "C")
    return kept.strip()[:NAME_CHARS_MAX]
