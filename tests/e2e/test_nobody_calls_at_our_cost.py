"""Whoever holds a password, a key or a carrier's address: only what the model allows reaches the trunk, and only
under a verified number."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbx_core.domain import modelfile
from pbx_core.errors import CallbenchError
from pbx_core.sip import message as sip
from tests.support.siege import ACME, BIRCH, Siege, answered, lasting, siege
from tests.support.waiting import until

pytestmark = pytest.mark.peers

VERIFIED, MENU_DID, HALL_DID, BIRCH_DID = "+996312880101", "+996312880102", "+996312880103", "+996312880501"
MODEL = """
[recording]
default = "never"
[outbound]
country = "KG"
international = true
international_calls_max = 5
countries = ["KZ", "DE"]
verified = ["+996312880101"]
[extensions.101]
name = "At home only"
caller_id = "+996312880101"
voicemail = false
[extensions.102]
name = "Abroad too"
international = true
caller_id = "+996312880101"
voicemail = false
[extensions.103]
name = "Germany only"
international = true
countries = ["DE"]
caller_id = "+996312880101"
[trunks.main]
host = "127.0.0.3"
port = {port}
calls_per_s = 100.0
[dids."+996312880102"]
destination = "menu:main"
[dids."+996312880103"]
destination = "extension:101"
[menus.main]
greeting = ["tone:beep"]
direct = true
timeout_s = 5.0
number = "300"
[menus.main.keys]
1 = "extension:101"
[groups.all]
members = ["101", "+996555112244"]
number = "201"
[rooms.600]
name = "Hall"
"""
BIRCH_MODEL = """
[recording]
default = "never"
[outbound]
country = "KG"
[extensions.101]
international = true
voicemail = false
[trunks.main]
host = "127.0.0.3"
port = {port}
[dids."+996312880501"]
destination = "extension:101"
"""

NEVER = (  # satellite, international networks, universal and national premium, personal numbers
    "+881612345678", "00881612345678", "011881612345678", "+8821612345678", "+883510012345678", "+870773123456",
    "00870773123456", "+8781012345678", "+979123456789", "+19005551234", "+19765551234", "+12129761234",
    "0019005551234", "+4990012345678", "004990012345678", "+499001234567", "+491371234567", "+447012345678",
    "+449098790000", "+33899123456", "+390899123456", "+34803123456", "+37190123456", "+3725001234567", "+41900123456",
)  # fmt: skip
ABROAD = (  # not among the countries
    "+5371234567", "+25261123456", "+9607712345", "+263771234567", "+442079460000", "00442079460000", "+12125551234",
    "+14165551234", "+18765551234", "+74951234567", "+79161234567", "+8613912345678", "+23276123456", "+22997123456",
    "+67512345678", "+6757012345", "+33142685300", "+380441234567",
)  # fmt: skip
SPELLED = (  # what is no number for anybody
    "00", "0", "+", "++996555112233", "0555112233;npdi", "+996555112233,881612345678", "*1+881612345678",
    "**881612345678", "*31+881612345678", "*97+881612345678", "*45881612345678", "#31#+881612345678", "*2", "9",
    "011996555112233", "%2B881612345678", "+881612345678%40x", "0881612345678x", "118", "900", "0900123456",
)  # fmt: skip
FORWARDS = ("*72+881612345678", "*7200881612345678", "*90+19005551234", "*92+442079460000", "*94+8821612345678")
REFUSED = (403, 487)  # the second when words were heard before, and the caller had enough
HOME = {"0555112233": "+996555112233", "+996312123456": "+996312123456", "00996555112266": "+996555112266"}
ALLOWED_ABROAD = {"+4930901820": "+4930901820", "00493090182155": "+493090182155", "+77272345678": "+77272345678"}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    with siege(tmp_path_factory.mktemp("siege"), MODEL, BIRCH_MODEL) as made:
        yield made


@pytest.fixture
def office(exchange: Siege) -> Iterator[Siege]:
    yield exchange
    exchange.dismiss()


def test_of_the_worlds_numbers_only_those_allowed_reach_the_trunk(office: Siege) -> None:
    abroad = office.phone("102")
    for number in (*NEVER, *ABROAD, *SPELLED, *FORWARDS):
        assert abroad.decided(abroad.call(number)) >= 400, number
    assert office.dialled() == []
    for number in (*HOME, *ALLOWED_ABROAD):
        assert abroad.decided(abroad.call(number)) == 486, number
    assert office.dialled() == [*HOME.values(), *ALLOWED_ABROAD.values()]


@pytest.mark.parametrize(
    ("number", "domain", "may"), [("101", ACME, ()), ("103", ACME, ("+4930901820",)), ("101", BIRCH, ())]
)
def test_rights_and_the_tenants_switch_bound_calls_abroad(
    office: Siege, number: str, domain: str, may: tuple[str, ...]
) -> None:
    phone = office.phone(number, domain)
    for called in ("+4930901820", "+77272345678", "0077272345678", "+881612345678", "+442079460000"):
        status = phone.decided(phone.call(called))
        assert status in ((486,) if called in may else REFUSED), called
    assert office.dialled() == list(may)


def test_neither_refer_nor_keys_in_a_talk_lead_where_dialling_does_not(office: Siege) -> None:
    alice, bob = office.phone("101"), office.phone("103")
    alice.call("103")
    leg = answered(until(lambda: bob.incoming)[0])
    for target in ("+881612345678", "00442079460000", "+77272345678", "+19005551234", "*72+881612345678"):
        count = len(leg.answered("REFER"))
        leg.send("REFER", Refer_To=f"<sip:{target}@{ACME}>", Referred_By="<sip:102@acme.test>")
        until(lambda count=count: len(leg.answered("REFER")) > count, 10)
    for keys in ("*100881612345678#", "**00442079460000#"):
        leg.press(keys)
        until(lambda: not leg.digits, 10)
        lasting(3.0)
    assert not leg.ended and office.dialled() == []
    # without a host of ours it is no way round either
    leg.send("REFER", Refer_To="<sip:+881612345678@127.0.0.3>")
    until(lambda: len(leg.answered("REFER")) == 6, 10)
    lasting(1.0)
    assert office.dialled() == []


def test_a_caller_from_outside_gets_no_way_outside(office: Siege) -> None:
    alice = office.phone("101")
    leg = answered(office.carrier.call(HALL_DID, caller="<sip:+996700123456@127.0.0.3>"))
    until(lambda: alice.incoming)
    for target in ("0555112233", "+881612345678"):
        leg.send("REFER", Refer_To=f"<sip:{target}@{ACME}>")
    until(lambda: len(leg.answered("REFER")) == 2)
    assert all(status >= 400 for status in leg.answered("REFER"))
    for keys in ("*10555112233#", "**0555112233#"):
        leg.press(keys)
        until(lambda: not leg.digits, 10)
        lasting(3.0)
    assert [x.invite.uri for x in office.carrier.incoming] == []


@pytest.mark.parametrize("keys", ["0555112233#", "00881612345678#", "*72", "**102", "112#", "9", "*100881612345678"])
def test_a_menu_that_dials_extensions_dials_nothing_else(office: Siege, keys: str) -> None:
    leg = answered(office.carrier.call(MENU_DID, caller="<sip:+996700123456@127.0.0.3>"))
    leg.press(keys)
    until(lambda: not leg.digits or leg.ended)
    lasting(2.0)
    if not leg.ended:
        leg.bye()
    assert office.dialled() == []


def test_a_forwarding_has_the_rights_of_who_forwards(office: Siege) -> None:
    abroad = office.phone("102")
    for forbidden in ("+4930901820", "+881612345678", "+442079460000"):
        try:
            office.user("101", forward_always=forbidden)
        except CallbenchError:
            continue
        assert abroad.decided(abroad.call("101")) in REFUSED, forbidden
    office.user("101", forward_always="+996555112255")
    assert abroad.decided(abroad.call("101")) in (480, 486)
    office.user("101", forward_always="")
    assert office.dialled() == ["+996555112255"]


@pytest.mark.parametrize("member", ["+881612345678", "+19005551234"])
def test_a_group_with_a_number_that_is_never_called_is_no_model_or_does_not_ring_it(office: Siege, member: str) -> None:
    text = MODEL.replace("+996555112244", member).replace("{port}", str(office.carrier.port))
    with pytest.raises(CallbenchError, match=r"groups.all.members.2: .* never called"):
        modelfile.read_toml(text)


def test_digits_in_a_mailbox_and_in_a_conference_dial_nothing(office: Siege) -> None:
    bob = office.phone("103")
    for number in ("*97", "600"):
        leg = answered(bob.call(number))
        leg.press("*100881612345678#0555112233#**0555112233#")
        until(lambda leg=leg: not leg.digits or leg.ended, 20)
        leg.send("REFER", Refer_To=f"<sip:+881612345678@{ACME}>")
        until(lambda leg=leg: leg.answered("REFER") or leg.ended, 10)
        lasting(2.0)
        if not leg.ended:
            leg.bye()
    assert office.dialled() == []


CLAIMS = (
    {"caller": f'"Bank" <sip:102@{ACME}>'},
    {"P_Asserted_Identity": "<sip:+442079460000@bank.test>"},
    {"P_Asserted_Identity": "<tel:+442079460000>", "Privacy": "id"},
    {"P_Preferred_Identity": "<sip:+442079460000@bank.test>"},
    {"Remote_Party_ID": '"Bank" <sip:+442079460000@bank.test>;party=calling;screen=yes'},
    {"Privacy": "header;id;user"},
    {"Diversion": "<sip:+442079460000@bank.test>;reason=unconditional"},
    {"History_Info": "<sip:+442079460000@bank.test>;index=1"},
    {"Identity": "eyJhbGciOiJFUzI1NiJ9..x;info=<https://bank.test/c.pem>"},
    {"X_Caller_Id": "+442079460000", "X_Trunk": "main", "X_Emergency": "1", "X_Tenant": "x"},
    {"Referred_By": "<sip:+442079460000@bank.test>", "Subject": "+442079460000"},
    {"p-asserted-identity": "<sip:+442079460000@bank.test>", "Call_Info": "<http://bank.test>"},
)


def test_the_trunk_sees_the_verified_number_whatever_the_phone_claims(office: Siege) -> None:
    phone = office.phone("102")
    for claim in CLAIMS:
        assert phone.decided(phone.call("0555112233", **claim)) == 486
    assert phone.decided(phone.call("0555112233", caller=f"<sip:101@{ACME}>")) == 403
    assert phone.decided(phone.call("0555112233", caller="<sip:+442079460000@bank.test>")) >= 400
    assert len(office.carrier.incoming) == len(CLAIMS)
    for leg in office.carrier.incoming:
        text = bytes(leg.invite).decode()
        assert "442079460000" not in text and "bank" not in text.lower() and ACME not in text, text
        assert sip.user_host(sip.header(leg.invite, "from"))[0] == VERIFIED
        assert sip.user_host(sip.header(leg.invite, "p-asserted-identity"))[0] == VERIFIED
        assert "privacy" not in leg.invite.headers and "diversion" not in leg.invite.headers


def test_from_a_trunks_address_only_public_numbers_are_reached_and_a_stranger_must_prove_himself(office: Siege) -> None:
    alice, carrier = office.phone("101"), office.carrier
    strangers_number = "<sip:+996700123456@127.0.0.3>"
    for number in (
        "101",
        "300",
        "600",
        "*97",
        "+900123456789",
        "+996312880999",
        "112",
        "911",
        "0555112233",
        "+881612345678",
    ):
        assert carrier.decided(carrier.call(number, caller=strangers_number)) in (403, 404), number
    assert carrier.decided(carrier.call("112", caller=f"<sip:101@{ACME}>")) in (401, 403, 404, 407)
    eve = office.stranger()
    for number in (HALL_DID, "101", "112", "+881612345678"):
        for caller in ("<sip:+996700123456@x.test>", f"<sip:101@{ACME}>"):
            assert eve.decided(eve.call(number, caller=caller)) in (401, 403, 407), (number, caller)
    assert not alice.incoming and office.dialled() == []


def test_calls_that_would_go_in_a_circle_end(office: Siege) -> None:
    caller = office.phone("102")
    circles = (
        {"101": "103", "103": "101"},
        {"101": HALL_DID},  # the own public number, which leads back to 101
        {"101": "103", "103": HALL_DID},
        {"101": "0312880103"},
    )
    for circle in circles:
        for number, target in circle.items():
            office.user(number, forward_always=target)
        before = len(office.cdrs())
        begin = time.monotonic()
        leg = caller.call("101")
        until(lambda leg=leg: leg.status or [s for s in leg.early if s >= 180], 10)  # words before a refusal count
        print(f"over after {time.monotonic() - begin:.1f} s")
        caller.decided(leg)
        for number in circle:
            office.user(number, forward_always="")
        assert len(until(lambda before=before: office.cdrs()[before:], 10)) == 1
    assert office.dialled() == []


def test_limits_hold_when_everybody_calls_at_once_and_emergency_calls_go_all_the_same(tmp_path: Path) -> None:
    model = MODEL.replace("international_calls_max = 5", "international_calls_max = 2\ncalls_max = 3")
    with siege(tmp_path, model, slots=4) as office:
        office.carrier.status = 180
        phone = office.phone("102")
        numbers = [*(f"+4930901820{n}" for n in range(4)), *(f"055511223{n}" for n in range(2))]
        for batch in (numbers[:4], numbers[4:]):  # a worker of the packaged engine has room for two
            legs = [phone.call(number) for number in batch]
            until(lambda legs=legs: all(leg.status or [s for s in leg.early if s >= 180] for leg in legs), 20)
        lasting(1.0)
        dialled = office.dialled()
        assert len([n for n in dialled if n.startswith("+49")]) == 2 and len(dialled) == 3
        phone.call("112")
        until(lambda: "112" in office.dialled(), 15)
