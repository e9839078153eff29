"""What queries cannot hold in memory: in a folder of each, and none is left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb

from ingest import spill, warehouse
from tests.conftest import World

_ANOTHER = """
import sys
from pathlib import Path
from ingest import spill
own = spill.folder(Path(sys.argv[1]))
(own / "duckdb").mkdir(parents=True)
print(own, flush=True)
sys.stdin.read()
"""


def _another(root: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", _ANOTHER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_every_process_has_a_folder_that_goes_when_it_is_gone(tmp_path: Path) -> None:
    first, its = _another(tmp_path)
    second, others = _another(tmp_path)
    try:
        assert its.parent != others.parent and its.is_dir() and others.is_dir()
        first.kill()
        first.wait()
        mine = spill.folder(tmp_path)
        assert mine.parent.is_dir() and not its.parent.exists(), "what a killed process left is removed"
        assert others.is_dir(), "what a running one has is not"
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()
    assert {path.name.removesuffix(".lock") for path in tmp_path.iterdir()} == {mine.parent.name, others.parent.name}


def test_two_readers_of_the_warehouse_do_not_share_a_folder(world: World) -> None:
    warehouse.open_writer(world.settings).close()
    one, other = (warehouse.open_reader(world.settings) for _ in range(2))
    try:
        folders = {_folder(con) for con in (one, other)}
        assert len(folders) == 2 and all(path.startswith(f"{world.settings.spill_dir}/") for path in folders)
    finally:
        one.close()
        other.close()


def _folder(con: duckdb.DuckDBPyConnection) -> str:
    (found,) = con.execute("SELECT current_setting('temp_directory')").fetchone() or ("",)
    return str(found)
