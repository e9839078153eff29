"""Where DuckDB puts what it cannot hold in memory: a folder for every connection.

Its files there are named by their sizes alone, so two that are given one folder overwrite each other's: rows of one
query turn up in another, or the process dies.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
from functools import cache
from pathlib import Path
from uuid import uuid4

_numbers = itertools.count(1)


def folder(root: Path) -> Path:
    """One that nobody else has, below `root`; made by DuckDB when it is needed. Those of processes that are gone are
    removed."""
    return _of_process(root, os.getpid()) / str(next(_numbers))


@cache
def _of_process(root: Path, pid: int) -> Path:
    """A folder of this process, which holds a lock as long as it lives. The lock comes before the folder: a folder
    without one that is held belongs to nobody."""
    root.mkdir(parents=True, exist_ok=True)
    for other in [path for path in root.iterdir() if path.is_dir()]:
        _remove_if_left(other)
    own = root / f"{pid}-{uuid4().hex[:8]}"
    fd = os.open(_lock(own), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)  # open until the process ends
    fcntl.flock(fd, fcntl.LOCK_EX)
    own.mkdir()
    return own


def _remove_if_left(other: Path) -> None:
    try:
        fd = os.open(_lock(other), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError:  # another user's: whoever may remove it will
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(other, ignore_errors=True)
        _lock(other).unlink(missing_ok=True)
    except OSError:
        pass  # its process lives
    finally:
        os.close(fd)


def _lock(own: Path) -> Path:
    return own.with_name(f"{own.name}.lock")
