"""Scripts: which apply to a call, and when each of their items was said."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.meaning import words
from analytics.meaning.trackers import Talk
from pbx_core.domain.model_speech import Checklist, ChecklistItem
from pbx_core.domain.records import ItemHeard

SAID, LATE, MISSING = "said", "late", "missing"


def applies(checklist: Checklist, direction: str, queue: str) -> bool:
    """Whether a script is for calls of this direction and queue."""
    return (not checklist.queues or queue in checklist.queues) and (
        not checklist.directions or direction in checklist.directions
    )


def heard(checklist: Checklist, talk: Talk) -> Iterator[ItemHeard]:
    """Every item of a script, in its order."""
    for item in checklist.items:
        yield _item(checklist, item, talk)


def share(items: list[ItemHeard]) -> float | None:
    """Items said in time / all items; None without items."""
    return sum(i.status == SAID for i in items) / len(items) if items else None


def _item(checklist: Checklist, item: ChecklistItem, talk: Talk) -> ItemHeard:
    name = checklist.name or checklist.id
    first = min(talk.hits(item.side, item.phrases), key=lambda found: found[0].start_s, default=None)
    if first is None:
        return ItemHeard(checklist.id, name, item.title, MISSING, None, None, None, None)
    at = first[0]
    late = bool(item.within_s) and at.start_s - talk.begin_s > item.within_s
    return ItemHeard(
        checklist.id, name, item.title, LATE if late else SAID, at.start_s, first[-1].end_s,
        at.utterance.utterance_id, words.quoted(first),
    )  # fmt: skip
