"""Which words rise: the calls of the last seven days against those of the seven before, per language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from analytics.meaning import likeness, topics, words
from analytics.meaning.topics import Counted, Topic
from analytics.queries.reader import Reader
from analytics.queries.types import Scope, period
from analytics.redact import visible_text

WEEK = timedelta(days=7)

_TERMS = """
    WITH c AS (SELECT call_id, started_at >= $middle AS now FROM scoped($tenant_id, $extension, $since, $until)),
    heard AS (
        SELECT m.call_id, m.language, c.now, m.terms FROM lk.main.meaning AS m JOIN c USING (call_id)
        WHERE m.tenant_id = $tenant_id AND m.language IS NOT NULL AND m.terms <> '[]'
    ),
    said AS (
        SELECT DISTINCT call_id, language, now, pair[1] AS stem, pair[2] AS form
        FROM (SELECT call_id, language, now, unnest(from_json(terms, '[["VARCHAR"]]')) AS pair FROM heard)
    ),
    of_all AS (
        SELECT language, count(DISTINCT call_id) FILTER (now) AS calls,
               count(DISTINCT call_id) FILTER (NOT now) AS before
        FROM heard GROUP BY language
    )
    SELECT language, mode(form) AS form, count(DISTINCT call_id) FILTER (now) AS calls,
           count(DISTINCT call_id) FILTER (NOT now) AS calls_before,
           any_value(of_all.calls) AS of_now, any_value(of_all.before) AS of_before
    FROM said JOIN of_all USING (language)
    GROUP BY language, stem HAVING count(DISTINCT call_id) FILTER (now) >= $least
    ORDER BY language, form
"""
_OF_ALL = """
    WITH c AS (SELECT call_id, started_at >= $middle AS now FROM scoped($tenant_id, $extension, $since, $until))
    SELECT m.language, count(DISTINCT m.call_id) FILTER (c.now) AS calls,
           count(DISTINCT m.call_id) FILTER (NOT c.now) AS before
    FROM lk.main.meaning AS m JOIN c USING (call_id)
    WHERE m.tenant_id = $tenant_id AND m.language IS NOT NULL AND m.terms <> '[]'
    GROUP BY m.language ORDER BY m.language
"""


@dataclass(frozen=True)
class Compared:
    """Two weeks: middle ends the one before. of: language → calls with words, this week and before. What could not be
    compared has too few of them."""

    since: datetime
    middle: datetime
    until: datetime
    of: dict[str, tuple[int, int]]
    topics: list[Topic]


def rising(reader: Reader, scope: Scope, until: datetime, hidden: Sequence[str] = ()) -> Compared:
    """The words that rise in the seven days up to until. hidden: names that must not be readable; those that were
    known when a call was transcribed are no terms of it anyway."""
    middle, since = until - WEEK, until - 2 * WEEK
    values = {**period(scope, since, until), "middle": middle}
    of = {r["language"]: (r["calls"], r["before"]) for r in reader.rows(_OF_ALL, values)}
    counts = [
        Counted(r["form"], r["language"], r["calls"], r["calls_before"], r["of_now"], r["of_before"])
        for r in reader.rows(_TERMS, {**values, "least": topics.CALLS_MIN})
    ]
    hide = scope.hide
    if hide is not None:  # a word that must not be read in a call is not read here either
        counts = [c for c in counts if visible_text(c.term, hide, False, c.language) == c.term]
    found = [c for c in counts if not _named(c, hidden)]
    return Compared(since, middle, until, of, topics.rising(found))


def _named(counted: Counted, hidden: Sequence[str]) -> bool:
    stem = likeness.stem(counted.term, counted.language)
    return any(stem == likeness.stem(word, counted.language) for name in hidden for word in words.pieces(name))
