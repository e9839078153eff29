"""What is made of a transcript once it is there: each step gives records for the journal. Steps are pure of I/O, cost
little beside the recognition, and one that fails must not cost the transcript: it is left out and told in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.meaning.record import Heard, meaning
from analytics.redact.record import redaction
from pbx_core.domain.model import Model
from pbx_core.domain.records import Party, TranscriptRecord, TurnsRecord
from pbx_core.domain.redaction import wishes_of


@dataclass(frozen=True)
class Conversation:
    """One recording that was heard. samples: float32, (n, channels), −1..1, 16 kHz, caller first; agent: who works
    for the tenant; direction: inbound, outbound, internal; queue: "" none or unknown; pauses: silence on purpose."""

    transcript: TranscriptRecord
    turns: TurnsRecord
    samples: NDArray[np.float32]
    model: Model
    agent: Party
    direction: str
    queue: str = ""
    pauses: tuple[tuple[float, float], ...] = ()


Made = tuple[str, Any]  # kind and record of a journal line; the record has recording_id and tenant_id
Step = Callable[[Conversation], Iterable[Made]]


def _meaning(told: Conversation) -> Iterable[Made]:
    heard = Heard(told.transcript, told.turns, told.agent, told.direction, told.queue)
    yield "meaning", meaning(heard, told.model.speech)


def _redaction(told: Conversation) -> Iterable[Made]:
    wishes = wishes_of(told.model)
    if wishes.any:
        yield "redaction", redaction(told.transcript, wishes)


STEPS: tuple[Step, ...] = (_redaction, _meaning)
