"""The way outside: who may call where, under which number, by which trunks; emergency calls before everything."""

from __future__ import annotations

from pbx_core.domain import numbers
from pbx_core.domain.dialplan_record import policy
from pbx_core.domain.dialplan_way import Answer, Way
from pbx_core.domain.model import Extension, Model, OutboundRoute, Trunk
from pbx_core.domain.nodes import Hangup, Node, RecordPolicy, Ring, Target, TrunkRoute
from pbx_core.domain.numbers import Public

RING_S = 60.0  # a number outside: carriers end it earlier when they want
EMERGENCY_RING_S = 180.0


def outside(way: Way, number: str) -> Answer:
    """`outside:` stands in the model: the tenant wills it, and his policy bounds it, not that of whoever calls."""
    if number in way.model.outbound.services:
        return _service(way, number)
    public = numbers.parse(number, way.model.outbound.country)
    if public is None:
        return way.end("wrong_number", f"{number} is no telephone number")
    if public.e164 in way.model.book.dids:
        return _own(way, public)
    return _ring(way, public, None)


def dial(way: Way, digits: str, extension: Extension) -> Answer:
    """A number outside, dialled or forwarded to by an extension: with its rights. Own numbers do not leave."""
    model = way.model
    prefix = model.outbound.outside_prefix
    if prefix and not digits.startswith("+"):
        if not digits.startswith(prefix):
            return way.end("wrong_number", f"there is no number {digits}; outside begins with {prefix}", "dialled")
        digits = digits.removeprefix(prefix)
        way.say("outbound.outside_prefix", f"{prefix} leads outside")
    public = numbers.parse(digits, way.country)
    if public is None:
        return way.end("wrong_number", f"there is no number {digits}", "dialled")
    if public.e164 in model.book.dids:
        return _own(way, public)
    return way.enter(f"outside:{public.e164}") or _ring(way, public, extension)


def service(way: Way, digits: str) -> Answer:
    """A short number of the public network that the tenant allows, dialled with or without the prefix; else ""."""
    bare = digits.removeprefix(way.model.outbound.outside_prefix)
    if bare not in way.model.outbound.services:
        return ""
    return way.enter(f"outside:{bare}") or _service(way, bare)


def _service(way: Way, number: str) -> Answer:
    """Carried as it is, by the trunks that carry the country's own numbers."""
    place, country = f"outside {number}", way.model.outbound.country
    _, trunks = carriers(way.model, f"+{numbers.country_code(country)}")
    if not trunks:
        return way.end("no_trunk", "no trunk carries this number", place)
    shown = caller_id(way)
    way.say("outbound.services", f"{number} goes by {', then '.join(t.id for t in trunks)}, showing {shown}")
    routes = tuple(TrunkRoute(t.id, number, shown, country) for t in trunks)
    record = policy(way, [], [], outside=True)
    return Ring((Target(number, routes=routes),), RING_S, record=record, label=f"outside:{number}")


def _own(way: Way, public: Public) -> str:
    way.say(f"did {public.e164}", "is a number of our own: the call stays here")
    return f"did:{public.e164}"


def target(way: Way, number: str, extension: Extension | None) -> Target | None:
    """One outside target of a group or of follow-me; None, with a step, when it may not be called."""
    public = numbers.parse(number, home_of(way, extension))
    if public is None:
        way.say(f"outside {number}", "is no telephone number")
        return None
    if reason := forbidden(way, public, extension):
        way.say(f"outside {public.e164}", reason)
        return None
    made = _target(way, public, home_of(way, extension))
    return made if made.routes else None


def forbidden(way: Way, public: Public, extension: Extension | None) -> str:
    """Why this number may not be called by this extension (None: by the tenant's model itself); "" it may."""
    home = home_of(way, extension)
    reason = forbidden_by_tenant(way.model, public, home)
    if reason or extension is None or public.country == home:
        return reason
    if not extension.international:
        return f"{public.country}: extension {extension.number} may not call abroad (international)"
    if extension.countries and public.country not in extension.countries:
        return f"{public.country} is not among the countries of extension {extension.number}"
    return ""


def home_of(way: Way, extension: Extension | None) -> str:
    """The country that is not abroad: that of the extension's office, or the tenant's for what his model names."""
    return way.country if extension else way.model.outbound.country


def forbidden_by_tenant(model: Model, public: Public, home: str) -> str:
    """Why nobody of the tenant may call this number; home: the country that is not abroad."""
    rules = model.outbound
    if public.refused:
        return public.refused
    if public.country and public.country == home:
        return ""
    where = public.country or "no country"
    if not rules.international:
        return f"{where}: calls abroad are switched off (outbound.international)"
    return "" if public.country in rules.countries else f"{where} is not in outbound.countries"


def _ring(way: Way, public: Public, extension: Extension | None) -> Node:
    place = f"outside {public.e164}"
    if reason := forbidden(way, public, extension):
        return way.end("not_allowed", reason, place)
    made = _target(way, public, home_of(way, extension))
    if not made.routes:
        return way.end("no_trunk", "no trunk carries this number", place)
    record = policy(way, [extension] if extension and way.origin.kind != "extension" else [], [], outside=True)
    return Ring((made,), RING_S, record=record, label=f"outside:{public.e164}")


def _target(way: Way, public: Public, home: str) -> Target:
    model, e164 = way.model, public.e164
    route, trunks = carriers(model, e164)
    shown = caller_id(way)
    name = f"route {route.id}" if route else "trunks"
    if trunks:
        way.say(name, f"{e164} goes by {', then '.join(t.id for t in trunks)}, showing {shown or 'no number'}")
    abroad = public.country != home
    return Target(
        e164,
        routes=tuple(
            TrunkRoute(t.id, numbers.for_carrier(e164, t, model.outbound.country), shown, public.country, abroad)
            for t in trunks
        ),
    )


def carriers(model: Model, e164: str) -> tuple[OutboundRoute | None, tuple[Trunk, ...]]:
    """The route with the longest prefix that fits and its trunks; a model without routes uses all trunks."""
    if not model.routes:
        return None, model.trunks
    fitting = [(len(p), r) for r in model.routes for p in r.prefixes if e164[1:].startswith(p)]
    if not fitting:
        return None, ()
    longest = max(length for length, _ in fitting)
    route = next(r for length, r in fitting if length == longest)
    return route, tuple(model.book.trunks[t] for t in route.trunks if t in model.book.trunks)


def caller_id(way: Way) -> str:
    """The verified number that is shown: the extension's, its office's, the number that was called, the first one."""
    model = way.model
    verified = {*model.book.dids, *model.outbound.verified}
    wishes = [
        way.caller.caller_id if way.caller else "",
        way.office.caller_id if way.office else "",
        way.origin.did,
        *(d.number for d in model.dids[:1]),
        *model.outbound.verified[:1],
    ]
    return next((w for w in wishes if w in verified), "")


def emergency(way: Way, digits: str) -> Ring | Hangup | None:
    """The call for help, when these digits are one: before lists, limits and rights, by every trunk there is."""
    model = way.model
    prefix = model.outbound.outside_prefix
    bare = digits.removeprefix(prefix) if prefix and digits.removeprefix(prefix) in model.outbound.emergency else digits
    if bare not in model.outbound.emergency:
        return None
    return help_call(way, bare)


def help_call(way: Way, number: str) -> Ring | Hangup:
    """An emergency number: rung by the office's trunk for it first, then by all others; not recorded, nothing is
    played before it."""
    model, office = way.model, way.office
    first = model.book.trunks.get(office.emergency_trunk) if office else None
    trunks = [*([first] if first else []), *(t for t in model.trunks if t is not first)]
    way.visited.append(f"emergency:{number}")
    if not trunks:
        return way.end("no_trunk", "an emergency number, but there is no trunk", f"emergency {number}")
    shown = caller_id(way)
    way.say(f"emergency {number}", f"goes first of all, by {', then '.join(t.id for t in trunks)}, showing {shown}")
    routes = tuple(TrunkRoute(t.id, number, shown, way.country, emergency=True) for t in trunks)
    record = RecordPolicy(rule="emergency")
    return Ring((Target(number, routes=routes),), EMERGENCY_RING_S, record=record, label=f"emergency:{number}")
