"""The figures for Prometheus, read by its own parser."""

from __future__ import annotations

import json
import time

import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from pbx_core.sip.signin import SignIn
from pbx_core.store import services
from pbx_core.store.schema import agent, binding, queue_call, trunk_state
from tests.unit.api.conftest import Office

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(office: Office) -> Samples:
    """Every sample by name and labels."""
    answer = office.client(office.operator).get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    return {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(answer.text)
        for s in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"callbench_{name}", tuple(sorted(labels.items()))]


def furnish(office: Office) -> None:
    """A call, a phone, a queue with two callers and two agents, two trunks of which one is cut off."""
    now, acme = office.context.now(), office.world.acme
    office.live_call(acme, "1" * 32)
    with office.world.db.begin() as connection:
        phone = {"tenant_id": acme.tenant_id, "number": "101", "contact": "sip:x", "source": "tls:192.0.2.1:5061"}
        connection.execute(
            sa.insert(binding).values(
                **phone, call_id="x", cseq=1, user_agent="Ünï", registered_at=now, expires_at=now + 60
            )
        )
        for n, (state, ago) in enumerate((("waiting", 40), ("waiting", 90), ("callback", 500))):
            entry = {"tenant_id": acme.tenant_id, "entry_id": f"{n:032}", "queue": 'sa"les\n', "worker": ""}
            connection.execute(sa.insert(queue_call).values(**entry, number="1", joined_at=now - ago, state=state))
        for number, more in (("101", {"logged_in_at": now}), ("102", {"logged_in_at": now, "pause_reason": "lunch"})):
            connection.execute(
                sa.insert(agent).values(tenant_id=acme.tenant_id, queue='sa"les\n', number=number, **more)
            )
        for trunk_id, circuit in (("good", "closed"), ("dead", "open")):
            connection.execute(
                sa.insert(trunk_state).values(
                    tenant_id=acme.tenant_id, trunk_id=trunk_id, circuit=circuit, calls=3, changed_at=now
                )
            )


def test_gauges_say_what_the_database_says(office: Office) -> None:
    furnish(office)
    services.beat(office.world.db, office.world.clock, "worker-0", 5.0, {"capacity_calls": 2, "calls": 1})
    found = scrape(office)
    assert value(found, "calls_active", tenant="acme.test") == 1
    assert value(found, "calls_active", tenant="birch.test") == 0
    assert value(found, "phones", tenant="acme.test") == 1
    assert value(found, "extensions", tenant="birch.test") == 3
    queue = {"tenant": "acme.test", "queue": 'sa"les\n'}
    assert value(found, "queue_waiting", **queue) == 2
    assert value(found, "queue_callbacks", **queue) == 1
    assert 90 <= value(found, "queue_longest_wait_seconds", **queue) < 500
    assert value(found, "queue_agents", state="ready", **queue) == 1
    assert value(found, "queue_agents", state="paused", **queue) == 1
    assert value(found, "trunk_up", tenant="acme.test", trunk="good") == 1
    assert value(found, "trunk_up", tenant="acme.test", trunk="dead") == 0
    assert value(found, "worker_capacity_calls", worker="worker-0") == 2
    assert value(found, "process_up", process="worker-0") == 1
    assert value(found, "process_start_time_seconds", process="worker-0") == 5
    assert 0 < value(found, "disk_free_share") <= 1


def test_counters_are_there_only_while_their_source_is(office: Office) -> None:
    world = office.world
    assert "callbench_calls_total" not in {name for name, _ in scrape(office)}
    detail = {"rows": 7, "rejects": 1, "lag_s": 0.5, "calls": {"answered": 12, "busy": 3}}
    services.beat(world.db, world.clock, "ingest", 0.0, detail)
    services.beat(world.db, world.clock, "edge", 0.0, {"bans": 4, "messages": 9})
    found = scrape(office)
    assert value(found, "calls_total", disposition="answered") == 12
    assert value(found, "calls_total", disposition="busy") == 3
    assert value(found, "edge_bans_total") == 4 and value(found, "ingest_rejects_total") == 1
    with world.db.begin() as connection:
        connection.execute(sa.text("UPDATE service SET heartbeat_at = :at"), {"at": time.time() - 60})
    found = scrape(office)
    assert value(found, "process_up", process="ingest") == 0
    assert not {"callbench_calls_total", "callbench_edge_bans_total"} & {name for name, _ in found}


def test_a_trunk_that_is_not_signed_in_is_down(office: Office) -> None:
    now = office.context.now()
    refused = SignIn().refused(403, None)[0].reason
    states = {
        "signed_in": (now + 60, ""),
        "run_out": (now - 1, ""),
        "refused": (None, refused),
        "by_address": (None, ""),
        "stumbled": (None, "503 Service Unavailable"),
    }
    with office.world.db.begin() as connection:
        for trunk_id, (until, reason) in states.items():
            row = {"trunk_id": trunk_id, "registered_until": until, "reason": reason, "circuit": "closed"}
            connection.execute(
                sa.insert(trunk_state).values(tenant_id=office.world.acme.tenant_id, changed_at=now, **row)
            )
    told = office.client(office.acme).get("/v1/live/trunks").json()["trunks"]
    assert {t["trunk_id"] for t in told if t["up"]} == {"signed_in", "by_address", "stumbled"}


def test_live_state_is_told_with_the_same_figures(office: Office) -> None:
    furnish(office)
    client = office.client(office.acme)
    [queue] = client.get("/v1/live/queues").json()["queues"]
    assert (queue["waiting"], queue["callbacks"], queue["tenant"]) == (2, 1, "acme.test")
    assert {a["number"]: a["state"] for a in queue["agents"]} == {"101": "ready", "102": "paused"}
    assert {t["trunk_id"]: t["up"] for t in client.get("/v1/live/trunks").json()["trunks"]} == {
        "good": True,
        "dead": False,
    }
    phones = client.get("/v1/live/phones").json()["phones"]
    assert [(p["number"], p["registered"], p["address"]) for p in phones[:2]] == [
        ("101", True, "192.0.2.1:5061"),
        ("102", False, ""),
    ]
    [call] = client.get("/v1/live/calls").json()["calls"]
    assert call["extensions"] == ["101", "102"] and call["detail"] == {"caller": "101"}
    assert "sales" not in json.dumps(office.client(office.birch).get("/v1/live/queues").json())
