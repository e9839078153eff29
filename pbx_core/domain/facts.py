"""What decisions of the dialplan depend on besides the model: a snapshot that a shell gathers before it asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pbx_core.domain.model import Neighbour, UserSettings
from pbx_core.domain.nodes import Node


@dataclass(frozen=True)
class Facts:
    """at: with time zone. registered: extensions with a phone signed in. agents: logged in, by queue. rooms:
    conference rooms that live, room → worker. messages: a mailbox's kept voicemail (recording ids), oldest first.
    informs: what `inform:<name>` stands for. seed: for random order. home: the tenant's SIP domain.
    recorded_bytes: what the tenant's recordings take."""

    at: datetime
    home: str = ""
    registered: frozenset[str] = frozenset()
    users: Mapping[str, UserSettings] = field(default_factory=dict)
    agents: Mapping[str, frozenset[str]] = field(default_factory=dict)
    neighbours: tuple[Neighbour, ...] = ()
    rooms: Mapping[str, str] = field(default_factory=dict)
    messages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    informs: Mapping[str, Node] = field(default_factory=dict)
    seed: int = 0
    recorded_bytes: int = 0

    def user(self, number: str) -> UserSettings:
        """The settings of an extension's user."""
        return self.users.get(number) or UserSettings(number)
