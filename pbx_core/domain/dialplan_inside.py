"""Extensions, their users' wishes, ring groups, mailboxes."""

from __future__ import annotations

import hashlib

from pbx_core.domain import dialplan_outside as outside
from pbx_core.domain.dialplan_record import policy
from pbx_core.domain.dialplan_way import Answer, Way
from pbx_core.domain.model import Extension, Group, Model, Strategy, UserSettings
from pbx_core.domain.nodes import Mailbox, Ring, Target, Voicemail
from pbx_core.domain.phrases import phrase

FOLLOW_RING_S = 20.0  # each number of follow-me


def number_inside(model: Model, number: str) -> str:
    """The destination behind a short number, "" when there is none."""
    if number in model.book.extensions:
        return f"extension:{number}"
    if number in model.book.rooms:
        return f"conference:{number}"
    for kind, things in (("group", model.groups), ("queue", model.queues), ("menu", model.menus)):
        found = next((thing.id for thing in things if thing.number == number), None)
        if found is not None:
            return f"{kind}:{found}"
    return ""


def extension(way: Way, number: str) -> Answer:
    """Ring its phones, unless its user wants otherwise; on_… lead to what he wants then, or to his mailbox."""
    found = way.model.book.extensions.get(number)
    place = f"extension {number}"
    if found is None:
        return way.end("wrong_number", "there is no such extension", place)
    user = way.facts.user(number)
    if user.forward_always:
        way.say(place, f"forwards every call to {user.forward_always}")
        return _forward(number, user.forward_always)
    if way.origin.kind == "extension" and way.origin.number == number:
        return way.end("loop" if len(way.visited) > 1 else "busy", "would ring the phone that calls", place)
    mailbox = f"voicemail:{number}" if found.voicemail else ""
    if user.dnd:
        way.say(place, f"{found.name or number} does not want to be disturbed")
        if user.forward_busy:
            return _forward(number, user.forward_busy)
        return mailbox or way.end("busy", "and has no mailbox", place)
    return _phones(way, found, user, mailbox)


def _phones(way: Way, found: Extension, user: UserSettings, mailbox: str) -> Ring:
    number = found.number
    place = f"extension {number}"
    follow = f"follow:{number}" if user.follow_me else ""
    then = follow or (_forward(number, user.forward_no_answer) if user.forward_no_answer else mailbox)
    offline = _forward(number, user.forward_offline) if user.forward_offline else follow or mailbox
    busy = _forward(number, user.forward_busy) if user.forward_busy else mailbox
    ring_s = user.forward_no_answer_s if user.follow_me or user.forward_no_answer else found.ring_s
    if number in way.facts.registered:
        way.say(place, f"rings for {ring_s:g} s{', then ' + then if then else ''}")
    else:
        way.say(place, f"no phone is signed in{'; goes to ' + offline if offline else ''}")
    record = policy(way, [found], [])
    target = Target(number, found.name)
    return Ring(
        (target,), ring_s, on_busy=busy, on_no_answer=then, on_offline=offline, on_failed=mailbox, record=record,
        label=f"extension:{number}",
    )  # fmt: skip


def _forward(number: str, wanted: str) -> str:
    return f"voicemail:{number}" if wanted == "voicemail" else f"forward:{number}:{wanted}"


def forward(way: Way, rest: str) -> Answer:
    """`forward:101:<number>`: where 101's user sends his calls; inside, or outside with the rights of 101."""
    number, _, wanted = rest.partition(":")
    found = way.model.book.extensions.get(number)
    if found is None:
        return way.end("wrong_number", "there is no such extension", f"extension {number}")
    way.with_rights_of(number)
    return number_inside(way.model, wanted) or outside.dial(way, wanted, found)


def follow(way: Way, number: str) -> Answer:
    """`follow:101`: the numbers of 101's follow-me one after another, with his rights; then what no answer means."""
    found = way.model.book.extensions.get(number)
    if found is None:
        return way.end("wrong_number", "there is no such extension", f"extension {number}")
    user = way.facts.user(number)
    way.with_rights_of(number)
    mailbox = f"voicemail:{number}" if found.voicemail else ""
    last = _forward(number, user.forward_no_answer) if user.forward_no_answer else mailbox
    targets = _targets(way, user.follow_me, found)
    if not targets:
        way.say(f"extension {number}", "none of the numbers of follow-me can be rung")
        return last or way.end("no_answer", "and there is no mailbox")
    way.say(f"extension {number}", f"is looked for at {', '.join(t.number for t in targets)}, one after another")
    called = [found, *(way.model.book.extensions[t.number] for t in targets if not t.outside)]
    record = policy(way, called, [], outside=any(t.outside for t in targets))
    return Ring(
        targets, FOLLOW_RING_S, one_by_one=True, on_busy=last, on_no_answer=last, on_offline=last, on_failed=last,
        record=record, label=f"follow:{number}",
    )  # fmt: skip


def group(way: Way, name: str) -> Answer:
    """Ring the members who may be rung: not those who do not want to be disturbed, not the caller himself. The
    forwardings of members do not count: the group says where the call goes."""
    found = way.model.book.groups.get(name)
    if found is None:
        return way.end("wrong_number", "there is no such group", f"group {name}")
    busy = found.on_busy or found.on_no_answer
    targets = _targets(way, _ordered(way, found), None)
    if not targets:
        way.say(f"group {name}", f"nobody can be rung; goes to {busy}")
        return busy
    how = {"at_once": "all at once", "sequence": "one after another", "random": "one after another, in random order"}
    who = ", ".join(t.name or t.number for t in targets)
    way.say(f"group {name}", f"rings {who} for {found.ring_s:g} s, {how[found.strategy]}")
    called = [way.model.book.extensions[t.number] for t in targets if not t.outside]
    record = policy(way, called, [(f"group {name}", found.record)])
    return Ring(
        targets, found.ring_s, found.strategy is not Strategy.AT_ONCE, on_busy=busy, on_no_answer=found.on_no_answer,
        on_offline=found.on_no_answer, on_failed=found.on_no_answer, record=record, label=f"group:{name}",
    )  # fmt: skip


def _ordered(way: Way, found: Group) -> tuple[str, ...]:
    if found.strategy is not Strategy.RANDOM:
        return found.members
    return tuple(sorted(found.members, key=lambda m: hashlib.sha256(f"{way.facts.seed}:{m}".encode()).digest()))


def _targets(way: Way, members: tuple[str, ...], rights: Extension | None) -> tuple[Target, ...]:
    """Those of the numbers that can be rung, each once. rights: whose count outside; None: the tenant's."""
    out: dict[str, Target] = {}
    for member in members:
        inside = way.model.book.extensions.get(member)
        if inside is None:
            made = outside.target(way, member, rights)
        elif way.facts.user(member).dnd:
            way.say(f"extension {member}", "does not want to be disturbed: passed over")
            made = None
        elif way.origin.kind == "extension" and way.origin.number == member:
            made = None
        else:
            made = Target(member, inside.name)
        if made is not None:
            out.setdefault(made.number, made)
    return tuple(out.values())


def voicemail(way: Way, number: str) -> Answer:
    """Leave a message for an extension."""
    found = way.model.book.extensions.get(number)
    if found is None or not found.voicemail:
        return way.end("no_answer", "there is no such mailbox", f"voicemail {number}")
    own = way.facts.user(number).greeting
    way.say(f"voicemail {number}", f"takes a message for {found.name or number}")
    return Voicemail(number, (own or phrase("voicemail_greeting", way.language, name=found.name or number),))


def mailbox(way: Way, number: str) -> Answer:
    """Hear the messages: of one's own mailbox only."""
    place = f"mailbox {number}"
    if way.own_phone != number or number not in way.model.book.extensions:
        return way.end("no_right", "a mailbox is opened from its own extension only", place)
    kept = way.facts.messages.get(number, ())
    way.say(place, f"{len(kept)} messages")
    language = way.language
    messages = tuple(
        (m, (phrase("mailbox_message", language, n=i, total=len(kept)), f"recording:{m}:caller"))
        for i, m in enumerate(kept, 1)
    )
    return Mailbox(number, messages, (phrase("mailbox_empty", language),), (phrase("mailbox_help", language),))
