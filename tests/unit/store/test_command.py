"""The operator's commands on a real database: what they create, what they refuse, that secrets are shown once."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner, Result

from pbx_core.cli import callbench
from pbx_core.errors import InputError
from pbx_core.settings import load
from pbx_core.store import directory, engine
from tests.conftest import World


def _run(data: Path, *words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(callbench, ["--data", str(data), *words], input=stdin)


def _refusal(data: Path, *words: str, stdin: str | None = None) -> str:
    result = _run(data, *words, stdin=stdin)
    assert result.exit_code != 0
    if isinstance(result.exception, InputError):
        return str(result.exception)
    return result.output


def test_an_office_is_prepared_before_anything_was_ever_started(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    assert _run(data, "tenant", "add", "Acme Ltd", "ACME.test", "--languages", "en, ru").exit_code == 0
    result = _run(data, "extension", "add", "acme.test", "098", "--count", "3", "--name", "Desk")
    assert result.exit_code == 0
    lines = [line.split("\t") for line in result.output.splitlines() if "\t" in line]
    assert [line[:2] for line in lines] == [[n, f"sip:{n}@acme.test"] for n in ("098", "099", "100")]
    db = engine.connect(load(data))
    acme = directory.tenant_by_domain(db, "acme.test")
    assert acme and acme.languages == ("en", "ru")
    for number, _, password in lines:
        stored = directory.extension_of(db, acme.tenant_id, number)
        assert stored and stored.display_name == "Desk"
        assert stored.ha1_sha256 == directory.ha1("SHA-256", number, "acme.test", password)
    assert len({password for _, _, password in lines}) == 3
    assert oct((data / "callbench.sqlite").stat().st_mode)[-3:] == "600"


def test_lists_show_one_tenants_things_and_no_secret(world: World) -> None:
    data = world.settings.data
    tenants = _run(data, "tenant", "list").output.splitlines()
    assert tenants == ["acme.test\tAcme Ltd\tAsia/Bishkek\ten,ru\t3", "birch.test\tBirch & Sons\tUTC\ten\t3"]
    assert _run(data, "extension", "list", "birch.test").output.splitlines() == [
        f"{n}\tPhone {n}" for n in ("101", "102", "103")
    ]
    people = _run(data, "person", "list", "Acme.test").output
    assert "agent@acme.test\tAgent of Acme Ltd\tagent\t101" in people
    assert "birch" not in people
    assert "argon2" not in people


def test_a_made_password_is_printed_once_and_kept_as_a_hash(world: World) -> None:
    result = _run(world.settings.data, "person", "add", "birch.test", "Alice@Birch.test", "Alice", "manager")
    (line,) = [line for line in result.output.splitlines() if line.startswith("Password: ")]
    password = line.removeprefix("Password: ")
    alice = directory.person_by_email(world.db, "alice@birch.test")
    assert alice and alice.tenant_id == world.birch.tenant_id
    assert PasswordHasher().verify(alice.password_hash, password)
    files = [file for file in world.settings.data.rglob("*") if file.is_file()]
    assert not any(password in file.read_bytes().decode("latin-1") for file in files)


@pytest.mark.parametrize(
    ("option", "stdin"),
    [("--password-stdin", "correct horse battery\n"), ("--ask-password", "correct horse battery\n" * 2)],
)
def test_a_given_password_is_never_printed(world: World, option: str, stdin: str) -> None:
    words = ("person", "add", "acme.test", "bob@acme.test", "Bob", "agent", "--extension", "102", option)
    result = _run(world.settings.data, *words, stdin=stdin)
    assert result.exit_code == 0
    assert "correct horse" not in result.output
    bob = directory.person_by_email(world.db, "bob@acme.test")
    assert bob and bob.extension == "102"
    assert PasswordHasher().verify(bob.password_hash, "correct horse battery")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tenant", "add", "Acme", "acme.test"], "belongs to a tenant already"),
        (["tenant", "add", "Cedar", "not a domain"], "not a domain name"),
        (["tenant", "add", "Cedar", "cedar.test", "--time-zone", "Mars/Base"], "no time zone"),
        (["tenant", "add", "Cedar", "cedar.test", "--languages", "english!"], "no list of languages"),
        (["tenant", "add", "\x1b[31mRed", "cedar.test"], "not a name"),
        (["tenant", "add", "x" * 65, "cedar.test"], "not a name"),
        (["extension", "add", "cedar.test", "101"], r"no tenant with the domain 'cedar.test' \(there are: acme"),
        (["extension", "add", "acme.test", "103", "--count", "2"], "has 103 already; nothing was created"),
        (["extension", "add", "acme.test", "12x"], "not a short number"),
        (["extension", "add", "acme.test", "²²²"], "not a short number"),
        (["extension", "add", "acme.test", "7"], "not a short number"),
        (["extension", "add", "acme.test", "999998", "--count", "3"], "do not fit 6 digits"),
        (["extension", "add", "acme.test", "200", "--count", "1001"], "range"),
        (["person", "add", "acme.test", "bob@acme.test", "Bob", "emperor"], "is not one of"),
        (["person", "add", "acme.test", "bob", "Bob", "owner"], "not an e-mail address"),
        (["person", "add", "acme.test", "bob@acme.test", "Bob", "agent"], "needs his extension"),
        (["person", "add", "acme.test", "b@acme.test", "Bob", "agent", "--extension", "999"], "has no extension 999"),
        (["person", "add", "acme.test", "owner@birch.test", "Bob", "owner"], "already"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason_and_changes_nothing(
    world: World, words: list[str], said: str
) -> None:
    before = _dump(world)
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(_refusal(world.settings.data, *words))
    assert _dump(world) == before


def test_a_weak_password_is_refused(world: World) -> None:
    words = ("person", "add", "acme.test", "bob@acme.test", "Bob", "owner", "--password-stdin")
    assert "at least 10" in _refusal(world.settings.data, *words, stdin="short\n")
    assert directory.person_by_email(world.db, "bob@acme.test") is None


@pytest.mark.parametrize("group", ["tenant", "extension", "person"])
def test_every_command_explains_itself(group: str) -> None:
    command = callbench.get_command(click.Context(callbench), group)
    assert isinstance(command, click.Group)
    for each in (command, *command.commands.values()):
        assert each.help and each.help.endswith(".")


def _dump(world: World) -> list[object]:
    everyone = [p for t in directory.tenants(world.db) for p in directory.people(world.db, t.tenant_id)]
    extensions = [e for t in directory.tenants(world.db) for e in directory.extensions(world.db, t.tenant_id)]
    return [directory.tenants(world.db), extensions, everyone]
