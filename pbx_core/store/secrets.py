"""Secrets that must be known again in clear (a trunk's password), sealed with a key that lies in a file of its own.

A copy of the database alone opens none of them. The key file is made on first use, readable by its owner only.
"""

from __future__ import annotations

import os
from pathlib import Path

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken

from pbx_core.clock import Clock
from pbx_core.errors import ConfigError, Unavailable
from pbx_core.settings import Settings
from pbx_core.store.schema import secret


def trunk(trunk_id: str) -> str:
    """The name under which a trunk's password is kept."""
    return f"trunk:{trunk_id}"


def put(engine: sa.Engine, settings: Settings, clock: Clock, tenant_id: str, name: str, clear: str) -> None:
    """Keep a secret; an older one of the name is forgotten."""
    row = {"sealed": seal(settings, clear), "changed_at": clock.now().timestamp()}
    mine = sa.and_(secret.c.tenant_id == tenant_id, secret.c.name == name)
    with engine.begin() as connection:
        connection.execute(sa.delete(secret).where(mine))
        connection.execute(sa.insert(secret).values(tenant_id=tenant_id, name=name, **row))


def get(engine: sa.Engine, settings: Settings, tenant_id: str, name: str) -> str | None:
    """The secret in clear, None when there is none. ConfigError: the key file is not the one it was sealed with."""
    where = (secret.c.tenant_id == tenant_id, secret.c.name == name)
    with engine.connect() as connection:
        sealed = connection.scalar(sa.select(secret.c.sealed).where(*where))
    return None if sealed is None else unseal(settings, sealed)


def names(engine: sa.Engine, tenant_id: str) -> frozenset[str]:
    """The names of what is kept, for lists that say whether a password is there."""
    with engine.connect() as connection:
        rows = connection.scalars(sa.select(secret.c.name).where(secret.c.tenant_id == tenant_id)).all()
    return frozenset(rows)


def seal(settings: Settings, clear: str) -> str:
    """Text that only the key file opens."""
    return _fernet(settings).encrypt(clear.encode()).decode("ascii")


def unseal(settings: Settings, sealed: str) -> str:
    """What was sealed. ConfigError when it was sealed with another key."""
    try:
        return _fernet(settings).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise ConfigError(
            f"A secret of the database was sealed with another key than {_path(settings)}. Restore that file from the "
            "backup, or set the secrets anew (`callbench trunk secret`).",
            error_id="wrong_key",
        ) from None


def _path(settings: Settings) -> Path:
    return settings.data / "keys" / "secret.key"


def _fernet(settings: Settings) -> Fernet:
    path = _path(settings)
    if not path.exists():
        _make(path)
    try:
        return Fernet(path.read_bytes().strip())
    except ValueError:
        raise ConfigError(f"{path} is not a key file; restore it from the backup.", error_id="wrong_key") from None
    except OSError as error:
        raise Unavailable(f"The key file {path} cannot be read ({error.strerror}).") from error


def _make(path: Path) -> None:
    """Made whole under another name and then linked: of two processes that begin at once, both use the one that was
    first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
