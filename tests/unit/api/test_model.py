"""The model by the API: read, refused with every place, put in force, taken back, asked."""

from __future__ import annotations

import sqlalchemy as sa

from pbx_core.store import models
from pbx_core.store.schema import audit
from tests.unit.api.conftest import Office

GOOD = {
    "extensions": {"101": {"name": "Alice"}, "102": {}, "103": {}, "104": {"name": "New"}},
    "menus": {"main": {"greeting": ["say:en:Hello"], "keys": {"1": "extension:101"}}},
    "dids": {"+996312123456": {"destination": "menu:main"}},
    "outbound": {"country": "KG"},
}


def test_a_model_is_put_in_force_with_its_history_and_taken_back(office: Office) -> None:
    client = office.client(office.acme)
    done = client.put("/v1/model", params={"comment": "a menu", "based_on": 0}, json=GOOD)
    assert done.status_code == 200, done.text
    assert done.json()["version"] == 2 and done.json()["added"] == ["104"]  # 1: what was there before
    assert len(done.json()["passwords"]["104"]) == 24
    second = client.put("/v1/model", json={**GOOD, "menus": {}, "dids": {}}).json()
    assert second["version"] == 3 and second["passwords"] == {}
    assert client.post("/v1/model/undo", params={"comment": "oops"}).json()["version"] == 4
    held = client.get("/v1/model").json()
    assert held["version"] == 4 and held["model"]["menus"]["main"]["keys"] == {"1": "extension:101"}
    story = client.get("/v1/model/history").json()["versions"][:3]
    assert [(v["version"], v["comment"], v["undoes"]) for v in story] == [
        (4, "oops", 3),
        (3, "", None),
        (2, "a menu", None),
    ]
    assert all(v["author"].startswith("api ") for v in story)
    with office.world.db.connect() as connection:
        rows = connection.execute(sa.select(audit.c.action).where(audit.c.action.startswith("model_"))).scalars()
        assert list(rows) == ["model_applied", "model_applied", "model_undone"]
    assert office.client(office.birch).get("/v1/model").json()["version"] == 0


def test_extensions_go_only_when_it_is_said_that_they_may(office: Office) -> None:
    client = office.client(office.acme)
    short = {"extensions": {"101": {}}}
    refused = client.put("/v1/model", json=short)
    assert refused.status_code == 409 and refused.json()["error_id"] == "removes_extensions"
    gone = client.put("/v1/model", params={"remove_extensions": True}, json=short)
    assert gone.status_code == 200 and gone.json()["removed"] == ["102", "103"]


def test_toml_is_taken_too_and_a_stale_change_is_refused(office: Office) -> None:
    client = office.client(office.acme)
    toml = {"Content-Type": "application/toml"}
    text = '[extensions.101]\n[extensions.102]\n[extensions.103]\nname = "Ünï 😀"\n'
    assert client.put("/v1/model", content=text.encode(), headers=toml).status_code == 200
    assert client.get("/v1/model").json()["model"]["extensions"]["103"]["name"] == "Ünï 😀"
    stale = client.put("/v1/model", params={"based_on": 0}, content=text.encode(), headers=toml)
    assert (stale.status_code, stale.json()["error_id"]) == (409, "model_changed")


def test_every_mistake_is_named_with_its_place_and_nothing_changes(office: Office) -> None:
    client = office.client(office.acme)
    bad = {**GOOD, "menus": {"main": {"greeting": ["say:en:Hi"], "keys": {"1": "queue:nowhere", "2": "menu:gone"}}}}
    for answer in (client.put("/v1/model", json=bad), client.post("/v1/model/check", json=bad)):
        assert answer.status_code == 422
        places = "\n".join(answer.json()["places"])
        assert "menus.main.keys.1" in places and "menus.main.keys.2" in places
    assert client.post("/v1/model/check", json=GOOD).json() == {"ok": True}
    assert models.active(office.world.db, office.world.acme.tenant_id)[0] == 0
    for shapeless in (b"", b"[]", b"{", b'{"menus": 3}', b'{"a": 1, "a": 2}', b"[" * 100_000, b'{"menus": "\\ud800"}'):
        assert client.put("/v1/model", content=shapeless).status_code == 422, shapeless[:20]


def test_a_number_of_another_tenant_is_refused(office: Office) -> None:
    assert office.client(office.acme).put("/v1/model", json=GOOD).status_code == 200
    answer = office.client(office.birch).put("/v1/model", json=GOOD)
    assert answer.status_code == 422 and "+996312123456" in answer.text and "acme" not in answer.text.lower()


def test_where_a_call_would_go_is_explained_without_calling_anybody(office: Office) -> None:
    client = office.client(office.acme)
    client.put("/v1/model", json=GOOD)
    inbound = client.post("/v1/explain", json={"caller": "+996555000111", "dialled": "+996312123456"}).json()
    assert inbound["kind"] == "menu" and inbound["visited"][-1] == "menu:main"
    assert inbound["steps"]
    internal = client.post("/v1/explain", json={"caller": "101", "dialled": "104", "at": "2026-01-01T03:00:00Z"})
    assert internal.json()["visited"][0] == "extension:104" and internal.json()["at"].startswith("2026-01-01T03")
    theirs = office.client(office.birch).post("/v1/explain", json={"caller": "101", "dialled": "104"}).json()
    assert theirs["kind"] == "hangup"
    assert client.post("/v1/explain", json={"caller": "777", "dialled": "101"}).json()["places"] == ["caller"]
