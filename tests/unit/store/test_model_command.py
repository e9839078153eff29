"""The commands about the model on a real database: what they print, what they refuse, that secrets are shown once."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from pbx_core.errors import InputError
from pbx_core.store import directory, models, secrets
from pbx_core.store.explain_command import explain_command
from pbx_core.store.model_command import model
from pbx_core.store.numbers_command import my, numbers, trunk
from pbx_core.store.schema import audit
from tests.conftest import World
from tests.support.dialplan import CITY, OFFICE, OFFICE_TOML

COMMANDS = {"model": model, "numbers": numbers, "my": my, "trunk": trunk, "explain": explain_command}
ACME = ("--tenant", "acme.test")


def _run(world: World, command: str, *words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(COMMANDS[command], words, input=stdin, obj=world.settings.data)


def _lines(world: World, command: str, *words: str, stdin: str | None = None) -> list[str]:
    result = _run(world, command, *words, stdin=stdin)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output.splitlines()


def _refusal(world: World, command: str, *words: str, stdin: str | None = None) -> str:
    result = _run(world, command, *words, stdin=stdin)
    assert result.exit_code != 0
    return str(result.exception) if isinstance(result.exception, InputError) else result.output


def test_a_document_is_exported_changed_compared_applied_and_taken_back(world: World, tmp_path: Path) -> None:
    done = _lines(world, "model", "apply", str(OFFICE_TOML), *ACME, "--comment", "new office")
    assert done[0] == "Version 2 of acme.test is in force."
    assert any(line.startswith("104\tsip:104@acme.test\t") for line in done)
    exported = _run(world, "model", "export", *ACME).output
    file = tmp_path / "office.toml"
    file.write_text(exported.replace("ring_s = 20.0", "ring_s = 30.0"))
    checked = _lines(world, "model", "check", str(file))
    assert checked[0] == "The model holds together."
    assert checked[3].startswith("Mind extensions.103: 103 is an emergency number in KG")
    assert _lines(world, "model", "diff", str(file), *ACME) == ["groups.sales.ring_s: 20 → 30"]
    applied = _lines(world, "model", "apply", str(file), *ACME, "--comment", "longer", "--based-on", "2")
    assert applied[:2] == ["Version 3 of acme.test is in force.", "  groups.sales.ring_s: 20 → 30"]
    assert _lines(world, "model", "diff", *ACME) == ["groups.sales.ring_s: 20 → 30"]
    assert _lines(world, "model", "undo", *ACME)[1] == "  groups.sales.ring_s: 30 → 20"
    history = _lines(world, "model", "history", *ACME)
    assert [line.split("\t")[0] for line in history] == ["4", "3", "2", "1"]
    assert "(takes version 3 back)" in history[0] and history[1].endswith("\tlonger")
    assert models.active(world.db, world.acme.tenant_id) == (4, OFFICE)
    as_json = tmp_path / "office.json"
    as_json.write_text(_run(world, "model", "export", *ACME, "--json", "--version", "3").output)
    assert _lines(world, "model", "diff", str(as_json), *ACME) == ["groups.sales.ring_s: 20 → 30"]
    shown = _lines(world, "model", "show", *ACME)
    assert any(line.startswith("menu\tmain\t0 → extension:101") for line in shown)
    assert _lines(world, "model", "show", "--tenant", "birch.test")[0].startswith("birch.test has no model yet")


def test_a_document_with_mistakes_is_refused_with_their_places(world: World) -> None:
    text = OFFICE_TOML.read_text().replace('"queue:support"\noverflow', '"x"').replace('2 = "queue:s', '3 = "queue:sup')
    said = _refusal(world, "model", "apply", "-", *ACME, stdin=text.replace("port", "prt"))
    assert "menus.main.keys.3: no queue" in said
    assert models.history(world.db, world.acme.tenant_id) == []
    no_text = world.settings.data / "picture.png"
    no_text.write_bytes(bytes(range(256)))
    assert "cannot be read" in _refusal(world, "model", "check", str(no_text))


def test_numbers_are_made_in_bulk_with_names_and_their_passwords_kept_in_a_file(world: World, tmp_path: Path) -> None:
    names, kept = tmp_path / "names", tmp_path / "passwords"
    names.write_text("Alice\nБектур\n\nCarol\n")
    said = _lines(world, "numbers", *ACME, "--first", "2", "--names", str(names), "--secrets", str(kept))
    assert "  extensions.202: new (name Бектур)" in said
    assert oct(kept.stat().st_mode)[-3:] == "600"
    passwords = dict(line.split("\t") for line in kept.read_text().splitlines())
    assert list(passwords) == ["201", "202", "203"]
    assert not any(password in line for line in said for password in passwords.values())
    alice = directory.extension_of(world.db, world.acme.tenant_id, "201")
    assert alice and alice.display_name == "Alice"
    assert alice.ha1_md5 == directory.ha1("MD5", "201", "acme.test", passwords["201"])
    more = _lines(world, "numbers", *ACME, "--first", "1", "--count", "2")
    assert [line.split("\t")[0] for line in more if "\t" in line] == ["104", "105"]  # 101 to 103 were there
    assert "cannot be made" in _refusal(world, "numbers", *ACME, "--count", "1", "--secrets", str(kept))
    assert "there are not 9999 free" in _refusal(world, "numbers", *ACME, "--count", "9999", "--first", "1").lower()
    assert "Say how many" in _refusal(world, "numbers", *ACME)


def test_a_prompt_whose_sound_is_not_there_is_said(world: World) -> None:
    said = _lines(
        world, "model", "apply", "-", *ACME, "--remove-extensions",
        stdin='[extensions.101]\n[prompts.day]\nfile = "day"\n',
    )  # fmt: skip
    assert any(line.startswith("Mind prompts.day: silent until") for line in said)


def test_a_users_own_settings(world: World) -> None:
    changed = _lines(world, "my", *ACME, "--number", "101", "--forward-busy", "102", "--dnd", "--follow-me", "102, 103")
    assert changed[:3] == ["dnd\ton", "forward_always\t–", "forward_busy\t102"]
    assert "follow_me\t102, 103" in _lines(world, "my", *ACME, "--number", "101")
    assert "dnd\toff" in _lines(world, "my", "--tenant", "birch.test", "--number", "101")
    assert "dnd\toff" in _lines(world, "my", *ACME, "--number", "101", "--no-dnd", "--forward-busy", "")
    assert "no extension '999'" in _refusal(world, "my", *ACME, "--number", "999")
    for option, value, why in (
        ("--forward-busy", "Bob", "there is no number Bob"),
        ("--forward-busy", "101", "would forward to itself"),
        ("--follow-me", "102,+88161234567", "satellite and global networks are never called"),
        ("--greeting", "prompt:nowhere", "no 'prompt:nowhere'"),
        ("--forward-no-answer-s", "500", "5 to 120 seconds"),
    ):
        assert why in _refusal(world, "my", *ACME, "--number", "101", option, value)


def test_trunks_and_their_passwords(world: World) -> None:
    _lines(world, "model", "apply", str(OFFICE_TOML), *ACME)
    said = _lines(world, "trunk", "secret", "main", *ACME, "--stdin", stdin="c4rrier\n")
    assert "c4rrier" not in "".join(said)
    assert secrets.get(world.db, world.settings, world.acme.tenant_id, "trunk:main") == "c4rrier"
    assert _lines(world, "trunk", "list", *ACME) == [
        "main\tsip.carrier.test:5060/udp\tnot signed in\tpassword kept\t0 of 10 calls\t–",
        "backup\t192.0.2.20:5060/udp\tby address\t–\t0 of 4 calls\t–",
    ]
    assert "has no trunk 'mian' (there are: main, backup)" in _refusal(world, "trunk", "secret", "mian", *ACME)
    assert "1 to 256" in _refusal(world, "trunk", "secret", "main", *ACME, "--stdin", stdin="\n")


def test_explain_shows_every_way_of_a_call(world: World) -> None:
    _lines(world, "model", "apply", str(OFFICE_TOML), *ACME)
    call = (*ACME, "--from", "+996555123456", "--to", CITY)
    day = "\n".join(_lines(world, "explain", *call, "--at", "2026-11-23 11:00"))
    for part in ("hours office: open (mon 2026-11-23 11:00 Asia/Bishkek", "key 2 → queue:support", "⇒ rings 101 Aigul",
                 "nobody answers", "version 2 of the model", "are those of now"):  # fmt: skip
        assert part in day
    night = "\n".join(_lines(world, "explain", *call, "--at", "2026-11-23T18:00:00+00:00"))
    assert "⇒ hears prompt:closed" in night and "leaves a message for 101" in night
    assert "all 2 channels are in use" in "\n".join(_lines(world, "explain", *call, "--overflow"))
    inside = "\n".join(_lines(world, "explain", *ACME, "--from", "101", "--to", "0312555555"))
    assert "goes by main, then backup, showing +996312880101" in inside
    assert "neither an extension nor" in _refusal(world, "explain", *ACME, "--from", "bob", "--to", "101")
    assert "is no time" in _refusal(world, "explain", *call, "--at", "yesterday")


@pytest.mark.parametrize("words", [("show",), ("export",), ("history",), ("undo",), ("diff",)])
def test_an_unknown_tenant_is_named(world: World, words: tuple[str, ...]) -> None:
    assert "no tenant with the domain 'cedar.test'" in _refusal(world, "model", *words, "--tenant", "cedar.test")


def test_every_change_leaves_a_line_in_the_audit(world: World) -> None:
    _lines(world, "model", "apply", str(OFFICE_TOML), *ACME)
    _lines(world, "numbers", *ACME, "--first", "3", "--count", "2")
    _lines(world, "model", "undo", *ACME)
    _lines(world, "trunk", "secret", "main", *ACME, "--stdin", stdin="x\n")
    with world.db.connect() as connection:
        rows = connection.execute(sa.select(audit.c.tenant_id, audit.c.action, audit.c.object_id)).all()
    acme = world.acme.tenant_id
    assert [tuple(row) for row in rows] == [
        (acme, "model_applied", "2"),
        (acme, "model_applied", "3"),
        (acme, "model_undone", "4"),
        (acme, "trunk_secret_set", "main"),
    ]


def test_extensions_go_only_when_it_is_said_that_they_may(world: World) -> None:
    said = _refusal(world, "model", "apply", "-", *ACME, stdin="[extensions.101]\n")
    assert "would remove 2 extensions (102, 103)" in said and "nothing was changed" in said
    assert len(directory.extensions(world.db, world.acme.tenant_id)) == 3
    _lines(world, "model", "apply", "-", *ACME, "--remove-extensions", stdin="[extensions.101]\n")
    assert [e.number for e in directory.extensions(world.db, world.acme.tenant_id)] == ["101"]
