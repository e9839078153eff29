"""The JSON schema of the model's document, from its dataclasses, for the OpenAPI description."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pbx_core.domain.model import QueueMember
from pbx_core.domain.modelfile import key_of

_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def model_schema(kind: type) -> dict[str, Any]:
    """A table's schema: things with an id are tables named by it, as `modelfile` reads them."""
    hints = get_type_hints(kind)
    key = key_of(kind)
    fields = [f for f in dataclasses.fields(kind) if f.init and f.name != key]
    required = [f.name for f in fields if f.default is f.default_factory is dataclasses.MISSING]
    schema: dict[str, Any] = {
        "type": "object",
        "description": " ".join((kind.__doc__ or "").split()),
        "properties": {f.name: _schema(hints[f.name]) for f in fields},
        "additionalProperties": False,
    }
    return {**schema, "required": required} if required else schema


def _schema(hint: Any) -> dict[str, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _schema(next(a for a in arguments if a is not NoneType))
    if origin is tuple:
        return _many(arguments[0])
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1])}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return model_schema(hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"type": "string", "enum": [str(member) for member in hint]}
    return {"type": _SCALARS[hint]}


def _many(item: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(item) and isinstance(item, type) and key_of(item):
        return {"type": "object", "additionalProperties": model_schema(item)}
    schema = _schema(item)
    if item is QueueMember:
        schema = {"oneOf": [{"type": "string"}, schema]}
    return {"type": "array", "items": schema}
