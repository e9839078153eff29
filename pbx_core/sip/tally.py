"""Which calls run where, and how many of each kind: per worker, trunk, public number, tenant. Pure bookkeeping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace

CALLS_MAX = 50_000


@dataclass(frozen=True)
class Talk:
    """One SIP dialog with a worker, by what it counts for. `slot`: it takes a call's place at the worker; otherwise
    it is one more leg of such a call. `call_id`: ours (X-Call-Id), "" while unknown. `since`: monotonic seconds."""

    worker: str = ""
    since: float = 0.0
    slot: bool = True
    tenant_id: str = ""
    extension: str = ""
    trunk_id: str = ""
    did: str = ""
    outside: bool = False  # a call to the outside, counted against the tenant's limit
    international: bool = False
    call_id: str = ""

    def kinds(self) -> Iterator[Hashable]:
        """What it counts as."""
        if self.slot:
            yield "slot", self.worker
            yield "tenant", self.tenant_id, self.worker
        if self.extension:
            yield "extension", self.tenant_id, self.extension, self.worker
        if self.trunk_id:
            yield "trunk", self.tenant_id, self.trunk_id
        if self.did:
            yield "did", self.tenant_id, self.did
        if self.outside:
            yield "outside", self.tenant_id
        if self.international:
            yield "international", self.tenant_id


class Tally:
    """Dialogs by the Call-ID that the worker knows them under; bounded."""

    def __init__(self, calls_max: int = CALLS_MAX) -> None:
        self._held: dict[str, Talk] = {}
        self._counts: Counter[Hashable] = Counter()
        self._max = calls_max

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: str) -> Talk | None:
        """What is known of a dialog."""
        return self._held.get(key)

    def put(self, key: str, talk: Talk) -> None:
        """A new dialog, or news of one."""
        self.remove(key)
        if len(self._held) < self._max:
            self._held[key] = talk
            self._counts.update(talk.kinds())

    def change(self, key: str, **facts: object) -> None:
        """Something of a known dialog became known."""
        held = self._held.get(key)
        if held is not None:
            self.put(key, replace(held, **facts))  # type: ignore[arg-type]

    def remove(self, key: str) -> None:
        """It ended."""
        talk = self._held.pop(key, None)
        if talk is not None:
            for kind in talk.kinds():
                self._counts[kind] -= 1
                if self._counts[kind] <= 0:
                    del self._counts[kind]

    def count(self, *kind: str) -> int:
        """How many there are of a kind: `count("trunk", tenant_id, trunk_id)`."""
        return self._counts[kind]

    def workers(self) -> set[str]:
        """Workers that hold something."""
        return {talk.worker for talk in self._held.values() if talk.worker}

    def settle(self, worker: str, reported: int, before: float) -> None:
        """A worker says how many calls it holds: of those begun `before`, forget the oldest beyond that number. Their
        BYE never came this way. Legs count once per call."""
        slots: dict[str, list[str]] = {}
        legs: dict[str, list[str]] = {}
        for key, talk in sorted(self._held.items(), key=lambda item: item[1].since):
            if talk.worker == worker and talk.since < before:
                group = slots if talk.slot else legs
                group.setdefault(key if talk.slot else talk.call_id or key, []).append(key)
        for group in (slots, legs):
            for name in list(group)[: max(0, len(group) - reported)]:
                for key in group[name]:
                    self.remove(key)
