"""Records as JSON and back, by the type hints of their dataclasses; times as ISO 8601 with milliseconds."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def iso(at: datetime) -> str:
    """UTC ISO 8601 with milliseconds and Z; ValueError for a naive time."""
    if at.tzinfo is None:
        raise ValueError("naive datetime")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    """The inverse of iso(); ValueError when it is not a full timestamp with a zone."""
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if at.tzinfo is None:
        raise ValueError(f"no time zone: {text!r}")
    return at.astimezone(UTC)


def to_json(value: Any) -> Any:
    """A record, or part of one, as JSON-ready dicts, lists and scalars."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, list | tuple):
        return [to_json(v) for v in value]
    if isinstance(value, dict):
        return {str(k): to_json(v) for k, v in value.items()}
    return value


def from_json(kind: type[T], data: Any) -> T:
    """Build a record from parsed JSON; ValueError names the field that is missing, unknown or of a wrong type."""
    return typing.cast(T, _build(kind, data, kind.__name__))


_PLAIN = frozenset({str, int, float, bool})


@functools.cache
def _taken_apart(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Origin and arguments of a type hint; remembered, since journals hold the same few hints millions of times."""
    return get_origin(hint), get_args(hint)


@functools.cache
def _fields(hint: type) -> tuple[dict[str, Any], frozenset[str]]:
    """Type hints of a dataclass by field, and the fields without a default; remembered for the same reason."""
    required = {
        f.name
        for f in dataclasses.fields(hint)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    return get_type_hints(hint), frozenset(required)


def _build(hint: Any, value: Any, place: str) -> Any:
    if type(value) is hint and hint in _PLAIN:
        return value
    origin, arguments = _taken_apart(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            if type(None) in arguments:
                return None
            raise ValueError(f"{place}: null")
        (inner,) = [a for a in arguments if a is not type(None)]
        return _build(inner, value, place)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{place}: not a list")
        if arguments[-1] is Ellipsis:
            return tuple(_build(arguments[0], v, f"{place}[{i}]") for i, v in enumerate(value))
        if len(arguments) != len(value):
            raise ValueError(f"{place}: {len(value)} items instead of {len(arguments)}")
        return tuple(_build(a, v, place) for a, v in zip(arguments, value, strict=True))
    if origin is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{place}: not an object")
        return value
    if dataclasses.is_dataclass(hint):
        return _build_dataclass(typing.cast(type, hint), value, place)
    return _build_scalar(hint, value, place)


def _build_dataclass(hint: type, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{place}: not an object")
    hints, required = _fields(hint)
    unknown = value.keys() - hints.keys()
    if unknown:
        raise ValueError(f"{place}: unknown field {sorted(unknown)[0]!r}")
    missing = required - value.keys()
    if missing:
        raise ValueError(f"{place}: field {sorted(missing)[0]!r} is missing")
    return hint(**{name: _build(hints[name], item, f"{place}.{name}") for name, item in value.items()})


def _build_scalar(hint: Any, value: Any, place: str) -> Any:
    if hint is Any:
        return value
    if hint is datetime:
        if not isinstance(value, str):
            raise ValueError(f"{place}: not a timestamp")
        return parse_iso(value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        try:
            return hint(value)
        except ValueError:
            raise ValueError(f"{place}: {value!r} is not a {hint.__name__}") from None
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ValueError(f"{place}: {type(value).__name__} instead of {getattr(hint, '__name__', hint)}")
    return value
