"""The pages Conversations and Missed calls, drawn for every role."""

from __future__ import annotations

import pytest

from analytics.queries import Scope, conversations
from analytics.queries.types import BEGINNING, END
from tests.unit.dashboard.test_pages import components, opened, texts

__all__ = ["opened"]


@pytest.mark.parametrize("role", ["owner", "agent"])
def test_the_list_and_one_of_it_opened(opened, context, town, role: str) -> None:
    assert "callbench_linked" in components(opened(f"{role}@acme.test", "views/conversations.py", days="30"))
    scope = Scope(town.acme.tenant_id, "101" if role == "agent" else None)
    frame, _ = conversations.conversations(context.reader(), scope, BEGINNING, END, limit=1)
    test = opened(f"{role}@acme.test", "views/conversations.py", conversation=frame.conversation_id[0])
    assert "Why: " in texts(test) and "Rule placed." in texts(test) and "Its calls" in texts(test)


def test_a_conversation_of_others_is_not_there(opened, context, town) -> None:
    frame, _ = conversations.conversations(context.reader(), Scope(town.birch.tenant_id), BEGINNING, END, limit=1)
    test = opened("owner@acme.test", "views/conversations.py", conversation=frame.conversation_id[0])
    assert "There is no such conversation" in texts(test)


@pytest.mark.parametrize("role", ["owner", "agent"])
def test_missed_calls_say_how_many_were_made_good(opened, role: str) -> None:
    shown = texts(opened(f"{role}@acme.test", "views/recovery.py"))
    assert "Still waiting" in shown and "Made good" in shown and "Definition recovery_p95" in shown


def test_an_address_with_nonsense_is_explained(opened) -> None:
    nonsense = {"class": "<script>", "cursor": "x", "days": "30"}
    assert "This address does not fit" in texts(opened("owner@acme.test", "views/conversations.py", **nonsense))
