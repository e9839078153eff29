"""Figures by REST: the same as the registry gives, with the rows behind them; nothing foreign, nothing unbounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from analytics import metrics, queries
from analytics.queries.metrics import values
from pbx_core.store.tokens import Right

SINCE = (datetime.now(UTC) - timedelta(days=8)).isoformat()
UNTIL = (datetime.now(UTC) + timedelta(days=1)).isoformat()
PERIOD = {"since": SINCE, "until": UNTIL}


def test_the_registry_is_listed_whole_with_words_for_people(reads) -> None:
    told = reads.get("/v1/metrics").json()["metrics"]
    assert [m["metric_id"] for m in told] == [m.metric_id for m in metrics.REGISTRY]
    assert all(m["definition"] and m["numerator"] and m["version"] and m["unit"] for m in told)


def test_figures_are_those_of_the_registry(town, reads) -> None:
    scope = queries.Scope(town.acme.tenant_id)
    reader = queries.open_reader(town.settings)
    some = [m.metric_id for m in metrics.REGISTRY][::9]  # of each section
    wanted = values(reader, scope, datetime.fromisoformat(SINCE), datetime.fromisoformat(UNTIL), some)
    for value in wanted:
        got = reads.get(f"/v1/metrics/{value.metric_id}", params=PERIOD).json()
        seen = (got["value"], got["numerator"], got["denominator"], got["reason"], got["metric"]["version"])
        assert seen == (value.value, value.numerator, value.denominator, value.reason, value.version)
    assert any(v.value for v in wanted)
    reader.close()


def test_the_rows_behind_are_linked_and_as_many_as_were_counted(reads) -> None:
    got = reads.get("/v1/metrics/calls", params=PERIOD).json()
    link = urlsplit(got["rows"]["numerator"])
    seen, cursor = [], None
    while True:
        more = f"&limit=4&cursor={cursor}" if cursor else "&limit=4"
        page = reads.get(f"{link.path}?{link.query}{more}").json()
        seen += page["rows"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == got["numerator"] == len({r["row_id"] for r in seen}) > 4
    assert sum(r["value"] for r in seen) == got["numerator"]


@pytest.mark.parametrize("by", ["hour", "day", "week", "month", "hour_of_day", "weekday", "direction"])
def test_a_series_adds_up_to_the_whole(reads, by: str) -> None:
    got = reads.get("/v1/metrics/calls", params={**PERIOD, "by": by}).json()
    total = sum(p["numerator"] for p in got["series"])
    assert total == got["numerator"] > 0
    assert len({p["key"] for p in got["series"]}) == len(got["series"])


def test_nothing_foreign_unknown_or_endless(town, reads) -> None:
    assert reads.get("/v1/metrics/nonsense", params=PERIOD).status_code == 404
    assert reads.get("/v1/metrics/calls").status_code == 422, "a period must be said"
    assert town.client(town.acme, Right.LISTEN).get("/v1/metrics").status_code == 403
    both = [c.get("/v1/metrics/calls", params=PERIOD).json()["value"] for c in (reads, town.client(town.birch))]
    assert both == [town.acme_office.count, town.birch_office.count]
    for asked in (
        {"since": UNTIL, "until": SINCE},
        {"since": "0001-01-01", "until": "9999-01-01"},
        {"since": "2020-01-01", "until": "2026-01-01", "by": "hour"},
        {**PERIOD, "by": "caller_number"},
        {**PERIOD, "tenant_id": town.birch.tenant_id},
        {**PERIOD, "queue": "x" * 500},
        {**PERIOD, "since": "' OR 1=1--"},
    ):
        assert reads.get("/v1/metrics/calls", params=asked).status_code in (400, 422), asked
    for queue in ("' OR 1=1--", "%", "\u202e", "💥"):
        assert reads.get("/v1/metrics/calls", params={**PERIOD, "queue": queue}).json()["value"] in (0, None)
    for cursor in ("x", "WyJvbGRlciIsMSwiJyJd", "A" * 299):
        assert reads.get("/v1/metrics/calls/rows", params={**PERIOD, "cursor": cursor}).status_code == 400
