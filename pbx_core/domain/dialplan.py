"""Where a call goes and why: `resolve(model, facts, wish) -> Routed`. Pure; also for `explain` and dry runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pbx_core.domain.model import Neighbour, UserSettings


@dataclass(frozen=True)
class Facts:
    """All that decisions depend on besides the model. registered: extensions with a phone signed in. agents: logged
    in, by queue. rooms: conference rooms that live, room → worker. messages: a mailbox's kept voicemail, oldest
    first. seed: for random order. home: the tenant's SIP domain."""

    at: datetime
    home: str = ""
    registered: frozenset[str] = frozenset()
    users: Mapping[str, UserSettings] = field(default_factory=dict)
    agents: Mapping[str, frozenset[str]] = field(default_factory=dict)
    neighbours: tuple[Neighbour, ...] = ()
    rooms: Mapping[str, str] = field(default_factory=dict)
    messages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seed: int = 0
