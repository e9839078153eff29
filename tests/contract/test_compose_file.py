"""deploy/compose.yaml names settings that there are, publishes the ports that they say, and shares only the warehouse.

What only Docker can show (images, networks) was not tried here.
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


def test_every_port_that_is_listened_on_is_published_under_its_own_number(compose, machines):
    taken = []
    for name, settings in machines.items():
        published = dict.fromkeys(compose["services"][name]["ports"])
        rtp = f"{settings.rtp_port_base}-{settings.rtp_port_base + 100 * settings.workers_max - 1}"
        sip, tls, web, api = settings.sip_port, settings.sip_tls_port, settings.web_port, settings.api_port
        assert list(published) == [
            f"{sip}:{sip}/udp",
            f"{sip}:{sip}/tcp",
            f"{tls}:{tls}/tcp",
            f"{rtp}:{rtp}/udp",
            f"{api}:{api}/tcp",
            f"127.0.0.1:{web}:{web}/tcp",  # a TLS proxy on this machine stands before it
        ]
        taken += published
    assert len(taken) == len(set(taken))
