"""deploy/compose.yaml names settings that there are, gives no port twice, and shares only the warehouse.

What only Docker can show is not tried here: docs/operations.md, "Several machines", says what was tried by hand.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from sqlalchemy.engine import make_url

from ingest import places
from pbx_core.settings import Settings, load

DEPLOY = Path(__file__).parents[2] / "deploy"
MACHINES = ("north", "south")


@pytest.fixture(scope="module")
def compose() -> dict:
    """The file as Docker reads it, with the values of example.env."""
    lines = [line for line in (DEPLOY / "example.env").read_text().splitlines() if not line.startswith("#")]
    values = dict(line.split("=", 1) for line in lines)
    text = re.sub(r"\$\{(\w+)(?::\?[^}]*)?\}", lambda found: values[found[1]], (DEPLOY / "compose.yaml").read_text())
    return yaml.safe_load(text)


@pytest.fixture
def machines(compose, tmp_path, monkeypatch) -> dict[str, Settings]:
    found = {}
    for name in MACHINES:
        with monkeypatch.context() as env:
            for key, value in compose["services"][name]["environment"].items():
                env.setenv(key, str(value))
            found[name] = load(tmp_path / name)
            assert places.of(found[name]).folder == "s3://callbench/warehouse/1/"
    return found


def test_the_machines_share_the_warehouse_and_have_a_database_each(compose, machines):
    north, south = machines.values()
    assert north.warehouse_catalog == south.warehouse_catalog
    names = {make_url(url).database for url in (north.database_url, south.database_url)}
    names.add(make_url(north.warehouse_catalog.get_secret_value()).database)
    assert sorted(names) == re.findall(r"CREATE DATABASE (\w+);", (DEPLOY / "databases.sql").read_text())
    volumes = [compose["services"][name]["volumes"] for name in MACHINES]
    assert volumes == [[f"{name}:/data"] for name in MACHINES] and set(MACHINES) < compose["volumes"].keys()


def test_machines_share_a_network_and_no_port_and_strangers_reach_neither_database_nor_files(compose, machines):
    taken = []
    for name, settings in machines.items():
        assert compose["services"][name]["network_mode"] == "host" and "ports" not in compose["services"][name]
        workers = settings.workers_max
        taken += [settings.sip_port, settings.sip_tls_port, settings.sip_internal_port, settings.web_port]
        taken += [settings.api_port, *range(settings.worker_port_base, settings.worker_port_base + workers)]
        taken += range(settings.rtp_port_base, settings.rtp_port_base + 100 * workers)
        assert settings.web_host == "127.0.0.1"  # a TLS proxy on this machine stands before it
        assert f"@{address(compose, 'postgres')}/" in settings.warehouse_catalog.get_secret_value()
        assert f"@{address(compose, 'postgres')}/" in settings.database_url
        assert {settings.warehouse_endpoint, settings.object_store_endpoint} == {f"http://{address(compose, 'files')}"}
    taken += [int(address(compose, server).partition(":")[2]) for server in ("postgres", "files")]
    assert len(taken) == len(set(taken))


def address(compose: dict, server: str) -> str:
    """Where a server is reached from this machine, and from no other."""
    (published,) = compose["services"][server]["ports"]
    host, port, _ = published.split(":")
    assert host == "127.0.0.1"
    return f"{host}:{port}"
