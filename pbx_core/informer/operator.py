"""The journal of what people do at the command line: a short-lived producer, opened when there is something to tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pbx_core.clock import Clock
from pbx_core.domain.records import QueueEvent
from pbx_core.feed import Journal
from pbx_core.settings import Settings
from pbx_core.store.acd import Tell

PRODUCER = "operator"


@contextmanager
def telling(settings: Settings, clock: Clock) -> Iterator[Tell]:
    """While inside, facts of agents and queues are written to a segment of this process's own."""
    opened: list[Journal] = []

    def tell(event: QueueEvent) -> None:
        if not opened:
            opened.append(Journal(settings.journal_dir, PRODUCER, clock))
        opened[0].append("queue_event", event.event_id, event.tenant_id, event)

    try:
        yield tell
    finally:
        for journal in opened:
            journal.close()
