"""Every page is drawn for every role, and shows nothing to who has no session."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import asgi, formatting
from dashboard.web import context as web_context
from dashboard.web.context import Context
from pbx_core.domain.report_slots import Rhythm
from pbx_core.store import directory, reports, sessions
from tests.support import facts

APP = str(asgi.SCRIPT)
ROLES = ("owner", "manager", "analyst", "agent")


@pytest.fixture
def opened(context: Context):
    """`opened("owner@acme.test", page="views/overview.py", call=…)` is the page as this person sees it."""
    web_context.install(context)

    def run(email: str | None, page: str = "", **query: str) -> AppTest:
        test = AppTest.from_file(APP, default_timeout=60)
        if email:
            person = directory.person_by_email(context.db, email)
            assert person
            made = sessions.open_session(context.db, context.clock, person.tenant_id, person.person_id)
            test.user = {"session": sessions.digest(made.token)}
        test.run()
        if page:
            test.switch_page(page)
        for name, value in query.items():
            test.query_params[name] = value
        return test.run() if page or query else test

    return run


def texts(test: AppTest) -> str:
    assert not test.exception, test.exception
    return "\n".join(e.value for kind in ("title", "subheader", "text", "markdown") for e in getattr(test, kind))


def components(test: AppTest) -> list[str]:
    return [e.proto.component_name for e in test.get("bidi_component")]


@pytest.mark.parametrize("role", ROLES)
def test_calls_are_listed(opened, role: str) -> None:
    test = opened(f"{role}@acme.test")
    assert "Calls" in texts(test) and components(test) == ["callbench_bar", "callbench_calls"]


@pytest.mark.parametrize("page", ["", "views/overview.py", "views/review.py", "views/search.py"])
def test_without_a_session_there_is_only_the_way_to_sign_in(opened, page: str) -> None:
    test = opened(None, page) if not page else opened(None)
    assert "You are signed out" in texts(test) and components(test) == []


def test_a_session_that_has_ended_shows_nothing_more(opened, context: Context) -> None:
    test = opened("owner@acme.test")
    sessions.end(context.db, context.clock, test.user["session"])
    test.run()
    assert "You are signed out" in texts(test) and components(test) == []


def test_filters_in_the_address_are_obeyed(opened, town) -> None:
    test = opened("owner@acme.test", said="boiler")
    assert components(test) == ["callbench_bar", "callbench_calls"] and test.text_input[1].value == "boiler"
    none = opened("owner@acme.test", said="nobody ever said this")
    assert "No call matches these filters" in texts(none)
    assert "This address does not fit" in texts(opened("owner@acme.test", disposition="maybe"))
    assert "This address does not fit" in texts(opened("owner@acme.test", cursor="garbage"))


def test_a_tenant_without_calls_is_told_what_to_do(opened, context: Context, town) -> None:
    tenant = directory.tenant_by_domain(context.db, "empty.test") or directory.add_tenant(
        context.db, context.clock, "Empty", "empty.test"
    )
    if directory.person_by_email(context.db, "owner@empty.test") is None:
        directory.add_person(
            context.db, context.clock, tenant.tenant_id, "owner@empty.test", "Eve", "owner", "correct horse"
        )
    assert "Register a phone in the domain empty.test" in texts(opened("owner@empty.test"))
    assert "No calls in this period" in texts(opened("owner@empty.test", "views/overview.py"))


@pytest.mark.parametrize("role", ROLES)
def test_health_says_each_state_in_words_to_whom_it_concerns(opened, town, role: str) -> None:
    said = texts(opened(f"{role}@acme.test", "views/health.py"))
    assert ("Owners, managers and analysts see" in said) == (role == "agent")
    assert ("Every call has its recording" in said or "whose file is not" in said) == (role != "agent")


@pytest.mark.parametrize("role", ROLES)
def test_review_shows_a_call_that_one_may_see(opened, town, role: str) -> None:
    test = opened(f"{role}@acme.test", "views/review.py", call=town.acme_office.spoken.cdr.call_id)
    assert texts(test) == "" and components(test) == ["callbench_bar", "callbench_review"]


def test_review_of_a_call_one_may_not_see_says_there_is_none(opened, town) -> None:
    theirs = town.birch_office.spoken.cdr.call_id
    not_the_agents = town.acme_office.other.cdr.call_id
    for email, call_id in (
        ("owner@acme.test", theirs),
        ("owner@acme.test", "0" * 32),
        ("owner@acme.test", "' OR 1=1"),
        ("owner@acme.test", ""),
        ("agent@acme.test", not_the_agents),
    ):
        test = opened(email, "views/review.py", call=call_id)
        assert "There is no such call" in texts(test) and components(test) == ["callbench_bar"]


def test_what_was_said_is_searched(opened) -> None:
    assert "What can be typed" in texts(opened("agent@acme.test", "views/search.py"))
    found = opened("agent@acme.test", "views/search.py", q="boiler")
    assert "1 place" in texts(found) and components(found) == ["callbench_bar", "callbench_found"]
    assert "Nobody said that" in texts(opened("agent@acme.test", "views/search.py", q="zeppelin"))
    assert "This cannot be searched" in texts(opened("agent@acme.test", "views/search.py", q="boiler", speaker="me"))


@pytest.mark.parametrize("role", ROLES)
def test_overview_shows_figures_that_explain_themselves(opened, role: str) -> None:
    test = opened(f"{role}@acme.test", "views/overview.py")
    shown = texts(test)
    assert len(test.metric) >= 10 and "Denominator: " in shown and "Left out: " in shown and "Asia/Bishkek" in shown


@pytest.mark.parametrize("text", [*facts.HOSTILE_NAMES, "a:b[c](d)", "$x$ :red[y]"])
def test_text_for_labels_keeps_no_markup(text: str) -> None:
    escaped = formatting.plain(text)
    assert not any(c in escaped for c in "\n\r\x00\u202e")
    for sign in "![]()<>*_`$:":
        assert all(escaped[i - 1] == "\\" for i, c in enumerate(escaped) if c == sign)


def test_the_pages_do_not_lie_in_a_folder_that_streamlit_serves_by_itself() -> None:
    assert not (Path(APP).parent / "pages").exists()


def test_reports_are_ordered_and_ended_by_who_may(opened, context: Context, town) -> None:
    page = "views/reports.py"
    assert "Owners and managers decide" in texts(opened("agent@acme.test", page))
    test = opened("manager@acme.test", page)
    assert "No report comes by mail yet." in texts(test) and "No mail server is set up" in texts(test)
    test.selectbox[0].select(Rhythm.MONTHLY)
    test.multiselect[0].select(test.multiselect[0].options[0])
    test.button[0].click().run()
    (made,) = reports.schedules(context.db, town.acme.tenant_id)
    assert made.rhythm is Rhythm.MONTHLY and len(made.recipients) == 1
    assert "On the first, about the month before, at 07:00" in texts(test)
    assert "No report comes" in texts(opened("owner@birch.test", page))
    test.button(f"end_{made.schedule_id}").click().run()
    assert reports.schedules(context.db, town.acme.tenant_id) == []


def test_a_report_is_looked_at_with_ones_own_rights(browser) -> None:
    whole = browser("owner@acme.test").get("/api/reports/daily.html")
    own = browser("agent@acme.test").get("/api/reports/daily.html")
    assert "All calls of the office." in whole.text and "Calls of extension 101." in own.text
    assert browser("owner@acme.test").get("/api/reports/daily.pdf").content.startswith(b"%PDF-")
    assert browser("owner@acme.test").get("/api/reports/yearly.pdf").status_code == 404
