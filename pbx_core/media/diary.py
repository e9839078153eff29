"""The worker's journal that survives a full disk: lines that it cannot take wait in memory and are tried again."""

from __future__ import annotations

from collections import deque

from pbx_core import log
from pbx_core.domain.records import CallEventRecord, Cdr
from pbx_core.errors import Unavailable
from pbx_core.feed import Journal

_log = log.get(__name__)

WAITING_MAX = 20_000  # lines of about 400 bytes; while any waits no new call is taken, so few can come


class Diary:
    """Appends in order; `healthy` is False while lines wait."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: deque[CallEventRecord | Cdr] = deque(maxlen=WAITING_MAX)

    @property
    def healthy(self) -> bool:
        """Whether everything so far is in the journal."""
        return not self._waiting

    def event(self, record: CallEventRecord, *, sync: bool) -> None:
        """One event of a call, on disk when this returns if `sync`."""
        self._add(record, sync)

    def cdr(self, record: Cdr) -> None:
        """The call's record, on disk when this returns."""
        self._add(record, True)

    def retry(self) -> None:
        """Try the waiting lines again, in their order."""
        while self._waiting:
            try:
                self._write(self._waiting[0], True)
            except Unavailable:
                return
            self._waiting.popleft()
            if not self._waiting:
                _log.info("the journal takes lines again")

    def _add(self, record: CallEventRecord | Cdr, sync: bool) -> None:
        if not self._waiting:
            try:
                self._write(record, sync)
                return
            except Unavailable as error:
                _log.error("journal line waits", extra={"reason": str(error), "alarm": True})
        self._waiting.append(record)

    def _write(self, record: CallEventRecord | Cdr, sync: bool) -> None:
        if isinstance(record, Cdr):
            self._journal.append("cdr", record.call_id, record.tenant_id, record, sync=sync)
        else:
            self._journal.append("call_event", f"{record.call_id}-{record.seq}", record.tenant_id, record, sync=sync)
