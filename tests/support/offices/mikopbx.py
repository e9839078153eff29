"""The calls of a plan as MikoPBX keeps them: the table cdr_general of its SQLite file, times of the exchange's zone.

A row per phone that rang; `is_app` marks what a machine took (menu, queue, voicemail); all rows of a call share its
linkedid, and a transfer is a further row with `transfer` set.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.support.offices import people
from tests.support.offices.calls import Announcement, Call, Menu, Message, Ring, Talk, Transfer, Wait

COLUMNS = (
    "start TEXT, endtime TEXT, answer TEXT, src_chan TEXT, src_num TEXT, src_name TEXT, dst_chan TEXT, dst_num TEXT, "
    "dst_name TEXT, UNIQUEID TEXT, linkedid TEXT, did TEXT, disposition TEXT, recordingfile TEXT, from_account TEXT, "
    "to_account TEXT, dialstatus TEXT, appname TEXT, transfer TEXT, is_app TEXT, duration INTEGER, billsec INTEGER, "
    "work_completed TEXT, src_call_id TEXT, dst_call_id TEXT, verbose_call_id TEXT, a_transfer TEXT, "
    "rec_src_channel TEXT, dtmf_digits TEXT"
)
CLOSED = "outworktimes"
STATUS = {"answered": "ANSWERED", "declined": "BUSY", "busy": "BUSY", "offline": "CHANUNAVAIL", "no_answer": "NOANSWER"}


@dataclass(frozen=True)
class Row:
    """One row; times in seconds from the call's start. app: what took it, "" a person's phone."""

    src: str
    dst: str
    begin_s: float
    answered_s: float | None
    end_s: float
    status: str
    app: str = ""
    transfer: bool = False


def rows(call: Call) -> list[Row]:
    """Of one call."""
    told: list[Row] = []
    for n, step in enumerate(call.steps):
        after = call.steps[n + 1 :]
        match step:
            case Ring():
                told += _rung(call, step.at_s, step.until_s, step.results, after)
                if step.pickup:
                    talk = next(s for s in after if isinstance(s, Talk))
                    taken = Row(call.caller, step.taken_by, step.until_s, step.until_s, talk.until_s, "ANSWERED")
                    told.append(taken)
            case Wait():
                told.append(
                    Row(call.caller, people.QUEUE_NUMBERS[step.queue], step.at_s, None, step.until_s, "", "queue")
                )
                for offer in step.offers:
                    told += _rung(call, offer.at_s, offer.until_s, offer.results, after)
            case Menu():
                told.append(Row(call.caller, "2200100", step.at_s, step.at_s, step.until_s, "ANSWERED", "ivr"))
            case Announcement():
                told.append(Row(call.caller, CLOSED, step.at_s, step.at_s, step.until_s, "ANSWERED", CLOSED))
            case Message():
                told.append(Row(call.caller, "voicemail", step.at_s, step.at_s, step.until_s, "ANSWERED", "voicemail"))
            case Transfer():
                talk = next(s for s in after if isinstance(s, Talk))
                told.append(Row(call.caller, step.to, step.ring_s, step.at_s, talk.until_s, "ANSWERED", "", True))
    return told


def write(path: Path, calls: Iterable[Call], zone: str) -> Sequence[Call]:
    """cdr.db."""
    path.parent.mkdir(parents=True, exist_ok=True)
    calls = list(calls)
    with sqlite3.connect(path) as db:
        db.execute(f"CREATE TABLE cdr_general (id INTEGER PRIMARY KEY, {COLUMNS})")
        for serial, call in enumerate(calls):
            for n, row in enumerate(rows(call)):
                values = _values(call, row, 100 * serial, n, ZoneInfo(zone))
                places = ", ".join(f":{name}" for name in values)
                db.execute(f"INSERT INTO cdr_general ({', '.join(values)}) VALUES ({places})", values)  # noqa: S608
    db.close()
    return calls


def _rung(
    call: Call, at_s: float, until_s: float, results: tuple[tuple[str, str], ...], after: tuple[object, ...]
) -> list[Row]:
    told = []
    for number, how in results:
        if how == "answered":
            talk = next((s for s in after if isinstance(s, Talk)), None)
            assert talk is not None
            told.append(Row(call.caller, number, at_s, until_s, talk.until_s, "ANSWERED"))
        else:
            told.append(Row(call.caller, number, at_s, None, until_s, STATUS.get(how, "CANCEL")))
    return told


def _values(call: Call, row: Row, serial: int, n: int, zone: ZoneInfo) -> dict[str, object]:
    def stamp(at_s: float | None) -> str:
        if at_s is None:
            return ""
        at = (call.started_at + timedelta(seconds=at_s)).astimezone(zone)
        return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}"

    epoch = int(call.started_at.timestamp())
    outside = row.dst.startswith("+")
    source = people.TRUNK if call.direction == "inbound" else row.src
    answered = row.answered_s is not None
    channel = "" if row.app else f"PJSIP/{people.TRUNK if outside else row.dst}-{serial + n + 1:08x}"
    channel = f"App:{row.dst}" if row.app == CLOSED else channel
    return {
        "start": stamp(row.begin_s), "answer": stamp(row.answered_s), "endtime": stamp(row.end_s),
        "src_chan": f"PJSIP/{source}-{serial:08x}", "src_num": row.src, "src_name": call.name,
        "dst_chan": channel,
        "dst_num": row.dst, "dst_name": "", "UNIQUEID": f"mikopbx-{epoch}.{serial}_{n}",
        "linkedid": f"mikopbx-{epoch}.{serial}", "did": call.did,
        "disposition": "ANSWERED" if answered else "NOANSWER",
        "recordingfile": "", "from_account": people.TRUNK if call.direction == "inbound" else "",
        "to_account": people.TRUNK if outside else "", "dialstatus": "ANSWER" if answered else row.status,
        "appname": "" if row.app == CLOSED else row.app, "transfer": "1" if row.transfer else "0",
        "is_app": "1" if row.app else "0",
        "duration": int(row.end_s - row.begin_s),
        "billsec": int(row.end_s - row.answered_s) if row.answered_s is not None else 0, "work_completed": "1",
    }  # fmt: skip
