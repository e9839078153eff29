"""Makes an Excel file in a process of its own: a million rows take minutes of processor time, which must not be the
dashboard's. It yields to everything else on the machine, says how many rows it has written, and ends when killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from analytics.export import pieces, subjects, workbook
from analytics.export.subjects import Column, Kind
from pbx_core.errors import Unavailable

NICE = 10


def write(
    path: Path, target: Path, title: str, columns: tuple[Column, ...], time_zone: str, tell: Callable[[int], None]
) -> Iterator[bytes]:
    """As analytics.export.workbook.write; closing the iterator ends the process."""
    order = {
        "path": str(path),
        "target": str(target),
        "title": title,
        "columns": [[c.name, c.kind, c.width] for c in columns],
        "time_zone": time_zone,
    }
    command = [sys.executable, "-m", "analytics.export.workshop"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin and process.stdout and process.stderr
    try:
        process.stdin.write(json.dumps(order).encode())
        process.stdin.close()
        for line in process.stdout:
            tell(int(line))
            yield b""
        if process.wait():
            why = process.stderr.read().decode(errors="replace").strip().splitlines()[-1:]
            raise Unavailable(f"The Excel file could not be made ({' '.join(why)[:300]}).")
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
    yield from pieces.file(target)


def main() -> None:
    """The process: an order on standard input, counts of rows on standard output."""
    os.nice(NICE)
    order = json.load(sys.stdin)
    columns = tuple(subjects.Column(name, Kind(kind), width) for name, kind, width in order["columns"])

    def tell(rows: int) -> None:
        sys.stdout.write(f"{rows}\n")
        sys.stdout.flush()

    path, target = Path(order["path"]), Path(order["target"])
    workbook.make(path, target, order["title"], columns, order["time_zone"], tell)


if __name__ == "__main__":
    main()
