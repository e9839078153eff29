"""Models in the database: versions, undo, public numbers that belong to one tenant, extensions that come and go."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from pbx_core.domain.model import Did, Extension, Model, Trunk
from pbx_core.domain.modelfile import ModelError
from pbx_core.errors import InputError
from pbx_core.sip.registrar import Binding
from pbx_core.store import bindings, directory, facts, models, schema, secrets, usersettings
from tests.conftest import World
from tests.support.dialplan import CITY, OFFICE


def _numbers(world: World, tenant: directory.Tenant) -> list[str]:
    return [e.number for e in directory.extensions(world.db, tenant.tenant_id)]


def _apply(world: World, model: Model, comment: str = "", tenant: directory.Tenant | None = None) -> models.Applied:
    owner = tenant or world.acme
    return models.apply(world.db, world.clock, owner.tenant_id, model, "alice", comment)


def test_a_tenant_without_a_model_has_its_extensions_and_defaults(world: World) -> None:
    version, model = models.active(world.db, world.acme.tenant_id)
    assert version == 0
    assert list(model.book.extensions) == ["101", "102", "103"]
    assert (model.time_zone, model.languages) == ("Asia/Bishkek", ("en", "ru"))
    assert model.book.extensions["101"].name == "Phone 101"


def test_applying_makes_and_removes_extensions_and_keeps_the_passwords_of_the_rest(world: World) -> None:
    before = directory.extension_of(world.db, world.acme.tenant_id, "101")
    done = _apply(world, OFFICE)
    assert (done.added, done.removed) == (("104", "105", "106"), ())
    assert _numbers(world, world.acme) == ["101", "102", "103", "104", "105", "106"]
    after = directory.extension_of(world.db, world.acme.tenant_id, "101")
    assert before and after and after.ha1_sha256 == before.ha1_sha256
    assert after.display_name == "Aigul"
    made = directory.extension_of(world.db, world.acme.tenant_id, "104")
    assert made and made.ha1_sha256 == directory.ha1("SHA-256", "104", "acme.test", done.passwords["104"])
    assert models.active(world.db, world.acme.tenant_id) == (2, OFFICE)
    assert models.active(world.db, world.birch.tenant_id)[0] == 0
    assert _numbers(world, world.birch) == ["101", "102", "103"]


def test_what_a_removed_extension_leaves_behind_goes_with_it_and_only_with_it(world: World) -> None:
    for tenant in (world.acme, world.birch):
        owner = (tenant.tenant_id, "103")
        bindings.replace(world.db, {owner: [_binding(tenant.tenant_id, "103", world.clock.now().timestamp())]})
        usersettings.change_user(world.db, world.clock, *owner, {"dnd": True}, "phone")
    _apply(world, Model(extensions=(Extension("101"), Extension("102"))))
    now = world.clock.now().timestamp()
    assert bindings.of(world.db, world.acme.tenant_id, "103", now) == []
    assert usersettings.user_settings(world.db, world.acme.tenant_id) == {}
    assert len(bindings.of(world.db, world.birch.tenant_id, "103", now)) == 1
    assert usersettings.user_settings(world.db, world.birch.tenant_id)["103"].dnd


def _binding(tenant_id: str, number: str, now: float) -> Binding:
    return Binding(tenant_id, number, "sip:x@192.0.2.1", "udp:192.0.2.1:5060", "call", 1, 1.0, "", "", now, now + 600)


def test_undo_goes_back_step_by_step_and_history_only_grows(world: World) -> None:
    first, second = OFFICE, replace(OFFICE, music="prompt:welcome")
    _apply(world, first, "new office")
    _apply(world, second, "other music")
    tenant_id = world.acme.tenant_id
    assert models.undo(world.db, world.clock, tenant_id, "bob").version == 4
    assert models.active(world.db, tenant_id) == (4, first)
    models.undo(world.db, world.clock, tenant_id, "bob")
    assert list(models.active(world.db, tenant_id)[1].book.extensions) == ["101", "102", "103"]
    with pytest.raises(InputError, match="no change to take back"):
        models.undo(world.db, world.clock, tenant_id, "bob")
    entries = models.history(world.db, tenant_id)
    assert [(e.version, e.author, e.comment, e.undoes) for e in entries] == [
        (5, "bob", "", 2),
        (4, "bob", "", 3),
        (3, "alice", "other music", None),
        (2, "alice", "new office", None),
        (1, "", "as it was before the first change", None),
    ]
    assert models.of_version(world.db, tenant_id, 3) == second
    with pytest.raises(InputError, match="no version 3"):
        models.of_version(world.db, world.birch.tenant_id, 3)
    with pytest.raises(InputError, match="no change to take back"):
        models.undo(world.db, world.clock, world.birch.tenant_id, "bob")


def test_no_two_tenants_have_the_same_public_number(world: World) -> None:
    _apply(world, OFFICE)
    wanted = Model(extensions=(Extension("101"),), dids=(Did(CITY, "extension:101"),))
    before = _dump(world)
    with pytest.raises(ModelError, match=r"dids\.\+996312880101: this number belongs to another customer"):
        _apply(world, wanted, tenant=world.birch)
    assert _dump(world) == before
    assert models.tenant_of_did(world.db, CITY) == world.acme.tenant_id
    _apply(world, replace(OFFICE, dids=OFFICE.dids[1:], offices=OFFICE.offices[1:], extensions=tuple(
        replace(e, office="") if e.office == "bishkek" else e for e in OFFICE.extensions)))  # fmt: skip
    _apply(world, wanted, tenant=world.birch)
    assert models.tenant_of_did(world.db, CITY) == world.birch.tenant_id
    with pytest.raises(ModelError, match="another customer"):  # undo does not take it back either
        models.undo(world.db, world.clock, world.acme.tenant_id, "alice")


def test_a_model_with_a_mistake_changes_nothing(world: World) -> None:
    before = _dump(world)
    with pytest.raises(ModelError, match=r"extensions\.1"):
        _apply(world, Model(extensions=(Extension("1"),)))
    with pytest.raises(InputError, match="no such tenant"):
        models.apply(world.db, world.clock, "0" * 32, OFFICE, "alice")
    with pytest.raises(InputError, match="at most 500"):
        _apply(world, OFFICE, "x" * 501)
    assert _dump(world) == before


def test_who_began_from_an_old_version_is_told(world: World) -> None:
    tenant_id = world.acme.tenant_id
    models.apply(world.db, world.clock, tenant_id, OFFICE, "alice", based_on=0)
    with pytest.raises(InputError, match="Version 2 has been applied since you began from 0") as caught:
        models.apply(world.db, world.clock, tenant_id, OFFICE, "bob", based_on=0)
    assert caught.value.status == 409


def test_two_who_apply_at_once_both_get_a_version(world: World) -> None:
    failed: list[BaseException] = []

    def change() -> None:
        try:
            _apply(world, OFFICE)
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [e.version for e in models.history(world.db, world.acme.tenant_id)] == [5, 4, 3, 2, 1]


def test_extensions_created_beside_the_model_are_in_it(world: World) -> None:
    _apply(world, OFFICE)
    directory.add_extension(world.db, world.clock, world.acme, "150", "password", display_name="Beside")
    _, model = models.active(world.db, world.acme.tenant_id)
    assert model.book.extensions["150"] == Extension("150", name="Beside")
    assert (
        "150"
        in models.apply(
            world.db, world.clock, world.acme.tenant_id, replace(model, extensions=model.extensions[:-1]), "alice"
        ).removed
    )


def test_trunk_passwords_go_with_their_trunk_and_stay_sealed(world: World) -> None:
    _apply(world, OFFICE)
    mine = (world.db, world.settings)
    for tenant_id in (world.acme.tenant_id, world.birch.tenant_id):
        for name in ("trunk:main", "trunk:backup"):
            secrets.put(*mine, world.clock, tenant_id, name, f"canary-{tenant_id}-{name}")
    assert secrets.get(*mine, world.acme.tenant_id, "trunk:main") == f"canary-{world.acme.tenant_id}-trunk:main"
    _apply(world, Model(trunks=(Trunk("main", "a.test"),), outbound=OFFICE.outbound))
    assert secrets.names(world.db, world.acme.tenant_id) == {"trunk:main"}
    assert secrets.names(world.db, world.birch.tenant_id) == {"trunk:main", "trunk:backup"}
    with world.db.connect() as connection:
        sealed = connection.execute(sa.select(schema.secret)).all()
    assert len(sealed) == 3 and "canary-" not in repr(sealed)
    for file in world.settings.data.rglob("*"):
        if file.is_file():
            assert b"canary-" not in file.read_bytes()


def test_the_key_file_is_ours_alone_and_another_key_is_noticed(world: World) -> None:
    sealed = secrets.seal(world.settings, "s3cret")
    path = world.settings.data / "keys" / "secret.key"
    assert oct(path.stat().st_mode)[-3:] == "600"
    assert secrets.unseal(world.settings, sealed) == "s3cret"
    path.unlink()
    secrets.seal(world.settings, "x")  # a new key
    with pytest.raises(InputError, match="sealed with another key"):
        secrets.unseal(world.settings, sealed)
    path.write_text("rubbish")
    with pytest.raises(InputError, match="not a key file"):
        secrets.seal(world.settings, "x")


def test_a_user_changes_his_own_settings_only_to_what_fits(world: World) -> None:
    mine = (world.db, world.clock, world.acme.tenant_id, "101")
    usersettings.change_user(*mine, {"forward_busy": "102", "follow_me": ["+996555123456"]}, "phone")
    held = usersettings.change_user(*mine, {"dnd": True}, "phone")
    assert (held.forward_busy, held.follow_me, held.dnd) == ("102", ("+996555123456",), True)
    assert usersettings.user_settings(world.db, world.acme.tenant_id) == {"101": held}
    assert usersettings.user_settings(world.db, world.birch.tenant_id) == {}
    for wrong in (
        {"dnd": 1}, {"colour": "red"}, {"number": "102"}, {"forward_always": "sip:x@y"}, {"forward_no_answer_s": 1},
        {"follow_me": ["1"] * 9}, {"greeting": "/etc/passwd"}, {"forward_busy": "9" * 40}, {"forward_busy": None},
        {"follow_me": "102"},
    ):  # fmt: skip
        with pytest.raises(InputError, match=r"does not fit|is no setting"):
            usersettings.change_user(*mine, wrong, "phone")
    with pytest.raises(InputError, match="no extension 199"):
        usersettings.change_user(*mine[:3], "199", {"dnd": True}, "phone")
    assert usersettings.user_settings(world.db, world.acme.tenant_id) == {"101": held}


def test_facts_are_one_tenants(world: World) -> None:
    acme, now = world.acme.tenant_id, world.clock.now().timestamp()
    bindings.replace(world.db, {(acme, "101"): [_binding(acme, "101", now)],
                                (acme, "102"): [replace(_binding(acme, "102", now), expires_at=now - 1)]})  # fmt: skip
    rows: list[tuple[sa.Table, dict[str, object]]] = [
        (schema.agent, {"queue": "support", "number": "103", "logged_in_at": now}),
        (schema.agent, {"queue": "support", "number": "104"}),
        (schema.live_call, {"call_id": "c1", "worker": "worker-0", "state": "parked", "extensions": '["101"]',
                            "slot": "701", "detail": "{}", "changed_at": now}),
        (schema.live_room, {"room": "600", "worker": "worker-1", "people": 2, "since": now}),
        *((schema.voicemail_message, {"message_id": m, "mailbox": "101", "call_id": "c", "caller": "", "seconds": 1,
                                      "left_at": at, "deleted_at": gone})
          for m, at, gone in (("m2", 2, None), ("m1", 1, None), ("m0", 0, 9))),
    ]  # fmt: skip
    with world.db.begin() as connection:
        for table, values in rows:
            connection.execute(sa.insert(table).values(tenant_id=acme, **values))
    usersettings.change_user(world.db, world.clock, acme, "102", {"dnd": True}, "phone")
    known = facts.gather(world.db, world.clock, acme, home="acme.test")
    assert known.registered == {"101"}
    assert known.agents == {"support": {"103"}}
    assert [(n.call_id, n.worker, n.extensions, n.slot) for n in known.neighbours] == [
        ("c1", "worker-0", ("101",), "701")
    ]
    assert known.rooms == {"600": "worker-1"}
    assert known.messages == {"101": ("m1", "m2")}
    assert known.user("102").dnd and not known.user("101").dnd
    assert known.seed != facts.gather(world.db, world.clock, acme).seed
    other = facts.gather(world.db, world.clock, world.birch.tenant_id)
    assert not (other.registered or other.agents or other.neighbours or other.rooms or other.messages or other.users)


def _dump(world: World) -> list[object]:
    tables = (schema.pbx_model, schema.did_number, schema.extension, schema.secret)
    with world.db.connect() as connection:
        return [sorted(map(repr, connection.execute(sa.select(table)))) for table in tables]
