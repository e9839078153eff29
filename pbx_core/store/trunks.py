"""What the edge reads about trunks (which tenants' models or passwords changed) and what it says about their state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from pbx_core.store.schema import pbx_model, secret, trunk_state


@dataclass(frozen=True)
class TrunkState:
    """How a trunk is, for people. circuit: closed, open, half_open; failures: in a row; registered_until: UTC epoch
    seconds, None when it does not register or is not registered."""

    tenant_id: str
    trunk_id: str
    registered_until: float | None
    circuit: str
    failures: int
    calls: int
    reason: str
    changed_at: float


def versions(db: sa.Engine) -> dict[str, tuple[int, float]]:
    """Per tenant with a model: its version, and when one of his secrets changed last. Asked every few seconds."""
    newest = sa.select(pbx_model.c.tenant_id, sa.func.max(pbx_model.c.version)).group_by(pbx_model.c.tenant_id)
    changed = sa.select(secret.c.tenant_id, sa.func.max(secret.c.changed_at)).group_by(secret.c.tenant_id)
    with db.connect() as connection:
        secrets = {row[0]: float(row[1]) for row in connection.execute(changed)}
        return {row[0]: (int(row[1]), secrets.get(row[0], 0.0)) for row in connection.execute(newest)}


def replace_states(db: sa.Engine, states: Sequence[TrunkState]) -> None:
    """Write the state of all trunks there are; rows of others go."""
    with db.begin() as connection:
        connection.execute(sa.delete(trunk_state))
        if states:
            connection.execute(sa.insert(trunk_state), [asdict(state) for state in states])
