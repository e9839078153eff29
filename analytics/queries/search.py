"""Search in what was said, over all calls that one may hear, as the transcripts stand now.

Every word of every transcript is a row of `utterance_term` (written by ingest), so a search looks up whole words in a
column and reads no text. First the forms of what is sought are found among the words that the tenant's calls hold;
then the utterances in which they stand; at last the few that are shown. Utterances in which something is hidden from
who asks are left out before all that.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from analytics.corrected import Said, correct_one
from analytics.queries.reader import Reader
from analytics.queries.types import BEGINNING, END, Scope, period, readable_parameters
from analytics.searching import Clause, Sought, understand
from ingest import convert
from pbx_core.domain.records import Party, TranscriptEditRecord, Utterance, Word
from pbx_core.domain.terms import terms
from pbx_core.errors import InputError

LIMIT_MAX = 100  # hits on a page
SKIP_MAX = 1000  # hits before it: who has read so many searches for something else
FORMS_MAX = 3000  # of one word: the beginning of two letters has thousands

# DuckDB counts mistakes in bytes; letters of two bytes are replaced by signs of one that no word holds.
_LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюяңөүі"
_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ!#%&()*+-/"
_FORMS = r"""
    WITH known AS (
        SELECT DISTINCT term FROM lk.main.utterance_term WHERE tenant_id = $tenant_id
        UNION
        SELECT unnest(regexp_extract_all(replace(lower(text), 'ё', 'е'), '[\p{L}\p{N}]+'))
        FROM lk.main.transcript_edit WHERE tenant_id = $tenant_id AND kind = 'text' AND text IS NOT NULL
    ),
    sought AS (
        SELECT word, head, edits, translate(word, $letters, $signs) AS plain
        FROM (SELECT unnest($words::VARCHAR[]) AS word, unnest($heads::VARCHAR[]) AS head,
                     unnest($edits::INTEGER[]) AS edits)
    ),
    compared AS (
        SELECT word, head, edits, plain, term, translate(term, $letters, $signs) AS written
        FROM known JOIN sought
          ON starts_with(term, head) OR (edits > 0 AND length(term) BETWEEN length(word) - edits AND length(word) + 3)
    ),
    judged AS (  -- a mistake in a form that is longer is forgiven, too: boyler, boilers
        SELECT word, term, head, edits > 0 AND length(term) BETWEEN length(word) - edits AND length(word) + 3
               AND least(damerau_levenshtein(written, plain),
                         damerau_levenshtein(left(written, length(plain)), plain)) <= edits AS near
        FROM compared
    )
    SELECT word, term, near FROM judged WHERE near OR starts_with(term, head) ORDER BY word, length(term), term
"""
_HITS = """
    WITH form AS (SELECT unnest($terms::VARCHAR[]) AS term, unnest($clauses::INTEGER[]) AS clause,
                    unnest($places::INTEGER[]) AS place, unnest($sizes::INTEGER[]) AS size,
                    unnest($costs::INTEGER[]) AS cost),
    found AS (
        SELECT call_id, recording_id, utterance_id, said.party, clause, position - place AS first, max(cost) AS cost
        FROM words_now($tenant_id, $terms, $originals, $wishes) AS said JOIN form USING (term)
        GROUP BY ALL HAVING count(DISTINCT place) = any_value(size)
    ),
    whole AS (
        SELECT call_id, recording_id, utterance_id, party, max(cost) AS cost
        FROM (SELECT call_id, recording_id, utterance_id, party, clause, min(cost) AS cost FROM found GROUP BY ALL)
        GROUP BY call_id, recording_id, utterance_id, party HAVING count(*) = $wanted
    ),
    placed AS (
        SELECT whole.*, c.started_at, c.direction,
               coalesce(nullif(r.caller_number, ''), c.caller_number) AS caller_number,
               coalesce(nullif(r.callee_number, ''), nullif(c.answered_by, ''), c.callee_number) AS callee_number
        FROM whole
        JOIN scoped($tenant_id, $extension, $since, $until) AS c USING (call_id)
        JOIN lk.main.recording AS r
          ON r.tenant_id = $tenant_id AND r.call_id = whole.call_id AND r.recording_id = whole.recording_id
        WHERE NOT EXISTS (FROM lk.main.recording_gone AS g
                          WHERE g.tenant_id = $tenant_id AND g.recording_id = whole.recording_id)
    ),
    heard AS (
        SELECT *, CASE WHEN list_contains($own, caller_number)
                            AND NOT (direction = 'inbound' AND list_contains($own, callee_number)) THEN 'caller'
                       WHEN list_contains($own, callee_number) THEN 'callee' END AS agent
        FROM placed
    )
    SELECT *, count(*) OVER () AS total FROM heard
    WHERE $speaker = '' OR party = $speaker OR ($speaker = 'agent' AND party = agent)
       OR ($speaker = 'customer' AND party <> agent)
    ORDER BY cost, started_at DESC, call_id DESC, utterance_id LIMIT $n OFFSET $skip
"""
_SHOWN = """
    SELECT * FROM lk.main.utterance
    WHERE tenant_id = $tenant_id AND call_id BETWEEN $low AND $high AND list_contains($ids, utterance_id)
"""
_EDITS = """
    SELECT * FROM lk.main.transcript_edit
    WHERE tenant_id = $tenant_id AND call_id BETWEEN $low AND $high AND kind IN ('text', 'party')
      AND list_contains($ids, split_part(utterance_id, '.', 1))
    ORDER BY stamp
"""


class Speaker(StrEnum):
    """Whose words are searched. The agent is the side that works for the tenant; of two, who called."""

    CALLER = "caller"
    CALLEE = "callee"
    AGENT = "agent"
    CUSTOMER = "customer"


@dataclass(frozen=True)
class Hit:
    """An utterance in which all was found. at_s: where the first found word begins; marks: places of found words in
    said.words; similar: some word was found only by forgiving mistakes of spelling."""

    call_id: str
    recording_id: str
    started_at: datetime
    caller_number: str
    callee_number: str
    said: Said
    at_s: float
    marks: tuple[int, ...]
    similar: bool


@dataclass(frozen=True)
class Found:
    """A page of hits, those with exactly the words first, then the newest; total: all there are."""

    hits: tuple[Hit, ...]
    total: int


def search(
    reader: Reader,
    scope: Scope,
    text: str,
    *,
    speaker: Speaker | None = None,
    own: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 20,
    skip: int = 0,
) -> Found:
    """own: the tenant's extensions, by which agents are told from customers. InputError for a search that cannot be
    meant."""
    if not (1 <= limit <= LIMIT_MAX and 0 <= skip <= SKIP_MAX):
        raise InputError(f"A page holds 1 to {LIMIT_MAX} hits, of the first {SKIP_MAX}.", error_id="bad_limit")
    clauses = understand(text)
    forms = _forms(reader, scope, clauses)
    values = {**period(scope, since or BEGINNING, until or END), "own": list(own), "speaker": str(speaker or "")}
    values |= readable_parameters(scope)
    rows = reader.rows(_HITS, {**values, **_flat(clauses, forms), "n": limit, "skip": skip})
    return Found(_hits(reader, scope, rows, clauses, forms), rows[0]["total"] if rows else 0)


Forms = dict[Sought, dict[str, bool]]  # term → whether it was found only by forgiving mistakes


def _forms(reader: Reader, scope: Scope, clauses: Sequence[Clause]) -> Forms:
    """What stands for each word that is sought; the word itself always does."""
    sought = list(dict.fromkeys(w for c in clauses for w in c.words))
    forms: Forms = {w: {} if w.prefix else {w.word: False} for w in sought}
    wanted = [w for w in sought if not (w.exact and not w.prefix)]
    if not wanted:
        return forms
    lists = {
        "words": [w.word for w in wanted],
        "heads": [w.head for w in wanted],
        "edits": [w.edits for w in wanted],
        "letters": _LETTERS,
        "signs": _SIGNS,
    }
    known: dict[str, list[tuple[str, bool]]] = {}
    for row in reader.rows(_FORMS, {"tenant_id": scope.tenant_id, **lists}):
        known.setdefault(row["word"], []).append((row["term"], row["near"]))
    for word in wanted:
        for term, near in known.get(word.word, ()):
            if (word.fits(term) or (near and word.edits)) and len(forms[word]) < FORMS_MAX:
                forms[word][term] = not word.fits(term)
    return forms


def _flat(clauses: Sequence[Clause], forms: Forms) -> dict[str, Any]:
    """The forms as parallel lists: term, its clause, its place there, how long that is, what it costs."""
    rows = [
        (term, n, place, len(clause.words), int(similar))
        for n, clause in enumerate(clauses)
        for place, word in enumerate(clause.words)
        for term, similar in forms[word].items()
    ]
    names = ("terms", "clauses", "places", "sizes", "costs")
    return {**{name: [row[i] for row in rows] for i, name in enumerate(names)}, "wanted": len(clauses)}


def _hits(
    reader: Reader, scope: Scope, rows: list[dict[str, Any]], clauses: Sequence[Clause], forms: Forms
) -> tuple[Hit, ...]:
    if not rows:
        return ()
    calls = [r["call_id"] for r in rows]
    bounds = {"tenant_id": scope.tenant_id, "low": min(calls), "high": max(calls)}
    bounds["ids"] = [r["utterance_id"] for r in rows]
    heard = {r["utterance_id"]: _utterance(r) for r in reader.rows(_SHOWN, bounds)}
    edits = [_edit(r) for r in reader.rows(_EDITS, bounds)]
    return tuple(_hit(row, correct_one(heard[row["utterance_id"]], edits), clauses, forms) for row in rows)


def _hit(row: dict[str, Any], said: Said, clauses: Sequence[Clause], forms: Forms) -> Hit:
    marks = sorted({place for clause in clauses for place in _places(said, clause, forms)})
    return Hit(
        row["call_id"],
        row["recording_id"],
        convert.utc(row["started_at"]),
        row["caller_number"],
        row["callee_number"],
        said,
        said.words[marks[0]].start_s if marks else said.heard.start_s,
        tuple(marks),
        bool(row["cost"]),
    )


def _places(said: Said, clause: Clause, forms: Forms) -> list[int]:
    """Which words of the utterance are the clause, wherever it stands in it."""
    run = [(term, i) for i, word in enumerate(said.words) for term in terms(word.text)]
    size = len(clause.words)
    starts = [
        n
        for n in range(len(run) - size + 1)
        if all(run[n + k][0] in forms[word] for k, word in enumerate(clause.words))
    ]
    return [run[n + k][1] for n in starts for k in range(size)]


def _utterance(row: dict[str, Any]) -> Utterance:
    words = tuple(Word(*w) for w in json.loads(row["words"]))
    return Utterance(
        row["utterance_id"], Party(row["party"]), row["start_s"], row["end_s"], row["text"], row["confidence"], words
    )


def _edit(row: dict[str, Any]) -> TranscriptEditRecord:
    rest = {k: v for k, v in row.items() if k not in ("stamp", "created_at")}
    return TranscriptEditRecord(**rest, created_at=convert.utc(row["created_at"]))
