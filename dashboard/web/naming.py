"""What the tenant calls his extensions and queues."""

from __future__ import annotations

from dashboard.formatting import QUEUE
from dashboard.web.context import Context
from pbx_core.store import directory, models
from pbx_core.store.sessions import Session


def names(context: Context, session: Session) -> dict[str, str]:
    """By number, and by QUEUE and id. Queues that are gone have none."""
    _, model = models.active(context.db, session.tenant_id)
    known = {e.number: e.display_name for e in directory.extensions(context.db, session.tenant_id) if e.display_name}
    return known | {QUEUE + queue.id: queue.name for queue in model.queues if queue.name}
