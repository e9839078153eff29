"""The exports that run in this process: who may begin one, how far it is, how it is stopped."""

from __future__ import annotations

import shutil
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

from analytics.export.frozen import Halt, remove
from pbx_core.errors import InputError, Unavailable
from pbx_core.settings import Settings
from pbx_core.store.sessions import Session

RUNNING_MAX = 4  # in this process: each may use a processor, half a gigabyte of memory and disk for its rows
OF_ONE_MAX = 2  # of one person


@dataclass
class Run:
    """One export under way. rows: how many calls it has, once they are counted; done: how many were sent."""

    run_id: str
    tenant_id: str
    person_id: str
    name: str
    folder: Path
    halt: Halt = field(default_factory=Halt)
    rows: int | None = None
    done: int = 0

    def tell(self, rows: int) -> None:
        """So many more are sent; Stopped when nobody wants more."""
        self.halt.check()
        self.done += rows


class Exports:
    """The runs of one web process; what an earlier process left behind is removed at the start."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._root = settings.run_dir / "exports"
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._swept = False

    def begin(self, session: Session, name: str) -> Run:
        """Make room for an export. InputError (429) when too many run, Unavailable when the disk is nearly full."""
        with self._lock:
            if not self._swept:
                shutil.rmtree(self._root, ignore_errors=True)
                self._swept = True
            self._refuse(session)
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder = Path(tempfile.mkdtemp(dir=self._root))
            run = Run(folder.name, session.tenant_id, session.person_id, name, folder)
            self._runs[run.run_id] = run
        return run

    def end(self, run: Run) -> None:
        """Forget it and what it put aside; also stops it where it still works."""
        run.halt.set()
        with self._lock:
            self._runs.pop(run.run_id, None)
        remove(run.folder)

    def of(self, session: Session) -> list[Run]:
        """This person's exports that run."""
        with self._lock:
            return [r for r in self._runs.values() if _whose(r, session)]

    def stop(self, session: Session, run_id: str) -> bool:
        """Stop one of one's own; whether there was one."""
        with self._lock:
            run = self._runs.get(run_id)
        if run is None or not _whose(run, session):
            return False
        run.halt.set()
        return True

    def _refuse(self, session: Session) -> None:
        mine = sum(_whose(r, session) for r in self._runs.values())
        if mine >= OF_ONE_MAX or len(self._runs) >= RUNNING_MAX:
            raise InputError(
                "Other exports are still running. Wait until one has ended, or stop it; then begin this one again.",
                error_id="too_many_exports",
                status=429,
            )
        usage = shutil.disk_usage(self._settings.data)
        if usage.free < self._settings.disk_stop_share * usage.total:
            raise Unavailable("The disk is nearly full, and what is left is kept for calls. Nothing was exported.")


def _whose(run: Run, session: Session) -> bool:
    return (run.tenant_id, run.person_id) == (session.tenant_id, session.person_id)
