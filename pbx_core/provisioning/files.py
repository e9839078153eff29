"""Writes a phone's file: a template with every value made harmless for its format."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from importlib import resources
from string import Template
from xml.sax.saxutils import escape

from pbx_core.provisioning.vendors import Vendor
from pbx_core.provisioning.zone import Change, Zone

NAME_CHARS_MAX = 64  # what fits a display
KEYS_MAX = 3  # park keys: a phone with few keys keeps some for its owner
VOICEMAIL = "*97"
LANGUAGES = {"en": "English", "ru": "Russian"}  # phones speak neither Kyrgyz nor Swahili: English then
_YEALINK = {"udp": "0", "tcp": "1", "tls": "2"}
_POLYCOM = {"udp": "UDPOnly", "tcp": "TCPOnly", "tls": "TLS"}


@dataclass(frozen=True)
class Account:
    """What a phone needs to know. trusted: our certificate is signed by somebody phones know."""

    number: str
    name: str
    domain: str
    password: str
    proxy: str
    port: int
    transport: str
    language: str
    zone: Zone
    park_slots: tuple[str, ...]
    trusted: bool


def account_file(vendor: Vendor, account: Account) -> str:
    """The file with the password."""
    values = {name: _safe(vendor, value) for name, value in _values(account).items()}
    keys = [{"n": str(i), "key": str(i + 1), "slot": s} for i, s in enumerate(account.park_slots[:KEYS_MAX], 1)]
    if vendor.vendor == "yealink":  # the first key is the line itself
        keys = [{**k, "n": k["key"]} for k in keys]
    lines = []
    for line in _template(vendor.template).splitlines():
        if not line.startswith("@key "):
            lines.append(Template(line).substitute(values))
            continue
        lines += [_repeated(line.removeprefix("@key "), vendor, key) for key in keys]
    return "\n".join(lines) + "\n"


def companion_file(vendor: Vendor) -> str:
    """The file that only points to it."""
    return _template(vendor.companion_template)


def clean(text: str) -> str:
    """A name without control, formatting and unassigned characters, in one line, short enough for a display."""
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(kept.split())[:NAME_CHARS_MAX]


def _repeated(line: str, vendor: Vendor, key: dict[str, str]) -> str:
    return Template(line).substitute({name: _safe(vendor, value) for name, value in key.items()})


def _safe(vendor: Vendor, value: str) -> str:
    if vendor.template.endswith(".xml"):
        return escape(value, {'"': "&quot;", "'": "&apos;"})
    return re.sub(r"^%(\w+)%$", r"\1", value)  # %NULL% and %EMPTY% are commands to a Yealink


def _template(name: str) -> str:
    return resources.files("pbx_core.provisioning").joinpath("templates", name).read_text(encoding="utf-8")


def _values(a: Account) -> dict[str, str]:
    name = clean(a.name) or a.number
    language = a.language if a.language in LANGUAGES else "en"
    display = name.replace("\\", "\\\\").replace('"', '\\"')
    return {
        "number": a.number,
        "name": name,
        "label": f"{a.number} {name}" if name != a.number else name,
        "password": a.password,
        "domain": a.domain,
        "proxy": f"[{a.proxy}]" if ":" in a.proxy else a.proxy,
        "port": str(a.port),
        "transport": a.transport,
        "transport_upper": a.transport.upper(),
        "transport_yealink": _YEALINK[a.transport],
        "transport_grandstream": _YEALINK[a.transport],
        "transport_fanvil": _YEALINK[a.transport],
        "transport_polycom": _POLYCOM[a.transport],
        "voicemail": VOICEMAIL,
        "trust": "1" if a.trusted else "0",
        "language": language,
        "language_name": LANGUAGES[language],
        "linphone_identity": f'"{display}" <sip:{a.number}@{a.domain}>',
        **_clock(a.zone),
    }


def _clock(zone: Zone) -> dict[str, str]:
    minutes = abs(zone.utc_offset_s) // 60
    sign = "-" if zone.utc_offset_s < 0 else "+"
    hh_mm = f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    begins, ends = zone.summer or (Change(1, 1, 0, 0),) * 2  # says nothing while summer time is off
    on = zone.summer is not None
    return {
        "posix_zone": zone.posix,
        "utc_offset_s": str(zone.utc_offset_s),
        "offset_hh_mm": hh_mm,
        "offset_quarters": str(zone.utc_offset_s // 900),
        "yealink_zone": f"{sign}{minutes // 60}" + (f":{minutes % 60:02d}" if minutes % 60 else ""),
        "dst": str(int(on)),
        "dst_yes": "Yes" if on else "No",
        "dst_minutes": "60" if on else "0",
        "yealink_start": _yealink(begins) if on else "",
        "yealink_end": _yealink(ends) if on else "",
        "snom_dst": f"3600 {_snom(begins)} {_snom(ends)}" if on else "",
        "cisco_dst": f"start={_cisco(begins)};end={_cisco(ends)};save=1" if on else "",
        **_polycom("start", begins),
        **_polycom("stop", ends),
    }


def _monday_first(weekday: int) -> int:
    return weekday or 7


def _yealink(change: Change) -> str:
    return f"{change.month}/{change.week}/{_monday_first(change.weekday)}/{change.hour}"


def _snom(change: Change) -> str:
    return f"{change.month:02d}.{change.week:02d}.{_monday_first(change.weekday):02d} {change.hour:02d}:00:00"


def _cisco(change: Change) -> str:
    """Month, day, weekday: that weekday on the day or after it; day -1: the last one."""
    day = -1 if change.week == 5 else (change.week - 1) * 7 + 1
    return f"{change.month}/{day}/{_monday_first(change.weekday)}/{change.hour}:0:0"


def _polycom(edge: str, change: Change) -> dict[str, str]:
    last = change.week == 5
    values = {
        "month": change.month,
        "date": 1 if last else (change.week - 1) * 7 + 1,
        "time": change.hour,
        "dayOfWeek": change.weekday + 1,
        "last": int(last),
    }
    return {f"polycom_{edge}_{name}": str(value) for name, value in values.items()}
