"""Registered phones in the database."""

from __future__ import annotations

from pbx_core.sip.registrar import Binding
from pbx_core.store import bindings
from tests.conftest import World


def binding(tenant_id: str, number: str, contact: str, expires_at: float = 1000.0) -> Binding:
    return Binding(tenant_id, number, contact, "udp:198.51.100.1:5060", "c", 1, 1.0, "phone", "", 1.0, expires_at)


def test_bindings_are_replaced_owner_by_owner_and_tenants_stay_apart(world: World) -> None:
    acme, birch = (world.acme.tenant_id, "101"), (world.birch.tenant_id, "101")
    two = [binding(*acme, "sip:a"), binding(*acme, "sip:b")]
    bindings.replace(world.db, {acme: two, birch: [binding(*birch, "sip:c")]})
    bindings.replace(world.db, {acme: two[:1]})
    assert bindings.load(world.db, 0.0) == {acme: (two[0],), birch: (binding(*birch, "sip:c"),)}
    assert bindings.of(world.db, *acme, now=0.0) == [two[0]]
    bindings.replace(world.db, {acme: []})
    assert acme not in bindings.load(world.db, 0.0)


def test_expired_bindings_are_not_seen_and_are_purged(world: World) -> None:
    owner = (world.acme.tenant_id, "101")
    bindings.replace(world.db, {owner: [binding(*owner, "sip:a", 100.0), binding(*owner, "sip:b", 200.0)]})
    assert [b.contact for b in bindings.of(world.db, *owner, now=100.0)] == ["sip:b"]
    assert bindings.purge(world.db, 100.0) == 1
    assert [b.contact for b in bindings.of(world.db, *owner, now=0.0)] == ["sip:b"]
