"""What a caller meets besides people: public numbers, hours, menus, announcements, queues, conference rooms."""

from __future__ import annotations

from pbx_core.domain import numbers
from pbx_core.domain.dialplan_record import policy
from pbx_core.domain.dialplan_way import ENDS, Answer, Way
from pbx_core.domain.hours import is_open
from pbx_core.domain.nodes import (
    CALLER_BLOCKED,
    CHANNELS_FULL,
    HOURS_CLOSED,
    Announce,
    Conference,
    Hangup,
    Menu,
    Queue,
)
from pbx_core.domain.phrases import phrase


def did(way: Way, number: str) -> Answer:
    """A public number of ours: lists first, then its destination, or its overflow when its channels are all in use."""
    found = way.model.book.dids.get(number)
    place = f"did {number}"
    if found is None:
        return way.end("wrong_number", "is no number of ours", place)
    if way.origin.kind == "trunk":
        if found.trunk and way.origin.trunk_id != found.trunk:
            return way.end("wrong_number", f"is called by trunk {found.trunk} only, not {way.origin.trunk_id}", place)
        caller = numbers.caller(way.origin.number, way.model.outbound.country)
        if fate := _blocked(way, caller):
            return fate
    if way.overflow:
        way.say(place, f"all {found.channels} {CHANNELS_FULL}; goes to {found.overflow}")
        way.overflow = False
        return found.overflow
    way.say(place, f"leads to {found.destination}")
    return found.destination


def _blocked(way: Way, caller: str) -> str:
    """Where a blocked caller goes, "" when he is welcome."""
    lists = way.model.callers
    rule = next((p for p in lists.block if _fits(caller, p)), "")
    if not rule:
        return ""
    if welcome := next((p for p in lists.allow if _fits(caller, p)), ""):
        way.say("callers.allow", f"{caller} is let through by {welcome}")
        return ""
    way.say(CALLER_BLOCKED, f"{caller} is blocked by {rule}")
    return lists.blocked_hear


def _fits(caller: str, pattern: str) -> bool:
    return caller.startswith(pattern[:-1]) if pattern.endswith("*") else caller == pattern


def hours(way: Way, name: str) -> Answer:
    """A switch by time."""
    found = way.model.book.hours.get(name)
    if found is None:
        return way.end("wrong_number", "there are no such hours", f"hours {name}")
    office = way.model.book.offices.get(found.office)
    zone = (office.time_zone if office else "") or way.model.time_zone
    opened, why = is_open(found, zone, way.facts.at)
    then = found.then if opened else found.otherwise
    way.say(f"hours {name}", f"{'open (' if opened else HOURS_CLOSED}{why}); goes to {then}")
    return then


def menu(way: Way, name: str) -> Answer:
    """A voice menu."""
    found = way.model.book.menus.get(name)
    if found is None:
        return way.end("wrong_number", "there is no such menu", f"menu {name}")
    language = found.language or way.language
    way.say(f"menu {name}", f"asks for a key: {', '.join(f'{k} {d}' for k, d in sorted(found.keys.items()))}")
    return Menu(
        menu=name,
        greeting=found.greeting,
        keys=tuple(sorted(found.keys.items())),
        timeout_s=found.timeout_s,
        tries_max=found.tries,
        on_timeout=found.on_timeout,
        on_invalid=found.on_invalid,
        sorry=(phrase("menu_wrong_key", language),),
        direct=tuple(way.model.book.extensions) if found.direct else (),
    )


def announcement(way: Way, name: str) -> Answer:
    """Something said."""
    found = way.model.book.announcements.get(name)
    if found is None:
        return way.end("wrong_number", "there is no such announcement", f"announcement {name}")
    way.say(f"announcement {name}", f"is played, then {found.then}")
    return Announce(found.sounds, found.then, found.answer)


def queue(way: Way, name: str) -> Answer:
    """Wait for an agent."""
    found = way.model.book.queues.get(name)
    if found is None:
        return way.end("wrong_number", "there is no such queue", f"queue {name}")
    place = f"queue {name}"
    working = {m.number for m in found.members if m.always} | set(way.facts.agents.get(name, ()))
    way.say(place, f"{len(working)} of {len(found.members)} agents are logged in")
    members = (way.model.book.extensions.get(m.number) for m in found.members)
    record = policy(way, [m for m in members if m is not None], [(place, found.record)])
    language = found.language or way.language
    return Queue(
        queue=name,
        language=language,
        music=found.music if found.music != "music:default" else way.model.music,
        welcome=found.welcome or (phrase("queue_welcome", language),),
        agent_ring_s=found.agent_ring_s,
        wait_s_max=found.wait_s_max,
        announce_s=found.announce_s,
        say_position=found.say_position,
        say_wait=found.say_wait,
        exit_key=found.exit_key,
        on_exit=found.on_exit,
        on_overflow=found.on_overflow,
        on_empty=found.on_empty,
        callback_key=found.callback_key,
        record=record,
    )


def conference(way: Way, number: str) -> Answer:
    """A conference room."""
    found = way.model.book.rooms.get(number)
    if found is None:
        return way.end("wrong_number", "there is no such room", f"conference {number}")
    worker = way.facts.rooms.get(number, "")
    way.say(f"conference {number}", f"{found.name or number}: {'people are in it' if worker else 'empty so far'}")
    language = way.language
    return Conference(
        room=number,
        pin=found.pin,
        ask_pin=(phrase("conference_pin", language),) if found.pin else (),
        alone=(phrase("conference_alone", language),),
        music=way.model.music,
        people_max=found.people_max,
        worker=worker,
    )


def inform(way: Way, name: str) -> Answer:
    """A message of a campaign, to somebody whom we called for it; no model leads here."""
    node = way.facts.informs.get(name)
    if node is None:
        return way.end("wrong_number", "there is no such message (any more)", f"inform {name}")
    way.say(f"inform {name}", "is said")
    return node


def hangup(way: Way, cause: str) -> Hangup:
    """The end that the model wants."""
    return way.end(cause if cause in ENDS else "done", f"hangs up: {cause}")
