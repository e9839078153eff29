"""A phone fetches its settings: once, by the right secret, in time; everything else looks like a wrong secret."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
import sqlalchemy as sa

from pbx_core.store import directory, provisioning
from pbx_core.store.schema import audit
from pbx_core.store.schema import provisioning as rows
from tests.unit.api.conftest import Office

MAC = "001565aabb01"
FILE = f"{MAC}.cfg"
PHONE, EVE = "198.51.100.20", "203.0.113.66"


def invite(office: Office, vendor: str = "yealink", mac: str = "", number: str = "101", transport: str = "tls") -> str:
    w = office.world
    return provisioning.invite(w.db, w.settings, w.clock, w.acme.tenant_id, number, vendor, mac, transport)


def get(office: Office, secret: str, name: str = FILE, address: str = PHONE) -> tuple[int, str]:
    answer = office.client(address=address).get(f"/provision/{secret}/{name}")
    return answer.status_code, answer.text


def change(office: Office, **values: float) -> None:
    with office.world.db.begin() as connection:
        connection.execute(sa.update(rows).values(values))


def ha1(office: Office, domain: str = "acme.test", number: str = "101") -> str:
    owner = directory.tenant_by_domain(office.world.db, domain)
    assert owner
    found = directory.extension_of(office.world.db, owner.tenant_id, number)
    assert found
    return found.ha1_sha256


def password_of(text: str) -> str:
    [line] = [line for line in text.splitlines() if line.startswith("account.1.password = ")]
    return line.removeprefix("account.1.password = ")


def test_the_password_is_new_works_and_is_kept_nowhere_in_clear(office: Office) -> None:
    before, neighbour = ha1(office), ha1(office, "birch.test")
    secret = invite(office)
    assert ha1(office) == before  # nothing changes until the phone comes
    status, text = get(office, secret)
    assert status == 200
    password = password_of(text)
    assert len(password) == 24
    assert ha1(office) == directory.ha1("SHA-256", "101", "acme.test", password) != before
    assert ha1(office, "birch.test") == neighbour and ha1(office, number="102") != ha1(office)
    for path in office.world.settings.data.rglob("*"):
        if path.is_file():
            held = path.read_bytes()
            assert password.encode() not in held and secret.encode() not in held, path
    with office.world.db.connect() as connection:
        actions = connection.execute(sa.select(audit.c.action).where(audit.c.action.startswith("phone_"))).scalars()
        assert list(actions) == ["phone_invited", "phone_provisioned"]


def test_the_same_phone_may_come_again_for_some_minutes_and_gets_the_same(office: Office) -> None:
    secret = invite(office)
    first = get(office, secret)
    assert get(office, secret) == first
    change(office, used_at=office.context.now() - office.world.settings.provisioning_repeat_s - 1)
    assert get(office, secret)[0] == 404


def test_a_used_expired_or_foreign_secret_looks_like_a_wrong_one(office: Office) -> None:
    secret = invite(office)
    wrong = get(office, "x" * 43, address="192.0.2.1")
    assert wrong[0] == 404
    assert get(office, secret, "y000000000044.cfg") == wrong  # a file that there is not; the secret is still good
    assert get(office, secret)[0] == 200
    held = ha1(office)
    assert get(office, secret, address=EVE) == wrong
    late = invite(office, number="102")
    change(office, expires_at=office.context.now() - 1)
    assert get(office, late) == wrong
    for guess in ("", ".", "%2e%2e", "..%2f..", "ü" * 43, "%00" * 10, "a" * 5000):
        status, text = get(office, guess, address=f"192.0.2.{100 + len(guess) % 50}")
        assert status == 404 and (text == wrong[1] or "no_such_path" in text), guess
    assert ha1(office) == held


def test_guesses_of_secrets_ban_the_guesser_only(office: Office) -> None:
    secret = invite(office)
    limit = office.world.settings.guess_failures_max
    answers = [get(office, f"{n:043}", address=EVE)[0] for n in range(limit + 2)]
    assert answers == [404] * limit + [429, 429]
    assert get(office, secret, address=EVE)[0] == 429
    assert get(office, secret)[0] == 200


def test_with_a_hardware_address_only_that_phone_is_answered(office: Office) -> None:
    secret = invite(office, mac=MAC)
    assert get(office, secret, "001565aabb02.cfg")[0] == 404
    assert get(office, secret, FILE.upper().replace("CFG", "cfg"))[0] == 200


def test_the_file_that_points_to_the_other_uses_nothing_up(office: Office) -> None:
    secret = invite(office, "polycom")
    before = ha1(office)
    assert get(office, secret, FILE)[0] == 200
    assert get(office, secret, FILE, address=EVE)[0] == 200
    assert ha1(office) == before
    status, text = get(office, secret, f"callbench-{FILE}")
    assert status == 200 and ET.fromstring(text).find("REGISTRATION") is not None
    assert get(office, secret, FILE, address=EVE)[0] == 404


def test_the_file_says_what_the_tenant_and_the_operator_have_set(office: Office) -> None:
    with office.world.db.begin() as connection:
        connection.execute(sa.text("UPDATE extension SET display_name = :n"), {"n": 'Ann "A" & <B>\n😀'})
    settings = office.world.settings
    tls = get(office, invite(office))[1]
    assert 'account.1.display_name = Ann "A" & <B> 😀' in tls
    assert f"account.1.sip_server.1.port = {settings.sip_tls_port}" in tls and "local_time.time_zone = +6" in tls
    assert "linekey.2.value = 701" in tls
    udp = get(office, invite(office, transport="udp"))[1]
    assert f"account.1.sip_server.1.port = {settings.sip_port}" in udp and "transport_type = 0" in udp


def test_an_extension_that_is_gone_gets_no_file(office: Office) -> None:
    secret = invite(office, number="103")
    with office.world.db.begin() as connection:
        connection.execute(sa.text("DELETE FROM extension WHERE number = '103'"))
    assert get(office, secret)[0] == 404


@pytest.mark.parametrize("method", ["head", "post", "put", "delete", "options"])
def test_only_fetching_uses_a_secret_up(office: Office, method: str) -> None:
    secret = invite(office)
    assert getattr(office.client(), method)(f"/provision/{secret}/{FILE}").status_code == 405
    assert get(office, secret)[0] == 200
