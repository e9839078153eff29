"""The calls of a plan as FreeSWITCH logs them: Master.csv of the shipped template (the calling legs), and json_cdr.

What a machine answers is answered; who talked is known from the other leg's uuid, which the calling leg's row names,
and, in JSON, from the other leg's own file.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

from tests.support.offices import people
from tests.support.offices.calls import WITHHELD, Announcement, Call, Menu, Message, Ring, Talk, Transfer, Wait

CAUSE = {"declined": "CALL_REJECTED", "busy": "USER_BUSY", "offline": "USER_NOT_REGISTERED", "no_answer": "NO_ANSWER"}


def uuid_of(call: Call, leg: str = "a") -> str:
    """A leg's uuid; always the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{call.call_id}/{leg}"))


def answered_s(call: Call) -> float | None:
    """When the calling leg was answered: by a person or a machine."""
    for step in call.steps:
        match step:
            case Menu() | Announcement() | Message() | Wait():
                return step.at_s
            case Ring() if step.taken_by:
                return step.until_s
    return None


def cause(call: Call) -> str:
    """Why the calling leg ended."""
    if answered_s(call) is not None:
        return "NORMAL_CLEARING"
    ring = next(s for s in reversed(call.steps) if isinstance(s, Ring))
    hows = [how for _, how in ring.results]
    return CAUSE.get(hows[0], "ORIGINATOR_CANCEL")


def master(calls: Iterable[Call], zone: str) -> str:
    """Master.csv, template `example`: quotes inside values are not escaped."""
    return "".join(_line(call, ZoneInfo(zone)) for call in sorted(calls, key=lambda c: c.ended_at))


def write_json(folder: Path, calls: Iterable[Call], *, encoded: bool = True) -> None:
    """One file per leg, as mod_json_cdr writes them; values URL-encoded unless that is switched off."""
    folder.mkdir(parents=True, exist_ok=True)
    for call in calls:
        (folder / f"a_{uuid_of(call)}.cdr.json").write_text(_json(_variables(call), encoded))
        for number, values in _other_legs(call):
            (folder / f"b_{uuid_of(call, number)}.cdr.json").write_text(_json(values, encoded))


def _line(call: Call, zone: ZoneInfo) -> str:
    def stamp(at_s: float | None) -> str:
        at = None if at_s is None else (call.started_at + timedelta(seconds=at_s)).astimezone(zone)
        return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"

    answer = answered_s(call)
    billed = 0.0 if answer is None else call.ended_s - answer
    bleg = uuid_of(call, call.talks[0].number) if call.talks else ""
    name = " ".join(call.name.split()) or call.caller  # a name is one line of a SIP header
    values = [
        name, "anonymous" if call.caller == WITHHELD else call.caller, call.did or call.dialled,
        "public" if call.direction == "inbound" else "default", stamp(0.0), stamp(answer), stamp(call.ended_s),
        str(int(call.ended_s)), str(int(billed)), cause(call), uuid_of(call), bleg, "", "PCMA", "PCMA",
    ]  # fmt: skip
    return ",".join(f'"{value}"' for value in values) + "\n"


def _epoch(call: Call, at_s: float | None) -> str:
    at: datetime | None = None if at_s is None else call.started_at + timedelta(seconds=at_s)
    return "0" if at is None else str(int(at.timestamp()))


def _variables(call: Call) -> dict[str, str]:
    answer = answered_s(call)
    talked = call.talks[0] if call.talks else None
    values = {
        "direction": "inbound",
        "uuid": uuid_of(call),
        "caller_id_name": call.name,
        "caller_id_number": call.caller,
        "destination_number": call.did or call.dialled,
        "start_epoch": _epoch(call, 0.0),
        "answer_epoch": _epoch(call, answer),
        "end_epoch": _epoch(call, call.ended_s),
        "bridge_epoch": _epoch(call, talked.at_s if talked else None),
        "duration": str(int(call.ended_s)),
        "billsec": str(int(call.ended_s - answer) if answer is not None else 0),
        "hangup_cause": cause(call),
        "sip_hangup_disposition": "recv_bye" if call.hung_up == "caller" else "send_bye",
        "last_app": _last_app(call),
        "call_uuid": uuid_of(call),
    }
    if call.direction == "inbound":
        values["sip_gateway_name"] = people.TRUNK
    if talked is not None:
        values["bridge_uuid"] = values["last_bridge_to"] = uuid_of(call, talked.number)
    for step in call.steps:
        if isinstance(step, Wait):
            values |= _queued(call, step)
        if isinstance(step, Message) and step.left:
            values["voicemail_message_len"] = str(int(step.until_s - step.at_s))
    return values


def _queued(call: Call, step: Wait) -> dict[str, str]:
    values = {
        "cc_side": "member",
        "cc_queue": f"{step.queue}@default",
        "cc_queue_joined_epoch": _epoch(call, step.at_s),
        "cc_cause": "answered" if step.how == "answered" else "cancel",
    }
    if step.how == "answered":
        values |= {"cc_agent": f"{step.taken_by}@default", "cc_queue_answered_epoch": _epoch(call, step.until_s)}
        values["cc_queue_terminated_epoch"] = _epoch(call, call.ended_s)
    else:
        reason = {"abandoned": "BREAK_OUT", "overflow": "TIMEOUT", "key": "EXIT_WITH_KEY"}[step.how]
        values |= {"cc_cancel_reason": reason, "cc_queue_canceled_epoch": _epoch(call, step.until_s)}
    return values


def _last_app(call: Call) -> str:
    match call.steps[-1]:
        case Menu():
            return "ivr"
        case Announcement():
            return "playback"
        case Message():
            return "voicemail"
        case Wait():
            return "callcenter"
    return "bridge"


def _other_legs(call: Call) -> Iterable[tuple[str, dict[str, str]]]:
    """The phones that rang, each once."""
    told: dict[str, dict[str, str]] = {}
    for n, step in enumerate(call.steps):
        talk = next((s for s in call.steps[n + 1 :] if isinstance(s, Talk)), None)
        rang = [(step.at_s, step.until_s, step.results)] if isinstance(step, Ring) else []
        if isinstance(step, Ring) and step.pickup:
            rang.append((step.until_s, step.until_s, ((step.taken_by, "answered"),)))
        rang += [(o.at_s, o.until_s, o.results) for o in step.offers] if isinstance(step, Wait) else []
        if isinstance(step, Transfer):
            rang = [(step.ring_s, step.at_s, ((step.to, "answered"),))]
        for at_s, until_s, results in rang:
            for number, how in results:
                taken = how == "answered" and talk is not None
                lost = "LOSE_RACE" if any(h == "answered" for _, h in results) else "ORIGINATOR_CANCEL"
                end_s = talk.until_s if taken and talk is not None else until_s
                if taken or number not in told:
                    why = "NORMAL_CLEARING" if taken else CAUSE.get(how, lost)
                    told[number] = _leg(call, number, at_s, until_s if taken else None, end_s, why)
    return told.items()


def _leg(call: Call, number: str, at_s: float, answer_s: float | None, end_s: float, why: str) -> dict[str, str]:
    return {
        "direction": "outbound",
        "uuid": uuid_of(call, number),
        "originating_leg_uuid": uuid_of(call),
        "originator": uuid_of(call),
        "caller_id_name": call.name,
        "caller_id_number": call.caller,
        "destination_number": number,
        "start_epoch": _epoch(call, at_s),
        "answer_epoch": _epoch(call, answer_s),
        "end_epoch": _epoch(call, end_s),
        "duration": str(int(end_s - at_s)),
        "billsec": str(int(end_s - answer_s) if answer_s is not None else 0),
        "hangup_cause": why,
        "call_uuid": uuid_of(call),
    }


def _json(values: dict[str, str], encoded: bool) -> str:
    told = {k: quote(v, safe="") if encoded else v for k, v in values.items()}
    profile = {"caller_id_name": values["caller_id_name"], "caller_id_number": values["caller_id_number"]}
    profile["destination_number"] = values["destination_number"]
    return json.dumps(
        {
            "core-uuid": "7f0a3a9e-0000-4000-8000-000000000001",
            "switchname": "office",
            "channel_data": {"state": "CS_REPORTING", "direction": values["direction"]},
            "callStats": {},
            "variables": told,
            "app_log": {"applications": [{"app_name": values.get("last_app", ""), "app_data": ""}]},
            "callflow": [{"caller_profile": profile, "times": {}}],
        }
    )
