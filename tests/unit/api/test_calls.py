"""Call control: what reaches the worker, what is refused before, what is done once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from pbx_core.domain.nodes import Target
from pbx_core.domain.records import from_json
from pbx_core.media.arrivals import ORIGINATED
from pbx_core.store.schema import audit
from tests.unit.api.conftest import Listener, Office

Start = Callable[..., Listener]
CALL = "0" * 31 + "1"
KEY = {"Idempotency-Key": "click-0001"}
WANTED = {"extension": "101", "number": "102"}


def _actions(office: Office) -> list[tuple[str, str]]:
    with office.world.db.connect() as connection:
        rows = connection.execute(sa.select(audit.c.action, audit.c.object_id).order_by(audit.c.id)).all()
    return [(r.action, r.object_id) for r in rows if r.action != "token_added"]


@pytest.mark.parametrize(
    ("path", "do", "action"),
    [
        ("hangup", "hangup", "call_ended"),
        ("pause-recording", "pause_recording", "recording_paused"),
        ("resume-recording", "resume_recording", "recording_resumed"),
        ("start-recording", "start_recording", "recording_started"),
        ("stop-recording", "stop_recording", "recording_stopped"),
    ],
)
def test_a_wish_reaches_the_worker_that_has_the_call(
    office: Office, worker: Start, path: str, do: str, action: str
) -> None:
    others, own = worker("worker-0"), worker("worker-1")
    office.live_call(office.world.acme, CALL, worker="worker-1")
    answer = office.client(office.acme).post(f"/v1/calls/{CALL}/{path}")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    [asked] = own.asked
    assert (asked["do"], asked["tenant_id"], asked["call_id"]) == (do, office.world.acme.tenant_id, CALL)
    assert asked["who"].startswith("api ") and not others.asked
    assert _actions(office) == [(action, CALL)]


def test_a_transfer_names_its_target_and_side(office: Office, worker: Start) -> None:
    own = worker("worker-0")
    office.live_call(office.world.acme, CALL)
    client = office.client(office.acme)
    assert client.post(f"/v1/calls/{CALL}/transfer", json={"target": "103", "side": "caller"}).status_code == 200
    assert (own.asked[0]["target"], own.asked[0]["leg"]) == ("103", "caller")
    for bad in ({"target": "sip:eve@evil"}, {"target": ""}, {"target": "1" * 40}, {"target": "103", "side": "eve"}, {}):
        assert client.post(f"/v1/calls/{CALL}/transfer", json=bad).status_code == 422
    assert len(own.asked) == 1


@pytest.mark.parametrize(
    ("said", "status", "error_id"),
    [
        ("no_call", 404, "not_found"),
        ("bad_request", 409, "bad_request"),
        ("busy", 503, "unavailable"),
        ("anything", 503, "unavailable"),
    ],
)
def test_what_the_worker_cannot_do_is_told_and_not_booked(
    office: Office, worker: Start, said: str, status: int, error_id: str
) -> None:
    worker("worker-0").answer = {"error": said, "reason": "secret detail"}
    office.live_call(office.world.acme, CALL)
    answer = office.client(office.acme).post(f"/v1/calls/{CALL}/hangup")
    assert (answer.status_code, answer.json()["error_id"]) == (status, error_id)
    assert "secret detail" not in answer.text and _actions(office) == []


def test_a_worker_that_is_gone_is_told_as_such(office: Office) -> None:
    office.live_call(office.world.acme, CALL)
    answer = office.client(office.acme).post(f"/v1/calls/{CALL}/hangup")
    assert answer.status_code == 503 and answer.headers["retry-after"]


def test_a_call_that_rings_is_ended_and_nothing_else(office: Office, worker: Start) -> None:
    worker("worker-0")
    office.live_call(office.world.acme, CALL, state="ringing")
    client = office.client(office.acme)
    assert client.post(f"/v1/calls/{CALL}/pause-recording").json()["error_id"] == "not_talking"
    assert client.post(f"/v1/calls/{CALL}/hangup").status_code == 200


def test_click_to_call_rings_the_extension_first_and_twice_the_same_key_calls_once(
    office: Office, worker: Start
) -> None:
    full, free = worker("worker-0", calls=3), worker("worker-1", calls=0)
    client = office.client(office.acme)
    first = client.post("/v1/calls", json=WANTED, headers=KEY)
    again = client.post("/v1/calls", json=WANTED, headers=KEY)
    assert first.status_code == 201 and first.json() == again.json()
    [asked] = free.asked
    assert (asked["do"], asked["target"]["number"], asked["then"]) == ("originate", "101", "extension:102")
    assert asked["call_id"] == first.json()["call_id"] and not full.asked
    assert from_json(Target, asked["target"]) == Target("101", "Phone 101") and asked["direction"] in ORIGINATED
    assert _actions(office) == [("call_placed", asked["call_id"])]
    other = client.post("/v1/calls", json={**WANTED, "number": "103"}, headers=KEY)
    assert (other.status_code, other.json()["error_id"]) == (409, "idempotency_key_reused")
    birch = office.client(office.birch).post("/v1/calls", json=WANTED, headers=KEY)
    assert birch.status_code == 201 and birch.json() != first.json()


def test_a_full_worker_passes_the_call_to_the_next_and_no_room_frees_the_key(office: Office, worker: Start) -> None:
    first, second = worker("worker-0"), worker("worker-1", calls=1)
    first.answer = {"error": "no_slot"}
    client = office.client(office.acme)
    assert client.post("/v1/calls", json=WANTED, headers=KEY).status_code == 201
    assert len(first.asked) == len(second.asked) == 1
    second.answer = {"error": "no_slot"}
    fresh = {"Idempotency-Key": "click-0002"}
    assert client.post("/v1/calls", json=WANTED, headers=fresh).json()["error_id"] == "no_room"
    second.answer = {"ok": True}
    assert client.post("/v1/calls", json=WANTED, headers=fresh).status_code == 201


def test_an_attempt_without_an_outcome_is_not_repeated_by_itself(office: Office, worker: Start) -> None:
    lost = worker("worker-0")
    lost.answer = "nonsense"  # type: ignore[assignment]  # the answer breaks off: the call may ring
    client = office.client(office.acme)
    assert client.post("/v1/calls", json=WANTED, headers=KEY).status_code == 503
    again = client.post("/v1/calls", json=WANTED, headers=KEY)
    assert (again.status_code, again.json()["error_id"]) == (409, "still_under_way")
    assert len(lost.asked) == 1


@pytest.mark.parametrize(
    ("wanted", "status", "error_id"),
    [
        ({"extension": "999", "number": "102"}, 404, "no_extension"),
        ({"extension": "101", "number": "+882990000000"}, 422, "cannot_call"),
        ({"extension": "101", "number": "555"}, 422, "cannot_call"),
        ({"extension": "101", "number": "*97"}, 422, "does_not_fit"),
        ({"extension": "../1", "number": "102"}, 422, "does_not_fit"),
    ],
)
def test_whom_the_extension_may_not_call_nobody_calls_for_it(
    office: Office, worker: Start, wanted: dict[str, str], status: int, error_id: str
) -> None:
    own = worker("worker-0")
    answer = office.client(office.acme).post("/v1/calls", json=wanted, headers=KEY)
    assert (answer.status_code, answer.json()["error_id"]) == (status, error_id), answer.text
    assert not own.asked


@pytest.mark.parametrize("key", ["", "short", "x" * 65, "white space", "ünï-cödé"])
def test_a_call_needs_a_key_that_can_be_kept(office: Office, worker: Start, key: str) -> None:
    own = worker("worker-0")
    headers = {"Idempotency-Key": key.encode()} if key else {}
    answer = office.client(office.acme).post("/v1/calls", json=WANTED, headers=headers)
    assert (answer.status_code, answer.json()["error_id"]) == (400, "bad_idempotency_key")
    assert not own.asked
