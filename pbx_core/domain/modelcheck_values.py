"""Rules for each thing of a model by itself: ids, numbers, limits, hours, times, texts."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from pbx_core.domain import hours, numbers
from pbx_core.domain.model import Model
from pbx_core.domain.modelcheck import Mistake, Rule
from pbx_core.domain.phrases import LANGUAGES

EXTENSIONS_MAX = 10_000
THINGS_MAX = 1_000  # of any other kind
LIST_MAX = 500  # entries of one list; block lists have BLOCK_MAX
BLOCK_MAX = 10_000
RUNG_MAX = 50  # members of a ring group: each is an INVITE
NAME_CHARS_MAX = 64
KINDS = (
    "offices", "extensions", "trunks", "dids", "hours", "groups", "queues", "menus", "announcements", "prompts",
    "routes", "rooms",
)  # fmt: skip
NAMED_BY_NUMBER = ("extensions", "dids", "rooms")
LIMITS: dict[str, dict[str, tuple[float, float]]] = {  # kind → field → from, to
    "extensions": {"ring_s": (5, 120)},
    "trunks": {"port": (1, 65535), "channels": (1, 1000), "calls_per_s": (0.1, 100), "strip": (0, 15)},
    "dids": {"channels": (1, 1000)},
    "groups": {"ring_s": (5, 300)},
    "queues": {
        "agent_ring_s": (5, 120), "wrap_up_s": (0, 600), "wait_s_max": (10, 7200), "length_max": (1, 500),
        "announce_s": (0, 600),
    },
    "menus": {"timeout_s": (1, 30), "tries": (1, 5)},
    "rooms": {"people_max": (2, 100)},
    "recording": {"pause_s_max": (10, 3600), "retention_days": (1, 3650), "quota_bytes": (0, 1e15)},
    "outbound": {"calls_max": (1, 1000), "international_calls_max": (0, 1000)},
}  # fmt: skip
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_CALLER = re.compile(r"\*|anonymous|\+?[0-9]{1,15}\*?")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


def _names(model: Model) -> Iterator[Mistake]:
    for kind in KINDS:
        things = getattr(model, kind)
        names = [t.number if kind in NAMED_BY_NUMBER else t.id for t in things]
        most = EXTENSIONS_MAX if kind == "extensions" else THINGS_MAX
        if len(names) > most:
            yield Mistake(kind, f"{len(names)} are more than the {most} that are possible")
        for name, times in Counter(names).items():
            if times > 1:
                yield Mistake(f"{kind}.{name}", f"stands there {times} times")
        if kind not in NAMED_BY_NUMBER:
            for name in names:
                if not _ID.fullmatch(name):
                    yield Mistake(
                        f"{kind}.{name}", "a name is 1 to 32 of a-z, 0-9, - and _, and begins with a-z or 0-9"
                    )
        for thing in things:
            if len(getattr(thing, "name", "")) > NAME_CHARS_MAX:
                yield Mistake(f"{kind}.{_key(thing)}.name", f"is longer than {NAME_CHARS_MAX} characters")


def short_numbers(model: Model) -> Iterator[tuple[str, str]]:
    """(place, number) of everything that phones dial as a short number."""
    yield from ((f"extensions.{e.number}", e.number) for e in model.extensions)
    for kind in ("groups", "queues", "menus"):
        yield from ((f"{kind}.{t.id}.number", t.number) for t in getattr(model, kind) if t.number)
    yield from ((f"rooms.{r.number}", r.number) for r in model.rooms)
    yield from ((f"park_slots.{i}", slot) for i, slot in enumerate(model.park_slots, 1))


def _short_numbers(model: Model) -> Iterator[Mistake]:
    first: dict[str, str] = {n: f"outbound.services.{i}" for i, n in enumerate(model.outbound.services, 1)}
    first |= {n: f"outbound.emergency.{i}" for i, n in enumerate(model.outbound.emergency, 1)}
    for place, number in short_numbers(model):
        if not numbers.SHORT.fullmatch(number):
            yield Mistake(place, f"{number[:20]!r} is no short number: 2 to 6 digits")
        other = first.setdefault(number, place)
        if other.startswith("outbound.emergency"):
            yield Mistake(place, f"{number} is an emergency number ({other})")
        elif other.startswith("outbound.services"):
            yield Mistake(place, f"{number} is a service number outside ({other})")
        elif other != place:
            yield Mistake(place, f"{number} is taken by {other}")
        elif place.startswith("park_slots.") and list(model.park_slots).count(number) > 1:
            yield Mistake(place, f"{number} stands there twice")
        prefix = model.outbound.outside_prefix
        if prefix and number.startswith(prefix):
            yield Mistake(place, f"begins with {prefix}, which leads outside (outbound.outside_prefix)")


def _limits(model: Model) -> Iterator[Mistake]:
    for kind, fields in LIMITS.items():
        held = getattr(model, kind)
        for thing in held if isinstance(held, tuple) else (held,):
            place = f"{kind}.{_key(thing)}" if isinstance(held, tuple) else kind
            for name, (low, high) in fields.items():
                if not low <= getattr(thing, name) <= high:
                    yield Mistake(f"{place}.{name}", f"{getattr(thing, name):g} is not within {low:g} to {high:g}")
    lists = [("callers.block", model.callers.block, BLOCK_MAX), ("callers.allow", model.callers.allow, BLOCK_MAX)]
    lists += [(f"groups.{g.id}.members", g.members, RUNG_MAX) for g in model.groups]
    lists += [(f"hours.{h.id}.holidays", h.holidays, LIST_MAX) for h in model.hours]
    lists += [("park_slots", model.park_slots, LIST_MAX), ("outbound.verified", model.outbound.verified, LIST_MAX)]
    for place, entries, most in lists:
        if len(entries) > most:
            yield Mistake(place, f"{len(entries)} entries are more than {most}")


def _times(model: Model) -> Iterator[Mistake]:
    zones = [("time_zone", model.time_zone)]
    zones += [(f"offices.{o.id}.time_zone", o.time_zone) for o in model.offices if o.time_zone]
    for place, name in zones:
        yield from _failing(place, hours.zone, name)
    for each in model.hours:
        place = f"hours.{each.id}"
        wrong = [
            *(m for i, t in enumerate(each.open, 1) for m in _failing(f"{place}.open.{i}", hours.parse_opening, t)),
            *(m for i, t in enumerate(each.holidays, 1) for m in
              _failing(f"{place}.holidays.{i}", hours.parse_holiday, t)),
        ]  # fmt: skip
        yield from wrong
        if not wrong and not hours.opens_ever(each):
            yield Mistake(f"{place}.open", "is never open; name the destination itself instead of these hours")


def _failing(place: str, parse: Callable[[str], object], text: str) -> Iterator[Mistake]:
    try:
        parse(text)
    except ValueError as error:
        yield Mistake(place, str(error))


def _public_numbers(model: Model) -> Iterator[Mistake]:
    found = [(f"dids.{d.number}", d.number) for d in model.dids]
    found += [(f"outbound.verified.{i}", n) for i, n in enumerate(model.outbound.verified, 1)]
    for place, number in found:
        yield from public(place, number, model.outbound.country)
    for kind in ("block", "allow"):
        for i, pattern in enumerate(getattr(model.callers, kind), 1):
            if not _CALLER.fullmatch(pattern):
                text = f"{pattern[:30]!r} is no number (+49…), no beginning of one (+4930*), nor anonymous"
                yield Mistake(f"callers.{kind}.{i}", text)


def public(place: str, number: str, country: str) -> Iterator[Mistake]:
    """The mistake of a number that must be E.164 and exist."""
    readable = numbers.parse(re.sub(r"[\s()/.-]", "", number), country)
    if readable is None:
        yield Mistake(place, f"{number[:30]!r} is no telephone number that exists")
    elif readable.e164 != number:
        yield Mistake(place, f"write {number[:30]!r} as {readable.e164}")
    elif readable.refused:
        yield Mistake(place, readable.refused)


def _countries(model: Model) -> Iterator[Mistake]:
    rules = model.outbound
    named = [("outbound.country", rules.country)]
    named += [(f"outbound.countries.{i}", c) for i, c in enumerate(rules.countries, 1)]
    named += [
        (f"extensions.{e.number}.countries.{i}", c) for e in model.extensions for i, c in enumerate(e.countries, 1)
    ]
    named += [(f"trunks.{t.id}.country", t.country) for t in model.trunks]
    named += [(f"offices.{o.id}.country", o.country) for o in model.offices]
    for place, code in named:
        if code and not numbers.is_country(code):
            yield Mistake(place, f"{code[:10]!r} is no country; write two letters as in ISO 3166: KG, DE")
    if model.trunks and not rules.country:
        yield Mistake("outbound.country", "is missing: without it numbers cannot be read as people dial them")
    if rules.international and not rules.countries:
        yield Mistake("outbound.countries", "is empty although outbound.international is on: name the countries")
    if rules.outside_prefix and not re.fullmatch(r"[0-9]", rules.outside_prefix):
        yield Mistake("outbound.outside_prefix", "is one digit")
    for kind in ("emergency", "services"):
        for i, number in enumerate(getattr(rules, kind), 1):
            if not re.fullmatch(r"[0-9]{2,6}", number):
                yield Mistake(f"outbound.{kind}.{i}", f"{number[:20]!r} is no short number: 2 to 6 digits")


def _trunks(model: Model) -> Iterator[Mistake]:
    for each in model.trunks:
        place = f"trunks.{each.id}"
        if not _HOST.fullmatch(each.host):
            yield Mistake(f"{place}.host", f"{each.host[:40]!r} is no host name or address")
        if each.transport not in ("udp", "tcp", "tls"):
            yield Mistake(f"{place}.transport", f"{each.transport[:20]!r} is none of udp, tcp, tls")
        if each.number_format not in ("e164", "digits", "national"):
            yield Mistake(f"{place}.number_format", f"{each.number_format[:20]!r} is none of e164, digits, national")
        if each.register and not each.username:
            yield Mistake(f"{place}.username", "is missing: `register` signs in with it")
        if each.prefix and not re.fullmatch(r"[0-9*#]{1,10}", each.prefix):
            yield Mistake(f"{place}.prefix", "is 1 to 10 digits")
        for i, address in enumerate(each.addresses, 1):
            if not _is_network(address):
                yield Mistake(f"{place}.addresses.{i}", f"{address[:40]!r} is no address or network")


def _is_network(text: str) -> bool:
    try:
        return ipaddress.ip_network(text).num_addresses > 0
    except ValueError:
        return False


def _texts(model: Model) -> Iterator[Mistake]:
    if not model.languages:
        yield Mistake("languages", "is empty; name at least one, as en")
    spoken: Iterable[tuple[str, str]] = [
        *((f"languages.{i}", text) for i, text in enumerate(model.languages, 1)),
        *((f"extensions.{e.number}.language", e.language) for e in model.extensions),
        *((f"dids.{d.number}.language", d.language) for d in model.dids),
        *((f"queues.{q.id}.language", q.language) for q in model.queues),
        *((f"menus.{m.id}.language", m.language) for m in model.menus),
    ]
    for place, code in spoken:
        if code and not _LANGUAGE.fullmatch(code):
            yield Mistake(place, f"{code[:20]!r} is no language; write a code as en")
    for room in model.rooms:
        if room.pin and not re.fullmatch(r"[0-9]{4,12}", room.pin):
            yield Mistake(f"rooms.{room.number}.pin", "is 4 to 12 digits")


def hints(model: Model) -> tuple[Mistake, ...]:
    """What is allowed and may still surprise: short numbers that are emergency numbers where the office is, routes to
    countries that nobody may call, languages that the exchange does not speak."""
    countries = {model.outbound.country, *(o.country for o in model.offices)} - {""}
    known = {number: country for country in sorted(countries) for number in numbers.emergency_numbers(country)}
    instead = ", ".join(model.outbound.emergency) or "none (outbound.emergency is empty)"
    return (
        *(Mistake(place, f"{number} is an emergency number in {known[number]}, and here a short number; for help one "
                  f"dials {instead}")
          for place, number in short_numbers(model) if number in known),
        *_idle_routes(model, countries),
        *(Mistake(f"languages.{i}", f"the exchange does not speak {each!r}, but {', '.join(LANGUAGES)}")
          for i, each in enumerate(model.languages, 1) if each not in LANGUAGES),
    )  # fmt: skip


def _idle_routes(model: Model, home: set[str]) -> Iterator[Mistake]:
    """Prefixes of countries that may not be called now; they may be switched on again, so this is no mistake."""
    allowed = home | (set(model.outbound.countries) if model.outbound.international else set())
    codes = {numbers.country_code(country) for country in allowed}
    for route in model.routes:
        for i, prefix in enumerate(route.prefixes, 1):
            if prefix and not any(prefix.startswith(code) or code.startswith(prefix) for code in codes):
                yield Mistake(
                    f"routes.{route.id}.prefixes.{i}", f"no country that may be called has numbers with {prefix}"
                )


def _key(thing: object) -> str:
    return str(getattr(thing, "id", "") or getattr(thing, "number", ""))


RULES: tuple[Rule, ...] = (_names, _short_numbers, _limits, _times, _public_numbers, _countries, _trunks, _texts)
