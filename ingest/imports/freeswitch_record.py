"""One leg as FreeSWITCH tells it with all its variables (json_cdr, xml_cdr), as a row of RAW_LEG."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from ingest.imports import freeswitch
from ingest.imports.values import moment, number, text

Row = dict[str, Any]
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")


def decoded(value: Any, encoded: bool) -> Any:
    """All texts of a record, taken out of their URL encoding when it is used."""
    if isinstance(value, dict):
        return {str(k): decoded(v, encoded) for k, v in value.items()}
    if isinstance(value, list):
        return [decoded(v, encoded) for v in value]
    return unquote(value) if encoded and isinstance(value, str) else value


def is_encoded(variables: Mapping[str, Any]) -> bool:
    """Whether a record's values are URL-encoded: a time then has no blank, nor has any other value."""
    stamp = variables.get("start_stamp")
    if isinstance(stamp, str) and stamp:
        return "%" in stamp
    texts = [v for v in variables.values() if isinstance(v, str)]
    return any(map(_ENCODED.search, texts)) and not any(" " in t for t in texts)


def row(
    variables: Mapping[str, Any], flows: Sequence[Mapping[str, Any]], applications: Sequence[tuple[str, str]]
) -> Row:
    """A row; ValueError says what is missing. flows: the callflow parts, the newest first (each has caller_profile and
    times); applications: (name, data) that ran, in order."""
    uuid = text(variables.get("uuid"))
    if not uuid:
        raise ValueError("the record has no uuid")
    newest, oldest = (_profile(flows[0]), _profile(flows[-1])) if flows else ({}, {})
    times = flows[-1].get("times") if flows else None
    started = _time(variables, times, "start", "created_time")
    ended = _time(variables, times if len(flows) == 1 else None, "end", "hangup_time") or _hangup(flows)
    answered = _time(variables, times, "answer", "answered_time")
    met = _time(variables, times, "bridge", "bridged_time") or number(variables.get("cc_queue_answered_epoch"))
    if answered and met and met >= answered:
        answered = met  # before that a machine talked to him
    if started is None:
        raise ValueError("the record has no start")
    first = text(variables.get("call_uuid")) or text(variables.get("originating_leg_uuid")) or uuid
    peer = text(variables.get("bridge_uuid")) or text(variables.get("last_bridge_to")) or ""
    cause = text(variables.get("hangup_cause")) or ""
    is_b = first != uuid
    bridged = bool(peer) or is_b
    ran = [name for name, _ in applications]
    return {
        "unique_id": uuid,
        "linked_id": first,
        "peer_unique_id": peer,
        "account": text(variables.get("accountcode")),
        "src": _one(variables, "caller_id_number", oldest) or text(variables.get("sip_from_user")),
        "src_name": _one(variables, "caller_id_name", oldest),
        "dst": text(oldest.get("destination_number")) or _one(variables, "destination_number", newest),
        "context": text(oldest.get("context")),
        "direction": "inbound" if oldest.get("context") == "public" else None,
        "peer_channel": None if bridged or _talks(variables, ran) else "",
        "last_app": ran[-1] if ran else text(variables.get("last_app")),
        "last_data": applications[-1][1] if applications else text(variables.get("last_arg")),
        "started_at": moment(started),
        "answered_at": moment(answered),
        "ended_at": moment(ended),
        "duration_s": ended - started if ended else number(variables.get("duration")),
        "bill_s": ended - answered if ended and answered else 0.0,
        "hold_s": number(variables.get("hold_accum_seconds")),
        "disposition": "answered" if answered else freeswitch.UNANSWERED.get(cause.upper(), "failed"),
        "cause": cause,
        "agent": _agent(variables, newest, oldest, peer, is_b),
        "trunk_id": text(variables.get("sip_gateway_name")) or text(variables.get("sip_gateway")),
        "voicemail": number(variables.get("voicemail_message_len")) is not None,
        "hangup_party": None if is_b else freeswitch.HANGUP_PARTY.get(str(variables.get("sip_hangup_disposition"))),
        "transferred": _transferred(variables),
        "mos": number(variables.get("rtp_audio_in_mos")),
        "codec": _one(variables, "read_codec", {}) or text(variables.get("rtp_use_codec_name")),
        "recording": _recording(variables, applications),
        **freeswitch.queue_part(variables),
    }


def _one(variables: Mapping[str, Any], name: str, profile: Mapping[str, Any]) -> str | None:
    return text(profile.get(name)) or text(variables.get(name))


def _profile(flow: Mapping[str, Any]) -> Mapping[str, Any]:
    found = flow.get("caller_profile")
    return found if isinstance(found, dict) else {}


def _time(variables: Mapping[str, Any], times: Any, name: str, in_times: str) -> float | None:
    """Seconds since 1970, to the microsecond where the record has them; None when it never came to that."""
    micros = number(variables.get(f"{name}_uepoch"))
    if micros is None and isinstance(times, dict):
        micros = number(times.get(in_times))
    found = micros / 1e6 if micros else number(variables.get(f"{name}_epoch"))
    return found or None


def _hangup(flows: Sequence[Mapping[str, Any]]) -> float | None:
    times = flows[0].get("times") if flows else None
    micros = number(times.get("hangup_time")) if isinstance(times, dict) else None
    return micros / 1e6 if micros else None


def _talks(variables: Mapping[str, Any], ran: Sequence[str]) -> bool:
    """Whether the caller met a person without a bridge of his own: in a conference room or from a queue."""
    if variables.get("cc_queue"):
        return bool(number(variables.get("cc_queue_answered_epoch")))
    return bool(ran) and ran[-1] in ("conference", "intercept", "eavesdrop")


def _agent(
    variables: Mapping[str, Any], newest: Mapping[str, Any], oldest: Mapping[str, Any], peer: str, is_b: bool
) -> str | None:
    """The number of who was rung: of a B leg its own, of an A leg that of the leg it was bridged to."""
    if is_b:
        return text(variables.get("dialed_user")) or text(oldest.get("destination_number"))
    if not peer:
        return None
    found = newest.get("originatee")
    profiles = found.get("originatee_caller_profile") if isinstance(found, dict) else None
    for profile in profiles if isinstance(profiles, list) else [profiles]:
        if isinstance(profile, dict) and profile.get("uuid") == peer:
            return text(profile.get("destination_number"))
    return None


def _transferred(variables: Mapping[str, Any]) -> str | None:
    """transfer_history is `time:uuid:bl_xfer:…` or `…:att_xfer:…`, the last one counts."""
    found = variables.get("transfer_history") or variables.get("transfer_source")
    said = str(found[-1] if isinstance(found, list) and found else found or "")
    return "blind" if ":bl_xfer:" in said else "attended" if ":att_xfer:" in said else None


def _recording(variables: Mapping[str, Any], applications: Sequence[tuple[str, str]]) -> str | None:
    folder, name = text(variables.get("record_path")), text(variables.get("record_name"))
    if name:
        return f"{folder}/{name}" if folder else name
    for app, data in applications:
        if app == "record_session":
            return data.split("+", 1)[0].strip() or None
    return text(variables.get("sofia_record_file"))
