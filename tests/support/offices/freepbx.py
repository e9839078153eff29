"""The calls of a plan as FreePBX's own report exports them: CSV with a header, no answer column, times of the office.

The rows are Asterisk's; queues ring their agents through Local channels, so every phone of a queue is two rows; the
contexts say what the caller met (ivr, ext-group, ext-queues, timeconditions).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from tests.support.offices import people
from tests.support.offices.asterisk import Logged, Row, caller_id
from tests.support.offices.calls import Call

HEADER = (
    "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,amaflags,"
    "accountcode,uniqueid,userfield,did,cnum,cnam,outbound_cnum,outbound_cnam,dst_cnam,recordingfile,linkedid,"
    "peeraccount,sequence"
)


def report(found: Sequence[Logged], zone: str) -> str:
    """The file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, HEADER.split(","), lineterminator="\n")
    writer.writeheader()
    for one in found:
        for n, row in enumerate(r for whole in one.rows for r in _split(whole)):
            writer.writerow(_cells(one, row, one.first_sequence + n, ZoneInfo(zone)))
    return out.getvalue()


def recording_name(call: Call, unique_id: str) -> str:
    """As FreePBX names the file of a call: in-<to>-<from>-<day>-<time>-<uniqueid>.wav."""
    kind = {"inbound": "in", "outbound": "out"}.get(call.direction, "internal")
    at = call.started_at
    return f"{kind}-{call.did or call.dialled}-{call.caller}-{at:%Y%m%d}-{at:%H%M%S}-{unique_id}.wav"


def _split(row: Row) -> Iterator[Row]:
    """An agent of a queue is rung through a Local channel: the caller's row to it, and its own row to the phone."""
    if row.app != "Queue" or not row.peer:
        yield row
        return
    agent = row.peer.removeprefix("PJSIP/").partition("-")[0]
    local = f"Local/{agent}@from-queue-{row.peer.rpartition('-')[2]}"
    yield replace(row, peer=f"{local};1")
    inner = replace(row, dst=agent, channel=f"{local};2", app="Dial", data=f"PJSIP/{agent},15", begin_s=row.rang_s)
    yield replace(inner, unique_id=f"{row.peer_unique_id}1", answered_s=row.taken_s)


def _cells(one: Logged, row: Row, sequence: int, zone: ZoneInfo) -> dict[str, object]:
    call = one.call
    context, dst = _place(call, row)
    at = (call.started_at + timedelta(seconds=row.begin_s)).astimezone(zone)
    talked = 0.0 if row.answered_s is None else row.end_s - row.answered_s
    recorded = call.recorded and row.disposition == "ANSWERED" and row.peer
    return {
        "calldate": f"{at:%Y-%m-%d %H:%M:%S}", "clid": caller_id(call, row.src), "src": row.src, "dst": dst,
        "dcontext": context, "channel": row.channel, "dstchannel": row.peer, "lastapp": row.app,
        "lastdata": row.data, "duration": int(row.end_s - row.begin_s), "billsec": int(talked),
        "disposition": row.disposition, "amaflags": 3, "accountcode": "", "uniqueid": row.unique_id, "userfield": "",
        "did": call.did, "cnum": row.src, "cnam": call.name, "outbound_cnum": "", "outbound_cnam": "", "dst_cnam": "",
        "recordingfile": recording_name(call, one.linked_id) if recorded else "",
        "linkedid": one.linked_id, "peeraccount": "", "sequence": sequence,
    }  # fmt: skip


def _place(call: Call, row: Row) -> tuple[str, str]:
    """The context in which the row was written, and the number that was wanted there."""
    if call.direction == "outbound":
        return "from-internal", row.dst
    match row.app:
        case "BackGround":
            return "ivr-1", "s"
        case "Playback":
            return "app-announcement-1", "s"
        case "VoiceMail":
            return "ext-local", f"vmu{row.data.partition('@')[0]}"
        case "Queue":
            return "ext-queues", people.QUEUE_NUMBERS[row.data.partition(",")[0]]
        case "Dial" if row.data.count("PJSIP/") > 1:
            return "ext-group", people.GROUP_NUMBERS["sales"]
        case "Dial" if row.channel.startswith("Local/"):
            return "from-internal", row.dst
        case "Dial" if row.data.startswith("PJSIP/") and call.direction == "inbound":
            return "ext-local", row.data.removeprefix("PJSIP/").partition(",")[0]
    return "from-internal", row.dst
