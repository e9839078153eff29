"""Tenants, extensions and people: each tenant has his own, and nothing is kept in clear."""

from __future__ import annotations

import hashlib

import pytest

from pbx_core.errors import InputError
from pbx_core.store import directory
from tests.conftest import World


def test_the_same_number_in_two_tenants_is_two_extensions(world: World) -> None:
    acmes = directory.extension_of(world.db, world.acme.tenant_id, "101")
    birchs = directory.extension_of(world.db, world.birch.tenant_id, "101")
    assert acmes and birchs
    assert acmes.ha1_md5 != birchs.ha1_md5
    assert directory.extension_of(world.db, world.acme.tenant_id, "999") is None


def test_a_domain_is_found_in_any_case(world: World) -> None:
    assert directory.tenant_by_domain(world.db, "ACME.Test") == world.acme
    assert directory.tenant_by_domain(world.db, "acme.test.") is None
    assert directory.tenant_by_id(world.db, world.birch.tenant_id) == world.birch


def test_a_persons_id_leads_nowhere_in_another_tenant(world: World) -> None:
    owner = directory.person_by_email(world.db, " Owner@ACME.test ")
    assert owner
    assert directory.person_by_id(world.db, world.acme.tenant_id, owner.person_id) == owner
    assert directory.person_by_id(world.db, world.birch.tenant_id, owner.person_id) is None
    assert {p.tenant_id for p in directory.people(world.db, world.acme.tenant_id)} == {world.acme.tenant_id}


def test_digests_are_those_of_rfc_7616(world: World) -> None:
    """The example of RFC 7616 3.9.1."""
    user, realm, password = "Mufasa", "http-auth@example.org", "Circle of Life"
    for algorithm, name in (("MD5", "md5"), ("SHA-256", "sha256")):
        digest = hashlib.new(name, b"Mufasa:http-auth@example.org:Circle of Life").hexdigest()
        assert directory.ha1(algorithm, user, realm, password) == digest
    assert directory.ha1("MD5", user, realm, password) == "3d78807defe7de2157e2b0b6573a855f"


def test_sip_passwords_are_long_and_never_alike() -> None:
    made = {directory.new_sip_password() for _ in range(100)}
    assert len(made) == 100
    assert min(map(len, made)) >= 20


@pytest.mark.parametrize("domain", ["", "a b", "-a.test", "a..test", "é.test", "x" * 254, "a.test/../b", "a.test\n"])
def test_odd_domains_are_refused(world: World, domain: str) -> None:
    with pytest.raises(InputError, match="not a domain"):
        directory.add_tenant(world.db, world.clock, "Odd", domain)


@pytest.mark.parametrize("number", ["", "1", "1234567", "10a", "+101", "１０１", "101\n"])
def test_odd_numbers_are_refused(world: World, number: str) -> None:
    with pytest.raises(InputError, match="not a short number"):
        directory.add_extension(world.db, world.clock, world.acme, number, "secret")


def test_one_address_signs_in_to_one_tenant_only(world: World) -> None:
    with pytest.raises(InputError, match="already"):
        directory.add_person(
            world.db, world.clock, world.birch.tenant_id, "OWNER@acme.test", "Bob", "owner", "correct horse"
        )
