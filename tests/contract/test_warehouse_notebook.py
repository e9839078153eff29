"""The notebooks run on a simulated office, and their figures are those of the queries. SQL of one's own cannot get out.

All notebooks are run by one kernel, one after the other, each beginning with nothing.
"""

from __future__ import annotations

import ast
import json
import re
from datetime import timedelta
from pathlib import Path
from random import Random

import nbformat
import pytest
from nbclient import NotebookClient

from analytics import notebook
from analytics.queries import metrics
from analytics.tenantsql.session import Sql
from pbx_core.errors import InputError
from tests.support.offices import draw, loading

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
NAMES = {"calls", "service_level", "repeat_calls", "quality_outcome", "conversion"}

# what each notebook found, in its own variables
ASKED = {
    "calls": "[dict(zip(figures.metric_id, figures.value)), int(classes.conversations.sum()), len(rows)]",
    "service_level": "dict(zip(levels.metric_id, levels.value))",
    "repeat_calls": "[len(rows), repeated, first.value, first.denominator, table['what may be said'].tolist()]",
    "quality_outcome": "[int(spread.n.sum()), len(measured), verdict['what may be said'].tolist()]",
    "conversion": "[int(by_did.called.sum()), int(back.lost.sum()), int(back.won_back.sum())]",
}


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """Two simulated offices with the same numbers; the desk of the first one over all its days."""
    settings, offices = loading.tenants(tmp_path_factory.mktemp("notebooks"), ["Europe/Berlin", "Asia/Bishkek"])
    plans = [draw.plan(office, 1, people_outside=n) for office, n in zip(offices, (60, 15), strict=True)]
    loading.load_ours(settings, plans, 1, Random(1))
    with pytest.MonkeyPatch.context() as env:
        env.setenv("CALLBENCH_DATA", str(settings.data))
        env.setenv("CALLBENCH_DOMAIN", "office0.test")
        env.setenv("CALLBENCH_SINCE", f"{plans[0].since - timedelta(days=2):%Y-%m-%d}")
        env.setenv("CALLBENCH_UNTIL", f"{plans[0].until + timedelta(days=20):%Y-%m-%d}")
        desk = notebook.open_desk()
        yield desk, offices
        desk.sql.close()
        desk.reader.close()


@pytest.fixture(scope="module")
def found(office):
    """The answers to ASKED after all cells of each notebook."""
    whole = nbformat.v4.new_notebook()
    places = {}
    for path in NOTEBOOKS:
        book = nbformat.read(path, as_version=4)
        whole.cells += [nbformat.v4.new_code_cell("%reset -f"), *book.cells]
        places[path.stem] = len(whole.cells)
        answer = f"import json\njson.dumps({ASKED[path.stem]}, default=lambda v: None)"
        whole.cells.append(nbformat.v4.new_code_cell(answer))
    done = NotebookClient(whole, timeout=240, kernel_name="python3").execute()
    return {name: _value(done.cells[place]) for name, place in places.items()}


def test_every_notebook_runs_and_its_figures_are_those_of_the_queries(office, found):
    desk, _ = office
    figures = {m.metric_id: m for m in metrics.values(*desk.asked)}
    shown, classes, behind = found["calls"]
    assert {k: v for k, v in shown.items() if v is not None and v == v} == pytest.approx(
        {k: m.value for k, m in figures.items() if m.value is not None}
    )
    assert classes == figures["inbound_conversations"].value > 100 and behind == min(10, figures["missed"].value)
    assert found["service_level"] == pytest.approx({k: figures[k].value for k in found["service_level"]})
    assert len(set(found["service_level"].values())) > 1  # the four definitions do differ
    rows, repeated, resolution, of, said = found["repeat_calls"]
    assert rows == of and 1 - repeated / rows == pytest.approx(resolution)
    assert len(said) == 9 and all(re.match("too few|more|fewer|no difference", s) for s in said)
    legs, measured, verdict = found["quality_outcome"]
    assert legs == figures["mos_mean"].denominator and measured > 0 and len(verdict) == 2
    called, lost, won_back = found["conversion"]
    assert called == classes and (won_back, lost) == (
        figures["recovery_rate_any"].numerator,
        figures["recovery_rate_any"].denominator,
    )


def test_notebooks_are_kept_without_outputs_and_ask_through_the_queries():
    assert {path.stem for path in NOTEBOOKS} == NAMES
    for path in NOTEBOOKS:
        code = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
        assert all(not c.outputs and c.execution_count is None for c in code)
        assert not any(word in c.source for c in code for word in ("duckdb", "lk.main", "from ingest", "sqlite"))
        assert all("desk.sql(" in c.source for c in code if "SELECT" in c.source)


REFUSED = (
    "FROM lk.main.call",
    "SELECT * FROM call WHERE (SELECT count(*) FROM lk.main.call) > 0",
    "FROM memory.main.call",
    "SELECT * FROM read_parquet('{file}')",
    "FROM '{file}'",
    'WITH x AS (WITH "{file}" AS (SELECT 1) SELECT 1) FROM "{file}"',
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "FROM sniff_csv('/etc/passwd')",
    "FROM query('FROM lk.main.call')",
    "FROM ducklake_snapshots('lk')",
    "FROM duckdb_tables",
    "FROM duckdb_settings()",
    "FROM information_schema.tables",
    "SELECT current_setting('allowed_directories')",
    "SHOW TABLES",
    "FROM (SHOW ALL TABLES)",
    "SUMMARIZE call",
    "ATTACH '/tmp/x.db'",
    "COPY call TO '/tmp/x.csv'",
    "SET memory_limit='100GB'",
    "INSTALL httpfs",
    "CREATE TABLE x AS SELECT 1",
    "INSERT INTO call FROM call",
    "SELECT 1; SELECT 2",
    "SELECT text FROM utterance",
    "SELECT path FROM recording",
    "nonsense",
    "",
)


def test_an_analysts_sql_sees_his_tenant_and_nothing_else(office):
    desk, offices = office
    file = next((desk.settings.lake_dir / "main" / "call").rglob("*.parquet"))
    for question in REFUSED:
        with pytest.raises(InputError):
            desk.sql(question.replace("{file}", str(file)))
    assert desk.sql("SELECT DISTINCT tenant_id FROM call").tenant_id.tolist() == [offices[0].tenant_id]
    for table in desk.sql.tables()["table"]:
        columns = set(desk.sql(f"SELECT * FROM {table} LIMIT 1").columns)  # noqa: S608
        assert columns == set(desk.sql.columns(table)["column"]) and "tenant_id" in columns
    asked = "WITH c AS (FROM call) SELECT count(*) AS n FROM c JOIN leg USING (call_id) WHERE c.started_at >= $since"
    assert desk.sql(asked, {"since": desk.since}).n[0] > 0


ENDLESS = (
    ("SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000) c", 1.5, "took more than"),
    ("SELECT list(range) FROM range(3000000000)", 60, "memory"),
    ("SELECT * FROM range(5000000)", 60, "more than 1000000 rows"),
)


def test_a_runaway_question_is_ended_and_the_next_one_is_answered(office):
    desk, offices = office
    for question, time_s, says in ENDLESS:
        with Sql(desk.settings, offices[0].tenant_id, time_s=time_s, memory_mb=128) as sql:
            with pytest.raises(InputError, match=says):
                sql(question)
        with pytest.raises(InputError):
            notebook.open_desk(str(desk.settings.data), "nobody.test")
    assert desk.sql("SELECT 1 AS one").one[0] == 1


def _value(cell):
    (output,) = [o for o in cell.outputs if o.output_type == "execute_result"]
    return json.loads(ast.literal_eval(output["data"]["text/plain"]))
