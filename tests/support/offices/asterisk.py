"""The calls of a plan as Asterisk logs them: Master.csv with 16 to 21 columns, and queue_log.

One row per pair of channels: a group that rings three phones is three rows, a queue one row per phone that rang, a
transfer another row. What a machine answers (menu, queue, voicemail) counts as ANSWERED, and a phone that rings after
a menu is billed from the menu on: both as in life. All rows of a call share its linkedid; times are whole seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.support.offices import people
from tests.support.offices.calls import (
    WITHHELD,
    Announcement,
    Call,
    Menu,
    Message,
    Offer,
    Ring,
    Talk,
    Transfer,
    Wait,
)

DISPOSITION = {"declined": "BUSY", "busy": "BUSY", "offline": "FAILED"}
COLUMNS = (16, 18, 19, 21)


@dataclass(frozen=True)
class Row:
    """One CDR; times in seconds from the call's start. peer: the other's number, "" none."""

    src: str
    dst: str
    channel: str
    peer: str
    app: str
    data: str
    begin_s: float
    answered_s: float | None
    end_s: float
    disposition: str
    unique_id: str
    peer_unique_id: str = ""
    rang_s: float = 0.0  # when the phone began to ring, and when it was taken: what only its own channel knows
    taken_s: float | None = None


@dataclass
class Logged:
    """A call with its rows, in the order of their sequence numbers, and its lines of queue_log."""

    call: Call
    linked_id: str
    first_sequence: int
    rows: list[Row] = field(default_factory=list)
    queue_log: list[tuple[datetime, str]] = field(default_factory=list)


def logged(calls: Iterable[Call]) -> list[Logged]:
    """All calls."""
    return [_Teller(call, 100 * n).told() for n, call in enumerate(calls)]


def master(found: Sequence[Logged], columns: int, zone: str = "UTC") -> str:
    """Master.csv with so many columns; strings quoted, integers bare, the answer of an unanswered row left empty."""
    return "".join(line for one in found for line in _lines(one, columns, ZoneInfo(zone)))


def queue_log(found: Sequence[Logged]) -> str:
    """The file of that name, in order of time; epochs."""
    entries = sorted((entry for one in found for entry in one.queue_log), key=lambda entry: entry[0])
    return "".join(f"{int(at.timestamp())}|{rest}\n" for at, rest in entries)


def write(folder: Path, calls: Iterable[Call], columns: int = 21, zone: str = "UTC") -> list[Logged]:
    """Both files; where there is an account code its own copy of the rows too."""
    found = logged(calls)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Master.csv").write_text(master(found, columns, zone))
    (folder / "queue_log").write_text(queue_log(found))
    return found


def channel(number: str, serial: int) -> str:
    """The channel of an extension, or of the trunk that carries a number."""
    return f"PJSIP/{number if number in people.EXTENSIONS else people.TRUNK}-{serial:08x}"


class _Teller:
    """Goes through the steps of a call as the channel that called does."""

    def __init__(self, call: Call, serial: int) -> None:
        self.call, self.serial = call, serial
        self.unique_id = self._next_id(0.0)
        self.channel = channel(call.caller, serial + 1)
        self.logged = Logged(call, self.unique_id, serial)
        self.begin = 0.0  # of the row that is open now
        self.up: float | None = None  # since when the calling channel is answered
        self.app, self.data = "", ""
        self.open: Row | None = None  # with whom is talked
        self.waiting: Wait | None = None  # the queue whose agent talks

    def told(self) -> Logged:
        """All rows and lines."""
        for step in self.call.steps:
            match step:
                case Menu():
                    self._machine("BackGround", "welcome", step.at_s)
                case Announcement():
                    self._machine("Playback", "closed", step.at_s)
                case Message():
                    self._machine("VoiceMail", f"{step.mailbox}@default,u", step.at_s)
                case Ring():
                    self._ring(step)
                case Wait():
                    self._wait(step)
                case Talk():
                    self._talked(step)
                case Transfer():
                    self._transfer(step)
        self._close()
        return self.logged

    def _next_id(self, at_s: float) -> str:
        self.serial += 1
        return f"{int((self.call.started_at + timedelta(seconds=at_s)).timestamp())}.{self.serial}"

    def _machine(self, app: str, data: str, at_s: float) -> None:
        self.app, self.data = app, data
        self.up = at_s if self.up is None else self.up

    def _row(self, number: str, begin: float, end: float, disposition: str) -> Row:
        return Row(
            src=self.call.caller,
            dst=self.call.did or self.call.dialled,
            channel=self.channel,
            peer=channel(number, self.serial + 1) if number else "",
            app=self.app,
            data=self.data,
            begin_s=begin,
            answered_s=None,
            end_s=end,
            disposition=disposition,
            unique_id=self.unique_id,
            peer_unique_id=self._next_id(begin) if number else "",
        )

    def _ring(self, step: Ring) -> None:
        numbers = [n for n, _ in step.results]
        self.app = "Dial"
        self.data = "&".join(f"PJSIP/{dialled(n)}" for n in numbers) + ",20"
        self._rung(step.at_s, step.until_s, step.results, step.taken_by)
        if step.pickup:
            own = self._row(step.taken_by, step.until_s, step.until_s, "ANSWERED")
            picker = replace(own, src=step.taken_by, dst="*8", channel=own.peer, peer="", app="Pickup", data="")
            self.logged.rows.append(replace(picker, unique_id=own.peer_unique_id, answered_s=step.until_s))

    def _rung(self, at_s: float, until_s: float, results: tuple[tuple[str, str], ...], taken_by: str) -> None:
        """A row per phone; the first takes over the row that is open, the others begin when they ring."""
        begin = self.begin
        numbers = [n for n, _ in results]
        for number, how in results:
            if how != "answered":
                row = replace(self._row(number, begin, until_s, DISPOSITION.get(how, "NO ANSWER")), rang_s=at_s)
                if taken_by and taken_by not in numbers:  # another phone picks it up: it takes this one's place
                    self.open = replace(row, peer=channel(taken_by, self.serial + 1), disposition="ANSWERED")
                else:
                    self.logged.rows.append(row)
            else:
                self.open = replace(self._row(number, begin, until_s, "ANSWERED"), rang_s=at_s, taken_s=until_s)
            begin = at_s
        if self.open is not None:
            since = until_s if self.up is None else max(self.up, self.open.begin_s)
            self.open = replace(self.open, answered_s=since)
            self.up = until_s if self.up is None else self.up
        self.begin = until_s

    def _wait(self, step: Wait) -> None:
        self._machine("Queue", f"{step.queue},t,,,300", step.at_s)
        self._say(step.at_s, step.queue, "NONE", "ENTERQUEUE", "", self.call.caller, "1")
        for offer in step.offers:
            self._rung(offer.at_s, offer.until_s, offer.results, step.taken_by if offer is step.offers[-1] else "")
            self._offered(step, offer)
        wait_s = str(round(step.wait_s))
        match step.how:
            case "abandoned":
                self._say(step.until_s, step.queue, "NONE", "ABANDON", "1", "1", wait_s)
            case "overflow":
                self._say(step.until_s, step.queue, "NONE", "EXITWITHTIMEOUT", "1", "1", wait_s)
            case "key":
                self._say(step.until_s, step.queue, "NONE", "EXITWITHKEY", "*", "1", "1", wait_s)
            case "answered":
                self.waiting = step

    def _offered(self, step: Wait, offer: Offer) -> None:
        ring_s = offer.until_s - offer.at_s
        for number, how in offer.results:
            agent = f"PJSIP/{number}"
            if how == "answered":
                assert self.open is not None
                hold = str(round(step.wait_s))
                self._say(
                    offer.until_s, step.queue, agent, "CONNECT", hold, self.open.peer_unique_id, str(round(ring_s))
                )
            else:
                event = "RINGCANCELED" if how == "cancelled" else "RINGNOANSWER"
                self._say(offer.until_s, step.queue, agent, event, str(round(1000 * ring_s)))

    def _say(self, at_s: float, queue: str, agent: str, event: str, *data: str) -> None:
        at = self.call.started_at + timedelta(seconds=at_s)
        self.logged.queue_log.append((at, "|".join((self.unique_id, queue, agent, event, *data))))

    def _talked(self, step: Talk) -> None:
        assert self.open is not None
        self.open = replace(self.open, end_s=step.until_s)

    def _agent_done(self, at_s: float, event: str, *before: str) -> None:
        """The end of a queue's call, for queue_log."""
        if self.waiting is not None:
            held, talked = round(self.waiting.wait_s), round(at_s - self.waiting.until_s)
            agent = f"PJSIP/{self.waiting.taken_by}"
            self._say(at_s, self.waiting.queue, agent, event, *before, str(held), str(talked), "1")
            self.waiting = None

    def _transfer(self, step: Transfer) -> None:
        assert self.open is not None
        blind = step.how == "blind"
        parted = step.ring_s if blind else step.at_s
        self.logged.rows.append(replace(self.open, end_s=parted))
        self._agent_done(parted, "BLINDTRANSFER" if blind else "ATTENDEDTRANSFER", step.to, "from-internal")
        self.app, self.data = "Dial", f"PJSIP/{step.to},20"
        if not blind:
            begin = max(self.open.begin_s, parted - 3.0)
            asked = self._row(step.to, begin, parted, "ANSWERED")
            own = channel(step.by, self.serial + 1)
            asked = replace(
                asked, src=step.by, dst=step.to, channel=own, answered_s=begin, unique_id=self._next_id(begin)
            )
            self.logged.rows.append(asked)
        self.open = replace(self._row(step.to, parted, step.at_s, "ANSWERED"), answered_s=parted)
        self.begin = step.at_s

    def _close(self) -> None:
        if self.open is not None:
            self._agent_done(self.call.ended_s, "COMPLETECALLER" if self.call.hung_up == "caller" else "COMPLETEAGENT")
            self.logged.rows.append(self.open)
        elif self.up is not None and (self.app != "Queue" or self.begin < self.call.ended_s or not self.logged.rows):
            row = self._row("", self.begin, self.call.ended_s, "ANSWERED")
            self.logged.rows.append(replace(row, answered_s=max(self.up, self.begin)))


def dialled(number: str) -> str:
    """How a number stands in a dial string."""
    return number if number in people.EXTENSIONS else f"{number}@{people.TRUNK}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def caller_id(call: Call, src: str) -> str:
    """`"Name" <number>`, as it stands in clid."""
    if src == WITHHELD:
        return '"Anonymous" <anonymous>'
    return f'"{call.name}" <{src}>' if src == call.caller and call.name else f"<{src}>"


def _lines(one: Logged, columns: int, zone: ZoneInfo) -> Iterable[str]:
    call = one.call

    def stamp(at_s: float) -> str:
        at = call.started_at + timedelta(seconds=at_s)
        return f'"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"'

    for n, row in enumerate(one.rows):
        context = "from-trunk" if call.direction == "inbound" else "from-internal"
        texts = ["", row.src, row.dst, context, caller_id(call, row.src), row.channel, row.peer, row.app, row.data]
        cells = [_quoted(text) for text in texts]
        cells += [stamp(row.begin_s), "" if row.answered_s is None else stamp(row.answered_s), stamp(row.end_s)]
        talked = 0.0 if row.answered_s is None else row.end_s - row.answered_s
        cells += [str(int(row.end_s - row.begin_s)), str(int(talked)), _quoted(row.disposition), '"DOCUMENTATION"']
        if columns in (18, 21):
            cells += [_quoted(row.unique_id), '""']
        if columns in (19, 21):
            cells += ['""', _quoted(one.linked_id), str(one.first_sequence + n)]
        yield ",".join(cells) + "\n"
