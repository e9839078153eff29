"""Who is let in: tokens, rights, tenants kept apart, guesses counted, requests of any size and shape."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from pbx_core.store import tokens
from pbx_core.store.schema import api_token
from pbx_core.store.tokens import Right
from tests.unit.api.conftest import Office

CALL = "0" * 31 + "1"
READS = ["/v1/live/phones", "/v1/live/calls", "/v1/live/queues", "/v1/live/trunks", "/v1/model", "/v1/model/history"]
CONTROLS = ["hangup", "pause-recording", "resume-recording", "start-recording", "stop-recording"]


@pytest.mark.parametrize("path", [*READS, "/metrics"])
def test_nothing_is_answered_without_a_living_token(office: Office, path: str) -> None:
    for token in ("", "cb_wrong", "ö" * 10, office.acme + "x"):
        answer = office.client(address=f"192.0.2.{len(token)}").get(
            path, headers={"Authorization": f"Bearer {token}".encode()} if token else {}
        )
        assert answer.status_code == 401
        assert answer.json()["error_id"] == "bad_token" and "nothing was done" in answer.json()["message"]
    [found] = tokens.listed(office.world.db, office.world.acme.tenant_id)
    tokens.revoke(office.world.db, office.world.clock, office.world.acme.tenant_id, found.token_id)
    assert office.client(office.acme).get(path).status_code == 401


def test_a_token_is_kept_as_its_hash_only(office: Office) -> None:
    data = office.world.settings.data
    with office.world.db.connect() as connection:
        stored = connection.execute(sa.select(api_token)).all()
    assert len(stored) == 3
    for path in data.glob("callbench.sqlite*"):
        assert office.acme.encode() not in path.read_bytes()


def test_rights_are_separate(office: Office) -> None:
    world = office.world
    office.live_call(world.acme, CALL)
    _, reader = tokens.add(world.db, world.clock, world.acme.tenant_id, "reader", [Right.READ])
    _, caller = tokens.add(world.db, world.clock, world.acme.tenant_id, "caller", [Right.CONTROL])
    reading, calling = office.client(reader), office.client(caller)
    assert reading.get("/v1/model").status_code == 200
    assert calling.get("/v1/model").status_code == 403
    for refused in (
        reading.post(f"/v1/calls/{CALL}/hangup"),
        reading.post("/v1/calls", json={"extension": "101", "number": "102"}),
        reading.put("/v1/model", json={}),
        calling.post("/v1/model/undo"),
        reading.get("/metrics"),
    ):
        assert refused.status_code == 403, refused.text
        assert refused.json()["error_id"] in ("no_right", "operator_only")


def test_the_operator_reads_all_and_changes_nothing(office: Office) -> None:
    office.live_call(office.world.acme, CALL)
    operator = office.client(office.operator)
    assert {p["tenant"] for p in operator.get("/v1/live/phones").json()["phones"]} == {"acme.test", "birch.test"}
    assert operator.get("/v1/model").json()["error_id"] == "tenant_only"
    assert operator.post(f"/v1/calls/{CALL}/hangup").status_code == 403
    assert operator.put("/v1/model", json={}).status_code == 403


@pytest.mark.parametrize("what", CONTROLS)
def test_another_tenants_call_is_answered_exactly_as_one_that_does_not_exist(office: Office, what: str) -> None:
    office.live_call(office.world.acme, CALL)
    birch = office.client(office.birch)
    theirs = birch.post(f"/v1/calls/{CALL}/{what}")
    for nobodys in ("f" * 32, "x", "..%2f..%2fetc", "'; DROP TABLE live_call--", "%00"):
        unknown = birch.post(f"/v1/calls/{nobodys}/{what}")
        assert unknown.status_code == 404
        if unknown.json()["error_id"] == "not_found":
            assert (unknown.status_code, unknown.text, unknown.headers) == (
                theirs.status_code,
                theirs.text,
                theirs.headers,
            )
    assert theirs.json()["error_id"] == "not_found"


def test_a_tenant_sees_his_own_only(office: Office) -> None:
    office.live_call(office.world.acme, CALL)
    seen = {
        name: office.client(token).get("/v1/live/calls").json()["calls"]
        for name, token in (("acme", office.acme), ("birch", office.birch))
    }
    assert [c["call_id"] for c in seen["acme"]] == [CALL] and seen["birch"] == []
    for path in READS:
        assert "acme" not in office.client(office.birch).get(path).text


def test_guesses_ban_an_address_and_leave_others_in_peace(office: Office) -> None:
    limit = office.world.settings.guess_failures_max
    eve = "198.51.100.9"
    answers = [office.client(f"cb_{n}", eve).get("/v1/model").status_code for n in range(limit + 3)]
    assert answers == [401] * limit + [429] * 3
    assert office.client(office.acme, eve).get("/v1/model").status_code == 429
    assert office.client(office.acme, "198.51.100.10").get("/v1/model").status_code == 200
    forged = office.client(office.acme, eve).get("/v1/model", headers={"X-Forwarded-For": "203.0.113.1"})
    assert forged.status_code == 429


def test_whoever_has_a_network_of_addresses_is_one_guesser(office: Office) -> None:
    limit = office.world.settings.guess_failures_max
    for n in range(limit):
        assert office.client(f"cb_{n}", f"2001:db8:0:1::{n:x}").get("/v1/model").status_code == 401
    assert office.client(office.acme, "2001:db8:0:1:ffff::1").get("/v1/model").status_code == 429
    assert office.client(office.acme, "2001:db8:0:2::1").get("/v1/model").status_code == 200


def test_an_office_with_one_stale_program_keeps_the_others(office: Office) -> None:
    office_address = "203.0.113.5"
    assert office.client(office.acme, office_address).get("/v1/model").status_code == 200
    stale = [
        office.client("cb_stale", office_address).get("/v1/model").status_code
        for _ in range(office.world.settings.guess_failures_max + 2)
    ]
    assert stale[-1] == 429
    assert office.client(office.acme, office_address).get("/v1/model").status_code == 200


def test_requests_that_are_too_large_or_shapeless_are_refused_with_a_sentence(office: Office) -> None:
    client = office.client(office.acme)
    limit = office.world.settings.api_body_bytes_max
    refused = [
        client.put("/v1/model", content=b"x" * (limit + 1)),
        client.put("/v1/model", content=iter([b"{}"])),
        client.put("/v1/model", headers={"Content-Length": "-1"}),
        client.put("/v1/model", headers={"Content-Length": "²"}.items() and {"Content-Length": "9" * 30}),
    ]
    assert [r.status_code for r in refused] == [413, 411, 413, 413]
    assert client.post("/v1/explain", content=b" " * 65_537).status_code == 413  # only a model is so large
    assert office.client().put("/v1/model", content=b"not JSON").status_code == 401  # whose body is not read first
    for path, body in (
        ("/v1/calls", b"\xff\xfe"),
        ("/v1/calls", b"[" * 50_000),
        ("/v1/calls", json.dumps({"extension": "101", "number": "102; rm -rf"}).encode()),
        ("/v1/explain", b'{"caller": "101", "dialled": "\\u0000"}'),
        ("/v1/explain", b'{"caller": "101", "dialled": "102", "at": "2026-01-01T00:00:00"}'),
    ):
        answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), (path, answer.text)
        assert set(answer.json()) <= {"error_id", "message", "places"}
    assert client.get("/nowhere").json()["error_id"] == "no_such_path"
    assert client.delete("/v1/model").status_code == 405


def test_every_answer_keeps_browsers_of_other_sites_out(office: Office) -> None:
    answer = office.client(office.acme).get("/v1/model", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-content-type-options"] == "nosniff"
    preflight = office.client().options("/v1/model", headers={"Origin": "https://evil.example"})
    assert preflight.status_code == 405


def test_a_fault_of_ours_shows_nothing_of_its_inside(office: Office) -> None:
    office.live_call(office.world.acme, CALL, detail="{broken: secret")
    answer = office.client(office.acme).get("/v1/live/calls")
    assert answer.status_code == 500 and answer.json()["error_id"] == "fault"
    assert "secret" not in answer.text
    with office.world.db.begin() as connection:
        connection.execute(sa.text("DROP TABLE trunk_state"))
    answer = office.client(office.acme).get("/v1/live/trunks")
    assert answer.status_code == 503 and answer.headers["retry-after"] and "trunk_state" not in answer.text


def test_the_description_names_every_path_with_its_shapes(office: Office) -> None:
    described = office.client().get("/openapi.json").json()
    put = described["paths"]["/v1/model"]["put"]
    schema = put["requestBody"]["content"]["application/json"]["schema"]
    menu = schema["properties"]["menus"]["additionalProperties"]
    assert menu["required"] == ["greeting"] and menu["properties"]["keys"]["type"] == "object"
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert "Problem" in json.dumps(operation["responses"]), (path, method)
