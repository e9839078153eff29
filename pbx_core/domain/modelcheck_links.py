"""Rules for what the things of a model say of each other: destinations, sounds, members, routes, circles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pbx_core.domain import numbers
from pbx_core.domain.dialplan_outside import forbidden_by_tenant
from pbx_core.domain.dialplan_way import ENDS
from pbx_core.domain.model import Model
from pbx_core.domain.modelcheck import Mistake, Rule, meant
from pbx_core.domain.modelcheck_values import public
from pbx_core.domain.phrases import LANGUAGES

TONES = ("beep", "ringback", "busy", "congestion")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PREFIX = re.compile(r"[0-9]{0,14}")


def destinations(model: Model) -> Iterator[tuple[str, str]]:
    """(place, destination) of every destination that the model names; empty ones are left out."""
    named: list[tuple[str, str]] = []
    for did in model.dids:
        named += [(f"dids.{did.number}.{f}", getattr(did, f)) for f in ("destination", "overflow")]
    for each in model.hours:
        named += [(f"hours.{each.id}.{f}", getattr(each, f)) for f in ("then", "otherwise")]
    for group in model.groups:
        named += [(f"groups.{group.id}.{f}", getattr(group, f)) for f in ("on_no_answer", "on_busy")]
    for queue in model.queues:
        named += [(f"queues.{queue.id}.{f}", getattr(queue, f)) for f in ("on_overflow", "on_empty", "on_exit")]
    for menu in model.menus:
        named += [(f"menus.{menu.id}.keys.{key}", to) for key, to in menu.keys.items()]
        named += [(f"menus.{menu.id}.{f}", getattr(menu, f)) for f in ("on_timeout", "on_invalid")]
    named += [(f"announcements.{a.id}.then", a.then) for a in model.announcements]
    named.append(("callers.blocked_hear", model.callers.blocked_hear))
    yield from ((place, to) for place, to in named if to)


def sounds(model: Model) -> Iterator[tuple[str, str]]:
    """(place, sound) of every sound that the model names."""
    for menu in model.menus:
        yield from ((f"menus.{menu.id}.greeting.{i}", s) for i, s in enumerate(menu.greeting, 1))
    for queue in model.queues:
        yield from ((f"queues.{queue.id}.welcome.{i}", s) for i, s in enumerate(queue.welcome, 1))
        yield f"queues.{queue.id}.music", queue.music
    for each in model.announcements:
        yield from ((f"announcements.{each.id}.sounds.{i}", s) for i, s in enumerate(each.sounds, 1))
    yield from ((f"recording.announcement.{i}", s) for i, s in enumerate(model.recording.announcement, 1))
    yield "music", model.music


def _destinations(model: Model) -> Iterator[Mistake]:
    book = model.book
    known: dict[str, Mapping[str, object] | frozenset[str]] = {
        "extension": book.extensions, "group": book.groups, "queue": book.queues, "menu": book.menus,
        "announcement": book.announcements, "hours": book.hours, "conference": book.rooms, "did": book.dids,
        "voicemail": frozenset(e.number for e in model.extensions if e.voicemail), "hangup": frozenset(ENDS),
    }  # fmt: skip
    for place, destination in destinations(model):
        kind, colon, name = destination.partition(":")
        if kind == "outside" and colon:
            yield from _outside(model, place, name)
        elif kind not in known or not colon:
            yield Mistake(place, f"{destination[:40]!r} is no destination; write kind:name, with one of "
                          f"{', '.join(sorted([*known, 'outside']))}{meant(kind, known)}")  # fmt: skip
        elif name not in known[kind]:
            reason = "has no mailbox" if kind == "voicemail" and name in book.extensions else ""
            what = f"extension `{name}` {reason}" if reason else f"no {kind} `{name[:40]}`{meant(name, known[kind])}"
            yield Mistake(place, what)


def _outside(model: Model, place: str, number: str) -> Iterator[Mistake]:
    """A number outside in the model: it must exist, may be called, and have a trunk."""
    if number in model.outbound.services:
        return
    wrong = list(public(place, number, model.outbound.country))
    yield from wrong
    if wrong or number in model.book.dids:
        return
    if not model.trunks:
        yield Mistake(place, "there is no trunk to call outside with")
    found = numbers.parse(number, model.outbound.country)
    if found and (reason := forbidden_by_tenant(model, found, model.outbound.country)):
        yield Mistake(place, reason)


def _sounds(model: Model) -> Iterator[Mistake]:
    for place, sound in sounds(model):
        kind, _, rest = sound.partition(":")
        match kind:
            case "prompt" if rest not in model.book.prompts:
                yield Mistake(place, f"no prompt `{rest[:40]}`{meant(rest, model.book.prompts)}")
            case "say":
                language, _, text = rest.partition(":")
                if language not in LANGUAGES or not text.strip():
                    yield Mistake(place, f"write say:language:words, with one of {', '.join(LANGUAGES)}")
            case "tone" if rest not in TONES:
                yield Mistake(place, f"no tone `{rest[:40]}`; there are {', '.join(TONES)}")
            case "music" if rest != "default":
                yield Mistake(place, f"no music `{rest[:40]}`; there is default, or a prompt")
            case "prompt" | "tone" | "music":
                pass
            case _:
                yield Mistake(place, f"{sound[:40]!r} is no sound; write prompt:name, say:en:words, tone:beep or "
                              "music:default")  # fmt: skip
    for prompt in model.prompts:
        place = f"prompts.{prompt.id}"
        if bool(prompt.text.strip()) == bool(prompt.file):
            yield Mistake(place, "has a text or a file, one of them")
        if prompt.text and prompt.language not in LANGUAGES:
            yield Mistake(f"{place}.language", f"{prompt.language[:10]!r} is not spoken; use {', '.join(LANGUAGES)}")
        if prompt.file and not _FILE.fullmatch(prompt.file):
            yield Mistake(f"{place}.file", "is a plain file name of the prompt store")


def _references(model: Model) -> Iterator[Mistake]:
    book = model.book
    named: list[tuple[str, str, Mapping[str, object], str]] = [
        *((f"extensions.{e.number}.office", e.office, book.offices, "office") for e in model.extensions),
        *((f"hours.{h.id}.office", h.office, book.offices, "office") for h in model.hours),
        *((f"offices.{o.id}.emergency_trunk", o.emergency_trunk, book.trunks, "trunk") for o in model.offices),
        *((f"dids.{d.number}.trunk", d.trunk, book.trunks, "trunk") for d in model.dids),
        *((f"routes.{r.id}.trunks.{i}", t, book.trunks, "trunk") for r in model.routes
          for i, t in enumerate(r.trunks, 1)),
        *((f"extensions.{e.number}.supervises.{i}", s, book.extensions, "extension") for e in model.extensions
          for i, s in enumerate(e.supervises, 1) if s != "*"),
        *((f"queues.{q.id}.members.{i}", m.number, book.extensions, "extension") for q in model.queues
          for i, m in enumerate(q.members, 1)),
    ]  # fmt: skip
    for place, name, known, kind in named:
        if name and name not in known:
            yield Mistake(place, f"no {kind} `{name[:40]}`{meant(name, known)}")
    verified = {*book.dids, *model.outbound.verified}
    shown = [(f"offices.{o.id}.caller_id", o.caller_id) for o in model.offices]
    shown += [(f"extensions.{e.number}.caller_id", e.caller_id) for e in model.extensions]
    for place, number in shown:
        if number and number not in verified:
            yield Mistake(place, f"{number[:30]} is not verified: it is neither in dids nor in outbound.verified")


def _members(model: Model) -> Iterator[Mistake]:
    for group in model.groups:
        place = f"groups.{group.id}.members"
        if not group.members:
            yield Mistake(place, "is empty: nobody would ever answer")
        for i, member in enumerate(group.members, 1):
            if member not in model.book.extensions:
                if member.startswith("+"):
                    yield from _outside(model, f"{place}.{i}", member)
                else:
                    yield Mistake(f"{place}.{i}", f"no extension `{member[:40]}`{meant(member, model.book.extensions)}")
            if member in group.members[: i - 1]:
                yield Mistake(f"{place}.{i}", f"{member[:40]} stands there twice")
    for queue in model.queues:
        place = f"queues.{queue.id}"
        who = [m.number for m in queue.members]
        if not who:
            yield Mistake(f"{place}.members", "is empty: nobody would ever answer")
        for i, number in enumerate(who, 1):
            if number in who[: i - 1]:
                yield Mistake(f"{place}.members.{i}", f"{number[:40]} stands there twice")
            if not 1 <= queue.members[i - 1].tier <= 100:
                yield Mistake(f"{place}.members.{i}.tier", "is not within 1 to 100")
        for name in ("exit_key", "callback_key"):
            if (key := getattr(queue, name)) and not re.fullmatch("[0-9*#]", key):
                yield Mistake(f"{place}.{name}", "is one key: 0 to 9, * or #")
        if queue.exit_key and not queue.on_exit:
            yield Mistake(f"{place}.on_exit", f"is missing: the key {queue.exit_key} leads nowhere")
        if queue.exit_key and queue.exit_key == queue.callback_key:
            yield Mistake(f"{place}.callback_key", f"{queue.exit_key} is the exit key already")


def _menus(model: Model) -> Iterator[Mistake]:
    for menu in model.menus:
        place = f"menus.{menu.id}"
        if not menu.keys and not (menu.direct and model.extensions):
            yield Mistake(place, "leads nowhere: it has no keys, and no extension may be dialled")
        if not menu.greeting:
            yield Mistake(f"{place}.greeting", "is empty: nobody knows which key to press")
        for key in menu.keys:
            if not re.fullmatch("[0-9*#]", key):
                yield Mistake(f"{place}.keys.{key}", "is no key: 0 to 9, * or #")
    for each in model.announcements:
        if not each.sounds:
            yield Mistake(f"announcements.{each.id}.sounds", "is empty")


def _routes(model: Model) -> Iterator[Mistake]:
    seen: dict[str, str] = {}
    for route in model.routes:
        place = f"routes.{route.id}"
        if not route.trunks:
            yield Mistake(f"{place}.trunks", "is empty: the route leads nowhere")
        if not route.prefixes:
            yield Mistake(f"{place}.prefixes", "is empty: the route could never match")
        for i, prefix in enumerate(route.prefixes, 1):
            if not _PREFIX.fullmatch(prefix):
                text = f"{prefix[:20]!r} is no beginning of a number: digits with the country code, without +"
                yield Mistake(f"{place}.prefixes.{i}", text)
            elif prefix in seen:
                text = f"could never match: {prefix or 'every number'} goes by route `{seen[prefix]}` already"
                yield Mistake(f"{place}.prefixes.{i}", text)
            elif prefix.startswith("0"):
                yield Mistake(f"{place}.prefixes.{i}", "could never match: no country code begins with 0")
            elif numbers.never_called(prefix):
                yield Mistake(f"{place}.prefixes.{i}", "could never match: such numbers are never called")
            seen.setdefault(prefix, route.id)
        for i, trunk in enumerate(route.trunks, 1):
            if trunk in route.trunks[: i - 1]:
                yield Mistake(f"{place}.trunks.{i}", f"{trunk[:40]} stands there twice")


def _circles(model: Model) -> Iterator[Mistake]:
    """Destinations that lead from one to the next and back without a person, a menu or an end on the way."""
    onward: dict[str, list[tuple[str, str]]] = {}
    for place, to in destinations(model):
        kind, name, _ = place.split(".", 2) if place.count(".") >= 2 else ("", "", "")
        if kind in ("dids", "hours", "announcements"):
            source = {"dids": "did", "hours": "hours", "announcements": "announcement"}[kind]
            own = to.removeprefix("outside:")
            onward.setdefault(f"{source}:{name}", []).append((place, f"did:{own}" if own in model.book.dids else to))
    done: set[str] = set()
    for start in onward:
        yield from _circles_from(start, onward, done)


def _circles_from(start: str, onward: Mapping[str, list[tuple[str, str]]], done: set[str]) -> Iterator[Mistake]:
    """Depth first without recursion: a chain may be as long as the model. done: what was walked already."""
    if start in done:
        return
    path = [start]
    branches = [iter(onward[start])]
    while path:
        step = next(branches[-1], None)
        if step is None:
            done.add(path.pop())
            branches.pop()
            continue
        place, to = step
        if to in path:
            yield Mistake(place, f"goes in a circle: {' → '.join([*path[path.index(to) :], to])}")
        elif to in onward and to not in done:
            path.append(to)
            branches.append(iter(onward[to]))


RULES: tuple[Rule, ...] = (_destinations, _sounds, _references, _members, _menus, _routes, _circles)
