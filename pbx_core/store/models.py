"""The exchanges of the tenants: every version of every model is kept, the highest is in force.

Applying is one transaction: the document, whose public numbers are whose, the extensions' rows, what removed
extensions leave behind. Undoing is a new version equal to the previous one, so history only grows.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.domain import modelfile
from pbx_core.domain.model import Extension, Model
from pbx_core.domain.modelcheck import Mistake, check
from pbx_core.errors import InputError
from pbx_core.store import directory
from pbx_core.store.directory import Tenant
from pbx_core.store.engine import take_turn
from pbx_core.store.schema import binding, did_number, pbx_model, secret, tenant, user_setting
from pbx_core.store.schema import extension as extension_row
from pbx_core.store.usersettings import change_user, user_settings

__all__ = [
    "Applied", "Version", "active", "apply", "change_user", "history", "of_version", "tenant_of_did", "undo",
    "user_settings",
]  # fmt: skip

COMMENT_CHARS_MAX = 500
REMOVED_NAMED = 10  # extensions named in a refusal
PARSED_MAX = 64  # models kept parsed per process; one of 10 000 extensions takes about 10 MB


@dataclass(frozen=True)
class Version:
    """One entry of the history. undoes: the version that it took back."""

    version: int
    author: str
    comment: str
    created_at: datetime
    undoes: int | None


@dataclass(frozen=True)
class Applied:
    """What applying did. passwords: of the extensions that are new, by number; they are not kept."""

    version: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    passwords: dict[str, str]


def active(engine: sa.Engine, tenant_id: str) -> tuple[int, Model]:
    """(version, model in force). Version 0: none was applied yet, all is default. Extensions that were created beside
    the model are in it too."""
    where = pbx_model.c.tenant_id == tenant_id
    newest = sa.select(pbx_model.c.version, pbx_model.c.created_at).where(where).order_by(pbx_model.c.version.desc())
    rows = sa.select(sa.func.count(), sa.func.max(extension_row.c.created_at)).where(
        extension_row.c.tenant_id == tenant_id
    )
    with engine.connect() as connection:
        found = connection.execute(newest.limit(1)).one_or_none()
        count, youngest = connection.execute(rows).one()
        key = (str(engine.url), tenant_id, tuple(found) if found else (0, 0.0), count, youngest)
        known = _parsed.get(key)
        if known is None:
            known = _read(connection, tenant_id, found.version if found else 0)
    _parsed.put(key, known)
    return (found.version if found else 0), known


def of_version(engine: sa.Engine, tenant_id: str, version: int) -> Model:
    """The model as it was applied then; InputError when there is no such version."""
    with engine.connect() as connection:
        document = _document(connection, tenant_id, version)
    if document is None:
        raise InputError(f"There is no version {version}.", error_id="no_version", status=404)
    return _load(document)


def apply(
    engine: sa.Engine,
    clock: Clock,
    tenant_id: str,
    model: Model,
    author: str,
    comment: str = "",
    *,
    undoes: int | None = None,
    based_on: int | None = None,
    may_remove: bool = True,
) -> Applied:
    """Put a model in force. ModelError when it does not hold together, or a number of it is another tenant's.
    based_on: the version that its author had before him; InputError (409) when another has been applied since.
    may_remove: False refuses (409) a model without extensions that there are: their passwords would be gone."""
    if mistakes := check(model):
        raise modelfile.ModelError(mistakes)
    if len(comment) > COMMENT_CHARS_MAX:
        raise InputError(f"A comment has at most {COMMENT_CHARS_MAX} characters.", error_id="bad_comment")
    now = clock.now().timestamp()
    with engine.connect() as connection:
        take_turn(connection)  # what is read below must still hold when we write
        owner = _owner(connection, tenant_id)
        version = _newest(connection, tenant_id)
        if based_on is not None and based_on != version:
            raise InputError(
                f"Version {version} has been applied since you began from {based_on}; nothing was changed. "
                "Look at the difference and apply again.",
                error_id="model_changed",
                status=409,
            )
        if version == 0:
            _store(connection, tenant_id, Version(1, "", "as it was before the first change", clock.now(), None),
                   _read(connection, tenant_id, 0))  # fmt: skip
            version = 1
        _claim_numbers(connection, tenant_id, model)
        passwords, removed = _set_extensions(connection, owner, model, now)
        if removed and not may_remove:
            names = ", ".join(sorted(removed)[:REMOVED_NAMED]) + (", …" if len(removed) > REMOVED_NAMED else "")
            raise InputError(
                f"This would remove {len(removed)} extensions ({names}) and their passwords for good; nothing was "
                "changed. Say that they may go (--remove-extensions, remove_extensions=true), or add them.",
                error_id="removes_extensions",
                status=409,
            )
        _store(connection, tenant_id, Version(version + 1, author, comment, clock.now(), undoes), model)
        connection.commit()
    return Applied(version + 1, tuple(sorted(passwords)), tuple(sorted(removed)), passwords)


def undo(engine: sa.Engine, clock: Clock, tenant_id: str, author: str, comment: str = "") -> Applied:
    """Take the last change back: a new version equal to the one before it. An undone change is not undone again:
    two undos go two changes back. InputError when there is nothing before."""
    entries = {entry.version: entry for entry in history(engine, tenant_id)}
    version = at = max(entries, default=0)
    while at and entries[at].undoes is not None:  # the newest version whose change still stands
        at = (entries[at].undoes or 0) - 1
    if at <= 1:
        raise InputError("There is no change to take back.", error_id="nothing_to_undo", status=409)
    before = of_version(engine, tenant_id, at - 1)
    return apply(engine, clock, tenant_id, before, author, comment, undoes=at, based_on=version)


def history(engine: sa.Engine, tenant_id: str) -> list[Version]:
    """All versions, newest first."""
    columns = (pbx_model.c[name] for name in ("version", "author", "comment", "created_at", "undoes"))
    statement = sa.select(*columns).where(pbx_model.c.tenant_id == tenant_id).order_by(pbx_model.c.version.desc())
    with engine.connect() as connection:
        rows = connection.execute(statement).all()
    return [Version(r.version, r.author, r.comment, datetime.fromtimestamp(r.created_at, UTC), r.undoes) for r in rows]


def tenant_of_did(engine: sa.Engine, number: str) -> str | None:
    """The tenant_id whose public number this is (E.164)."""
    with engine.connect() as connection:
        return connection.scalar(sa.select(did_number.c.tenant_id).where(did_number.c.number == number))


def _store(connection: sa.Connection, tenant_id: str, entry: Version, model: Model) -> None:
    values = {**vars(entry), "created_at": entry.created_at.timestamp()}
    document = modelfile.to_json(model)
    connection.execute(sa.insert(pbx_model).values(tenant_id=tenant_id, document=document, **values))


class _Parsed:
    """Models that were read, the oldest forgotten first; every call asks for one."""

    def __init__(self) -> None:
        self._held: dict[object, Model] = {}

    def get(self, key: object) -> Model | None:
        return self._held.get(key)

    def put(self, key: object, model: Model) -> None:
        self._held[key] = model
        while len(self._held) > PARSED_MAX:
            self._held.pop(next(iter(self._held)), None)


_parsed = _Parsed()


def _read(connection: sa.Connection, tenant_id: str, version: int) -> Model:
    document = _document(connection, tenant_id, version) if version else None
    model = _load(document) if document is not None else _default(_owner(connection, tenant_id))
    statement = sa.select(extension_row.c.number, extension_row.c.display_name).where(
        extension_row.c.tenant_id == tenant_id
    )
    beside = [
        Extension(row.number, name=row.display_name)
        for row in connection.execute(statement.order_by(extension_row.c.number))
        if row.number not in model.book.extensions
    ]
    return replace(model, extensions=model.extensions + tuple(beside)) if beside else model


def _default(owner: Tenant) -> Model:
    return Model(time_zone=owner.time_zone, languages=owner.languages)


def _document(connection: sa.Connection, tenant_id: str, version: int) -> str | None:
    where = (pbx_model.c.tenant_id == tenant_id, pbx_model.c.version == version)
    return connection.scalar(sa.select(pbx_model.c.document).where(*where))


@functools.lru_cache(maxsize=8)
def _load(document: str) -> Model:
    return modelfile.from_document(json.loads(document), checked=False)


def _owner(connection: sa.Connection, tenant_id: str) -> Tenant:
    row = connection.execute(sa.select(tenant).where(tenant.c.tenant_id == tenant_id)).one_or_none()
    if row is None:
        raise InputError("There is no such tenant.", error_id="no_tenant", status=404)
    return Tenant(row.tenant_id, row.name, row.domain, row.time_zone, tuple(row.languages.split(",")))


def _newest(connection: sa.Connection, tenant_id: str) -> int:
    return connection.scalar(sa.select(sa.func.max(pbx_model.c.version)).where(pbx_model.c.tenant_id == tenant_id)) or 0


def _claim_numbers(connection: sa.Connection, tenant_id: str, model: Model) -> None:
    """Make the public numbers of the tenant exactly those of the model; ModelError when one is another's."""
    wanted = {did.number for did in model.dids}
    rows = connection.execute(sa.select(did_number.c.number, did_number.c.tenant_id)).all() if wanted else []
    taken = sorted(row.number for row in rows if row.number in wanted and row.tenant_id != tenant_id)
    if taken:
        raise modelfile.ModelError(
            Mistake(f"dids.{number}", "this number belongs to another customer") for number in taken
        )
    connection.execute(sa.delete(did_number).where(did_number.c.tenant_id == tenant_id))
    if wanted:
        connection.execute(
            sa.insert(did_number), [{"number": number, "tenant_id": tenant_id} for number in sorted(wanted)]
        )


def _set_extensions(
    connection: sa.Connection, owner: Tenant, model: Model, now: float
) -> tuple[dict[str, str], set[str]]:
    """Rows for exactly the model's extensions. (passwords of the new ones, numbers that went)."""
    of_tenant = extension_row.c.tenant_id == owner.tenant_id
    rows = connection.execute(sa.select(extension_row.c.number, extension_row.c.display_name).where(of_tenant)).all()
    held = {row.number: row.display_name for row in rows}
    wanted = {extension.number: extension.name for extension in model.extensions}
    passwords = {number: directory.new_sip_password() for number in wanted if number not in held}
    if passwords:
        values = [directory.extension_values(owner, n, p, wanted[n], now) for n, p in passwords.items()]
        connection.execute(sa.insert(extension_row), values)
    for number in (n for n, name in wanted.items() if n in held and held[n] != name):
        mine = sa.and_(of_tenant, extension_row.c.number == number)
        connection.execute(sa.update(extension_row).where(mine).values(display_name=wanted[number]))
    removed = held.keys() - wanted.keys()
    _forget(connection, owner.tenant_id, removed)
    _forget_trunks(connection, owner.tenant_id, model)
    return passwords, set(removed)


def _forget(connection: sa.Connection, tenant_id: str, numbers: Iterable[str]) -> None:
    """An extension that is gone leaves no phone signed in and no settings for whoever gets the number next."""
    for number in numbers:
        for table in (binding, user_setting, extension_row):
            connection.execute(sa.delete(table).where(table.c.tenant_id == tenant_id, table.c.number == number))


def _forget_trunks(connection: sa.Connection, tenant_id: str, model: Model) -> None:
    """Passwords of trunks that are gone."""
    kept = [f"trunk:{trunk.id}" for trunk in model.trunks]
    where = (secret.c.tenant_id == tenant_id, secret.c.name.startswith("trunk:"), secret.c.name.not_in(kept))
    connection.execute(sa.delete(secret).where(*where))
