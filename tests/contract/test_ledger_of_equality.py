"""Ten figures of one simulated office at every door: the dashboard's page, the API, a notebook, and counted in the
exported file. All give the same number, and it is the true one.
"""

from __future__ import annotations

import ast
import functools
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import nbformat
import pandas as pd
import pytest
import sqlalchemy as sa
from nbclient import NotebookClient
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from analytics import metrics as registry
from dashboard import asgi, formatting
from dashboard.web import context as web_context
from dashboard.web.context import Context
from dashboard.web.middleware import cookie_name
from pbx_core import control
from pbx_core.api.app import build
from pbx_core.api.context import Context as ApiContext
from pbx_core.api.context import Doorman
from pbx_core.clock import SystemClock
from pbx_core.settings import Settings
from pbx_core.store import directory, engine, sessions, tokens
from tests.support.offices import draw, loading, metrics, shifts, truth

TEN = (
    "calls", "answered", "answer_rate", "talk_s_total", "wait_s_mean", "transfer_rate", "queue_offered",
    "service_level", "abandonment_rate", "asa",
)  # fmt: skip
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "calls.ipynb"
FIRST, LAST = datetime(2026, 3, 26).date(), datetime(2026, 3, 31).date()  # the clocks change on the 29th
ZONE = ZoneInfo("Europe/Berlin")
OWNER = "owner@office0.test"


@dataclass(frozen=True)
class Office:
    """A tenant with its days, and what is true of them."""

    settings: Settings
    db: sa.Engine
    tenant_id: str
    other_id: str
    stories: list[truth.Truth]  # of the days
    true: dict[str, float]


def midnight(day: object, after: int = 0) -> datetime:
    """The beginning of a day in the office's zone, UTC."""
    at = pd.Timestamp(day) + pd.Timedelta(days=after)
    return at.to_pydatetime().replace(tzinfo=ZONE).astimezone(UTC)


PERIOD = {"since": midnight(FIRST).isoformat(), "until": midnight(LAST, 1).isoformat()}


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Iterator[Office]:
    settings, (ours, theirs) = loading.tenants(tmp_path_factory.mktemp("ledger"), ["Europe/Berlin"] * 2)
    seed = next(n for n in range(100) if draw.plan(ours, n, people_outside=0).since == midnight(FIRST, 1))
    plans = [draw.plan(ours, seed, people_outside=34), draw.plan(theirs, seed + 1, people_outside=10)]
    loading.load_ours(settings, plans, 1, Random(3))
    told = truth.conversations(plans[0])
    values = metrics.values(plans[0].calls, told, midnight(FIRST), midnight(LAST, 1))
    true = {name: n if d is None else n / d for name, (n, d) in values.items() if name in TEN and d != 0}
    assert len(true) == 10
    assert len(set(true.values())) == 10, "figures that happen to be equal prove nothing"
    db = engine.connect(settings)
    directory.add_person(db, SystemClock(), ours.tenant_id, OWNER, "Ann", "owner", "correct horse owner")
    stories = [t for t in told if midnight(FIRST) <= t.started_at < midnight(LAST, 1)]
    yield Office(settings, db, ours.tenant_id, theirs.tenant_id, stories, true)
    db.dispose()


def token(office: Office) -> str:
    """Of a session of the owner's."""
    person = directory.person_by_email(office.db, OWNER)
    assert person
    return sessions.open_session(office.db, SystemClock(), person.tenant_id, person.person_id).token


def test_an_agents_time_is_opened_down_to_its_stretches(office):
    page = opened(office, "views/metrics.py", metric="agent_paused_share")
    assert not page.exception
    rows = [row["cells"] for row in tables(page)["rows"]]
    assert rows and {agent for _, agent, _, _ in rows} <= set(shifts.QUEUES_OF)
    assert {state for _, _, state, _ in rows} == {"Paused"}


def opened(office: Office, view: str, **address: str) -> AppTest:
    """A page as the owner sees it, of the days."""
    web_context.install(Context(office.settings, office.db, SystemClock()))
    page = AppTest.from_file(str(asgi.SCRIPT), default_timeout=60)
    page.user = {"session": sessions.digest(token(office))}
    page.run()
    page.switch_page(view)
    page.query_params["from"], page.query_params["to"] = str(FIRST), str(LAST)
    for name, value in address.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def cards(page: AppTest) -> list[str]:
    """The values of its figures."""
    return [metric.value for metric in page.metric]


def tables(page: AppTest) -> dict[str, list[dict[str, Any]]]:
    """The rows of its tables, by their keys."""
    found = [e.proto for e in page.get("bidi_component") if "linked" in e.proto.component_name]
    return {proto.id.rsplit("-", 1)[-1]: json.loads(proto.json)["rows"] for proto in found}


def test_the_page_shows_what_is_true(office):
    shown = {
        row["key"]: row["cells"][1] for rows in tables(opened(office, "views/metrics.py")).values() for row in rows
    }
    units = {m.metric_id: m.unit for m in registry.REGISTRY}
    assert {name: shown[name] for name in TEN} == {n: formatting.number(office.true[n], units[n]) for n in TEN}


def program(office: Office, text: str) -> TestClient:
    """Something that asks with this token."""
    ask = functools.partial(control.ask, office.settings)
    context = ApiContext(office.settings, office.db, SystemClock(), ask, Doorman(office.settings, SystemClock()))
    return TestClient(build(context), base_url="https://api.test", headers={"Authorization": f"Bearer {text}"})


@pytest.fixture(scope="module")
def api(office) -> TestClient:
    return program(office, tokens.add(office.db, SystemClock(), office.tenant_id, "ledger", (tokens.Right.READ,))[1])


def test_the_api_says_what_is_true(office, api):
    said = {name: api.get(f"/v1/metrics/{name}", params=PERIOD).json()["value"] for name in TEN}
    assert said == pytest.approx(office.true)


def test_lost_callers_are_the_same_on_the_page_by_the_api_and_in_truth(office, api):
    """Waiting ones by number, those made good by conversation, all of them by pages of two."""

    def listed(path: str, name: str) -> list[dict[str, Any]]:
        rows, cursor = [], None
        while rows == [] or cursor:
            page = {**PERIOD, "limit": 2, **({"cursor": cursor} if cursor else {})}
            answer = api.get(f"/v1/lost-callers/{path}", params=page).json()
            rows, cursor = rows + answer[name], answer["next_cursor"]
        return rows

    waiting, good = listed("waiting", "callers"), listed("recovered", "conversations")
    lost = [t for t in office.stories if t.direction == "inbound" and t.klass in truth.TO_RECOVER]
    made = [t for t in lost if t.recovered_by]
    assert len(good) == len(made) > 2
    assert {(g["conversation_id"], g["recovered_by"], g["recovered_agent"]) for g in good} == {
        (t.conversation_id, t.recovered_by, t.recovered_agent) for t in made
    }
    vain = {t.outside for t in lost if t.outside and not t.recovered_by}
    assert sorted(w["outside_number"] for w in waiting) == sorted(vain) and len(vain) > 2
    withheld = api.get("/v1/lost-callers/waiting", params=PERIOD).json()["withheld"]
    assert withheld == sum(not t.outside for t in lost)
    agents = api.get("/v1/lost-callers/agents", params=PERIOD).json()["agents"]
    assert sum(a["callers"] for a in agents) == len(made)
    page = opened(office, "views/recovery.py")
    assert sum(value.startswith("about ") for value in cards(page)) == 2  # half of them, 95 of 100
    shown = tables(page)
    assert [row["cells"][0] for row in shown["waiting"]] == [w["outside_number"] for w in waiting]
    assert [row["cells"][0] for row in shown["recovered"]] == [g["outside_number"] for g in good]
    assert [row["cells"][:2] for row in shown["agents"]] == [[a["agent"], str(a["callers"])] for a in agents]


def test_lost_callers_of_others_and_slips_of_the_pen(office, api):
    theirs = tokens.add(office.db, SystemClock(), office.other_id, "theirs", (tokens.Right.READ,))[1]
    mine = {g["conversation_id"] for g in api.get("/v1/lost-callers/recovered", params=PERIOD).json()["conversations"]}
    client = program(office, theirs)
    foreign = client.get("/v1/lost-callers/recovered", params=PERIOD).json()["conversations"]
    assert mine and not mine & {g["conversation_id"] for g in foreign}
    for path in ("waiting", "recovered"):
        assert api.get(f"/v1/lost-callers/{path}", params={"untill": "2026-01-01"}).status_code == 422
        assert api.get(f"/v1/lost-callers/{path}", params={"cursor": "nonsense"}).status_code == 400
    assert program(office, "cb_wrong").get("/v1/lost-callers/agents").status_code == 401


def test_a_notebook_says_what_is_true(office, monkeypatch):
    monkeypatch.setenv("CALLBENCH_DATA", str(office.settings.data))
    monkeypatch.setenv("CALLBENCH_DOMAIN", "office0.test")
    monkeypatch.setenv("CALLBENCH_SINCE", str(FIRST))
    monkeypatch.setenv("CALLBENCH_UNTIL", str((pd.Timestamp(LAST) + pd.Timedelta(days=1)).date()))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    notebook.cells = [
        *code[:2],
        nbformat.v4.new_code_cell("dict(zip(figures.metric_id, figures.value.astype(object)))"),
    ]
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    text = notebook.cells[-1].outputs[0].data["text/plain"].replace("nan", "None")
    said = ast.literal_eval(text)
    assert {name: said[name] for name in TEN} == pytest.approx(office.true)


def test_the_exported_calls_add_up_to_what_is_true(office):
    app = Starlette(middleware=asgi.doors(Context(office.settings, office.db, SystemClock())))
    client = TestClient(app, base_url="http://testserver")
    client.cookies.set(cookie_name(False), token(office))
    answer = client.get("/api/exports/calls.csv", params={"since": str(FIRST), "until": str(LAST)})
    assert answer.status_code == 200
    calls = pd.read_csv(io.BytesIO(answer.content), keep_default_na=False, na_values={n: [""] for n in NUMBERS})
    assert counted(calls) == pytest.approx(office.true, abs=0.002)


NUMBERS = ("wait_s", "talk_s", "hold_s", "queue_wait_s")


def counted(calls: pd.DataFrame) -> dict[str, float]:
    """The ten figures from the rows of the export, as anybody would count them in a spreadsheet."""
    answered = calls[calls.disposition == "answered"]
    queued = calls[(calls.queue != "") & (calls.direction != "callback")]
    taken = queued[queued.queue_result == "answered"]
    return {
        "calls": len(calls),
        "answered": len(answered),
        "answer_rate": len(answered) / len(calls),
        "talk_s_total": answered.talk_s.sum(),
        "wait_s_mean": answered.wait_s.mean(),
        "transfer_rate": (answered.transferred != "").mean(),
        "queue_offered": len(queued),
        "service_level": (taken.queue_wait_s <= 20).sum() / len(queued),
        "abandonment_rate": (queued.queue_result == "abandoned").mean(),
        "asa": taken.queue_wait_s.mean(),
    }
