"""Logs of other exchanges as they would write them, made by code: one call a line, whatever a test changes in it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
AT = 1_772_355_600  # 2026-03-01 09:00:00 UTC, ten o'clock in Berlin


def uuid(number: int) -> str:
    """The id of a leg of FreeSWITCH."""
    return f"{number:08x}-1111-4222-8333-444444444444"


def stamp(epoch: float, zone: ZoneInfo = BERLIN) -> str:
    """A time as most logs write it, without its zone."""
    return f"{datetime.fromtimestamp(epoch, zone):%Y-%m-%d %H:%M:%S}"


def rfc3339(epoch: float) -> str:
    """A time with its zone."""
    return datetime.fromtimestamp(epoch, BERLIN).isoformat()


def freeswitch_line(number: int, template: str = "example", **changed: str) -> str:
    """A line of cdr-csv: 60 s, answered after 5, unless changed. Quotes in values are not escaped, as there."""
    at = AT + 100 * number
    told = {
        "name": "Anna", "src": "+4930111", "dst": "1001", "context": "public", "start": stamp(at),
        "answer": stamp(at + 5), "end": stamp(at + 60), "duration": "60", "billsec": "55",
        "cause": "NORMAL_CLEARING", "uuid": uuid(number),
        "bleg": uuid(number + 500), "account": "office",
    } | changed  # fmt: skip
    first = ",".join(f'"{told[key]}"' for key in list(told)[:12])
    match template:
        case "default":
            return f'{first}, "{told["account"]}"'
        case "sql":
            return f'INSERT INTO cdr VALUES ({first}, "{told["account"]}");'  # noqa: S608
        case "linksys":
            return f'{first},"{told["account"]}","PCMU","PCMU","Linksys/SPA","PS=1"'
        case "snom":
            return f'{first}, "{told["account"]}","PCMU","PCMU","snom360","","rx","tx","/rec/{number}.wav"'
        case "asterisk":
            clid = f'"{told["name"]}" <{told["src"]}>'
            words = [
                told["account"],
                told["src"],
                told["dst"],
                told["context"],
                clid,
                f"sofia/internal/{told['src']}@pbx",
            ]
            words += [
                f"sofia/internal/{told['dst']}@pbx",
                "bridge",
                "user/1001",
                told["start"],
                told["answer"],
                told["end"],
            ]
            words += [told["duration"], told["billsec"], told["cause"], "", told["uuid"], "note"]
            return ",".join(f'"{word}"' for word in words)
        case "opencdrrate":
            words = [told["uuid"], told["bleg"], "inbound", told["src"], told["dst"], told["answer"], told["end"]]
            words += [told["billsec"], told["account"], "", "192.0.2.1", "A", "gateway-1"]
            return ",".join(f'"{word}"' for word in words)
    return f'{first},"{told["account"]}","PCMU","PCMU"'


def freeswitch_record(number: int, **variables: Any) -> dict[str, Any]:
    """A record of json_cdr, not encoded: from outside to 2000, taken by 1001 after 5 s."""
    at = AT + 100 * number
    told = {
        "uuid": uuid(number), "call_uuid": uuid(number), "bridge_uuid": uuid(number + 500), "start_stamp": stamp(at),
        "start_uepoch": str(at * 1_000_000), "answer_uepoch": str((at + 5) * 1_000_000),
        "end_uepoch": str((at + 60) * 1_000_000), "hangup_cause": "NORMAL_CLEARING",
        "sip_hangup_disposition": "recv_bye", "rtp_audio_in_mos": "4.31", "read_codec": "PCMU",
        "sip_gateway_name": "gateway-1",
    } | variables  # fmt: skip
    bridged = {"uuid": told["bridge_uuid"], "destination_number": "1001"}
    flow = {
        "caller_profile": {
            "caller_id_name": 'Anna "A" Ünal', "caller_id_number": "+4930111", "destination_number": "2000",
            "context": "public", "originatee": {"originatee_caller_profile": [bridged]},
        },
        "times": {"created_time": told["start_uepoch"]},
    }  # fmt: skip
    ran = [{"app_name": "record_session", "app_data": f"/rec/{told['uuid']}.wav"}]
    return {"core-uuid": "core", "variables": told, "app_log": {"applications": ran}, "callflow": [flow]}


def encoded(value: Any) -> Any:
    """A record as encode-values=true writes it."""
    if isinstance(value, dict):
        return {k: encoded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [encoded(v) for v in value]
    return quote(value, safe="/")


def freeswitch_xml(record: dict[str, Any]) -> str:
    """The same record as xml_cdr writes it."""
    value = encoded(record)
    flows = "".join(_tag("callflow", flow) for flow in value["callflow"])
    ran = "".join(f'<application app_name="{a["app_name"]}" app_data="{a["app_data"]}"></application>'
                  for a in record["app_log"]["applications"])  # fmt: skip
    inner = f"<channel_data/>{_tag('variables', value['variables'])}<app_log>{ran}</app_log>{flows}"
    return f'<?xml version="1.0"?>\n<cdr core-uuid="core">{inner}</cdr>'


def _tag(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_tag(name, item) for item in value)
    inner = "".join(_tag(k, v) for k, v in value.items()) if isinstance(value, dict) else value
    return f"<{name}>{inner}</{name}>"


def table_file(path: Path, table: str, rows: list[dict[str, Any]]) -> Path:
    """A SQLite database with one table, its columns those of the first row."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as con:
        names = ", ".join(f'"{name}"' for name in rows[0])
        con.execute(f'CREATE TABLE "{table}" ({names})')
        marks = ", ".join("?" * len(rows[0]))
        con.executemany(f'INSERT INTO "{table}" VALUES ({marks})', [list(row.values()) for row in rows])  # noqa: S608
        con.commit()
    return path


def postgres_dump(path: Path, table: str, rows: list[dict[str, Any]]) -> Path:
    """A plain pg_dump of one table between two others; "" is no value, as in tables of that kind."""

    def cell(value: Any) -> str:
        marks = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
        return "\\N" if value in ("", None) else "".join(marks.get(c, c) for c in str(value))

    other = "COPY public.v_users (username, note) FROM stdin;\nanna\tCOPY public.x (y) FROM stdin;\n\\.\n"
    body = "".join("\t".join(map(cell, row.values())) + "\n" for row in rows)
    path.write_text(
        f"--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\n{other}\n"
        f"COPY public.{table} ({', '.join(rows[0])}) FROM stdin;\n{body}\\.\n\n{other}",
        encoding="utf-8",
        newline="",
    )
    return path


def mikopbx_row(number: int, **changed: Any) -> dict[str, Any]:
    """A row of cdr_general: from outside to 201, taken after 5 s."""
    at = AT + 100 * number
    return {
        "id": number, "start": f"{stamp(at)}.123", "endtime": f"{stamp(at + 60)}.123", "answer": f"{stamp(at + 5)}.123",
        "src_chan": "PJSIP/SIP-TRUNK-1-0000001a", "src_num": "4930111", "src_name": "",
        "dst_chan": "PJSIP/201-0000001b", "dst_num": "201", "dst_name": "", "UNIQUEID": f"mikopbx-{at}.{number}_x",
        "linkedid": f"mikopbx-{at}.{number}",
        "did": "4930999", "disposition": "ANSWERED", "recordingfile": "", "from_account": "SIP-TRUNK-1",
        "to_account": "", "dialstatus": "ANSWER", "appname": "", "transfer": 0, "is_app": "0", "duration": 60,
        "billsec": 55, "work_completed": "1", "a_transfer": 0, "rec_src_channel": "0", "dtmf_digits": "",
    } | changed  # fmt: skip


def fusionpbx_row(number: int, **changed: Any) -> dict[str, Any]:
    """A row of v_xml_cdr: from outside to 1001, taken after 5 s."""
    at = AT + 100 * number
    return {
        "xml_cdr_uuid": uuid(number), "domain_name": "a.example", "direction": "inbound", "caller_id_name": "Anna",
        "caller_id_number": "+4930111", "caller_destination": "+4930999", "destination_number": "1001",
        "start_epoch": at, "answer_epoch": at + 5, "end_epoch": at + 60, "duration": 60, "billsec": 55,
        "bridge_uuid": uuid(number + 500), "read_codec": "PCMU", "rtp_audio_in_mos": "4.41", "record_path": "",
        "record_name": "", "last_app": "", "voicemail_message": "false", "cc_side": "", "cc_queue": "", "cc_agent": "",
        "cc_queue_joined_epoch": "", "cc_queue_answered_epoch": "", "cc_queue_canceled_epoch": "",
        "cc_cancel_reason": "", "cc_member_session_uuid": "", "cc_agent_bridged": "", "originating_leg_uuid": "",
        "hangup_cause": "NORMAL_CLEARING", "sip_hangup_disposition": "send_bye",
    } | changed  # fmt: skip


def as_json(record: Any) -> str:
    """On one line."""
    return json.dumps(record)
