"""What only the user himself changes: forwarding, do not disturb, follow-me, the greeting of his mailbox."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.domain.model import UserSettings
from pbx_core.errors import InputError
from pbx_core.store import directory
from pbx_core.store.engine import take_turn
from pbx_core.store.schema import user_setting

CHANGEABLE = tuple(f.name for f in fields(UserSettings) if f.name != "number")
FOLLOW_ME_MAX = 5  # numbers tried in turn; each rings for its seconds
TARGET_CHARS_MAX = 32  # of a forwarding target
_WANTED_NUMBER = "a number as it is dialled, voicemail, or nothing"
_WANTED = {
    "dnd": "on or off",
    "forward_no_answer_s": "5 to 120 seconds",
    "follow_me": f"up to {FOLLOW_ME_MAX} numbers as they are dialled",
    "greeting": "prompt:name, say:en:words, or nothing",
}


def user_settings(engine: sa.Engine, tenant_id: str) -> dict[str, UserSettings]:
    """The settings of all who changed theirs, by number."""
    with engine.connect() as connection:
        return read(connection, tenant_id)


def read(connection: sa.Connection, tenant_id: str) -> dict[str, UserSettings]:
    """The same within a transaction of the caller's."""
    statement = sa.select(user_setting.c.number, user_setting.c.settings).where(user_setting.c.tenant_id == tenant_id)
    return {row.number: _load(row.number, row.settings) for row in connection.execute(statement)}


def change_user(
    engine: sa.Engine, clock: Clock, tenant_id: str, number: str, changes: Mapping[str, Any], by: str
) -> UserSettings:
    """Change some settings of an extension's user; InputError names what does not fit. by: phone, or a person's id."""
    if directory.extension_of(engine, tenant_id, number) is None:
        raise InputError(f"There is no extension {number}.", error_id="no_extension", status=404)
    wanted = {name: _checked(name, value) for name, value in changes.items()}
    mine = sa.and_(user_setting.c.tenant_id == tenant_id, user_setting.c.number == number)
    with engine.connect() as connection:
        take_turn(connection)
        row = connection.execute(sa.select(user_setting.c.settings).where(mine)).one_or_none()
        before = _load(number, row.settings) if row else UserSettings(number)
        after = replace(before, **wanted)
        values = {
            "settings": json.dumps({k: v for k, v in asdict(after).items() if k != "number"}, ensure_ascii=False),
            "changed_at": clock.now().timestamp(),
            "changed_by": by,
        }
        if row:
            connection.execute(sa.update(user_setting).where(mine).values(values))
        else:
            connection.execute(sa.insert(user_setting).values(tenant_id=tenant_id, number=number, **values))
        connection.commit()
    return after


def _checked(name: str, value: Any) -> Any:
    if name not in CHANGEABLE:
        raise InputError(f"{name!r} is no setting; there are {', '.join(CHANGEABLE)}.", error_id="bad_setting")
    match name:
        case "dnd":
            fits = isinstance(value, bool)
        case "forward_no_answer_s":
            fits = isinstance(value, int | float) and not isinstance(value, bool) and 5 <= value <= 120
        case "follow_me":
            fits = isinstance(value, list | tuple) and len(value) <= FOLLOW_ME_MAX and all(map(_is_target, value))
            value = tuple(value) if fits else value
        case "greeting":
            fits = value == "" or (
                isinstance(value, str) and value.startswith(("prompt:", "say:")) and len(value) < 500
            )
        case _:
            fits = value in ("", "voicemail") or _is_target(value)
    if not fits:
        text = f"{str(value)[:60]!r} does not fit {name}: {_WANTED.get(name, _WANTED_NUMBER)}. Nothing was changed."
        raise InputError(text, error_id="bad_setting")
    return value


def _is_target(value: Any) -> bool:
    """A number as one dials it."""
    if not isinstance(value, str) or not 2 <= len(value) <= TARGET_CHARS_MAX:
        return False
    digits = value.removeprefix("+")
    return digits.isascii() and digits.isdecimal()


def _load(number: str, text: str) -> UserSettings:
    held = json.loads(text)
    known = {name: held[name] for name in CHANGEABLE if name in held}
    return UserSettings(number, **{**known, "follow_me": tuple(known.get("follow_me", ()))})
