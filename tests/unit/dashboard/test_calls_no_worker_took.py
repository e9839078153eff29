"""A call that no worker took, from the edge's journal to the pages: an owner sees it like any other lost call."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

from streamlit.testing.v1 import AppTest

from analytics import queries
from analytics.queries import CallFilter, Scope
from dashboard import asgi
from dashboard.web import context as web_context
from dashboard.web.context import Context
from pbx_core.domain.calls.events import to_record
from pbx_core.domain.records import Disposition
from pbx_core.edge.turned_away import Attempt, Outcome, story
from pbx_core.feed import Journal
from pbx_core.store import directory, sessions
from tests.support import office

HOSTILE = "<img src=x onerror=alert(1)>"
FULL, GAVE_UP = Outcome(503, "no worker was free", 14.0), Outcome(487, "caller hung up before an answer", 10.2)


def page(context: Context, token: str, name: str = "", **query: str) -> AppTest:
    web_context.install(context)
    test = AppTest.from_file(str(asgi.SCRIPT), default_timeout=60)
    test.user = {"session": sessions.digest(token)}
    test.run()
    if name:
        test.switch_page(name)
    for key, value in query.items():
        test.query_params[key] = value
    return test.run() if query else test


def test_it_is_listed_found_by_its_result_and_can_be_opened(context: Context, town) -> None:
    owner = directory.add_tenant(context.db, context.clock, "Lost & Found", "lost.test")
    person = directory.add_person(
        context.db, context.clock, owner.tenant_id, "o@lost.test", "Owner", "owner", "correct horse owner"
    )
    journal = Journal(town.settings.journal_dir, "edge", context.clock)
    made = []
    for minutes, outcome in enumerate((FULL, GAVE_UP)):
        at = context.clock.now() - timedelta(minutes=5 - minutes)
        tried = Attempt(
            at, 10.0, owner.tenant_id, "lost.test", "+996555111222", HOSTILE, "+996312880101", "c@x", "udp:"
        )
        events, cdr = story(tried, outcome, context.clock.new_id(), None)
        journal.append("cdr", cdr.call_id, cdr.tenant_id, cdr)
        for event in events:
            journal.append("call_event", f"{event.call_id}-{event.seq}", cdr.tenant_id, to_record(event, cdr.tenant_id))
        made.append(cdr)
    journal.close()
    office.load(town.settings)

    with closing(queries.open_reader(town.settings)) as reader:
        scope = Scope(owner.tenant_id, None)
        frame = queries.calls(reader, scope).frame
        assert list(frame.call_id) == [c.call_id for c in reversed(made)]
        lost = queries.calls(reader, scope, CallFilter(disposition=Disposition.FAILED)).frame
        assert list(lost.cause) == ["no worker was free"] and list(lost.wait_s) == [4.0]

    token = sessions.open_session(context.db, context.clock, owner.tenant_id, person.person_id).token
    listed = page(context, token)
    assert not listed.exception and len(listed.get("bidi_component")) == 2
    assert "no worker was free" in str(listed.get("bidi_component")[1].proto)
    for cdr in made:
        opened = page(context, token, "views/review.py", call=cdr.call_id)
        assert not opened.exception
        assert [e.proto.component_name for e in opened.get("bidi_component")] == ["callbench_bar", "callbench_review"]
