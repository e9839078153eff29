"""Logs too long to be joined at once: in pieces they give the same calls, in order, whatever a killed run left."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.imports import joining, staging
from tests.support.importing import line, planned, unique

ROWS = 60


def _log(folder: Path) -> None:
    """Some rows belong to calls that began hours before; some ids carry the exchange's name; a tenth stands twice."""
    rng = random.Random(3)
    rows = []
    for n in range(ROWS):
        row = line(n, f"+4930{n:05d}", "101", answered=n % 3 > 0)
        if n % 7 == 3:
            row = row.replace(f'"{unique(n)}",{n}', f'"{unique(7 * rng.randrange(n // 7 + 1))}",{n}')  # its linked id
        rows.append(row.replace(f'"{unique(n)}"', f'"branch-{unique(n)}"') if n % 7 == 1 else row)
    rows += rows[::10]
    (folder / "Master.csv").write_text("\n".join(rows) + "\n")


def _joined(folder: Path) -> tuple[int, dict[str, pa.Table]]:
    part = folder / "part"
    raw = staging.write_raw(planned("t" * 32, folder), part, lambda *_: None)
    told = ("t" * 32, "i" * 32, "2026-03-01T00:00:00Z")
    with joining.scratch(part) as con:
        duplicates = joining.join(con, part, raw, [], told, sounds=True)
    assert not (part / "spill").exists()
    return duplicates, {name: pq.read_table(part / f"{name}.parquet") for name in ("call", "leg", "wanted")}


@pytest.mark.parametrize("rows", [1, 7, 25])
def test_in_pieces_it_is_the_same_as_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    _log(tmp_path)
    duplicates, whole = _joined(tmp_path)
    assert duplicates == ROWS // 10 and 0 < len(whole["call"]) < ROWS < len(whole["leg"])
    left = tmp_path / "part" / "spill" / "pieces-asterisk" / "piece=0"
    left.mkdir(parents=True)
    shutil.copy(tmp_path / "part" / "raw-00000.parquet", left / "data_7.parquet")  # of a run that was killed
    monkeypatch.setattr(joining, "PIECE_ROWS", rows)
    again, pieces = _joined(tmp_path)
    assert again == duplicates
    for name, table in whole.items():
        assert sorted(map(repr, pieces[name].to_pylist())) == sorted(map(repr, table.to_pylist())), name
    began = pieces["call"]["started_at"].to_pylist()
    assert began == sorted(began)
