"""All figures of a period."""

from __future__ import annotations

from datetime import datetime

from analytics import metrics
from analytics.queries.metrics import values
from analytics.queries.reader import Reader
from analytics.queries.types import Scope


def overview(reader: Reader, scope: Scope, since: datetime, until: datetime) -> list[metrics.MetricValue]:
    """All figures of what started in since <= t < until, in the registry's order."""
    return values(reader, scope, since, until)
