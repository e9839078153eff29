"""A worker around a scripted engine, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import World
from tests.support.stage import Stage


@pytest.fixture
def stage(world: World) -> Iterator[Stage]:
    made = Stage.build(world.settings, world.db, world.acme.tenant_id)
    yield made
    made.worker.close()
