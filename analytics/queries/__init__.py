"""The only door to the warehouse for the dashboard and the notebooks: named, typed questions, tenant first.

    reader = open_reader(settings)
    page = calls(reader, Scope(tenant_id), CallFilter(disposition="answered"))
    detail = call(reader, Scope(tenant_id), page.frame.call_id[0])

Every answer is limited to the scope's tenant and, for an agent, to the calls of his extension.
"""

from analytics.metrics import MetricValue
from analytics.queries.calls import calls, neighbours
from analytics.queries.detail import call, recording
from analytics.queries.metrics import distribution, rows_behind, series, values
from analytics.queries.overview import overview
from analytics.queries.reader import Reader, freshness, open_reader
from analytics.queries.search import Found, Hit, Speaker, search
from analytics.queries.trends import quality, volume
from analytics.queries.types import CallDetail, CallFilter, CallPage, Scope

__all__ = [
    "CallDetail",
    "CallFilter",
    "CallPage",
    "Found",
    "Hit",
    "MetricValue",
    "Reader",
    "Scope",
    "Speaker",
    "call",
    "calls",
    "distribution",
    "freshness",
    "neighbours",
    "open_reader",
    "overview",
    "quality",
    "recording",
    "rows_behind",
    "search",
    "series",
    "values",
    "volume",
]
