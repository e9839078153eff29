"""Asterisk's Master.csv: no header, 16 to 21 columns as cdr_csv writes them, or cdr_custom's order with the caller's
name first. Times are GMT or local; the file does not say which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ingest.imports import asterisk, delimited, sample
from ingest.imports.ahead import ahead
from ingest.imports.raw import Evidence, Read

# cdr_csv.c and cdr_custom.conf.sample
_CSV = (
    "account", "src", "dst", "context", "clid", "channel", "peer_channel", "last_app", "last_data", "start", "answer",
    "end", "duration", "billsec", "disposition", "",
)  # fmt: skip
_CUSTOM = (
    "clid", "src", "dst", "context", "channel", "peer_channel", "last_app", "last_data", "start", "answer", "end",
    "duration", "billsec", "disposition", "", "account", "unique_id", "user_field", "sequence",
)  # fmt: skip
_NEW = ("", "linked_id", "sequence")  # newcdrcolumns, with the peer's account before them
_FITS = 0.8  # share of the rows whose columns must look like the order's


class AsteriskCsv:
    """variant: `csv` or `custom`, its number of columns, and for 17 and 20 what the seventeenth is."""

    name = "asterisk-csv"
    system = "asterisk"
    title = "Asterisk Master.csv"
    rank = 10

    def sniff(self, path: Path) -> Evidence | None:
        """By the places of stamps and dispositions."""
        rows = sample.rows(path)
        for order, columns in (("csv", _CSV), ("custom", _CUSTOM)):
            start, disposition = columns.index("start"), columns.index("disposition")
            stamped = asterisk.share(rows, start, asterisk.STAMP)
            decided = asterisk.share(rows, disposition, asterisk.DISPOSITIONS)
            if min(stamped, decided) >= _FITS:
                return self._evidence(
                    order, [r for r in rows if asterisk.STAMP.fullmatch(r[start] if len(r) > start else "")]
                )
        return None

    def _evidence(self, order: str, rows: list[list[str]]) -> Evidence:
        widths = Counter(len(r) for r in rows)
        width = widths.most_common(1)[0][0]
        extra = "unique"
        if order == "csv" and width in (17, 20):
            extra = "unique" if asterisk.share(rows, 16, asterisk.UNIQUE) >= 0.5 else "user"
        columns = _columns(order, width, extra)
        says = [f"{width} columns in the order of {'cdr_csv' if order == 'csv' else 'cdr_custom'}"]
        if len(widths) > 1:
            others = ", ".join(str(w) for w in sorted(widths) if w != width)
            says.append(f"some rows have {others}")
        names = [n for n in ("unique_id", "user_field", "linked_id", "sequence") if n in columns]
        says.append(f"with {', '.join(n.replace('_', ' ') for n in names)}" if names else "without unique ids")
        key = "unique_id" if "unique_id" in columns else "linked_id"
        clock = ()
        if key in columns:
            start, at = columns.index("start"), columns.index(key)
            clock = asterisk.clock_of((r[start], r[at]) for r in rows if len(r) > at)
        return Evidence(self.name, 0.95, f"{order}/{width}/{extra}", None, tuple(says), clock=clock)

    def read(self, path: Path, name: str, found: Evidence) -> Iterator[Read]:
        """Rows of the variant's width first; other widths of the same order are taken, too: settings change."""
        order, width, extra = found.variant.split("/")
        widths = [int(width)]
        widths += [w for w in (range(16, 22) if order == "csv" else (18, 19)) if w != widths[0]]
        main = _columns(order, widths[0], extra)
        reader = asterisk.Reader(name, found.zone or "UTC", unique="unique_id" in main)
        for block in ahead(delimited.blocks(path, name, delimited.Dialect(tuple(widths)))):
            yield reader.legs(block, _expressions(order, block.columns.num_columns, extra))


def _columns(order: str, width: int, extra: str) -> tuple[str, ...]:
    if order == "custom":
        return _CUSTOM[:width]
    one = "unique_id" if extra == "unique" else "user_field"
    match width:
        case 17 | 20:
            more: tuple[str, ...] = (one,)
        case 18 | 21:
            more = ("unique_id", "user_field")
        case _:
            more = ()
    return (*_CSV, *more, *(_NEW if width >= 19 else ()))


def _expressions(order: str, width: int, extra: str) -> dict[str, str]:
    return {name: f"c{place}" for place, name in enumerate(_columns(order, width, extra)) if name}


FORMAT = AsteriskCsv()
