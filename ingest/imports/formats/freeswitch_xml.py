"""FreeSWITCH's xml_cdr: a file per leg, also as the web server that took it kept it (`cdr=` and URL-encoded).

A file that declares entities or a document type is refused: a CDR has none, and they are a way to make a parser eat
all memory or read other files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from ingest.imports import freeswitch, freeswitch_record, lines, values
from ingest.imports.raw import Bad, Evidence, Read
from pbx_core.errors import InputError

FILE_BYTES_MAX = 16 << 20  # of one record; a real one has 20 to 60 KB
LOOKED_AT_BYTES = 256 << 10
DEPTH_MAX = 12  # a real record has 6 levels
RAW_CHARS_MAX = 2000  # of a bad record are kept


class FreeswitchXml:
    """See the module."""

    name = "freeswitch-xml"
    system = freeswitch.SYSTEM
    title = "FreeSWITCH xml_cdr"
    rank = 2

    def sniff(self, path: Path) -> Evidence | None:
        """A record is a <cdr> with <variables>."""
        with path.open("rb") as file:
            raw = lines.decoded(file.read(LOOKED_AT_BYTES))
        text = _opened(raw)
        if "<cdr" not in text or "<variables>" not in text:
            return None
        says = ("It is a <cdr> with <variables>.", "Its times are seconds since 1970.")
        return Evidence(self.name, 0.95, "posted form" if text is not raw else "one record", "UTC", says)

    def read(self, path: Path, name: str, found: Evidence) -> Iterator[Read]:
        """The leg of a file."""
        size = path.stat().st_size
        if size > FILE_BYTES_MAX:
            raise InputError(f"{name} is no CDR: it has more than {FILE_BYTES_MAX >> 20} MB.", error_id="too_big")
        text = _opened(lines.decoded(path.read_bytes()).replace("\0", ""))
        try:
            yield Read(values.rows([{"file": name, "line": 1, **_row(text)}]), (), size)
        except ValueError as error:
            yield Read(values.rows([]), (Bad(name, 1, str(error), text[:RAW_CHARS_MAX]),), size)


def _opened(text: str) -> str:
    """A posted form's value; any other text as it is."""
    return unquote_plus(text.removeprefix("cdr=")) if text.startswith(("cdr=", "%3C")) else text


def _row(text: str) -> freeswitch_record.Row:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("it declares a document type or entities, which no CDR does")
    try:
        # encoded anew: a declaration of another encoding has been obeyed already, or was wrong
        root = ElementTree.fromstring(text[text.find("<cdr") :].encode())
    except (ElementTree.ParseError, ValueError) as error:
        raise ValueError(f"it is not XML, or cut short: {error}") from None
    part = root.find("variables")
    if root.tag != "cdr" or part is None:
        raise ValueError("it has no <cdr> with <variables>")
    variables = {child.tag: child.text or "" for child in part}
    encoded = freeswitch_record.is_encoded(variables)
    flows = [freeswitch_record.decoded(_tree(flow, 0), encoded) for flow in root.iter("callflow")]
    ran = [(a.get("app_name", ""), a.get("app_data", "")) for a in root.iterfind("app_log/application")]
    return freeswitch_record.row(freeswitch_record.decoded(variables, encoded), flows, ran)


def _tree(element: ElementTree.Element, depth: int) -> Any:
    """An element as JSON would have it: children by name, several of one name as a list, else its text."""
    if depth > DEPTH_MAX:
        raise ValueError("its elements are nested too deeply")
    found: dict[str, Any] = {}
    for child in element:
        value = _tree(child, depth + 1)
        if child.tag not in found:
            found[child.tag] = value
        elif isinstance(found[child.tag], list):
            found[child.tag].append(value)
        else:
            found[child.tag] = [found[child.tag], value]
    return found or element.text or ""


FORMAT = FreeswitchXml()
