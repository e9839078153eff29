"""The endpoint of the page Health: who sees what."""

from __future__ import annotations

import pytest

from tests.support.web import listed


@pytest.mark.parametrize("role", ["owner", "manager", "analyst"])
def test_the_tenants_people_see_their_part(browser, town, role: str) -> None:
    client = browser(f"{role}@acme.test")
    told = client.get("/api/health").json()
    assert told["status"] in ("ok", "warn", "bad") and (told["status"] == "ok") == (told["reasons"] == [])
    assert {c["name"] for c in told["checks"]} == {"loading", "rejected", "recordings", "transcripts"}
    calls = next(s for s in told["sources"] if s["part"] == "calls")
    assert calls["loaded"] == len(listed(client)) >= town.acme_office.count
    assert str(town.settings.data) not in str(told) and town.birch.tenant_id not in str(told)


def test_an_agent_is_told_that_it_is_not_his(browser) -> None:
    assert browser("agent@acme.test").get("/api/health").status_code == 403
    assert browser("agent@acme.test").get("/api/health/rejected.csv").status_code == 403
    assert browser("owner@acme.test").get("/api/health/rejected.csv").text.startswith("source,file,line")
    assert browser().get("/api/health").status_code == 401
