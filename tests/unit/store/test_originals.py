"""The right to what is hidden from others: given by the operator with a reason, written down, in force at once."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from pbx_core.cli import callbench
from pbx_core.domain.model import Model
from pbx_core.domain.model_speech import Redaction, Speech
from pbx_core.domain.redaction import Wishes
from pbx_core.errors import InputError
from pbx_core.store import directory, models, sessions
from pbx_core.store.schema import audit
from tests.conftest import World


def run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(callbench, ["--data", str(data), "person", "originals", *words])


def hidden_from(world: World, email: str) -> Wishes | None:
    person = directory.person_by_email(world.db, email)
    assert person
    opened = sessions.open_session(world.db, world.clock, person.tenant_id, person.person_id)
    session = sessions.look(world.db, world.clock, sessions.digest(opened.token), 3600)
    assert session
    return session.hide


def test_nobody_has_it_until_it_is_given_and_a_session_under_way_loses_it_at_once(world: World) -> None:
    wish = Model(speech=Speech(redact=Redaction(cards=True, names=("Anna",))))
    models.apply(world.db, world.clock, world.acme.tenant_id, wish, "test", "redaction")
    assert hidden_from(world, "owner@acme.test") == Wishes(cards=True, names=("Anna",))
    assert hidden_from(world, "owner@birch.test") == Wishes(), "nothing is hidden there"
    for may, hidden in (("grant", None), ("revoke", Wishes(cards=True, names=("Anna",)))):
        done = run(world.settings.data, "acme.test", "owner@acme.test", may, "--reason", "handles complaints")
        assert done.exit_code == 0, done.output
        assert hidden_from(world, "owner@acme.test") == hidden
    owner = directory.person_by_email(world.db, "owner@acme.test")
    assert owner
    with world.db.connect() as connection:
        rows = connection.execute(sa.select(audit).where(audit.c.object_id == owner.person_id)).all()
    assert [(r.tenant_id, r.action, r.session) for r in rows] == [
        (world.acme.tenant_id, f"originals_{may}:handles complaints", getpass.getuser()[:16])
        for may in ("grant", "revoke")
    ]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("acme.test", "owner@birch.test", "grant", "--reason", "x"), "Nobody of acme.test"),
        (("acme.test", "owner@acme.test", "grant", "--reason", "  "), "needs its reason"),
    ],
)
def test_it_is_given_to_nobody_else_and_never_without_a_reason(
    world: World, words: tuple[str, ...], complaint: str
) -> None:
    refused = run(world.settings.data, *words)
    assert isinstance(refused.exception, InputError) and complaint in str(refused.exception)
    people = [p for t in (world.acme, world.birch) for p in directory.people(world.db, t.tenant_id)]
    assert not any(p.originals for p in people)
