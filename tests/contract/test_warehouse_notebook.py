"""The notebook runs on a small warehouse, and its figures are those of the queries."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from analytics import queries
from tests.support import facts, lake

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "calls.ipynb"

ANSWER = """
import json
json.dumps({
    "figures": {m.metric_id: m.value for m in queries.overview(reader, scope, since, until)},
    "shown": dict(zip(figures.metric_id, figures.value.astype(object).where(figures.value.notna(), None))),
    "volume": int(volume.calls.sum()), "legs": int(quality.legs.sum()), "calls": list(calls.call_id),
    "since": since.isoformat(), "until": until.isoformat(),
})
"""


def test_the_notebook_runs_and_shows_what_the_queries_say(world, monkeypatch):
    written = facts.write_calls(
        world.settings, world.clock, world.acme, 30, until=world.clock.now() - timedelta(hours=1)
    )
    facts.write_calls(world.settings, world.clock, world.birch, 10)
    lake.ingest_once(world.settings, world.clock)
    monkeypatch.setenv("CALLBENCH_DATA", str(world.settings.data))
    monkeypatch.setenv("CALLBENCH_DOMAIN", "acme.test")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(ANSWER))
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()

    answer = _value(notebook.cells[-1])
    reader = queries.open_reader(world.settings)
    scope = queries.Scope(world.acme.tenant_id)
    until = world.clock.now()
    expected = {m.metric_id: m.value for m in queries.overview(reader, scope, until - timedelta(days=30), until)}
    reader.close()
    assert answer["shown"] == answer["figures"] == pytest.approx(expected)
    assert answer["volume"] == len(written) == expected["calls"]
    assert sorted(answer["calls"]) == sorted(c.call_id for c in written)
    assert answer["legs"] == sum(1 for c in written for leg in c.legs if leg.mos is not None)


def test_the_notebook_is_kept_without_outputs_and_asks_only_through_the_queries():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert all(not c.outputs and c.execution_count is None for c in code)
    assert not any(word in c.source for c in code for word in ("duckdb", "SELECT", "lk.main", "from ingest"))


def _value(cell) -> dict:
    import ast
    import json

    (output,) = [o for o in cell.outputs if o.output_type == "execute_result"]
    return json.loads(ast.literal_eval(output["data"]["text/plain"]))
