"""Captures of messages that are wrong, or odd but right. The file's name begins with what must come back: a status,
or `drop` for silence. A capture is added before the fault that it shows is mended."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pbx_core.sip.flow import Flow
from tests.support.mutilation import mutilated
from tests.wire.conftest import Net, Peer, registered

CAPTURES = sorted((Path(__file__).parent / "malformed").glob("*.sip"))
SENDER = Flow("udp", "198.51.100.7", 5060)


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda p: p.stem)
def test_it_gets_the_answer_that_it_deserves(net: Net, capture: Path) -> None:
    peer = Peer(net, SENDER, silent=True)
    worker = net.worker()
    net.arrived(capture.read_bytes(), SENDER)
    net.run(0.1)
    expected = capture.stem.partition("-")[0]
    statuses = [raw.split(b" ", 2)[1].decode() for raw in peer.raw]
    assert statuses == ([] if expected == "drop" else [expected])
    assert not worker.raw


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda p: p.stem)
def test_it_does_no_harm_inside_either(net: Net, capture: Path) -> None:
    worker = Flow("int", "127.0.0.1", 6000)
    net.arrived(capture.read_bytes(), worker)
    net.run(0.1)
    assert net.edge.server.failures == 0
    assert registered(net, "101")  # phones are served as before


def test_mutilated_messages_never_stop_the_edge(net: Net) -> None:
    """Bytes of good messages flipped, cut, doubled and joined, from a phone and from a worker."""
    chance = random.Random(4475)
    whole = [c.read_bytes() for c in CAPTURES]
    for n in range(3000):
        raw = mutilated(chance, whole)
        host = f"203.0.{n // 250}.{n % 250}"
        net.arrived(raw, Flow("int", "127.0.0.1", 6000) if n % 3 == 0 else Flow("udp", host, 5060))
    net.run(1)
    assert net.edge.server.failures == 0
    answer = net.phone().register("101", "acme.test")
    assert answer is not None and answer.status_code == 200
