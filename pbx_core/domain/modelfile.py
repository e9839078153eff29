"""The model as a document: TOML for people, JSON for programs and the database; every mistake named by its place.

    read_toml(text) → Model          ModelError holds all mistakes, not only the first
    to_toml(model), to_json(model)   what read_… reads back equal; values that are the default are left out

Things with an id or number are tables under it: [menus.main], [extensions.101], [dids."+4930123456"].
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import tomli_w

from pbx_core.domain.model import Model, QueueMember
from pbx_core.domain.modelcheck import Mistake, check, meant
from pbx_core.errors import InputError

BYTES_MAX = 8 * 1024 * 1024  # of a document: 10 000 extensions with every field need less than half
TEXT_CHARS_MAX = 2000  # of any one string: a minute and a half of speech
MISTAKES_SHOWN_MAX = 50  # in the message; `mistakes` has all


class ModelError(InputError):
    """A model that cannot be applied. `mistakes`: every one of them with its place."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        shown = [f"  {m.place}: {m.text}" if m.place else f"  {m.text}" for m in self.mistakes[:MISTAKES_SHOWN_MAX]]
        if len(self.mistakes) > MISTAKES_SHOWN_MAX:
            shown.append(f"  … and {len(self.mistakes) - MISTAKES_SHOWN_MAX} more")
        count = "1 mistake" if len(self.mistakes) == 1 else f"{len(self.mistakes)} mistakes"
        super().__init__(
            "\n".join([f"The model has {count}; nothing was changed.", *shown]), error_id="bad_model", status=422
        )


def read_toml(text: str) -> Model:
    """A valid model; ModelError."""
    _check_size(text)
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ModelError([Mistake("", f"This is not TOML: {error}")]) from None
    return from_document(document)


def read_json(text: str) -> Model:
    """A valid model; ModelError."""
    _check_size(text)
    try:
        document = json.loads(text, object_pairs_hook=_no_key_twice)
    except (ValueError, RecursionError) as error:
        raise ModelError([Mistake("", f"This is not JSON: {error}")]) from None
    return from_document(document)


def from_document(document: object, *, checked: bool = True) -> Model:
    """A valid model from what TOML or JSON say; ModelError with the mistakes of form, or else those of meaning.
    checked=False looks at the form only: what was valid when it was stored stays readable."""
    mistakes: list[Mistake] = []
    made = _build(Model, document, "", mistakes)
    if checked and not mistakes:
        mistakes = list(check(made))
    if mistakes:
        raise ModelError(mistakes)
    return made  # type: ignore[no-any-return]


def to_document(model: Model) -> dict[str, Any]:
    """The model as nested tables of texts, numbers and lists; defaults are left out."""
    return _plain(model)  # type: ignore[no-any-return]


def to_json(model: Model) -> str:
    """The model as one line of JSON, equal for equal models."""
    return json.dumps(to_document(model), ensure_ascii=False, separators=(",", ":"))


def to_toml(model: Model) -> str:
    """The model as TOML for people to change."""
    return tomli_w.dumps(to_document(model), multiline_strings=False)


@functools.cache
def key_of(kind: type) -> str:
    """The field that names a thing among its kind, "" when it stands alone: id or number."""
    names = [f.name for f in dataclasses.fields(kind)]
    return names[0] if names[0] in ("id", "number") and kind is not QueueMember else ""


def _check_size(text: str) -> None:
    if len(text.encode(errors="replace")) > BYTES_MAX:
        raise ModelError([Mistake("", f"The document is larger than {BYTES_MAX // 1024 // 1024} MiB.")])


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise ValueError(f"{key!r} stands there twice")
        seen[key] = value
    return seen


def _plain(value: Any) -> Any:
    if not dataclasses.is_dataclass(value):
        if isinstance(value, StrEnum):
            return str(value)
        return list(map(_plain, value)) if isinstance(value, tuple) else value
    if isinstance(value, QueueMember) and value == QueueMember(value.number):
        return value.number
    out: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        held = getattr(value, field.name)
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if held == default:
            continue
        if isinstance(held, tuple) and held and (key := _key_of_thing(held[0])):
            out[field.name] = {getattr(thing, key): _without(_plain(thing), key) for thing in held}
        else:
            out[field.name] = dict(held) if isinstance(held, Mapping) else _plain(held)
    return out


def _key_of_thing(thing: Any) -> str:
    return key_of(thing.__class__) if dataclasses.is_dataclass(thing) else ""


def _without(table: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != key}


@dataclass(frozen=True)
class _Shape:
    """The fields of a dataclass: type hints, and which must be given."""

    hints: Mapping[str, Any]
    required: frozenset[str]


@functools.cache
def _shape(kind: type) -> _Shape:
    hints = get_type_hints(kind)
    fields = [f for f in dataclasses.fields(kind) if f.init]
    required = {f.name for f in fields if f.default is f.default_factory is dataclasses.MISSING}
    return _Shape({f.name: hints[f.name] for f in fields}, frozenset(required))


def _build(hint: Any, value: Any, place: str, mistakes: list[Mistake]) -> Any:
    """`value` as `hint`; what does not fit is added to the mistakes and comes back as None."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        hint = next(a for a in arguments if a is not NoneType)
        return _build(hint, value, place, mistakes)
    if origin is tuple:
        return _build_tuple(arguments[0], value, place, mistakes)
    if origin is dict:
        return _build_dict(value, place, mistakes)
    if dataclasses.is_dataclass(hint):
        return _build_thing(hint, value, place, mistakes)  # type: ignore[arg-type]
    return _build_scalar(hint, value, place, mistakes)


def _build_thing(kind: type, value: Any, place: str, mistakes: list[Mistake], **given: str) -> Any:
    if not isinstance(value, dict):
        mistakes.append(Mistake(place, f"a table was expected, not {_shown(value)}"))
        return None
    shape = _shape(kind)
    built: dict[str, Any] = dict(given)
    for name, held in value.items():
        at = f"{place}.{name}" if place else str(name)
        if name in shape.hints and name not in given:
            built[name] = _build(shape.hints[name], held, at, mistakes)
        else:
            mistakes.append(Mistake(at, f"there is no field `{_cut(name)}`{meant(name, shape.hints)}"))
    missing = sorted(shape.required - built.keys())
    mistakes += (Mistake(place, f"`{name}` is missing") for name in missing)
    return None if missing else kind(**built)


def _build_tuple(item: Any, value: Any, place: str, mistakes: list[Mistake]) -> Any:
    key = key_of(item) if dataclasses.is_dataclass(item) else ""  # type: ignore[arg-type]
    if key:
        if not isinstance(value, dict):
            mistakes.append(Mistake(place, f"tables named by their {key} were expected, not {_shown(value)}"))
            return ()
        built = (
            _build_thing(item, held, f"{place}.{name}", mistakes, **{key: str(name)}) for name, held in value.items()
        )
        return tuple(thing for thing in built if thing is not None)
    if not isinstance(value, list):
        mistakes.append(Mistake(place, f"a list was expected, not {_shown(value)}"))
        return ()
    short = (QueueMember(v) if item is QueueMember and isinstance(v, str) else v for v in value)
    return tuple(
        v if isinstance(v, QueueMember) else _build(item, v, f"{place}.{i}", mistakes) for i, v in enumerate(short, 1)
    )


def _build_dict(value: Any, place: str, mistakes: list[Mistake]) -> dict[str, str]:
    if not isinstance(value, dict):
        mistakes.append(Mistake(place, f"a table was expected, not {_shown(value)}"))
        return {}
    return {str(k): _build_scalar(str, v, f"{place}.{k}", mistakes) for k, v in value.items()}


def _build_scalar(hint: Any, value: Any, place: str, mistakes: list[Mistake]) -> Any:
    fits: bool
    if hint is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        wanted = "a number"
    elif hint is int:
        fits, wanted = isinstance(value, int) and not isinstance(value, bool), "a whole number"
    elif hint is bool:
        fits, wanted = isinstance(value, bool), "true or false"
    elif issubclass(hint, StrEnum):
        fits = value in [str(e) for e in hint]
        wanted = f"one of {', '.join(hint)}"
    else:
        fits, wanted = isinstance(value, str), 'a text in "quotes"'
        if isinstance(value, str) and (len(value) > TEXT_CHARS_MAX or not value.isprintable()):
            fits, wanted = False, f"a text of at most {TEXT_CHARS_MAX} printable characters"
    if fits:
        return hint(value)
    mistakes.append(Mistake(place, f"{wanted} was expected, not {_shown(value)}"))
    return None


def _shown(value: Any) -> str:
    return "a table" if isinstance(value, dict) else "a list" if isinstance(value, list) else _cut(value)


def _cut(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    text = text if len(text) <= 60 else text[:60] + "…"
    return repr(text) if isinstance(value, str) and not text.isprintable() else text
