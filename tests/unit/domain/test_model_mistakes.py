"""A model with a mistake is refused, all mistakes at once, each with its place; what is right is read back equal."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from pbx_core.domain.model import Extension, Model, OutboundRoute, QueueMember
from pbx_core.domain.modelcheck import check
from pbx_core.domain.modelcheck_values import hints
from pbx_core.domain.modeldiff import diff
from pbx_core.domain.modelfile import ModelError, from_document, read_json, read_toml, to_document, to_json, to_toml
from tests.support.dialplan import OFFICE, OFFICE_TOML, changed


def _refused(document: object) -> list[str]:
    with pytest.raises(ModelError) as caught:
        from_document(document)
    return [f"{m.place}: {m.text}" for m in caught.value.mistakes]


def _edited(place: str, value: Any) -> dict[str, Any]:
    """The office with one value at a place; a value of ... takes it away. `/` parts the place."""
    document = copy.deepcopy(to_document(OFFICE))
    *path, last = place.split("/")
    table = document
    for name in path:
        table = table.setdefault(name, {})
    if value is ...:
        del table[last]
    else:
        table[last] = value
    return document


def test_a_model_is_read_back_equal() -> None:
    assert read_toml(to_toml(OFFICE)) == OFFICE
    assert read_json(to_json(OFFICE)) == OFFICE
    assert read_toml(OFFICE_TOML.read_text()) == OFFICE
    assert read_toml("") == Model()
    assert QueueMember("103") in OFFICE.queues[0].members
    assert to_document(Model()) == {}


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        # form
        ("colour", "red", "colour: there is no field `colour`"),
        ("extentions", {}, "extentions: there is no field `extentions`; did you mean `extensions`?"),
        ("extensions", [], "extensions: tables named by their number were expected, not a list"),
        ("extensions/101", "Bob", "extensions.101: a table was expected, not Bob"),
        ("extensions/101/nmae", "Bob", "extensions.101.nmae: there is no field `nmae`; did you mean `name`?"),
        ("extensions/101/ring_s", "20", "extensions.101.ring_s: a number was expected, not 20"),
        ("extensions/101/ring_s", float("nan"), "extensions.101.ring_s: a number was expected, not nan"),
        ("extensions/101/voicemail", 1, "extensions.101.voicemail: true or false was expected, not 1"),
        ("extensions/101/record", "maybe", "extensions.101.record: one of always, on_demand, never was expected"),
        ("extensions/101/name", "a\nb", "printable characters was expected"),
        ("trunks/main/port", 5060.5, "trunks.main.port: a whole number was expected, not 5060.5"),
        ("groups/sales/members", "101", "groups.sales.members: a list was expected, not 101"),
        ("groups/sales/strategy", "loudest", "groups.sales.strategy: one of at_once, sequence, random was expected"),
        ("groups/sales/members", ..., "groups.sales: `members` is missing"),
        ("menus/main/keys", ["101"], "menus.main.keys: a table was expected, not a list"),
        ("queues/support/members", [{"tier": 2}], "queues.support.members.1: `number` is missing"),
        # destinations and what they name
        ("menus/main/keys/3", "menu:sale", "menus.main.keys.3: no menu `sale`"),
        ("menus/main/keys/3", "group:sale", "menus.main.keys.3: no group `sale`; did you mean `sales`?"),
        ("menus/main/keys/3", "sales", "menus.main.keys.3: 'sales' is no destination; write kind:name"),
        ("menus/main/keys/3", "voicemail:106", "menus.main.keys.3: extension `106` has no mailbox"),
        ("menus/main/keys/12", "group:sales", "menus.main.keys.12: is no key"),
        ("menus/main/on_timeout", "hangup:nicely", "menus.main.on_timeout: no hangup `nicely`"),
        ("dids/+996312880101/destination", "extension:107", "dids.+996312880101.destination: no extension `107`"),
        ("dids/+996312880101/overflow", "queue:x", "dids.+996312880101.overflow: no queue `x`"),
        ("dids/+996312880101/trunk", "mian", "dids.+996312880101.trunk: no trunk `mian`; did you mean `main`?"),
        ("hours/office/office", "osh", "hours.office.office: no office `osh`"),
        ("extensions/101/office", "bishkeck", "extensions.101.office: no office `bishkeck`; did you mean `bishkek`?"),
        ("extensions/101/supervises", ["199"], "extensions.101.supervises.1: no extension `199`"),
        ("routes/all/trunks", ["main", "third"], "routes.all.trunks.2: no trunk `third`"),
        ("offices/berlin/emergency_trunk", "x", "offices.berlin.emergency_trunk: no trunk `x`"),
        ("menus/main/greeting", ["prompt:welcom"], "menus.main.greeting.1: no prompt `welcom`; did you mean `welcome`"),
        ("menus/main/greeting", ["say:de:Hallo"], "menus.main.greeting.1: write say:language:words"),
        ("menus/main/greeting", ["/etc/passwd"], "menus.main.greeting.1: '/etc/passwd' is no sound"),
        ("music", "music:jazz", "music: no music `jazz`"),
        ("prompts/welcome/file", "hello", "prompts.welcome: has a text or a file, one of them"),
        ("prompts/x", {"file": "../../etc/passwd"}, "prompts.x.file: is a plain file name"),
        # what leads nowhere, or could never be
        ("menus/empty", {"greeting": ["prompt:welcome"]}, "menus.empty: leads nowhere"),
        ("menus/main/greeting", [], "menus.main.greeting: is empty"),
        ("groups/sales/members", [], "groups.sales.members: is empty: nobody would ever answer"),
        ("queues/support/members", [], "queues.support.members: is empty"),
        ("queues/support/on_exit", ..., "queues.support.on_exit: is missing: the key * leads nowhere"),
        ("queues/support/callback_key", "*", "queues.support.callback_key: * is the exit key already"),
        ("routes/none", {"trunks": []}, "routes.none.trunks: is empty: the route leads nowhere"),
        ("routes/again", {"trunks": ["main"], "prefixes": ["49"]},
         "routes.again.prefixes.1: could never match: 49 goes by route `germany` already"),
        ("routes/again", {"trunks": ["main"]}, "could never match: every number goes by route `all` already"),
        ("routes/local", {"trunks": ["main"], "prefixes": ["0312"]}, "no country code begins with 0"),
        ("routes/plus", {"trunks": ["main"], "prefixes": ["+49"]}, "is no beginning of a number"),
        ("hours/never", {"open": [], "then": "menu:main", "otherwise": "menu:main"}, "hours.never.open: is never open"),
        ("hours/office/open", ["mon-fri 9-18"], "hours.office.open.1: '9-18' are no hours; write 09:00-18:00"),
        ("hours/office/open", ["mo 09:00-18:00"], "hours.office.open.1: 'mo' is no day of the week"),
        ("hours/office/holidays", ["02-30"], "hours.office.holidays.1: there is no day 02-30"),
        ("hours/office/holidays", ["Christmas"], "hours.office.holidays.1: 'Christmas' is no date"),
        ("hours/office/then", "hours:office", "hours.office.then: goes in a circle: hours:office → hours:office"),
        # numbers
        ("rooms/101", {}, "rooms.101: 101 is taken by extensions.101"),
        ("groups/sales/number", "600", "rooms.600: 600 is taken by groups.sales.number"),
        ("park_slots", ["101"], "park_slots.1: 101 is taken by extensions.101"),
        ("park_slots", ["701", "701"], "park_slots.1: 701 stands there twice"),
        ("extensions/112", {}, "extensions.112: 112 is an emergency number (outbound.emergency.1)"),
        ("extensions/1", {}, "extensions.1: '1' is no short number"),
        ("extensions/10a", {}, "extensions.10a: '10a' is no short number"),
        ("extensions/１０１", {}, "is no short number"),
        ("outbound/services", ["103"], "extensions.103: 103 is a service number outside (outbound.services.1)"),
        ("outbound/services", ["+49"], "outbound.services.1: '+49' is no short number"),
        ("routes/sky", {"trunks": ["main"], "prefixes": ["8816"]}, "routes.sky.prefixes.1: could never match: such"),
        ("outbound/outside_prefix", "1", "extensions.101: begins with 1, which leads outside"),
        ("dids/0312880101", {"destination": "menu:main"}, "dids.0312880101: write '0312880101' as +996312880101"),
        ("dids/+996 312 880 102", {"destination": "menu:main"}, "write '+996 312 880 102' as +996312880102"),
        ("dids/+99631288", {"destination": "menu:main"}, "dids.+99631288: '+99631288' is no telephone number"),
        ("offices/bishkek/caller_id", "+996312880199", "offices.bishkek.caller_id: +996312880199 is not verified"),
        ("extensions/101/caller_id", "+12025550123", "extensions.101.caller_id: +12025550123 is not verified"),
        ("outbound/verified", ["+19005551234"], "outbound.verified.1: premium numbers are never called"),
        ("groups/sales/members", ["101", "+12025550123"], "groups.sales.members.2: US is not in outbound.countries"),
        ("groups/sales/members", ["101", "101"], "groups.sales.members.2: 101 stands there twice"),
        ("menus/main/keys/9", "outside:+870771234567", "menus.main.keys.9: satellite"),
        ("menus/main/keys/9", "outside:030123", "menus.main.keys.9: '030123' is no telephone number"),
        ("callers/block", ["+49*30"], "callers.block.1: '+49*30' is no number"),
        # the way outside
        ("outbound/country", ..., "outbound.country: is missing"),
        ("outbound/country", "XX", "outbound.country: 'XX' is no country"),
        ("outbound/countries", [], "outbound.countries: is empty although outbound.international is on"),
        ("trunks/main/host", "sip carrier", "trunks.main.host: 'sip carrier' is no host name"),
        ("trunks/main/username", ..., "trunks.main.username: is missing"),
        ("trunks/main/addresses", ["10.0.0.1/99"], "trunks.main.addresses.1: '10.0.0.1/99' is no address"),
        ("trunks/main/transport", "sctp", "trunks.main.transport: 'sctp' is none of udp, tcp, tls"),
        # limits
        ("extensions/101/ring_s", 3600, "extensions.101.ring_s: 3600 is not within 5 to 120"),
        ("menus/main/tries", 0, "menus.main.tries: 0 is not within 1 to 5"),
        ("trunks/main/port", 70000, "trunks.main.port: 70000 is not within 1 to 65535"),
        ("recording/pause_s_max", 0, "recording.pause_s_max: 0 is not within 10 to 3600"),
        ("offices/Big One", {"name": "x"}, "offices.Big One: a name is 1 to 32 of a-z"),
        ("time_zone", "Mars/Base", "time_zone: there is no time zone 'Mars/Base'"),
        ("time_zone", "../../etc/passwd", "time_zone: there is no time zone"),
        ("languages", [], "languages: is empty"),
        ("rooms/600/pin", "12", "rooms.600.pin: is 4 to 12 digits"),
    ],
)  # fmt: skip
def test_every_mistake_is_named_by_its_place(place: str, value: Any, said: str) -> None:
    assert any(said in mistake for mistake in _refused(_edited(place, value)))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("announcements/closed/then", "outside:+4930901820"),  # a number of ours that rings a phone
        ("hours/office/open", []),  # open on one holiday only
        ("menus/main/on_timeout", "menu:main"),  # the caller hangs up in the end
        ("outbound/international", False),  # switched off in a hurry, with all the rest still there
    ],
)
def test_what_is_odd_but_possible_is_allowed(place: str, value: Any) -> None:
    assert from_document(_edited(place, value)) != OFFICE


def test_what_may_surprise_is_said() -> None:
    assert [h.place for h in hints(OFFICE)] == ["extensions.101", "extensions.102", "extensions.103"]
    assert "101 is an emergency number in KG" in hints(OFFICE)[0].text
    odd = replace(OFFICE, languages=("ru", "fr"), outbound=replace(OFFICE.outbound, countries=("KZ",)), offices=())
    assert [h.place for h in hints(odd)][3:] == ["routes.germany.prefixes.1", "languages.2"]


def test_all_mistakes_are_told_at_once() -> None:
    document = _edited("menus/main/keys/3", "menu:sale")
    document["rooms"]["101"] = {}
    document["hours"]["office"]["then"] = "hours:office"
    document["trunks"]["main"]["port"] = 0
    said = _refused(document)
    assert len(said) == 4
    with pytest.raises(ModelError, match=r"4 mistakes; nothing was changed"):
        from_document(document)


def test_longer_circles_are_found_once_and_quickly() -> None:
    halls = {f"h{i}": {"sounds": ["tone:beep"], "then": f"announcement:h{(i + 1) % 900}"} for i in range(900)}
    (mistake,) = _refused({"announcements": halls})
    assert "goes in a circle" in mistake
    both = {
        f"h{i}": {"open": ["daily 00:00-24:00"], "then": f"hours:h{i + 1}", "otherwise": f"hours:h{i + 1}"}
        for i in range(200)
    }
    both["h200"] = {"open": ["daily 00:00-24:00"], "then": "hangup:busy", "otherwise": "hangup:busy"}
    from_document({"hours": both})  # 2^200 ways, none of them a circle
    own = changed(dids={"+996312880102": {"destination": "announcement:closed"}})
    document = to_document(own)
    document["announcements"]["closed"]["then"] = "outside:+996312880102"
    assert any("goes in a circle" in m for m in _refused(document))


def test_two_things_alike_are_refused_whatever_the_writing() -> None:
    twice = '[dids."+996312880101"]\ndestination = "hangup:busy"\n'
    with pytest.raises(ModelError, match=r"This is not TOML.*line 3"):
        read_toml(twice + twice)
    with pytest.raises(ModelError, match=r"This is not JSON.*'101' stands there twice"):
        read_json('{"extensions": {"101": {}, "101": {}}}')
    model = Model(extensions=(Extension("101"), Extension("101")), routes=(OutboundRoute("a", ()),))
    assert "extensions.101: stands there 2 times" in [f"{m.place}: {m.text}" for m in check(model)]


@pytest.mark.parametrize("text", ["[", "a = ", "{}", '"', "[[[[", "\x00", "[a]\n" * 2, "x=" + "[" * 5000])
def test_what_is_no_document_is_refused_kindly(text: str) -> None:
    with pytest.raises(ModelError):
        read_toml(text)


@pytest.mark.parametrize("text", ["", "[]", "3", "null", "[" * 50_000, '{"a":' * 5000, '"\\ud800"'])
def test_what_is_no_json_document_is_refused_kindly(text: str) -> None:
    with pytest.raises(ModelError):
        read_json(text)


def test_the_size_of_a_plan_is_bounded() -> None:
    many = {str(100_000 + i): {} for i in range(10_000)}
    model = from_document({"extensions": many})
    assert len(model.book.extensions) == 10_000
    assert read_json(to_json(model)) == model
    assert any("10001 are more than the 10000" in m for m in _refused({"extensions": {**many, "200000": {}}}))
    with pytest.raises(ModelError, match="larger than 8 MiB"):
        read_toml("#" * (8 * 1024 * 1024 + 1))


def test_a_difference_is_told_in_words_and_without_secrets() -> None:
    new = changed(
        groups={"sales": {"members": ["101"], "ring_s": 30}},
        rooms={"600": {"name": "Meetings", "pin": "99887766"}, "601": {"pin": "55667788"}},
        recording={"internal": "always"},
        music="prompt:welcome",
    )
    told = "\n".join(diff(OFFICE, new))
    assert told.splitlines() == [
        "groups.sales.members: 101, 102, 105 → 101",
        "groups.sales.ring_s: 20 → 30",
        "groups.sales.on_no_answer: back to the default (was voicemail:101)",
        "groups.sales.number: back to the default (was 200)",
        "rooms.600.pin: changed",
        "rooms.601: new",
        "recording.internal: never → always",
        "music: prompt:welcome (was the default)",
    ]
    assert diff(OFFICE, OFFICE) == []
    assert "extensions.101: removed" in diff(OFFICE, Model())


def test_json_is_stable() -> None:
    assert json.loads(to_json(OFFICE)) == to_document(OFFICE)
