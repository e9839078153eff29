"""Messages with faults that nobody thought of."""

from __future__ import annotations

import random
from collections.abc import Sequence

FAULTS_MAX = 5


def mutilated(chance: random.Random, whole: Sequence[bytes]) -> bytes:
    """One of the messages with some faults: bytes flipped, cut, doubled and put in."""
    raw = bytearray(chance.choice(whole))
    for _ in range(chance.randrange(1, FAULTS_MAX + 1)):
        at = chance.randrange(len(raw) or 1)
        match chance.randrange(4):
            case 0:
                raw[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del raw[at : at + chance.randrange(40)]
            case 2:
                raw[at:at] = raw[at : at + chance.randrange(60)]
            case _:
                raw[at:at] = chance.choice([b"\r\n", b"<", b'"', b";", b",", b"\xff", b" ", b"=", b"@", b"%00"])
    return bytes(raw)
