"""Extensions of DuckDB: their signatures are looked at, once in a process, and nothing unsigned comes in after them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ingest import warehouse
from ingest.places.base import extension, quoted
from tests.conftest import World


def _forged(name: str, folder: Path) -> str:
    content = bytearray(Path(extension(name)).read_bytes())
    content[-1] ^= 1  # of the signature, which stands at the end
    path = folder / f"{name}.duckdb_extension"
    path.write_bytes(content)
    return str(path)


def test_a_forged_extension_is_refused_by_the_first_connection_and_by_every_other(world: World, tmp_path: Path) -> None:
    forged = _forged("httpfs", tmp_path)  # a local warehouse does not need it: it is not loaded already
    for _ in range(3):
        con = warehouse.open_writer(world.settings)
        try:
            assert con.execute("SELECT current_setting('allow_unsigned_extensions')").fetchone() == (False,)
            with pytest.raises(duckdb.IOException, match="signature"):
                con.execute(f"LOAD {quoted(forged)}")
            with pytest.raises(duckdb.Error, match="allow_unsigned_extensions"):
                con.execute("SET allow_unsigned_extensions=true")
        finally:
            con.close()


def test_a_forged_extension_in_the_place_of_the_packages_stops_the_first_connection(
    monkeypatch: pytest.MonkeyPatch, world: World, tmp_path: Path
) -> None:
    forged = _forged("sqlite_scanner", tmp_path)
    monkeypatch.setattr(warehouse, "_verified", set())
    monkeypatch.setattr(warehouse, "extension", lambda name: forged)
    with pytest.raises(duckdb.IOException, match="signature"):
        warehouse.open_writer(world.settings)
