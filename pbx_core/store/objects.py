"""The object store: an optional second place for recordings, through fsspec.

`object_store_url` is s3://bucket/prefix (credentials from the usual AWS_… variables, `object_store_endpoint` for
other makers' servers) or file:///directory. S3 is spoken by pyarrow, which is here anyway. Keys are the recordings'
paths: tenant first, random names.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pbx_core.errors import ConfigError, Unavailable
from pbx_core.settings import Settings

CONNECT_S, REQUEST_S = 5.0, 60.0


class ObjectStore:
    """Put, get and delete whole files; Unavailable (try again later) when the store does not answer."""

    def __init__(self, settings: Settings) -> None:
        """ConfigError when the URL cannot be meant. Nothing is contacted yet."""
        self._fs, self._root = _open(settings)

    def put(self, source: Path, key: str) -> None:
        """Store a file; it is there as a whole or not at all. Repeating it is harmless."""
        target = f"{self._root}/{key}"
        with _explained(key):
            self._fs.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
            self._fs.put_file(str(source), target)
            stored = self._fs.info(target)["size"]
        if stored != source.stat().st_size:
            raise Unavailable(f"{key} arrived in the object store with {stored} bytes; it is kept here as well.")

    def get(self, key: str, target: Path) -> None:
        """Fetch a file, atomically."""
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        scratch = target.with_name(f".{target.name}.{os.urandom(4).hex()}.tmp")
        try:
            with _explained(key):
                self._fs.get_file(f"{self._root}/{key}", str(scratch))
            scratch.chmod(0o640)
            scratch.rename(target)
        finally:
            scratch.unlink(missing_ok=True)

    def delete(self, key: str) -> None:
        """Remove a file; harmless when it is not there."""
        with _explained(key):
            if self._fs.exists(f"{self._root}/{key}"):
                self._fs.rm_file(f"{self._root}/{key}")


def configured(settings: Settings) -> ObjectStore | None:
    """The store, if there is one."""
    return ObjectStore(settings) if settings.object_store_url else None


def _open(settings: Settings) -> tuple[Any, str]:
    scheme, mark, place = settings.object_store_url.partition("://")
    if mark and scheme == "file" and place.startswith("/"):
        from fsspec.implementations.local import LocalFileSystem

        return LocalFileSystem(), place.rstrip("/")
    if mark and scheme == "s3" and place.strip("/"):
        from fsspec.implementations.arrow import ArrowFSWrapper
        from pyarrow.fs import S3FileSystem

        options: dict[str, Any] = {"connect_timeout": CONNECT_S, "request_timeout": REQUEST_S}
        if settings.object_store_endpoint:
            server, _, host = settings.object_store_endpoint.partition("://")
            options |= {"scheme": server, "endpoint_override": host}
        return ArrowFSWrapper(S3FileSystem(**options)), place.strip("/")
    raise ConfigError(
        f"object_store_url {settings.object_store_url!r} is neither s3://bucket/prefix nor file:///directory. "
        "Nothing was started."
    )


class _explained:
    """What a store's client raises becomes one sentence."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            why = str(error).strip().splitlines()[0][:300]
            raise Unavailable(f"The object store refused {self._key}: {why}. It is tried again.") from error
