"""Weights from the Hugging Face hub: only a model that the settings name, only with its hash, downloaded once."""

from __future__ import annotations

import shutil
from pathlib import Path

from pbx_core import log
from pbx_core.errors import ConfigError

FILES = ["model.bin", "config.json", "tokenizer.json", "vocabulary.*", "preprocessor_config.json"]

_log = log.get(__name__)


def fetch(models_dir: Path, name: str, sha256: str, setting: str) -> Path:
    """The directory of the model `owner/name`, downloaded when it is not there yet; its hash is for the caller to
    compare. ConfigError when no hash is given or it cannot be had."""
    if not sha256:
        raise ConfigError(
            f"{setting} names {name} on the Hugging Face hub without the SHA-256 of its model.bin; it is not "
            "downloaded and recordings wait. The hub's page of the file shows it: set it, too.",
            error_id="no_model",
        )
    path = models_dir / f"hub--{name.replace('/', '--')}"
    if path.is_dir():
        return path
    from huggingface_hub import snapshot_download  # here: nobody else needs it, and it takes a while to import

    scratch = path.with_name(f".{path.name}.partial")
    _log.info("speech model is downloaded", extra={"model": name})
    try:
        snapshot_download(name, local_dir=scratch, allow_patterns=FILES, max_workers=1)
    except Exception as error:  # a foreign library's many ways to say that there was no network
        shutil.rmtree(scratch, ignore_errors=True)
        raise ConfigError(
            f"The speech model {name} ({setting}) could not be downloaded ({type(error).__name__}: {error}); "
            "recordings wait. Check the name and the network, or name a directory that holds it.",
            error_id="no_model",
        ) from error
    scratch.rename(path)
    return path
