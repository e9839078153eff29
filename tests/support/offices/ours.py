"""The calls of a plan as our exchange writes them down: the machine's events with the dialplan's own answers, records
folded by the product, journals.

Besides the calls people speak of there are those that only a machine counts: a colleague's *8 and a consultation
before a transfer are calls of their own, which belong to the story of the call they joined.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from pbx_core.clock import Clock, uuid7_hex
from pbx_core.domain.calls.cdr import fold
from pbx_core.domain.calls.events import CALLER, CallEvent, EventType, to_record
from pbx_core.domain.calls.nodes_json import routed_detail
from pbx_core.domain.model import UserSettings
from pbx_core.domain.nodes import Origin, Routed, Target, Wish
from pbx_core.domain.records import Cdr, QueueEvent, RecordingRecord, to_json
from pbx_core.feed import Journal
from pbx_core.settings import Settings
from tests.support.offices import people, shifts
from tests.support.offices.calls import (
    Call,
    Menu,
    Message,
    Offer,
    Ring,
    Talk,
    Transfer,
    Wait,
)
from tests.support.offices.closing import outcome

BASE_S = 5000.0  # what the worker's monotonic clock says when a call begins
STATUS = {"declined": 603, "busy": 486, "offline": 430, "no_answer": 487, "cancelled": 487}


@dataclass(frozen=True)
class Written:
    """What is written of one call."""

    events: list[CallEvent]
    cdr: Cdr
    recordings: list[RecordingRecord]


def written(office: people.Office, call: Call) -> list[Written]:
    """The call's own records, and those of the calls that only served it."""
    story = _Events(office, call)
    story.tell()
    return [story.written(), *(_served(office, call, step, n) for n, step in enumerate(call.steps) if _serves(step))]


def queue_events(office: people.Office, calls: Iterable[Call]) -> list[QueueEvent]:
    """That a call-back was due and whether it reached the customer."""
    told = []
    for call in (c for c in calls if c.callback_of):
        ring = call.steps[0]
        assert isinstance(ring, Ring)
        moments = [("callback_due", call.callback_of, call.call_id, 0.0)]
        if ring.taken_by:
            moments.append(("callback_done", call.callback_of, call.call_id, ring.until_s))
        else:
            moments.append(("callback_failed", "no answer", call.call_id, ring.until_s))
        for n, (kind, reason, about, at_s) in enumerate(moments):
            at = call.started_at + timedelta(seconds=at_s)
            event_id = uuid7_hex(int(at.timestamp() * 1000), bytes.fromhex(call.call_id[-16:]) + bytes([0, n]))
            told.append(QueueEvent(event_id, office.tenant_id, at, "support", "", kind, reason, about))
    return told


def write(
    settings: Settings, clock: Clock, office: people.Office, calls: Iterable[Call], told: Iterable[shifts.Told] = ()
) -> None:
    """Into journals, as a worker, the recorder and the supervisor do; told: of agents."""
    worker, recorder = (Journal(settings.journal_dir, name, clock) for name in ("worker-0", "recorder"))
    calls = list(calls)
    for call in calls:
        for one in written(office, call):
            tenant = office.tenant_id
            for event in one.events:
                record = to_record(event, tenant)
                worker.append("call_event", f"{event.call_id}-{event.seq}", tenant, record, sync=False)
            worker.append("cdr", one.cdr.call_id, tenant, one.cdr, sync=False)
            for recording in one.recordings:
                recorder.append("recording", recording.recording_id, tenant, recording, sync=False)
    for event in (*queue_events(office, calls), *shifts.events(office.tenant_id, told)):
        worker.append("queue_event", event.event_id, event.tenant_id, event, sync=False)
    for journal in (worker, recorder):
        journal.sync()
        journal.close()


class _Events:
    """The events of one call, made from its steps."""

    def __init__(self, office: people.Office, call: Call) -> None:
        self.office, self.call = office, call
        self.events: list[CallEvent] = []
        self.recordings: list[RecordingRecord] = []
        self.routed: Routed | None = None
        self.legs = 0
        self.up = ""  # our leg that talks
        self.measured: set[str] = set()
        self.users = tuple(
            UserSettings(s.forwarded_by, forward_no_answer=s.asked.partition(":")[2])
            for s in call.steps
            if isinstance(s, Ring) and s.forwarded_by
        )

    def tell(self) -> None:
        """All of them."""
        self._open()
        for n, step in enumerate(self.call.steps):
            match step:
                case Ring():
                    self._ring(step, first=n == 0)
                case Wait():
                    self._wait(step)
                case Menu():
                    self._menu(step)
                case Message():
                    self._message(step)
                case Talk():
                    self._talk(step)
                case Transfer():
                    self._transfer(step)
                case _:
                    pass
        self._close()

    def written(self) -> Written:
        """Its records."""
        return Written(self.events, fold(self.events), self.recordings)

    def note(self, at_s: float, what: EventType, leg: str | None = None, /, **detail: Any) -> None:
        """One event. As in life, milliseconds are all there is."""
        at = self.call.started_at + timedelta(seconds=at_s)
        mono_s = round(BASE_S + at_s, 3)
        self.events.append(CallEvent(at, mono_s, self.call.call_id, len(self.events), leg, what, detail))

    @property
    def placed(self) -> bool:
        return self.call.direction in ("callback", "click")

    def _open(self) -> None:
        call = self.call
        head: dict[str, Any] = {
            "tenant_id": self.office.tenant_id,
            "domain": f"{self.office.name}.test",
            "direction": call.direction,
            "caller_number": call.caller,
            "caller_name": call.name,
            "callee_number": call.did or call.dialled,
            "sip_call_id": f"{call.call_id}@phone",
            "source": "udp:192.0.2.7:5060",
            "worker": "worker-0",
            "conversation_id": call.callback_of or call.call_id,
            "did": call.did,
            "trunk_id": people.TRUNK if call.direction == "inbound" else "",
            "language": "en",
        }
        if self.placed:
            then = call.dialled if call.direction == "callback" else f"outside:{call.dialled}"
            target = Target(call.caller, routes=self._ways(call.caller))
            head |= {"callee_number": then, "sip_call_id": "", "source": "", "trunk_id": ""}
            head["originate"] = {"target": to_json(target), "then": then, "shown": people.FRONT, "from_name": ""}
            self.note(0.0, EventType.OPENED, None, **head)
            return
        origin = people.origin(call.caller, call.did)
        self.note(0.0, EventType.OPENED, CALLER, **head, origin=to_json(origin))
        self._route(0.0, Wish(origin, dialled=call.did or call.dialled))

    def _route(self, at_s: float, wish: Wish) -> None:
        self.routed = self.office.resolve(self.call.started_at + timedelta(seconds=at_s), wish, self.users)
        self.note(at_s, EventType.ROUTED, None, **routed_detail(wish.destination, self.routed))

    def _onward(self, at_s: float, destination: str) -> None:
        """The dialplan is asked again, unless the call stands there already."""
        if self.routed is None:  # what the system placed has reached its person
            origin = Origin("system", self.call.caller, extension=self.call.caller)
            self._route(at_s, Wish(origin, destination=destination))
        elif destination not in self.routed.visited:
            self._route(at_s, Wish(self.routed.origin, destination=destination, visited=self.routed.visited))

    def _leg(self) -> str:
        self.legs += 1
        return "callee" if self.legs == 1 else f"callee-{self.legs}"

    def _ways(self, number: str) -> tuple[Any, ...]:
        if number in people.EXTENSIONS:
            return ()
        origin = people.origin("101")
        node = self.office.resolve(self.call.started_at, Wish(origin, destination=f"outside:{number}")).node
        assert node.kind == "ring", node
        return tuple(node.targets[0].routes)  # type: ignore[union-attr]

    def _ring(self, step: Ring, *, first: bool) -> None:
        if first and self.placed:
            leg, called = CALLER, (self.call.caller,)
        else:
            leg, called = self._leg(), tuple(n for n, _ in step.results)
            if step.forwarded_by:
                wanted = step.asked.partition(":")[2]
                self._onward(step.at_s, f"forward:{step.forwarded_by}:{wanted}")
            else:
                self._onward(step.at_s, step.asked)
        self._dial(step.at_s, leg, called)
        if step.pickup:
            colleague = self._leg()
            detail = {"number": step.taken_by, "how": "pickup", "from_call": "", "sip_call_id": "x", "answered": False}
            self.note(step.until_s, EventType.ADOPTED, colleague, **detail, internal=True, name="", target="")
            self.note(step.until_s, EventType.CONFIRMED, colleague)
            self.note(step.until_s, EventType.CONFIRMED, CALLER)
            self.note(step.until_s, EventType.ENDED, leg, status=487, reason="Request Terminated")
            self.up = colleague
        else:
            self._result(step.until_s, leg, step.results)

    def _dial(self, at_s: float, leg: str, numbers: tuple[str, ...]) -> None:
        trunk = people.TRUNK if any(n.startswith("+") for n in numbers) else ""
        self.note(at_s, EventType.DIALED, leg, sip_call_id=f"{leg}@worker", targets=list(numbers), trunk_id=trunk)
        self.note(at_s, EventType.RINGING, leg, status=180, media=False, by="")

    def _result(self, at_s: float, leg: str, results: tuple[tuple[str, str], ...]) -> None:
        offers = {n: STATUS.get(how, 200) for n, how in results}
        taken = next((n for n, how in results if how == "answered"), "")
        if taken:
            self.note(at_s, EventType.ANSWERED, leg, by=taken, offers=offers)
            if not self.placed:
                self.note(at_s, EventType.CONFIRMED, CALLER)
            self.up = leg
        else:
            status = max(offers.values())
            self.note(at_s, EventType.ENDED, leg, status=status, reason="", offers=offers)

    def _menu(self, step: Menu) -> None:
        if step.key:
            self.note(step.until_s, EventType.MENU_KEY, None, menu=step.menu, key=step.key)
            self._onward(step.until_s, people.KEYS[step.key])

    def _wait(self, step: Wait) -> None:
        self._onward(step.at_s, f"queue:{step.queue}")
        left = {"queue": step.queue, "position": 1, "wait_s": round(step.wait_s, 3)}
        if step.how == "full":
            self.note(step.at_s, EventType.QUEUE_FULL, None, reason="full")
            self.note(step.at_s, EventType.QUEUE_LEFT, None, how="overflow", **left)
            self._overflown(step)
            return
        self.note(step.at_s, EventType.QUEUE_JOINED, None, queue=step.queue, position=1)
        for n, offer in enumerate(step.offers):
            self._offer(offer, f"o{n}")
        if step.how == "abandoned":
            self.note(step.until_s, EventType.ENDED, CALLER, status=200, reason="OK")
        self.note(step.until_s, EventType.QUEUE_LEFT, None, how=step.how, **left)
        if step.how == "overflow":
            self._overflown(step)

    def _overflown(self, step: Wait) -> None:
        if step.queue == "billing":
            self._onward(step.until_s, "hangup:busy")

    def _offer(self, offer: Offer, offer_id: str) -> None:
        agents = [to_json(Target(n)) for n, _ in offer.results]
        leg = self._leg()
        self.note(offer.at_s, EventType.QUEUE_OFFER, None, offer_id=offer_id, agents=agents)
        self._dial(offer.at_s, leg, tuple(n for n, _ in offer.results))
        self._result(offer.until_s, leg, offer.results)
        self.note(offer.until_s, EventType.OFFER_ENDED, None, offer_id=offer_id, results=dict(offer.results))

    def _message(self, step: Message) -> None:
        self._onward(step.at_s, f"voicemail:{step.mailbox}")
        if step.left:
            begin = round(step.at_s + min(4.0, (step.until_s - step.at_s) / 2), 3)
            recording = self._record(begin, step.until_s, "voicemail", "")
            seconds = round(step.until_s - begin, 3)
            detail = {"mailbox": step.mailbox, "recording_id": recording, "seconds": seconds}
            self.note(step.until_s, EventType.VOICEMAIL_LEFT, None, **detail)

    def _talk(self, step: Talk) -> None:
        if self.call.recorded:
            self._record(step.at_s, step.until_s, "conversation", step.number)
        for begin, end in step.holds:
            self.note(begin, EventType.HELD, self.up)
            self.note(end, EventType.UNHELD, self.up)

    def _record(self, at_s: float, until_s: float, kind: str, number: str) -> str:
        call, n = self.call, len(self.recordings) + 1
        recording_id = Random(f"{call.call_id}/{n}").randbytes(16).hex()
        detail = {"recording_id": recording_id, "segment": n, "kind": kind, "caller": CALLER, "callee": self.up}
        self.note(at_s, EventType.RECORDING_STARTED, None, **detail)
        self.recordings.append(
            RecordingRecord(
                recording_id=recording_id, call_id=call.call_id, tenant_id=self.office.tenant_id,
                path=f"{self.office.tenant_id}/{recording_id}.webm", peaks_path="",
                started_at=call.started_at + timedelta(seconds=at_s), duration_s=round(until_s - at_s, 3),
                codec="opus", sample_rate=48000, channels=2, bytes=1000, sha256="0" * 64, caller_pad_ms=0,
                callee_pad_ms=0, quality="ok", quality_reason=None, consent_basis="tenant_policy", segment=n, kind=kind,
                caller_number=call.caller, callee_number=number,
            )
        )  # fmt: skip
        return recording_id

    def _transfer(self, step: Transfer) -> None:
        asker = self.up
        self.note(step.ring_s, EventType.TRANSFER_ASKED, asker, target=step.to, replaces="", means="refer")
        colleague = self._leg()
        if step.how == "attended":
            detail = {"number": step.to, "how": "transfer", "from_call": "", "sip_call_id": "x", "answered": True}
            self.note(step.at_s, EventType.ADOPTED, colleague, **detail, internal=True, name="", target="")
        else:
            origin = Origin("extension", step.by, extension=step.by, did=self.call.did)
            wish = Wish(origin, destination=f"extension:{step.to}", visited=(f"transfer:{step.by}",))
            self._route(step.ring_s, wish)
            self._dial(step.ring_s, colleague, (step.to,))
            self.note(step.at_s, EventType.ANSWERED, colleague, by=step.to, offers={step.to: 200})
        self.note(step.at_s, EventType.TRANSFERRED, asker, how=step.how, target=step.to, by=step.by)
        self._measure(step.at_s, asker)
        self.note(step.at_s, EventType.ENDED, asker, status=200, reason="OK")
        self.up = colleague

    def _measure(self, at_s: float, leg: str) -> None:
        """How the leg sounded: a thousand packets, of which some were lost."""
        if leg in self.measured:
            return
        self.measured.add(leg)
        lost = round(1000 * self.call.loss_share)
        sample = {
            "stream": 1, "codec": "PCMA", "ptime_ms": 20, "span_s": 20.0, "rx_packets": 1000 - lost, "lost": lost,
            "discarded": 0, "jb_lost": 0, "jb_empty": 0, "jitter_ms_mean": 1.0, "jitter_ms_max": 3.0,
            "buffer_ms": 20.0, "rtt_ms_mean": None, "cpu_wait_s": 0.0,
        }  # fmt: skip
        self.note(at_s, EventType.QUALITY, leg, **sample)

    def _close(self) -> None:
        call = self.call
        if call.talks:
            self._measure(call.ended_s, CALLER)
            self._measure(call.ended_s, self.up)
            gone = CALLER if call.hung_up == "caller" else self.up
            self.note(call.ended_s, EventType.ENDED, gone, status=200, reason="OK")
        self.note(call.ended_s, EventType.CLOSED, None, **outcome(call, BASE_S))


def _serves(step: Any) -> bool:
    return (isinstance(step, Ring) and step.pickup) or (isinstance(step, Transfer) and step.how == "attended")


def _served(office: people.Office, call: Call, step: Any, n: int) -> Written:
    """The call of a colleague who takes this one (*8), or that in which he was consulted."""
    who, dialled = (step.taken_by, "*8") if isinstance(step, Ring) else (step.by, step.to)
    end_s = step.until_s if isinstance(step, Ring) else step.at_s
    length_s = min(2.0, end_s)
    started_at = call.started_at + timedelta(seconds=end_s - length_s)
    call_id = uuid7_hex(int(started_at.timestamp() * 1000), bytes.fromhex(call.call_id[-18:]) + bytes([n + 1]))
    own = Call(call_id, started_at, "internal", who, "", dialled, (), length_s, "system")
    story = _Events(office, own)
    story._open()
    leg, how, answered_s = CALLER, "pickup", 0.0
    if isinstance(step, Transfer):
        leg, how = "callee", "transfer"
        story._dial(0.0, leg, (dialled,))
        story._result(0.0, leg, ((dialled, "answered"),))
    story.note(length_s, EventType.GIVEN, leg, to_call=call.call_id, how=how)
    detail = {"disposition": "answered", "cause": how, "hangup_party": "system", "mono_s": BASE_S + length_s}
    by = "" if how == "pickup" else dialled
    answered_s = length_s if how == "pickup" else 0.0
    story.note(length_s, EventType.CLOSED, None, **detail, answered_mono_s=BASE_S + answered_s, answered_by=by)
    return story.written()
