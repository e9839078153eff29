"""`callbench token` and `callbench phone`: what they print once, what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pbx_core.cli import callbench
from pbx_core.errors import InputError
from pbx_core.store import tokens
from tests.conftest import World


def _run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(callbench, ["--data", str(data), *words])


def test_a_token_is_shown_once_listed_without_its_text_and_revoked(world: World) -> None:
    data = world.settings.data
    made = _run(data, "token", "add", "--tenant", "acme.test", "--rights", "read, control", "our CRM")
    text = next(line for line in made.output.splitlines() if line.startswith("cb_"))
    found = tokens.find(world.db, text)
    assert found and (found.tenant_id, found.name) == (world.acme.tenant_id, "our CRM")
    assert {str(r) for r in found.rights} == {"read", "control"}
    listed = _run(data, "token", "list", "--tenant", "acme.test").output
    assert found.token_id in listed and "our CRM" in listed and text not in listed
    assert "no tokens yet" in _run(data, "token", "list", "--tenant", "birch.test").output
    foreign = _run(data, "token", "revoke", "--tenant", "birch.test", found.token_id)
    assert isinstance(foreign.exception, InputError) and tokens.find(world.db, text)
    assert _run(data, "token", "revoke", "--tenant", "acme.test", found.token_id).exit_code == 0
    assert tokens.find(world.db, text) is None
    again = _run(data, "token", "revoke", "--tenant", "acme.test", found.token_id)
    assert isinstance(again.exception, InputError)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["token", "add", "--tenant", "nowhere.test", "x"], "no tenant"),
        (["token", "add", "--tenant", "acme.test", "--rights", "all", "x"], "no list of rights"),
        (["token", "add", "--tenant", "operator", "--rights", "read,control", "x"], "operator's token reads"),
        (["token", "add", "--tenant", "acme.test", "\x1b[31mred"], "not a name"),
        (["token", "revoke", "--tenant", "acme.test", "%"], "no living token"),
        (["token", "revoke", "--tenant", "acme.test", ""], "no living token"),
        (["phone", "add", "--tenant", "acme.test", "--number", "999", "--vendor", "snom"], "no extension 999"),
        (["phone", "add", "--tenant", "acme.test", "--number", "101", "--vendor", "snom", "--mac", "x"], "hardware"),
        (["phone", "add", "--tenant", "x.test", "--number", "101", "--vendor", "snom"], "no tenant"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason(world: World, words: list[str], said: str) -> None:
    refused = _run(world.settings.data, *words)
    assert isinstance(refused.exception, InputError) and said in str(refused.exception)


@pytest.mark.parametrize(
    ("vendor", "part"),
    [
        ("yealink", "/001565aabb01.cfg"),
        ("grandstream", "/cfg001565aabb01.xml"),
        ("snom", "/snom-{mac}.xml"),
        ("cisco", "/spa$MA.xml"),
        ("polycom", "/callbench-001565aabb01.cfg"),
        ("linphone", "linphone-config:https://"),
    ],
)
def test_a_phones_address_is_printed_for_its_kind(world: World, vendor: str, part: str) -> None:
    words = [
        "phone",
        "add",
        "--tenant",
        "acme.test",
        "--number",
        "101",
        "--vendor",
        vendor,
        "--mac",
        "00:15:65:AA:BB:01",
    ]
    done = _run(world.settings.data, *words)
    assert done.exit_code == 0 and part in done.output and "cannot be shown again" in done.output
    assert ("█" in done.output) is (vendor == "linphone")  # scripts read the others
