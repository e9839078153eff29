"""The shared office (models/office.toml) and questions to its dialplan, for tables of where calls go.

asked("101", "102")                                  a phone of the office dials
asked("+996555123456", "+996312880101")              a call from outside by the trunk `main`
asked("101", "102", users=[UserSettings("102", dnd=True)], at="2026-11-23 22:00")   Bishkek time
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pbx_core.domain.dialplan import Facts, resolve
from pbx_core.domain.explain import station
from pbx_core.domain.model import Model, UserSettings
from pbx_core.domain.modelfile import from_document, read_toml, to_document
from pbx_core.domain.nodes import Hangup, Origin, Routed, Wish

OFFICE_TOML = Path(__file__).parent / "models" / "office.toml"
OFFICE = read_toml(OFFICE_TOML.read_text())
MONDAY = "2026-11-23 11:00"  # open
CITY, BERLIN = "+996312880101", "+4930901820"


def changed(**parts: Any) -> Model:
    """The office with some top tables of its document merged with these: changed(recording={"default": "never"})."""
    document = to_document(OFFICE)
    for name, value in parts.items():
        document[name] = {**document.get(name, {}), **value} if isinstance(value, dict) else value
    return from_document(document)


def facts(at: str = MONDAY, users: Iterable[UserSettings] = (), **more: Any) -> Facts:
    """Everybody's phone is signed in."""
    moment = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo("Asia/Bishkek"))
    known = Facts(moment, registered=frozenset(OFFICE.book.extensions), users={u.number: u for u in users})
    return replace(known, **more)


def origin(caller: str, did: str = "", trunk: str = "main") -> Origin:
    """An extension of the office, or a number outside that comes by a trunk."""
    if caller in OFFICE.book.extensions:
        return Origin("extension", caller, extension=caller)
    return Origin("trunk", caller, did=did, trunk_id=trunk)


def asked(caller: str, dialled: str, *, model: Model = OFFICE, trunk: str = "main", overflow: bool = False,
          visited: tuple[str, ...] = (), **known: Any) -> Routed:  # fmt: skip
    """What the dialplan says to digits, or to a destination when there is a colon in it."""
    to = {"destination": dialled} if ":" in dialled else {"dialled": dialled}
    who = origin(caller, dialled if dialled.startswith("+") else CITY, trunk)
    return resolve(model, facts(**known), Wish(who, **to, visited=visited, overflow=overflow))


def where(routed: Routed) -> str:
    """Where the call stands, in a few words; an end by its cause and status."""
    node = routed.node
    return f"{node.cause} {node.status}" if isinstance(node, Hangup) else station(node)


def reasons(routed: Routed) -> str:
    """The reasoning as lines `place: text`."""
    return "\n".join(f"{s.place}: {s.text}" for s in routed.steps)
