"""Numbers of the public network: how people and carriers write them, where they lead, which are refused; and plans of
short numbers. Facts come from `phonenumbers` (Google's metadata)."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, shortnumberinfo, timezone

from pbx_core.domain.model import Trunk

E164 = re.compile(r"\+[1-9][0-9]{5,14}")
SHORT = re.compile(r"[0-9]{2,6}")
SATELLITE = ("870", "881", "882", "883")  # Inmarsat, global mobile satellite, international networks
UNIVERSAL_PREMIUM = ("979",)  # international premium rate
AUDIOTEXT = ("878",)  # universal personal numbers: billed like premium ones
NANPA_PREMIUM = re.compile(r"1(900|976|[2-9][0-9]{2}976)[0-9]*")
DIGITS_MAX = 32  # of what somebody dials


@dataclass(frozen=True)
class Public:
    """A number of the public network. country: ISO region, "" none. refused: why it is never called ("" may be)."""

    e164: str
    country: str
    refused: str = ""


def parse(text: str, country: str) -> Public | None:
    """A number as dialled: +49…, with the country's international prefix, national, or local; None when there is no
    such number."""
    if not text or len(text) > DIGITS_MAX or not text.removeprefix("+").isascii():
        return None
    if not text.removeprefix("+").isdecimal():
        return None
    try:
        number = phonenumbers.parse(text, country or None)
    except NumberParseException:
        return None
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    refused = _refused(number, e164, country)
    if not refused and not phonenumbers.is_possible_number(number):
        return None
    if not refused and not phonenumbers.is_valid_number(number):
        return None
    return Public(e164, phonenumbers.region_code_for_number(number) or "", refused)


def never_called(prefix: str) -> bool:
    """Whether every number that begins so (digits with country code) is one of those that are never called."""
    return prefix.startswith((*SATELLITE, *UNIVERSAL_PREMIUM, *AUDIOTEXT, "1900", "1976"))


def country_code(country: str) -> str:
    """The digits with which a country's numbers begin after +, "0" when there is no such country."""
    return str(phonenumbers.country_code_for_region(country))


def _refused(number: phonenumbers.PhoneNumber, e164: str, home: str) -> str:
    digits = e164[1:]
    if digits.startswith(SATELLITE):
        return "satellite and global networks are never called"
    if digits.startswith(UNIVERSAL_PREMIUM) or digits.startswith(AUDIOTEXT) or NANPA_PREMIUM.fullmatch(digits):
        return "premium numbers are never called"
    match phonenumbers.number_type(number):
        case PhoneNumberType.PREMIUM_RATE:
            return "premium numbers are never called"
        case PhoneNumberType.PERSONAL_NUMBER:
            return "personal numbers are never called"
        case PhoneNumberType.SHARED_COST if phonenumbers.region_code_for_number(number) != home:
            return "numbers of shared cost are not called abroad"
    return ""


def is_e164(text: str) -> bool:
    """Whether it is written as +49301234567."""
    return E164.fullmatch(text) is not None


def caller(text: str, country: str) -> str:
    """A caller's number as a carrier said it, in E.164 where it can be read; "anonymous" when it is withheld."""
    if not text or text.lower() in ("anonymous", "restricted", "unavailable", "unknown"):
        return "anonymous"
    found = parse(text, country)
    return found.e164 if found else text


@functools.cache
def emergency_numbers(country: str) -> frozenset[str]:
    """Emergency numbers of a country as far as they are known; "" none."""
    if not country:
        return frozenset()
    metadata = phonenumbers.PhoneMetadata.short_metadata_for_region(country)
    if metadata is None:
        return frozenset()
    candidates = (f"{n:0{width}d}" for width in (2, 3) for n in range(10**width))
    return frozenset(n for n in candidates if shortnumberinfo.is_emergency_number(n, country))


def is_country(code: str) -> bool:
    """Whether it is an ISO 3166 region that has telephone numbers."""
    return code in phonenumbers.SUPPORTED_REGIONS


def time_zones(e164: str) -> tuple[str, ...]:
    """The zones in which a number can be, by its numbering plan; empty when nobody knows. Mobile numbers of wide
    countries have several."""
    found = timezone.time_zones_for_number(phonenumbers.parse(e164, None))
    return tuple(z for z in found if z != timezone.UNKNOWN_TIMEZONE)


def for_carrier(e164: str, trunk: Trunk, home: str) -> str:
    """The number as a carrier wants it: format, then `strip` digits off the front, then `prefix` before it."""
    match trunk.number_format:
        case "digits":
            text = e164[1:]
        case "national":
            text = _national(e164, trunk.country or home)
        case _:
            text = e164
    plus = "+" if text.startswith("+") and not trunk.strip and not trunk.prefix else ""
    return plus + trunk.prefix + text.removeprefix("+")[trunk.strip :]


def _national(e164: str, country: str) -> str:
    """As one dials it within the country: 030 123456, or 00 44 … abroad."""
    number = phonenumbers.parse(e164, None)
    if phonenumbers.region_code_for_number(number) == country:
        prefix = phonenumbers.ndd_prefix_for_region(country, True) or ""
        return prefix + phonenumbers.national_significant_number(number)
    text = phonenumbers.format_out_of_country_calling_number(number, country)
    return "".join(c for c in text if c.isdecimal())


def plan(count: int, first_digit: str, taken: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """So many free short numbers that begin with a digit: of three digits while those are enough (201, 202 …), else of
    four (2001 …). Emergency numbers and other `taken` ones are passed over. ValueError when there are not so many."""
    if first_digit not in "123456789" or len(first_digit) != 1:
        raise ValueError("the first digit is one of 1 to 9")
    if count < 1:
        raise ValueError("at least one number is wanted")
    for width in (3, 4, 5):
        free = [
            number
            for n in range(1, 10 ** (width - 1))
            if (number := f"{first_digit}{n:0{width - 1}d}") not in taken and not _hides(number, taken)
        ]
        if len(free) >= count:
            return tuple(free[:count])
    raise ValueError(f"there are not {count} free numbers that begin with {first_digit}")


def _hides(number: str, taken: frozenset[str]) -> bool:
    """Whether a longer number begins with a taken one: 2011 could not be dialled key by key beside 201."""
    return any(number[:n] in taken for n in range(2, len(number)))
