"""A few rows of a file, from its beginning, middle and end, to judge what it is."""

from __future__ import annotations

import csv
from pathlib import Path

from ingest.imports.raw import SNIFF_BYTES


def pieces(path: Path) -> list[str]:
    """Text of the beginning (half of SNIFF_BYTES), the middle and the end; whole lines, but for the very last."""
    half, quarter = SNIFF_BYTES // 2, SNIFF_BYTES // 4
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= SNIFF_BYTES:
            return [file.read().decode("utf-8-sig", "replace")]
        out = [file.read(half)]
        out[0] = out[0][: out[0].rfind(b"\n") + 1]
        for place in (size // 2, size - quarter):
            file.seek(place)
            read = file.read(quarter)
            out.append(read[read.find(b"\n") + 1 : read.rfind(b"\n") + 1])
    return [piece.decode("utf-8-sig", "replace") for piece in out]


def rows(path: Path, delimiter: str = ",") -> list[list[str]]:
    """The rows of those pieces; a row cut in two may be among them."""
    found: list[list[str]] = []
    for piece in pieces(path):
        try:
            found += list(csv.reader(piece.replace("\x00", "\ufffd").splitlines(keepends=True), delimiter=delimiter))
        except csv.Error:
            continue
    return [row for row in found if row]
