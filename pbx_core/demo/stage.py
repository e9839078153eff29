"""The simulated phones and strangers of the demo, and what they do."""

from __future__ import annotations

import wave
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pbx_core.demo import dialogues
from pbx_core.demo.progress import Progress
from pbx_core.demo.script import (
    ANSWER_AFTER_S,
    KEYS_AFTER_S,
    OFFICES,
    WORLD,
    WORLD_ADDRESS,
    DemoCall,
    phone_groups,
)
from pbx_core.media.phone import Plan
from pbx_core.media.phones import Event, Phones

NAMES = {(office.domain, number): name for office in OFFICES for number, name in office.phones}
END_MARGIN_S = 0.6  # the caller hangs up so long after the last word
PASS_ON_S = 0.5  # between the front desk's last word and the transfer
BEEP_S = 3.0  # from the end of the ringing: the beep after the greeting comes within so long
RTP_PORTS = 200


@dataclass(frozen=True)
class Spoken:
    """Files spoken besides the dialogues: the front desk's line, and by call title the messages with the seconds
    after the answer when their caller begins to speak."""

    front_desk: Path
    messages: Mapping[str, tuple[Path, float]]


class Stage:
    """Processes of phones, and the carrier. All times are seconds since the calls began."""

    def __init__(
        self,
        progress: Sequence[Progress],
        passwords: Mapping[tuple[str, str], str],
        edge: str,
        rtp: int,
        logs: Path,
        spoken: Spoken,
    ) -> None:
        """Start the phones and register each over UDP or TCP in turn at `edge` (host:port)."""
        self._progress = progress
        self._spoken = spoken
        self._home: dict[tuple[str, str], Phones] = {}
        self._boxes: list[Phones] = []
        self._todo: list[tuple[float, Callable[[], None]]] = []  # when, what
        self._ringing: dict[str, Progress] = {}  # a phone's own name of a call → the scripted one
        self._now = 0.0
        for n, (group, members) in enumerate(phone_groups(tuple(p.call for p in progress)).items()):
            box = self._box(group, rtp + n * RTP_PORTS, logs)
            for m, (domain, number) in enumerate(members):
                address = f"sip:{edge};transport={'tcp' if m % 2 else 'udp'}"
                account = _account(domain, number)
                box.register(
                    account, number, domain, passwords[domain, number], address, Plan(), name=NAMES[domain, number]
                )
                self._home[domain, number] = box
        for (domain, number), box in self._home.items():
            box.wait("registered", account=_account(domain, number), status=200)
        self._world = self._box(WORLD, rtp + 3 * RTP_PORTS, logs, WORLD_ADDRESS)
        self._world.carrier(WORLD, f"sip:{edge};transport=udp", Plan(answer="decline"))

    def _box(self, group: str, rtp: int, logs: Path, address: str = "127.0.0.1") -> Phones:
        box = Phones(address=address, rtp_port=rtp, rtp_ports=RTP_PORTS, log=logs / f"phones-{group}.log")
        self._boxes.append(box)
        return box

    @property
    def phones(self) -> int:
        """How many are registered."""
        return len(self._home)

    def act(self, elapsed_s: float) -> None:
        """Begin the calls that are due, note what the phones report, and let people speak and hang up in time."""
        self._now = elapsed_s
        for item in self._progress:
            if not item.begun and elapsed_s >= item.call.start_s:
                self._begin(item)
        for box in self._boxes:
            for event in box.events():
                self._note(event, box)
        due = [todo for todo in self._todo if todo[0] <= elapsed_s]
        self._todo = [todo for todo in self._todo if todo[0] > elapsed_s]
        for _, action in due:
            action()

    def close(self) -> None:
        """Switch all phones off."""
        for box in self._boxes:
            box.close()

    def _begin(self, item: Progress) -> None:
        call = item.call
        item.begun, item.phone = True, "dials"
        hold = dialogues.load(call.dialogue).hold if call.dialogue else None
        for number in filter(None, (call.through, call.taker)):
            plan = Plan(answer_after_s=ANSWER_AFTER_S, hold=(hold,) if hold else ())
            self._home[call.domain, number].plan(_account(call.domain, number), plan)
        if not call.taker and not call.outside:
            self._home[call.domain, call.callee].plan(_account(call.domain, call.callee), Plan(answer="ignore"))
        plan = Plan(dtmf=((KEYS_AFTER_S, call.keys),) if call.keys else ())
        if call.outside:
            self._world.call_as(WORLD, call.title, call.caller, call.callee, plan)
        else:
            self._box_of(call).call(_account(call.domain, call.caller), call.title, call.callee, plan)

    def _box_of(self, call: DemoCall) -> Phones:
        """Where the caller's phone is."""
        return self._world if call.outside else self._home[call.domain, call.caller]

    def _note(self, event: Event, box: Phones) -> None:
        if event["event"] == "incoming":
            self._rings(event)
            return
        name = str(event.get("call", ""))
        item = next((i for i in self._progress if i.call.title == name), None)
        if item is not None:
            self._of_caller(item, event)
        elif event["event"] == "answered" and name in self._ringing:
            self._of_taker(self._ringing[name], name, box)

    def _rings(self, event: Event) -> None:
        """Remember which scripted call rings at a phone: the one under way that it is to take."""
        for item in self._progress:
            if item.begun and not item.over:
                wanted = [_account(item.call.domain, n) for n in (item.call.through, item.call.taker) if n]
                if event["account"] in wanted:
                    self._ringing[event["call"]] = item

    def _of_caller(self, item: Progress, event: Event) -> None:
        if event["event"] == "ended":
            item.over, item.phone = True, f"over ({event['status']})"
        elif event["event"] == "answered" and item.call.message:
            path, after_s = self._spoken.messages[item.call.title]
            item.phone = "leaves a message"
            self._later(after_s, partial(self._world.play, item.call.title, path))
            self._later(after_s + _length_s(path) + END_MARGIN_S, partial(self._world.hangup, item.call.title))
        elif event["event"] in ("ringing", "answered", "held", "unheld"):
            said = {"answered": "is connected", "held": "is on hold", "unheld": "talks"}
            item.phone = said.get(event["event"], "rings")

    def _later(self, after_s: float, action: Callable[[], None]) -> None:
        self._todo.append((self._now + after_s, action))

    def _of_taker(self, item: Progress, name: str, box: Phones) -> None:
        """The one who was called has answered: both speak; or the front desk does, and passes the call on."""
        call = item.call
        if call.through and name.startswith(f"{_account(call.domain, call.through)}-"):
            item.phone = "is put through"
            box.play(name, self._spoken.front_desk)
            self._later(_length_s(self._spoken.front_desk) + PASS_ON_S, partial(box.transfer, name, call.taker))
            return
        if call.dialogue is None:
            return
        item.phone = "talks"
        talk = dialogues.load(call.dialogue)
        box.play(name, talk.callee_wav)
        self._box_of(call).play(call.title, talk.caller_wav)
        self._later(talk.duration_s + END_MARGIN_S, partial(self._box_of(call).hangup, call.title))


def _length_s(path: Path) -> float:
    with wave.open(str(path)) as file:
        return float(file.getnframes() / file.getframerate())


def _account(domain: str, number: str) -> str:
    return f"{number}@{domain}"
