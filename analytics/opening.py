"""Opens the recording of a job: its sound, and what its tenant wishes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from analytics import wishes
from pbx_core.domain.model import Model
from pbx_core.domain.records import Party
from pbx_core.errors import InputError
from pbx_core.settings import Settings
from pbx_core.store import directory, jobcontrol
from pbx_core.store import models as exchanges
from pbx_core.store.jobs import Job

Decode = Callable[[Path], NDArray[np.float32]]  # → shape (n, 2), 16 kHz; InputError: damaged; Unavailable: not now


@dataclass(frozen=True)
class Opened:
    """A recording. samples: float32, shape (n, 2), −1..1, 16 kHz; languages: those that its tenant speaks."""

    job: Job
    samples: NDArray[np.float32]
    model: Model
    languages: tuple[str, ...]

    @property
    def numbers(self) -> tuple[str, str]:
        """Of caller and callee; "" when unknown."""
        return str(self.job.payload.get("caller_number", "")), str(self.job.payload.get("callee_number", ""))

    @property
    def sides(self) -> tuple[Party, str]:
        """Who works for the tenant, and the direction."""
        return wishes.sides(self.model.book.extensions, *self.numbers)

    @property
    def queue(self) -> str:
        """Through which the caller came; "" none or unknown."""
        return str(self.job.payload.get("queue", ""))

    @property
    def pauses(self) -> tuple[tuple[float, float], ...]:
        """Silence on purpose, start_s and end_s."""
        return tuple((float(a), float(b)) for a, b in self.job.payload.get("pauses", ()))


class Opener:
    """Opens recordings for one process."""

    def __init__(self, settings: Settings, db: sa.Engine, decode: Decode) -> None:
        self._root = settings.recordings_dir.resolve()
        self._db = db
        self._decode = decode

    def open(self, job: Job) -> Opened:
        """Read a recording. InputError: it can never be read; Unavailable: not now."""
        tenant = directory.tenant_by_id(self._db, job.tenant_id)
        if tenant is None:
            raise InputError(f"The tenant {job.tenant_id} of this recording is unknown.", error_id="no_tenant")
        model = exchanges.active(self._db, job.tenant_id)[1]
        return Opened(job, self._decode(self._file(job)), model, tenant.languages)

    def why_off(self, opened: Opened) -> str | None:
        """Why no words shall be taken from it, as things stand now."""
        call_id = str(opened.job.payload.get("call_id", ""))
        forbidden = jobcontrol.forbidden(self._db, opened.job.tenant_id, call_id)
        return wishes.why_off(opened.model.speech, opened.numbers, forbidden)

    def _file(self, job: Job) -> Path:
        """The recording's file; InputError when it is missing or not inside the recordings directory."""
        path = (self._root / str(job.payload.get("path", ""))).resolve()
        if not path.is_relative_to(self._root):
            raise InputError("The recording's path leads out of the recordings directory.", error_id="bad_path")
        if not path.is_file():
            raise InputError("The recording's file is missing; the call's other data are kept.", error_id="no_file")
        return path
