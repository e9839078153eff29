"""One module per foreign format; a module with a name FORMAT, an object of the protocol `ingest.imports.raw.Format`, is
found by itself."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from ingest.imports.raw import Format


@cache
def installed() -> dict[str, Format]:
    """All formats by name."""
    modules = (import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__))
    formats = [m.FORMAT for m in modules if hasattr(m, "FORMAT")]
    return {f.name: f for f in sorted(formats, key=lambda f: str(f.name))}
