"""The address that phones are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbx_core.netaddr import public_address
from pbx_core.settings import load


@pytest.mark.parametrize(
    ("sip_host", "configured", "expected"),
    [
        ("0.0.0.0", "pbx.example.net", "pbx.example.net"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.5", "", "127.0.0.1"),
        ("localhost", "", "127.0.0.1"),
        ("192.0.2.7", "", "192.0.2.7"),
    ],
)
def test_what_is_configured_wins_then_what_is_bound(
    tmp_path: Path, sip_host: str, configured: str, expected: str
) -> None:
    assert public_address(load(tmp_path, sip_host=sip_host, public_address=configured)) == expected


def test_otherwise_it_is_the_address_of_the_way_out(tmp_path: Path) -> None:
    found = public_address(load(tmp_path, sip_host="0.0.0.0", public_address=""))
    assert found.count(".") == 3 and found != "0.0.0.0"
