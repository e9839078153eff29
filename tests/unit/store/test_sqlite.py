"""Which SQLite opens the operational database (docs/decisions/0016)."""

from __future__ import annotations

import platform

import pytest

from pbx_core.store import engine


@pytest.mark.skipif(platform.machine() != "x86_64", reason="there is a package with a newer SQLite for x86-64 only")
def test_its_checkpoints_lose_no_pages(tmp_path) -> None:
    db = engine.open_engine(f"sqlite:///{tmp_path / 'a.sqlite'}")
    with db.connect() as connection:
        version = connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()
        assert tuple(map(int, version.split("."))) >= (3, 51, 3)
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    db.dispose()
