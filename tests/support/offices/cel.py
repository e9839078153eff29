"""The calls of a plan as Asterisk's Channel Event Logging tells them: cel_custom's CSV, or the table `cel` of FreePBX.

Every channel has its CHAN_START, ANSWER, BRIDGE_ENTER, HANGUP and CHAN_END; an attended transfer brings the channels of
the consultation under the first call's linked id; a call that is picked up goes on in the rung channel, under the name
of the phone that took it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.support.foreign_logs import table_file
from tests.support.offices import asterisk
from tests.support.offices.calls import Announcement, Call, Menu, Message, Offer, Ring, Talk, Transfer, Wait

CAUSE = {"declined": 21, "busy": 17, "offline": 20}
COLUMNS = (
    "eventtype", "eventtime", "cid_name", "cid_num", "cid_ani", "cid_rdnis", "cid_dnid", "exten", "context", "channame",
    "appname", "appdata", "amaflags", "accountcode", "uniqueid", "linkedid", "peer", "userfield", "userdeftype",
    "extra",
)  # fmt: skip


@dataclass(frozen=True)
class Channel:
    """As each of its events names it."""

    unique_id: str
    linked_id: str
    name: str
    number: str
    exten: str = "s"
    app: str = "AppDial"
    data: str = "(Outgoing Line)"


@dataclass(frozen=True)
class Event:
    """at_s: epoch."""

    kind: str
    at_s: float
    channel: Channel
    name: str
    extra: str


def events(calls: Iterable[Call]) -> list[Event]:
    """All events, in order of time."""
    found = [event for n, call in enumerate(calls) for event in _Teller(call, 100 * n).told()]
    return sorted(found, key=lambda e: e.at_s)


def master(found: Sequence[Event]) -> str:
    """cel-custom/Master.csv: every field quoted, times as epochs."""
    rows = ([f"{e.at_s:.6f}" if c == "eventtime" else value for c, value in _row(e).items()] for e in found)
    return "".join(",".join('"' + value.replace('"', '""') + '"' for value in row) + "\n" for row in rows)


def table(path: Path, found: Sequence[Event], zone: str) -> Path:
    """The table of FreePBX as SQLite: whole seconds of its own time zone, and a number for each row."""
    at = (_stamp(e.at_s, ZoneInfo(zone)) for e in found)
    return table_file(path, "cel", [{"id": n + 1, **_row(e), "eventtime": next(at)} for n, e in enumerate(found)])


def _stamp(at_s: float, zone: ZoneInfo) -> str:
    from_epoch = datetime.fromtimestamp(at_s, zone)
    return f"{from_epoch:%Y-%m-%d %H:%M:%S}"


def _row(event: Event) -> dict[str, str]:
    channel = event.channel
    told = dict.fromkeys(COLUMNS, "")
    return told | {
        "eventtype": event.kind, "cid_name": event.name, "cid_num": channel.number, "exten": channel.exten,
        "context": "from-internal", "channame": channel.name, "appname": channel.app, "appdata": channel.data,
        "amaflags": "3", "uniqueid": channel.unique_id, "linkedid": channel.linked_id, "extra": event.extra,
    }  # fmt: skip


class _Teller:
    """Goes through the steps of a call; `root` is the channel that called, `open` the one it talks with."""

    def __init__(self, call: Call, serial: int) -> None:
        self.call, self.serial, self.found = call, serial, list[Event]()
        exten = call.did or call.dialled
        self.root = replace(self._channel(call.caller, 0.0), exten=exten, app="", data="")
        self.root = replace(self.root, linked_id=self.root.unique_id)
        self.open: Channel | None = None
        self.up, self.status = False, ""

    def told(self) -> list[Event]:
        """All events."""
        self._say("CHAN_START", 0.0, self.root)
        for step in self.call.steps:
            match step:
                case Menu():
                    self._machine("BackGround", "welcome", step.at_s)
                case Announcement():
                    self._machine("Playback", "closed", step.at_s)
                case Message():
                    self._machine("VoiceMail", f"{step.mailbox}@default,u", step.at_s)
                case Ring():
                    data = "&".join(f"PJSIP/{asterisk.dialled(n)}" for n, _ in step.results) + ",20"
                    self._run("Dial", data, step.at_s)
                    self._rung(step, step.taken_by if step.pickup else "")
                case Wait():
                    self._machine("Queue", f"{step.queue},t,,,300", step.at_s)
                    for offer in step.offers:
                        self._rung(offer)
                    if step.how != "answered":
                        self._say("APP_END", step.until_s, self.root)
                case Transfer(how="blind"):
                    self._sent(step)
                case Transfer():
                    self._consulted(step)
                case Talk():
                    pass
        self._close()
        return self.found

    def _channel(self, number: str, at_s: float) -> Channel:
        self.serial += 1
        unique_id = f"{int(self._at(at_s))}.{self.serial}"
        linked_id = self.root.linked_id if hasattr(self, "root") else unique_id
        return Channel(unique_id, linked_id, asterisk.channel(number, self.serial), number)

    def _at(self, at_s: float) -> float:
        return (self.call.started_at + timedelta(seconds=at_s)).timestamp()

    def _say(self, kind: str, at_s: float, channel: Channel, **extra: object) -> None:
        name = self.call.name if channel.unique_id == self.root.unique_id else ""
        self.found.append(Event(kind, self._at(at_s), channel, name, json.dumps(extra) if extra else ""))

    def _run(self, app: str, data: str, at_s: float) -> None:
        self.root = replace(self.root, app=app, data=data)
        self._say("APP_START", at_s, self.root)

    def _machine(self, app: str, data: str, at_s: float) -> None:
        self._run(app, data, at_s)
        if not self.up:
            self._say("ANSWER", at_s, self.root)
        self.up = True

    def _rung(self, step: Ring | Offer, picker: str = "") -> None:
        channels = {n: self._channel(n, step.at_s) for n, _ in step.results}
        for channel in channels.values():
            self._say("CHAN_START", step.at_s, replace(channel, app="", data=""))
        for number, how in step.results:
            if picker:
                self._picked_up(channels[number], picker, step.until_s)
            elif how == "answered":
                self._taken(channels[number], step.until_s)
            else:
                self._gone(channels[number], step.until_s, CAUSE.get(how, 26 if how == "cancelled" else 19))
                self.status = {"busy": "BUSY", "offline": "CHANUNAVAIL"}.get(how, "NOANSWER")

    def _taken(self, channel: Channel, at_s: float) -> None:
        self.open = channel
        self._say("ANSWER", at_s, channel)
        if not self.up:
            self._say("ANSWER", at_s, self.root)
        self.up, self.status = True, "ANSWER"
        for one in (channel, self.root):
            self._say("BRIDGE_ENTER", at_s, one, bridge_id="b", bridge_technology="simple_bridge")

    def _picked_up(self, rung: Channel, by: str, at_s: float) -> None:
        picker = replace(self._channel(by, at_s), exten="*8", app="Pickup", data="")
        picker = replace(picker, linked_id=picker.unique_id)
        self._say("CHAN_START", at_s, picker)
        self._say("APP_START", at_s, picker)
        self._say("PICKUP", at_s, rung, pickup_channel=picker.name, pickup_channel_uniqueid=picker.unique_id)
        self._taken(replace(rung, name=picker.name), at_s)
        self._gone(picker, at_s, 16)
        self._say("LINKEDID_END", at_s, picker)

    def _gone(self, channel: Channel, at_s: float, cause: int, source: str = "", status: str = "") -> None:
        self._say("HANGUP", at_s, channel, hangupcause=cause, hangupsource=source, dialstatus=status)
        self._say("CHAN_END", at_s, channel)

    def _sent(self, step: Transfer) -> None:
        assert self.open is not None
        told = {"transferee_channel_name": self.root.name, "transferee_channel_uniqueid": self.root.unique_id}
        self._say("BLINDTRANSFER", step.ring_s, self.open, extension=step.to, context="from-internal", **told)
        for one in (self.open, self.root):
            self._say("BRIDGE_EXIT", step.ring_s, one, bridge_id="b")
        self._gone(self.open, step.ring_s, 16, self.open.name)
        self.root = replace(self.root, exten=step.to)
        self._run("Dial", f"PJSIP/{step.to},20", step.ring_s)
        target = self._channel(step.to, step.ring_s)
        self._say("CHAN_START", step.ring_s, replace(target, app="", data=""))
        self._taken(target, step.at_s)

    def _consulted(self, step: Transfer) -> None:
        """The second line of who transfers is another call, until it is joined with the first."""
        assert self.open is not None
        begin = step.at_s - 3.0
        asks = self._channel(step.by, begin)
        asks = replace(asks, linked_id=asks.unique_id, exten=step.to, app="Dial", data=f"PJSIP/{step.to},20")
        asked = replace(self._channel(step.to, begin), linked_id=asks.unique_id)
        self._say("CHAN_START", begin, replace(asks, app="", data=""))
        self._say("APP_START", begin, asks)
        self._say("CHAN_START", begin, replace(asked, app="", data=""))
        for kind in ("ANSWER", "BRIDGE_ENTER"):
            for one in (asked, asks):
                self._say(kind, begin, one)
        none = dict.fromkeys(("transferee_channel_uniqueid", "transfer_target_channel_uniqueid"), "N/A")
        told = {"channel2_name": asks.name, "channel2_uniqueid": asks.unique_id, **none}
        self._say("ATTENDEDTRANSFER", step.at_s, self.open, bridge1_id="b", bridge2_id="c", **told)
        self._gone(self.open, step.at_s, 16, self.open.name)
        self._gone(asks, step.at_s, 16)
        self.open = replace(asked, linked_id=self.root.linked_id)
        self._say("BRIDGE_ENTER", step.at_s, self.open)

    def _close(self) -> None:
        end, source = self.call.ended_s, "dialplan/builtin"
        if self.call.hung_up == "caller":
            source = self.root.name
        elif self.call.hung_up == "callee" and self.open is not None:
            source = self.open.name
        if self.open is not None:
            self._gone(self.open, end, 16, source)
        self._gone(self.root, end, 17 if self.status == "BUSY" else 16, source, self.status)
        self._say("LINKEDID_END", end, self.root)
