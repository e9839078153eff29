"""The simulated phones of the demo and what their owners do with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pbx_core.demo import dialogues
from pbx_core.demo.progress import Progress
from pbx_core.demo.script import ANSWER_AFTER_S, OFFICES, phone_groups
from pbx_core.media.phone import Plan
from pbx_core.media.phones import Event, Phones

NAMES = {(office.domain, number): name for office in OFFICES for number, name in office.phones}
END_MARGIN_S = 0.6  # the caller hangs up so long after the last word
RTP_PORTS = 200


class Stage:
    """Two processes of phones, callers and callees. All times are seconds since the calls began."""

    def __init__(
        self, progress: Sequence[Progress], passwords: dict[tuple[str, str], str], edge: str, rtp: int, logs: Path
    ) -> None:
        """Start the phones and register each over UDP or TCP in turn at `edge` (host:port)."""
        self._progress = progress
        self._home: dict[tuple[str, str], Phones] = {}
        self._boxes: list[Phones] = []
        for n, (group, members) in enumerate(phone_groups(tuple(p.call for p in progress)).items()):
            box = Phones(rtp_port=rtp + n * RTP_PORTS, rtp_ports=RTP_PORTS, log=logs / f"phones-{group}.log")
            self._boxes.append(box)
            for m, (domain, number) in enumerate(members):
                transport = "tcp" if m % 2 else "udp"
                password = passwords[domain, number]
                box.register(
                    _account(domain, number),
                    number,
                    domain,
                    password,
                    f"sip:{edge};transport={transport}",
                    Plan(),
                    name=NAMES[domain, number],
                )
                self._home[domain, number] = box
        for (domain, number), box in self._home.items():
            box.wait("registered", account=_account(domain, number), status=200)

    @property
    def phones(self) -> int:
        """How many are registered."""
        return len(self._home)

    def act(self, elapsed_s: float) -> None:
        """Begin the calls that are due, and note what the phones report."""
        for item in self._progress:
            if not item.begun and elapsed_s >= item.call.start_s:
                self._begin(item)
        for box in self._boxes:
            for event in box.events():
                self._note(event)

    def close(self) -> None:
        """Switch all phones off."""
        for box in self._boxes:
            box.close()

    def _begin(self, item: Progress) -> None:
        call = item.call
        item.begun, item.phone = True, "dials"
        callee_box = self._home[call.domain, call.callee]
        callee = _account(call.domain, call.callee)
        if call.dialogue is None:
            callee_box.plan(callee, Plan(answer="ignore"))
            caller_plan = Plan()
        else:
            talk = dialogues.load(call.dialogue)
            hold = (talk.hold,) if talk.hold else ()
            callee_box.plan(callee, Plan(answer_after_s=ANSWER_AFTER_S, play=str(talk.callee_wav), hold=hold))
            caller_plan = Plan(play=str(talk.caller_wav), hangup_after_s=talk.duration_s + END_MARGIN_S)
        self._home[call.domain, call.caller].call(
            _account(call.domain, call.caller), call.title, call.callee, caller_plan
        )

    def _note(self, event: Event) -> None:
        for item in self._progress:
            if event.get("call") != item.call.title:
                continue
            if event["event"] == "ended":
                item.over, item.phone = True, f"over ({event['status']})"
            elif event["event"] in ("ringing", "answered", "held", "unheld"):
                item.phone = {"answered": "talks", "held": "is on hold", "unheld": "talks"}.get(event["event"], "rings")


def _account(domain: str, number: str) -> str:
    return f"{number}@{domain}"
