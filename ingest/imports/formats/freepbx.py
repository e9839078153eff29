"""FreePBX: the CSV that its call reports export, and its table `cdr` (or `transient_cdr`) dumped as delimited text,
with or without a header."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from ingest.imports import asterisk, delimited, sample
from ingest.imports.ahead import ahead
from ingest.imports.raw import Evidence, Read

_DUMPED = (
    "calldate", "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "duration", "billsec",
    "disposition", "amaflags", "accountcode", "uniqueid", "userfield", "did", "recordingfile", "cnum", "cnam",
    "outbound_cnum", "outbound_cnam", "dst_cnam", "linkedid", "peeraccount", "sequence",
)  # fmt: skip
_NAMES = {  # FreePBX's name → ours
    "calldate": "start", "clid": "clid", "src": "src", "dst": "dst", "dcontext": "context", "channel": "channel",
    "dstchannel": "peer_channel", "lastapp": "last_app", "lastdata": "last_data", "duration": "duration",
    "billsec": "billsec", "disposition": "disposition", "accountcode": "account", "uniqueid": "unique_id",
    "userfield": "user_field", "did": "did", "cnam": "name", "recordingfile": "recording", "linkedid": "linked_id",
    "sequence": "sequence",
}  # fmt: skip
_NEEDED = {"calldate", "src", "dst", "duration", "billsec", "disposition", "uniqueid"}
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_FITS = 0.8


class FreePbx:
    """variant: the delimiter's name, whether there is a header, and the columns in their order."""

    name = "freepbx"
    system = "asterisk"
    title = "FreePBX call records"
    rank = 20  # it knows the number that was called and the recording's name

    def sniff(self, path: Path) -> Evidence | None:
        """By the names in the header; without one by the places of stamps and dispositions."""
        for delimiter, called in _DELIMITERS.items():
            rows = sample.rows(path, delimiter)
            head = tuple(name.strip().lower() for name in rows[0]) if rows else ()
            if set(head) >= _NEEDED:
                return self._evidence(called, True, head, rows[1:])
            dumped = [r for r in rows if len(r) == len(_DUMPED)]
            if (
                len(dumped) >= _FITS * max(1, len(rows))
                and min(asterisk.share(dumped, 0, asterisk.STAMP), asterisk.share(dumped, 11, asterisk.DISPOSITIONS))
                >= _FITS
            ):
                return self._evidence(called, False, _DUMPED, dumped)
        return None

    def _evidence(self, called: str, header: bool, head: tuple[str, ...], rows: Sequence[Sequence[str]]) -> Evidence:
        start, unique = head.index("calldate"), head.index("uniqueid")
        clock = asterisk.clock_of((r[start], r[unique]) for r in rows if len(r) == len(head))
        says = [f"{len(head)} columns parted by {called}, {'named in the first line' if header else 'without names'}"]
        if "linkedid" not in head:
            says.append("without linked ids: transfers are separate calls")
        variant = f"{called}/{'header' if header else 'bare'}/{','.join(head)}"
        return Evidence(self.name, 0.98 if header else 0.9, variant, None, tuple(says), clock=clock)

    def read(self, path: Path, name: str, found: Evidence) -> Iterator[Read]:
        """FreePBX keeps no answer and no end: they follow from duration and billsec."""
        called, header, names = found.variant.split("/", 2)
        delimiter = next(d for d, n in _DELIMITERS.items() if n == called)
        head = names.split(",")
        skip = 0
        if header == "header":
            with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
                reader = csv.reader(file, delimiter=delimiter)
                next(reader, None)
                skip = reader.line_num
        columns = {_NAMES[n]: f"c{place}" for place, n in enumerate(head) if n in _NAMES}
        if "name" in columns:
            columns["name"] = f"nullif({columns['name']}, '')"
        legs = asterisk.Reader(name, found.zone or "UTC", unique=True)
        dialect = delimited.Dialect((len(head),), delimiter, skip_lines=skip)
        for block in ahead(delimited.blocks(path, name, dialect)):
            yield legs.legs(block, columns)


FORMAT = FreePbx()
