"""INSERT … ON CONFLICT, written once for both databases: PostgreSQL's form of it compiles for SQLite, too."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert

__all__ = ["insert"]
