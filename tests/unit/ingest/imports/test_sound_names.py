"""What the names of recordings say."""

from __future__ import annotations

from datetime import datetime

import pytest

from ingest.imports.sound_names import Named, parse

TEN = datetime(2026, 3, 1, 10, 15)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("out-+4930111-201-20260301-101500-1772355600.123.wav",
         Named("FreePBX", TEN, "201", "+4930111", "", "outbound", "1772355600.123")),
        ("in-+49-30-111-201-20260301-101500-1772355600.123.WAV",
         Named("FreePBX", TEN, "201", "+49-30-111", "", "inbound", "1772355600.123")),
        ("[Anna Berg]_201-+4930111_20260301101500(123).wav", Named("3CX", TEN, "201", "+4930111", "Anna Berg")),
        ("20260301-101500_201_+4930111.mp3", Named("date and time and numbers", TEN, "201", "+4930111")),
        ("2026-03-01_10-15-00 201 4930111.ogg", Named("date and time and numbers", TEN, "201", "4930111")),
        ("01.03.2026 10.15.00 201.wav", Named("date and time and numbers", TEN, "201")),
        ("201-202-2026-03-01-10-15-00.wav", Named("date and time and numbers", TEN, "201", "202")),
        ("rec_89001112233_2026-03-01T10:15:00.mp3", Named("date and time and numbers", TEN, "89001112233")),
        ("2026/03/01/10/101500-201-79001112233.webm", Named("date and time and numbers", TEN, "201", "79001112233")),
        ("2026/03/01/call-201.wav", Named("numbers", None, "201")),
        ("x-1772355600.123.wav", Named("nothing", unique_id="1772355600.123")),
        ("9f6b3c1e-1111-2222-3333-444455556666.wav", Named("nothing")),
        ("20261399-101500.wav", Named("numbers", None, "20261399", "101500")),
        ("Голос.wav", Named("nothing")),
        ("", Named("nothing")),
        ("....", Named("nothing")),
        ("-" * 5000, Named("nothing")),
    ],
)  # fmt: skip
def test_a_name_tells_when_who_and_whom(name: str, expected: Named) -> None:
    assert parse(name) == expected
