"""What the edge reads about trunks and what it writes."""

from __future__ import annotations

from dataclasses import replace

from pbx_core.domain.model import Model
from pbx_core.store import live, models, secrets, trunks
from pbx_core.store.trunks import TrunkState
from tests.conftest import World


def test_a_changed_model_or_password_shows_in_the_versions(world: World) -> None:
    assert trunks.versions(world.db) == {}
    tenant_id = world.acme.tenant_id
    _, model = models.active(world.db, tenant_id)
    models.apply(world.db, world.clock, tenant_id, replace(model, park_slots=("701",)), "test")
    first = trunks.versions(world.db)
    secrets.put(world.db, world.settings, world.clock, tenant_id, secrets.trunk("main"), "geheim")
    second = trunks.versions(world.db)
    models.apply(world.db, world.clock, tenant_id, Model(extensions=model.extensions), "test")
    third = trunks.versions(world.db)
    assert first.keys() == second.keys() == third.keys() == {tenant_id}
    assert len({first[tenant_id], second[tenant_id], third[tenant_id]}) == 3


def test_the_states_written_replace_those_before_and_are_each_tenants_own(world: World) -> None:
    acme = TrunkState(world.acme.tenant_id, "main", None, "closed", 0, 1, "", 5.0)
    birch = replace(acme, tenant_id=world.birch.tenant_id, circuit="open", failures=3, reason="no reply")
    trunks.replace_states(world.db, [acme, replace(acme, trunk_id="gone")])
    trunks.replace_states(world.db, [acme, birch])
    assert [t.trunk_id for t in live.trunks(world.db, world.acme.tenant_id, 10.0)] == ["main"]
    [seen] = live.trunks(world.db, world.birch.tenant_id, 10.0)
    assert (seen.circuit, seen.failures, seen.reason) == ("open", 3, "no reply")
    trunks.replace_states(world.db, [])
    assert not live.trunks(world.db, world.acme.tenant_id, 10.0)
