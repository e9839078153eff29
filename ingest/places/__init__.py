"""Where a warehouse is: beside the data (`local`), or on PostgreSQL and S3 (`remote`), as the settings say."""

from __future__ import annotations

from ingest.places.base import Place
from ingest.places.local import Local
from ingest.places.remote import Remote
from pbx_core.settings import Settings

__all__ = ["Place", "of"]


def of(settings: Settings) -> Place:
    """The place; nothing is contacted yet. ConfigError when the settings cannot be meant."""
    return Remote(settings) if settings.warehouse_files else Local(settings)
