"""What the settings and the environment say of a warehouse on PostgreSQL and S3, and how clients want to be told."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ingest.places.base import quoted
from pbx_core.errors import ConfigError
from pbx_core.settings import Settings

CONNECT_S = 10
KEEPALIVE_S = 30  # a connection that only holds a lock is silent; firewalls forget those
REGION = "us-east-1"  # where AWS_REGION says nothing: other makers' servers take any
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def catalog(settings: Settings) -> URL:
    """Where the catalog is. ConfigError when the setting cannot be meant."""
    try:
        url = make_url(settings.warehouse_catalog.get_secret_value())
    except ArgumentError:
        url = None
    named = url is not None and url.drivername.startswith("postgresql") and bool(url.database)
    if url is None or not named or any("pass" in name for name in url.query):  # options are shown, passwords are not
        raise ConfigError(
            "The setting warehouse_catalog has the form postgresql://user:password@host/name. Nothing was started.",
            error_id="bad_warehouse",
        ) from None  # the URL, which an error shows, may hold a password
    return url


def s3(settings: Settings) -> dict[str, Any]:
    """What a secret of DuckDB's for S3 says. ConfigError when the settings or the environment lack something."""
    scheme, mark, place = settings.warehouse_files.partition("://")
    if scheme != "s3" or not mark or not place.strip("/") or any(c in place for c in "?*[]"):
        raise ConfigError(
            f"warehouse_files {settings.warehouse_files!r} is not of the form s3://bucket/prefix. Nothing was started.",
            error_id="bad_warehouse",
        )
    if missing := [name for name in _KEYS if not os.environ.get(name)]:
        raise ConfigError(
            f"The warehouse's files lie on S3, and the environment has no {' and no '.join(missing)}. Nothing was "
            "started; set them and start again.",
            error_id="bad_warehouse",
        )
    key_id, secret = (os.environ[name] for name in _KEYS)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or REGION
    told: dict[str, Any] = {"KEY_ID": key_id, "SECRET": secret, "REGION": region}
    if token := os.environ.get("AWS_SESSION_TOKEN"):
        told["SESSION_TOKEN"] = token
    if settings.warehouse_endpoint:
        scheme, _, host = settings.warehouse_endpoint.partition("://")
        told |= {"ENDPOINT": host.rstrip("/"), "URL_STYLE": "path", "USE_SSL": scheme != "http"}
    return told


def connection_options(url: URL) -> dict[str, str]:
    """libpq's: what stands after the ? of the URL, as sslmode."""
    ours = {"connect_timeout": str(CONNECT_S), "keepalives_idle": str(KEEPALIVE_S)}
    return {**ours, **{name: value for name, value in url.query.items() if isinstance(value, str)}}


def listed(options: dict[str, Any]) -> str:
    """As options of a statement; what is None stays away."""
    known = {name: value for name, value in options.items() if value is not None}
    return ", ".join(f"{n} {v if isinstance(v, bool) else quoted(str(v))}" for n, v in known.items())


def for_libpq(value: str) -> str:
    """As a value in a connection string."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
