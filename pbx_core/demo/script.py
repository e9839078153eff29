"""What happens in the demo: two offices with the same short numbers, and the calls they make and get."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pbx_core.domain.records import Disposition

WORLD = "carrier"  # the trunk of the office's model by which strangers call in
WORLD_ADDRESS = "127.0.0.2"  # where that carrier lives; all of 127.0.0.0/8 is this machine
DID = "+996312880101"


@dataclass(frozen=True)
class DemoOffice:
    """A tenant of the demo. phones: number, display name. people: e-mail local part, name, role, own extension.
    model: the file of its exchange, None: extensions call each other, no more."""

    name: str
    domain: str
    time_zone: str
    languages: str
    phones: tuple[tuple[str, str], ...]
    people: tuple[tuple[str, str, str, str | None], ...]
    model: Path | None = None


@dataclass(frozen=True)
class DemoCall:
    """One call: who calls which number, what happens on the way, and how it must end. Seconds count from the start of
    the calls. A caller with + is a stranger who comes by the carrier.

    taker: the extension that takes it ("" nobody). keys: pressed in the menu. through: the extension that answers
    first and passes the call on to the taker. message: what is said to the voicemail."""

    title: str
    domain: str
    caller: str
    callee: str
    dialogue: str | None  # None: no conversation
    start_s: float
    ends: Disposition
    taker: str = ""
    keys: str = ""
    queue: str = ""
    through: str = ""
    message: str = ""

    @property
    def outside(self) -> bool:
        """Whether it comes from outside."""
        return self.caller.startswith("+")


OFFICES = (
    DemoOffice(
        "Acme Office Supplies",
        "acme.test",
        "Asia/Bishkek",
        "en",
        (
            ("101", "Front desk"),
            ("102", "Robert, sales"),
            ("103", "Diana, bookkeeping"),
            ("104", "Alan, support"),
            ("105", "Night watch"),
            ("106", "Warehouse"),
        ),
        (
            ("owner", "Olga Owner", "owner", None),
            ("manager", "Max Manager", "manager", None),
            ("agent", "Robert Agent", "agent", "102"),
            ("analyst", "Anna Analyst", "analyst", None),
        ),
        Path(__file__).parent / "office.toml",
    ),
    DemoOffice(
        "Birch Clinic",
        "birch.test",
        "Africa/Nairobi",
        "en,ru",
        (("101", "Reception"), ("102", "Patient"), ("103", "Registry"), ("104", "Caller")),
        (("manager", "Bella Manager", "manager", None),),
    ),
)

MESSAGE = "Hello, this is Carol from the garden centre. My invoice is wrong. Please call me back today. Thank you."
FRONT_DESK = "Acme, front desk. One moment please, I will put you through to Robert."

# No process of simulated phones has more than four calls at once, the engine's limit: the office's phones, strangers
# with the other office's callers, and the other office's callees are processes of their own.
CALLS = (
    DemoCall(
        "an order, by the menu", "acme.test", "+996555100103", DID, "sales", 0.0, Disposition.ANSWERED, "102", "1",
    ),
    DemoCall(
        "a complaint, by the queue, with hold", "acme.test", "+996555100105", DID, "complaint", 1.5,
        Disposition.ANSWERED, "104", "2", queue="support",
    ),
    DemoCall("an appointment", "birch.test", "102", "101", "appointment", 3.0, Disposition.ANSWERED, "101"),
    DemoCall("запись на приём", "birch.test", "104", "103", "appointment_ru", 4.5, Disposition.ANSWERED, "103"),
    DemoCall("nobody answers", "acme.test", "106", "105", None, 33.0, Disposition.NO_ANSWER),
    DemoCall(
        "a message is left", "acme.test", "+996555100107", DID, None, 34.5, Disposition.NO_ANSWER, keys="3",
        message=MESSAGE,
    ),
    DemoCall(
        "put through; both talk at once", "acme.test", "+996555100109", DID, "crosstalk", 43.0, Disposition.ANSWERED,
        "102", "0", through="101",
    ),
)  # fmt: skip
ANSWER_AFTER_S = 1.5
KEYS_AFTER_S = 2.0  # a caller listens to the menu so long before he presses


def phone_groups(calls: tuple[DemoCall, ...]) -> dict[str, list[tuple[str, str]]]:
    """Which process hosts which phone, so that all calls may run at once within the engine's four per process. An
    office that strangers call has one process; of the other the callers are apart from those who are called."""
    inside = {(c.domain, c.caller) for c in calls if not c.outside}
    taking = {(c.domain, n) for c in calls for n in (c.taker, c.through) if n}
    taking |= {(c.domain, c.callee) for c in calls if not c.outside}
    called = {c.domain for c in calls if c.outside}
    own = {place for place in inside | taking if place[0] in called}
    return {"office": sorted(own), "callers": sorted(inside - own), "callees": sorted(taking - inside - own)}
