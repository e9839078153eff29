"""Edge and API start at the same moment on an empty data directory: one pair of certificate and key, both use it."""

from __future__ import annotations

import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pbx_core.edge.tls import self_signed

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_whoever_starts_at_once_uses_one_pair(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: self_signed(tmp_path / "tls", "127.0.0.1", NOW), range(8)))
    [(certificate, key)] = made
    first = certificate.read_bytes()
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    assert self_signed(tmp_path / "tls", "127.0.0.1", NOW + timedelta(days=700)) == (certificate, key)
    assert certificate.read_bytes() == first
    self_signed(tmp_path / "tls", "127.0.0.1", NOW + timedelta(days=800))  # within a month of its end: a fresh one
    assert certificate.read_bytes() != first
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
