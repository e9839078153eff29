"""What happens in the demo: two offices with the same short numbers, and the calls they make."""

from __future__ import annotations

from dataclasses import dataclass

from pbx_core.domain.records import Disposition


@dataclass(frozen=True)
class DemoOffice:
    """A tenant of the demo. `people`: e-mail local part, name, role, own extension."""

    name: str
    domain: str
    time_zone: str
    languages: str
    phones: tuple[tuple[str, str], ...]  # number, display name
    people: tuple[tuple[str, str, str, str | None], ...]


@dataclass(frozen=True)
class DemoCall:
    """One call: who rings whom, what they say, and how it must end. Seconds count from the start of the calls."""

    title: str
    domain: str
    caller: str
    callee: str
    dialogue: str | None  # None: nobody answers
    start_s: float
    ends: Disposition


OFFICES = (
    DemoOffice(
        "Acme Office Supplies",
        "acme.test",
        "Asia/Bishkek",
        "en",
        (
            ("101", "Front desk"),
            ("102", "Robert, sales"),
            ("103", "Carol, customer"),
            ("104", "Alan, support"),
            ("105", "Arthur, customer"),
            ("106", "Night watch"),
        ),
        (
            ("owner", "Olga Owner", "owner", None),
            ("manager", "Max Manager", "manager", None),
            ("agent", "Robert Agent", "agent", "102"),
            ("analyst", "Anna Analyst", "analyst", None),
        ),
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


def phone_groups(calls: tuple[DemoCall, ...]) -> dict[str, list[tuple[str, str]]]:
    """Which process hosts which phone: callers in one, callees in another, so that all calls may run at once within
    the engine's four calls per process. A phone that does both stays with the callers."""
    callers = {(c.domain, c.caller) for c in calls}
    callees = {(c.domain, c.callee) for c in calls} - callers
    return {"callers": sorted(callers), "callees": sorted(callees)}


# No process of simulated phones has more than four calls at once, the engine's limit: callers in one, callees in the
# other. The second halves begin when the first calls are over.
CALLS = (
    DemoCall("an order is placed", "acme.test", "103", "102", "sales", 0.0, Disposition.ANSWERED),
    DemoCall("a complaint, with hold", "acme.test", "105", "104", "complaint", 1.5, Disposition.ANSWERED),
    DemoCall("an appointment", "birch.test", "102", "101", "appointment", 3.0, Disposition.ANSWERED),
    DemoCall("запись на приём", "birch.test", "104", "103", "appointment_ru", 4.5, Disposition.ANSWERED),
    DemoCall("nobody answers", "acme.test", "106", "101", None, 33.0, Disposition.NO_ANSWER),
    DemoCall("both talk at once", "acme.test", "103", "102", "crosstalk", 43.0, Disposition.ANSWERED),
)
RING_S = 10  # the demo's ring limit: a missed call need not take half a minute
ANSWER_AFTER_S = 1.5
