"""Fills pieces of SQL of our own into SQL: names, conditions and numbers of `rules`, nothing from outside."""

from __future__ import annotations


def fill(text: str, **parts: object) -> str:
    """`text` with each {name} replaced by its part."""
    for name, part in parts.items():
        text = text.replace("{" + name + "}", str(part))
    return text
