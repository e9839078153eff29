"""The offices that are simulated: people, groups, queues, hours and public numbers, also as a model of our dialplan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from pbx_core.domain.dialplan import Facts, resolve
from pbx_core.domain.model import Model, UserSettings
from pbx_core.domain.modelfile import from_document, read_toml, to_document
from pbx_core.domain.nodes import Origin, Routed, Wish

EXTENSIONS = ("101", "102", "103", "104", "105", "106")
GROUPS = {"sales": ("101", "102", "103")}
GROUP_NUMBERS = {"sales": "600"}
QUEUES = {"support": ("104", "105", "106"), "billing": ("101", "105")}
QUEUE_NUMBERS = {"support": "610", "billing": "611"}
KEYS = {"1": "group:sales", "2": "queue:support", "3": "extension:102"}
TRUNK = "main"
FRONT, DIRECT, LINE, HELP, BILLS = (f"+4930901820{n}" for n in range(5))  # also tenant B's: the same public numbers
BLOCKED = "+49777000111"
OPEN_H, CLOSE_H = 9, 18  # local hours, every day
HOLIDAY = (12, 25)

_TOML = f"""
languages = ["en"]

[recording]
default = "always"

[outbound]
country = "DE"

[callers]
block = ["{BLOCKED}"]

{"".join(f'[extensions.{n}]{chr(10)}name = "Person {n}"{chr(10)}{chr(10)}' for n in EXTENSIONS)}

[trunks.{TRUNK}]
host = "sip.carrier.test"

[dids."{FRONT}"]
destination = "hours:office"
[dids."{DIRECT}"]
destination = "extension:102"
[dids."{LINE}"]
destination = "group:sales"
[dids."{HELP}"]
destination = "queue:support"
[dids."{BILLS}"]
destination = "queue:billing"

[hours.office]
open = ["mon-sun {OPEN_H:02d}:00-{CLOSE_H:02d}:00"]
holidays = ["{HOLIDAY[0]:02d}-{HOLIDAY[1]:02d}"]
then = "menu:main"
otherwise = "announcement:closed"

[menus.main]
greeting = ["say:en:Welcome."]
on_timeout = "hangup:no_choice"
on_invalid = "hangup:no_choice"

[menus.main.keys]
1 = "group:sales"
2 = "queue:support"
3 = "extension:102"

[groups.sales]
members = ["101", "102", "103"]
ring_s = 20.0
on_no_answer = "voicemail:101"
number = "600"

[queues.support]
name = "Support"
number = "610"
members = [{", ".join(f'{{ number = "{n}", always = true }}' for n in QUEUES["support"])}]
on_overflow = "voicemail:104"
exit_key = "*"
on_exit = "extension:101"
callback_key = "1"

[queues.billing]
name = "Billing"
number = "611"
members = [{", ".join(f'{{ number = "{n}", always = true }}' for n in QUEUES["billing"])}]
on_overflow = "hangup:busy"

[announcements.closed]
sounds = ["say:en:We are closed."]
then = "voicemail:101"

[routes.all]
trunks = ["{TRUNK}"]
"""


@dataclass(frozen=True)
class Office:
    """One tenant. zone: where its clocks hang."""

    name: str
    zone: str
    tenant_id: str

    @cached_property
    def model(self) -> Model:
        """As it stands in our exchange."""
        document = to_document(read_toml(_TOML))
        return from_document({**document, "time_zone": self.zone})

    def opened(self, at: datetime) -> bool:
        """Whether the office is open, said without the dialplan."""
        local = at.astimezone(ZoneInfo(self.zone))
        return OPEN_H <= local.hour < CLOSE_H and (local.month, local.day) != HOLIDAY

    def resolve(self, at: datetime, wish: Wish, users: tuple[UserSettings, ...] = ()) -> Routed:
        """What our dialplan says there and then."""
        facts = Facts(
            at.astimezone(ZoneInfo(self.zone)), registered=frozenset(EXTENSIONS), users={u.number: u for u in users}
        )
        return resolve(self.model, facts, wish)


def origin(caller: str, did: str = "") -> Origin:
    """Who asks the dialplan."""
    if caller in EXTENSIONS:
        return Origin("extension", caller, extension=caller)
    return Origin("trunk", caller, did=did, trunk_id=TRUNK if did else "")
