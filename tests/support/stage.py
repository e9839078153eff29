"""A worker with a scripted engine, in virtual time, on a real database: acme.test with the extensions 101 to 106."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pbx_core import feed
from pbx_core.domain import modelfile
from pbx_core.domain.records import CallEventRecord, Cdr
from pbx_core.errors import Unavailable
from pbx_core.media.fake import Asked, FakeEngine, VirtualClock
from pbx_core.media.port import DialTarget, Signal
from pbx_core.media.worker import Worker
from pbx_core.settings import Settings
from pbx_core.store import models
from pbx_core.store.schema import binding
from tests.support.signed_in import binding_row
from tests.support.waiting import until

MODEL = """
languages = ["en"]
park_slots = ["701", "702"]

[recording]
default = "always"

[outbound]
country = "KG"

[extensions]
101 = { name = "Aigul", groups = ["front"], supervises = ["*"] }
102 = { name = "Bob", groups = ["front"] }
103 = { name = "Chynara", groups = ["front"] }
104 = { name = "Daniyar" }
105 = { name = "Eva" }
106 = { name = "Farid" }

[trunks.main]
host = "sip.carrier.test"

[dids."+996312880101"]
destination = "menu:main"

[menus.main]
greeting = ["tone:beep"]
on_timeout = "extension:101"
on_invalid = "extension:101"
keys = { 1 = "queue:support", 2 = "extension:102" }

[queues.support]
name = "Support"
number = "201"
members = ["103", "104"]
announce_s = 0

[routes.all]
trunks = ["main"]

[rooms.600]
"""


class StubbornJournal(feed.Journal):
    """A journal on a disk that can be full."""

    full = False

    def append(self, kind: str, id_: str, tenant_id: str, record: Any, *, sync: bool = True) -> None:
        if self.full:
            raise Unavailable("the disk is full")
        super().append(kind, id_, tenant_id, record, sync=sync)


@dataclass
class Stage:
    """A worker with everything around it. `answering`: whose phones answer, and after how many seconds."""

    settings: Settings
    db: sa.Engine
    tenant_id: str
    clock: VirtualClock
    engine: FakeEngine
    journal: StubbornJournal
    worker: Worker
    answering: dict[str, float] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        settings: Settings,
        db: sa.Engine,
        tenant_id: str,
        *,
        model: str = MODEL,
        legs: int = 12,
        again: bool = False,
    ) -> Stage:
        """With everybody signed in. again: on what an earlier one left."""
        clock = VirtualClock(ids=1000 if again else 0)
        if not again:
            models.apply(db, clock, tenant_id, modelfile.read_toml(model), "test")
        engine = FakeEngine(clock, legs)
        journal = StubbornJournal(settings.journal_dir, "worker-0", clock)
        worker = Worker(settings, "worker-0", engine, journal, clock, legs, db)
        stage = cls(settings, db, tenant_id, clock, engine, journal, worker)
        if not again:
            stage.sign_in("101", "102", "103", "104", "105", "106")
        engine.callee = stage._rings
        return stage

    def sign_in(self, *numbers: str) -> None:
        """These extensions have a phone from now on."""
        now = self.clock.now().timestamp()
        with self.db.begin() as connection:
            for number in numbers:
                connection.execute(sa.insert(binding).values(binding_row(self.tenant_id, number, now)))

    def run(self, seconds: float, every_s: float = 0.05) -> None:
        """Let virtual time pass, the worker taking its turns; what it does in the background takes no time."""
        end = self.clock.mono_s + seconds
        while True:
            self.rest()
            if self.clock.mono_s >= end:
                return
            self.clock.advance(min(every_s, end - self.clock.mono_s))

    def rest(self) -> None:
        """Turns until nothing is under way in the background."""

        def nothing_left() -> bool:
            self.worker.turn()
            return self.worker.errands == 0

        until(nothing_left, every_s=0.0005, what="errands")

    def calls(self, number: str, dialled: str, **more: str) -> int:
        """An extension calls; the handle of its leg."""
        headers = {"X-Tenant": self.tenant_id, "X-Auth-User": number, "X-Source": "udp:192.0.2.7:5060", **more}
        return self.engine.invite(invite(number, dialled, headers))

    def from_outside(self, number: str, did: str = "+996312880101", **more: str) -> int:
        """A call comes in by the trunk."""
        headers = {"X-Tenant": self.tenant_id, "X-Trunk": "main", "X-Did": did, "X-Caller": number, **more}
        return self.engine.invite(invite(number, did, headers))

    def hangs_up(self, handle: int) -> None:
        """The phone of a leg says BYE."""
        self.engine.later(0.0, handle, Signal.ENDED, status=200, reason="OK")

    def gives_up(self, handle: int) -> None:
        """The phone of a leg that was not answered says CANCEL."""
        self.engine.later(0.0, handle, Signal.ENDED, status=487, reason="Request Terminated")

    def presses(self, handle: int, keys: str, after_s: float = 0.0) -> None:
        """Digits."""
        for n, key in enumerate(keys):
            self.engine.later(after_s + 0.1 * n, handle, Signal.DTMF, digit=key, method="rfc2833")

    def dialled(self, who: str) -> list[Asked]:
        """Our INVITEs to a number, or to a fork in which it is."""
        found = []
        for asked in self.engine.all("dial"):
            fork = asked.headers.get("X-Fork", "").split(",")
            if who in fork or asked.detail.uri.startswith(f"sip:{who}@"):
                found.append(asked)
        return found

    def hear_each_other(self, *handles: int) -> bool:
        """Whether exactly these hear each other, all of them."""
        wanted = {(a, b) for a in handles for b in handles if a != b}
        return self.engine.heard == wanted

    def records(self) -> list[Any]:
        """Every record in the worker's journal."""
        own = [s for s in feed.segments(self.settings.journal_dir) if s.startswith("worker-0/")]
        lines = [line for segment in own for line in feed.read(self.settings.journal_dir, segment)]
        return [feed.decode(line.raw).record for line in lines]

    def events(self, kind: str) -> list[CallEventRecord]:
        return [r for r in self.records() if isinstance(r, CallEventRecord) and r.type == kind]

    def cdrs(self) -> list[Cdr]:
        return [r for r in self.records() if isinstance(r, Cdr)]

    def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        """A whole table."""
        with self.db.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(sa.select(table))]

    def folders(self) -> list[Path]:
        """The spool's, oldest segment first."""
        metas = sorted(self.settings.spool_dir.glob("*/*/meta.json"), key=_segment)
        return [path.parent for path in metas]

    def _rings(self, handle: int, target: DialTarget) -> None:
        """The other phones: those of `answering` answer, the others ring."""
        fork = target.headers.get("X-Fork", "").split(",") if "X-Fork" in target.headers else []
        numbers = fork or [target.uri.removeprefix("sip:").partition("@")[0]]
        self.engine.later(0.1, handle, Signal.RINGING, status=180, media=False)
        willing = [n for n in numbers if n in self.answering]
        if willing:
            first = min(willing, key=lambda n: self.answering[n])
            offers = ",".join(f"{n}=0" for n in numbers if n != first)
            headers = {"x-by": first, "x-offers": offers}
            self.engine.later(self.answering[first], handle, Signal.ANSWERED, headers=headers)


def invite(number: str, dialled: str, headers: dict[str, str]) -> str:
    """An INVITE as the edge hands it on."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"INVITE sip:{dialled}@acme.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\n"
        f'From: "Phone {number}" <sip:{number}@acme.test>;tag=1\r\nTo: <sip:{dialled}@acme.test>\r\n'
        f"Call-ID: {number}-{dialled}@phone\r\nCSeq: 1 INVITE\r\n{lines}\r\nv=0"
    )


def _segment(meta: Path) -> tuple[str, int]:
    held = json.loads(meta.read_text())
    return str(held["started_at"]), int(held["segment"])


Script = Callable[[int, DialTarget], None]
