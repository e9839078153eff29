"""Phones' files under real parsers: whatever a name holds, it stays a name; clocks are told in each maker's way."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_core.provisioning.files import NAME_CHARS_MAX, Account, account_file, clean, companion_file
from pbx_core.provisioning.vendors import VENDORS, Vendor, mac_of
from pbx_core.provisioning.zone import Change, zone_of

ALICE = Account(
    number="101",
    name="Alice",
    domain="acme.test",
    password="s3cret-Pass_word",  # noqa: S106
    proxy="192.0.2.1",
    port=5061,
    transport="tls",
    language="ru",
    zone=zone_of("Europe/Berlin"),
    park_slots=("701", "702"),
    trusted=False,
)
NAMES = [
    "Quote \" and ' apostrophe",
    "Fish & Chips <script>alert(1)</script>",
    "]]> </user_pass><user_pass>hacked",
    "line\r\naccount.1.password = hacked",
    "tab\tnul\x00bell\x07",
    "Ünï Жанар 😀👩‍💻",
    "right\u202eleft\u2066x",
    "%NULL%",
    "$password ${password} $$",
    "# comment",
    "\ud800broken",
    "x" * 500,
    "   ",
    "",
]
PLACES = {  # vendor → where the name and the password stand
    "yealink": ("account.1.display_name", "account.1.password"),
    "grandstream": ("config/P3", "config/P34"),
    "snom": ("phone-settings/user_realname", "phone-settings/user_pass"),
    "cisco": ("Display_Name_1_", "Password_1_"),
    "fanvil": ("sip/line/DisplayName", "sip/line/RegisterPswd"),
    "polycom": ("REGISTRATION@reg.1.displayName", "REGISTRATION@reg.1.auth.password"),
}
LP = "{http://www.linphone.org/xsds/lpconfig.xsd}"


def parsed(text: str) -> dict[str, str]:
    """A Yealink's file as it reads it: one setting per line, the first line says the version."""
    first, *lines = text.splitlines()
    assert first == "#!version:1.0.0.1"
    pairs = [line.split(" = ", 1) if " = " in line else line.split(" =", 1) for line in lines]
    assert len({key for key, _ in pairs}) == len(pairs)
    return {key: held.strip() for key, held in pairs}


def read(vendor: str, text: str, place: str) -> str | None:
    """One setting of a file."""
    if vendor == "yealink":
        return parsed(text)[place]
    path, _, attribute = place.partition("@")
    found = ET.fromstring(text).findall(path)
    assert len(found) == 1, (vendor, place)
    return found[0].get(attribute) if attribute else found[0].text


def linphone(text: str) -> dict[tuple[str, str], str | None]:
    """Linphone's entries by section and name."""
    return {
        (str(section.get("name")), str(entry.get("name"))): entry.text
        for section in ET.fromstring(text).findall(f"{LP}section")
        for entry in section.findall(f"{LP}entry")
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("vendor", sorted(PLACES))
def test_a_name_stays_a_name(vendor: str, name: str) -> None:
    text = account_file(VENDORS[vendor], replace(ALICE, name=name))
    at_name, at_password = PLACES[vendor]
    held = read(vendor, text, at_name)
    assert read(vendor, text, at_password) == ALICE.password
    if name == "%NULL%" and vendor == "yealink":
        assert held == "NULL"  # as it stands it would clear the setting
    else:
        assert held == (clean(name) or "101")
    assert len(text.splitlines()) == len(account_file(VENDORS[vendor], ALICE).splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_a_name_on_a_softphone(name: str) -> None:
    entries = linphone(account_file(VENDORS["linphone"], replace(ALICE, name=name)))
    quoted, _, uri = str(entries["proxy_0", "reg_identity"]).rpartition(" ")
    assert uri == "<sip:101@acme.test>"
    assert quoted[1:-1].replace('\\"', '"').replace("\\\\", "\\") == (clean(name) or "101")
    assert entries["auth_info_0", "passwd"] == ALICE.password
    assert entries["proxy_0", "reg_route"] == "<sip:192.0.2.1:5061;transport=tls>"


@given(st.text(max_size=100))
def test_any_text_at_all_leaves_every_file_whole(name: str) -> None:
    for vendor in VENDORS.values():
        text = account_file(vendor, replace(ALICE, name=name))
        if vendor.vendor == "yealink":
            parsed(text)
        else:
            ET.fromstring(text.encode())
    assert len(clean(name)) <= NAME_CHARS_MAX


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=lambda v: v.vendor)
@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "Asia/Bishkek", "America/New_York", "Asia/Kathmandu", "Africa/Cairo"]
)
def test_every_file_is_complete_for_every_transport_and_zone(vendor: Vendor, zone: str) -> None:
    for transport, port in (("tls", 5061), ("tcp", 5060), ("udp", 5060)):
        account = replace(ALICE, zone=zone_of(zone), transport=transport, port=port, language="sw", proxy="2001:db8::1")
        text = account_file(vendor, account)
        assert "$" not in text.replace("@$PROXY", "") and str(port) in text and "[2001:db8::1]" in text
        assert "*97" in text
    if vendor.companion:
        assert ALICE.password not in companion_file(vendor)
        ET.fromstring(companion_file(vendor))


def test_summer_time_is_told_in_each_makers_way() -> None:
    yealink = parsed(account_file(VENDORS["yealink"], ALICE))
    assert (yealink["local_time.time_zone"], yealink["local_time.summer_time"]) == ("+1", "1")
    assert (yealink["local_time.start_time"], yealink["local_time.end_time"]) == ("3/5/7/2", "10/5/7/3")
    assert (yealink["linekey.2.value"], yealink["linekey.3.value"]) == ("701", "702")
    assert yealink["lang.gui"] == "Russian" and yealink["static.security.trust_certificates"] == "0"
    snom = account_file(VENDORS["snom"], ALICE)
    assert read("snom", snom, "phone-settings/dst") == "3600 03.05.07 02:00:00 10.05.07 03:00:00"
    cisco = account_file(VENDORS["cisco"], replace(ALICE, zone=zone_of("America/New_York")))
    assert read("cisco", cisco, "Time_Zone") == "GMT-05:00"
    assert read("cisco", cisco, "Daylight_Saving_Time_Rule") == "start=3/8/7/2:0:0;end=11/1/7/2:0:0;save=1"
    assert read("cisco", cisco, "Extended_Function_2_") == "fnc=sd;ext=701@$PROXY;nme=701"
    grandstream = account_file(VENDORS["grandstream"], replace(ALICE, zone=zone_of("Asia/Bishkek")))
    assert read("grandstream", grandstream, "config/P246") == "STD-6"
    polycom = account_file(VENDORS["polycom"], ALICE)
    assert read("polycom", polycom, "TIME@tcpIpApp.sntp.daylightSavings.start.dayOfWeek.lastInMonth") == "1"


@pytest.mark.parametrize(
    ("name", "offset_s", "summer"),
    [
        ("Europe/Berlin", 3600, (Change(3, 5, 0, 2), Change(10, 5, 0, 3))),
        ("Europe/Dublin", 0, (Change(3, 5, 0, 1), Change(10, 5, 0, 2))),
        ("America/New_York", -18000, (Change(3, 2, 0, 2), Change(11, 1, 0, 2))),
        ("Asia/Kathmandu", 20700, None),
        ("UTC", 0, None),
        ("Mars/Base", 0, None),
        ("../../../etc/passwd", 0, None),
        ("", 0, None),
    ],
)
def test_a_zone_is_its_winter_offset_and_its_rule(
    name: str, offset_s: int, summer: tuple[Change, Change] | None
) -> None:
    zone = zone_of(name)
    assert (zone.utc_offset_s, zone.summer) == (offset_s, summer)
    assert "<" not in zone.posix


@pytest.mark.parametrize("text", ["00:15:65:AA:bb:01", "00-15-65-aa-bb-01", "001565aabb01", "0015.65aa.bb01"])
def test_a_hardware_address_is_read_in_any_spelling(text: str) -> None:
    assert mac_of(text) == "001565aabb01"


@pytest.mark.parametrize("text", ["", "00:15:65:aa:bb", "00:15:65:aa:bb:0g", "../001565aabb01", "٠٠١٥٦٥aabb01"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        mac_of(text)


def test_files_are_asked_for_by_the_names_that_phones_use() -> None:
    mac, other = "001565aabb01", "001565aabb02"
    for vendor, name in (
        ("yealink", "001565AABB01.cfg"),
        ("grandstream", "cfg001565aabb01.xml"),
        ("snom", "snom-001565AABB01.xml"),
        ("cisco", "spa001565aabb01.xml"),
        ("fanvil", "001565aabb01.cfg"),
        ("polycom", "callbench-001565aabb01.cfg"),
    ):
        kind = VENDORS[vendor]
        assert kind.is_account(name, mac) and kind.is_account(name, "") and not kind.is_account(name, other)
        assert not kind.is_account("y000000000044.cfg", mac) and not kind.is_account(f"../{name}", "")
    assert VENDORS["polycom"].is_companion("001565aabb01.cfg", mac)
