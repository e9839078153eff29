"""By which name a warehouse of several machines tells this data directory's operational database from theirs.

Its tables are read by their change numbers, which every database counts for itself. A lost name only means that the
tables are read once more from the beginning, and repeat what is known.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from pbx_core.settings import Settings


def read(settings: Settings) -> str:
    """The name; empty where the warehouse has no other machines, or nothing was loaded from here yet."""
    if not settings.warehouse_files:
        return ""
    try:
        return _path(settings).read_text().strip()
    except FileNotFoundError:
        return ""


def make(settings: Settings) -> str:
    """The name, made when there is none; for whoever loads."""
    if settings.warehouse_files and not read(settings):
        settings.data.mkdir(parents=True, exist_ok=True)
        scratch = _path(settings).with_suffix(".tmp")
        scratch.write_text(secrets.token_hex(8))
        scratch.replace(_path(settings))
    return read(settings)


def _path(settings: Settings) -> Path:
    return settings.data / "warehouse.origin"
