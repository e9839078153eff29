"""Where a transcript holds what the tenant wants hidden. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analytics.redact import digits, names
from analytics.redact.digits import Range, Row
from analytics.redact.speech import AnyUtterance, Place, places
from pbx_core.domain.records import Party
from pbx_core.domain.records.redaction import RedactedSpan
from pbx_core.domain.redaction import Wishes


def find(
    utterances: Sequence[tuple[str, AnyUtterance]], wishes: Wishes, language: str | None
) -> tuple[RedactedSpan, ...]:
    """The spans of all utterances (given with their ids), in order of their beginning; they may overlap."""
    sides = places(utterances)
    found: dict[Party, list[Range]] = {party: [] for party in Party}
    both = sorted((place for side in sides.values() for place in side), key=lambda p: p.start_s)
    mixed: list[Row] = []
    if wishes.cards:  # where it is not certain who speaks, one number may lie on both sides
        mixed = [row for row in digits.rows(both, language) if digits.exact_card(row)]
    if wishes.cards or wishes.phones:
        _numbers(sides, wishes, language, found, mixed)
    if wishes.names:
        looked_for = names.prepare(wishes.names, language)
        for party, side in sides.items():
            found[party] += _names(side, looked_for)
    spans = [span for party, side in sides.items() for r in found[party] for span in _spans(side, r)]
    spans += [span for row in mixed for r in digits.ranges(row, "card") for span in _spans(both, r)]
    return tuple(sorted(dict.fromkeys(spans), key=lambda s: (s.start_s, s.utterance_id, s.first)))


def _numbers(
    sides: dict[Party, list[Place]],
    wishes: Wishes,
    language: str | None,
    found: dict[Party, list[Range]],
    mixed: Sequence[Row],
) -> None:
    said = {party: digits.rows(side, language) for party, side in sides.items()}
    cards = list(mixed)
    for party, rows in said.items():
        rest: list[Row] = []
        for row in rows:
            kind = digits.card(row, wishes) if wishes.cards else None
            if kind:
                cards.append(row)
                found[party] += digits.ranges(row, kind)
            else:
                rest.append(row)
        said[party] = rest
    for party, rows in said.items():
        for row in rows:
            if wishes.phones:
                found[party] += [r for part in digits.phones(row, wishes) for r in digits.ranges(part, "phone")]
            if any(_around(row, card) for card in cards) and len(digits.digits_of(row)) >= digits.CODE_DIGITS_MIN:
                found[party] += digits.ranges(row, "code")


def _around(row: Row, card: Row) -> bool:
    begin_s, end_s = card[0].start_s - digits.CODE_BEFORE_S, card[-1].end_s + digits.CODE_AFTER_S
    return row[-1].end_s >= begin_s and row[0].start_s <= end_s


def _names(side: Sequence[Place], looked_for: names.Names) -> list[Range]:
    words = [place.text for place in side]
    out: list[Range] = []
    place = 0
    while place < len(words):
        count = looked_for.at(words, place)
        if count:
            out.append(Range(place, place + count - 1, "name"))
        place += count or 1
    return out


def _spans(side: Sequence[Place], found: Range) -> Iterable[RedactedSpan]:
    """A range of one side's words, parted by utterance."""
    part: list[Place] = []
    for place in (*side[found.first : found.last + 1], None):
        if part and (place is None or place.utterance_id != part[-1].utterance_id):
            head = part[0]
            end_s = max(p.end_s for p in part)
            yield RedactedSpan(
                head.utterance_id, head.party, head.index, part[-1].index, head.start_s, end_s, found.kind
            )
            part = []
        if place is not None:
            part.append(place)
