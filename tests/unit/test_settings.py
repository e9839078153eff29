"""Settings: where they come from, and what is said when they do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pbx_core.errors import ConfigError
from pbx_core.settings import Settings, load


def _file(data: Path, text: str) -> Path:
    data.mkdir(parents=True, exist_ok=True)
    (data / "callbench.toml").write_text(text)
    return data


def test_without_a_file_the_defaults_hold_and_everything_lies_in_one_directory(tmp_path: Path) -> None:
    settings = load(tmp_path / "data")
    assert settings.sip_port == 5060
    places = [settings.journal_dir, settings.spool_dir, settings.recordings_dir, settings.lake_dir, settings.models_dir]
    assert all(p.is_relative_to(tmp_path / "data") for p in places)
    assert not (tmp_path / "data").exists(), "reading settings writes nothing"


def test_the_environment_outranks_the_file_and_the_file_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = _file(tmp_path, "sip_port = 6060\nban_s = 20\n")
    monkeypatch.setenv("CALLBENCH_SIP_PORT", "7070")
    settings = load(data)
    assert (settings.sip_port, settings.ban_s, settings.web_port) == (7070, 20, 8501)


def test_what_the_caller_says_outranks_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBENCH_SIP_PORT", "7070")
    assert load(_file(tmp_path, "sip_port = 6060"), sip_port=5555).sip_port == 5555


def test_the_data_directory_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBENCH_DATA", str(tmp_path / "there"))
    assert load().data == tmp_path / "there"
    assert load(tmp_path / "here").data == tmp_path / "here"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("sip_port = ", "not valid TOML"),
        ('sip_port = "fifty"', "sip_port"),
        ("rtp_port_base = 70000", "rtp_port_base"),
        ("sip_prot = 5060", "sip_prot"),
        ("ban_s = 1.5", "ban_s"),
        ("[edge]\nsip_port = 5060", "edge"),
    ],
)
def test_what_does_not_fit_is_named_with_the_file(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        load(_file(tmp_path, text))
    assert "callbench.toml" in str(caught.value)


def test_a_bad_value_in_the_environment_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBENCH_BAN_S", "soon")
    with pytest.raises(ConfigError, match="ban_s"):
        load(tmp_path)


def test_settings_do_not_change_once_read(tmp_path: Path) -> None:
    settings = load(tmp_path)
    with pytest.raises(ValidationError, match="frozen"):
        settings.sip_port = 1


def test_every_setting_says_what_it_is_for() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description or name == "log_level", name
