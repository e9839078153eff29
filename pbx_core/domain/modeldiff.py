"""The difference of two models in words, by place: what came, what went, what is otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pbx_core.domain.model import Model
from pbx_core.domain.modelfile import to_document

VALUE_CHARS_MAX = 80  # of a value that is shown
SECRET_FIELDS = ("pin",)


def diff(old: Model, new: Model) -> list[str]:
    """One line per difference, as `groups.sales.ring_s: 20 → 30`; none when they are equal."""
    return list(_tables(to_document(old), to_document(new), ""))


def _tables(old: Mapping[str, Any], new: Mapping[str, Any], place: str) -> Iterator[str]:
    for name in (*old, *(n for n in new if n not in old)):
        at = f"{place}.{name}" if place else name
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if name in SECRET_FIELDS:
            yield f"{at}: changed"
        elif isinstance(before, dict) or isinstance(after, dict):
            yield from _table(before, after, at)
        elif before is None:
            yield f"{at}: {_shown(after)} (was the default)"
        elif after is None:
            yield f"{at}: back to the default (was {_shown(before)})"
        else:
            yield f"{at}: {_shown(before)} → {_shown(after)}"


def _table(before: dict[str, Any] | None, after: dict[str, Any] | None, at: str) -> Iterator[str]:
    """A table that came or went is one line when it is a thing, and its things when it holds things."""
    held = before if after is None else after
    holds_things = "." not in at and held is not None and all(isinstance(v, dict) for v in held.values())
    if (before is not None and after is not None) or holds_things:
        yield from _tables(before or {}, after or {}, at)
    elif before is None:
        yield f"{at}: new{_inside(after)}"
    else:
        yield f"{at}: removed"


def _inside(table: dict[str, Any] | None) -> str:
    shown = [f"{k} {_shown(v)}" for k, v in (table or {}).items() if k not in SECRET_FIELDS]
    return f" ({', '.join(shown)})" if shown else ""


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        text = ", ".join(map(_shown, value)) or "nothing"
    elif isinstance(value, dict):
        text = " ".join(f"{k} {_shown(v)}" for k, v in value.items())
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= VALUE_CHARS_MAX else text[:VALUE_CHARS_MAX] + "…"
