"""Text for files that people open in a spreadsheet program."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so is a formula to some program


def cell(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula: an apostrophe is put before it where one could."""
    return f"'{text}" if text.startswith(_FORMULA) else text
