"""The 49 torture messages of RFC 4475's catalogue, written anew from its descriptions: from a stranger, from a trunk's
address, and what would be accepted once more on its way to a worker."""

from __future__ import annotations

import logging
import random
import re
import tracemalloc
from pathlib import Path

import pytest

from pbx_core.domain.model import Did, Model, Trunk
from pbx_core.sip.flow import Flow
from tests.support.mutilation import mutilated
from tests.wire.conftest import Net, Peer

CAPTURES = {path.stem: path for path in sorted((Path(__file__).parent / "torture").glob("*.sip"))}
STRANGER, CARRIER = Flow("udp", "198.51.100.7", 5060), Flow("udp", "203.0.113.9", 5060)
DID = "+996312900101"

# What must come back to a stranger and to a carrier, and why that is what the RFC asks of us. None: silence.
EXPECTED: dict[str, tuple[int | None, int | None, str]] = {
    "wsinv": (481, 481, "valid; its To tag names a dialog that we do not have"),
    "intmeth": (400, 400, "DEVIATES: valid, but no NUL gets past us, even quoted; engines in C read no further"),
    "esc01": (407, 404, "valid"),
    "escnull": (401, 401, "valid"),
    "esc02": (405, 405, "valid, and no REGISTER"),
    "lwsdisp": (200, 200, "valid"),
    "longreq": (407, 404, "valid"),
    "dblreq": (401, 401, "the first is served, the rest of the datagram ignored"),
    "semiuri": (200, 200, "valid"),
    "transports": (200, 200, "valid"),
    "mpart01": (405, 405, "valid, a method not served"),
    "unreason": (None, None, "valid; a response nobody asked for"),
    "noreason": (None, None, "valid; a response nobody asked for"),
    "badinv01": (400, 400, "separators without values"),
    "clerr": (400, 400, "Content-Length beyond the datagram"),
    "ncl": (400, 400, "Content-Length negative"),
    "scalar02": (400, 400, "numbers too large"),
    "scalarlg": (None, None, "a response with numbers too large is dropped"),
    "quotbal": (400, 400, "a quote that does not end"),
    "ltgtruri": (400, 400, "request URI in brackets"),
    "lwsruri": (400, 400, "request URI with spaces"),
    "lwsstart": (400, 400, "spaces in the start line"),
    "trws": (400, 400, "spaces at the end of the start line"),
    "escruri": (400, 400, "headers in the request URI"),
    "baddate": (407, 404, "a proxy may pass over a Date it cannot read"),
    "regbadct": (401, 401, "nobody is told about his Contact before he has said who he is"),
    "badaspec": (400, 400, "spaces inside the brackets"),
    "baddn": (200, 200, "a comma outside quotes; what is meant can be read all the same"),
    "badvers": (505, 505, "SIP/7.0"),
    "mismatch01": (400, 400, "CSeq names another method"),
    "mismatch02": (400, 400, "CSeq names another method, the other unknown"),
    "bigcode": (None, None, "a status beyond 699 is dropped"),
    "badbranch": (200, 200, "an empty branch counts as none"),
    "insuf": (None, None, "what a 400 is made of is missing"),
    "unkscm": (416, 416, "scheme unknown"),
    "novelsc": (416, 416, "scheme unknown"),
    "unksm2": (400, 400, "To and From that we cannot serve"),
    "bext01": (420, 420, "extensions that nobody supports"),
    "invut": (407, 404, "whether the body is understood is the callee's to say"),
    "regaut01": (401, 401, "an unknown scheme of credentials counts as none"),
    "multi01": (400, 400, "headers twice that may be there once"),
    "mcl01": (400, 400, "two Content-Lengths"),
    "bcast": (None, None, "a response whose next Via is a broadcast address goes nowhere"),
    "zeromf": (200, 200, "OPTIONS with no hops left may be answered by whoever it reached"),
    "cparam01": (401, 401, "valid"),
    "cparam02": (401, 401, "valid"),
    "regescrt": (401, 401, "valid"),
    "sdp01": (407, 404, "what the caller accepts is the callee's to look at"),
    "inv2543": (407, 404, "from before branches and tags"),
}  # fmt: skip


def office(net: Net) -> None:
    net.office(Model(trunks=(Trunk("main", CARRIER.host, calls_per_s=1e6, channels=10**6),),
                     dids=(Did(DID, "extension:101", channels=10**6),)))  # fmt: skip


def statuses(net: Net, source: Flow, data: bytes) -> list[int]:
    """What comes back; peers of old, and those that name another port, are answered at their Via."""
    heard: list[int] = []

    def take(raw: bytes) -> None:
        if raw.startswith(b"SIP/2.0 "):
            heard.append(int(raw.split(b" ", 2)[1]))

    for flow in {source, Flow("udp", source.host, 5060)}:
        net.wire.peers[flow] = take
    net.arrived(data, source)
    net.run(0.1)
    return heard


def test_the_catalogue_is_whole() -> None:
    assert len(EXPECTED) == 49 and EXPECTED.keys() == CAPTURES.keys()
    assert sum(not why.startswith("DEVIATES") for _, _, why in EXPECTED.values()) >= 45


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("source", [STRANGER, CARRIER], ids=["stranger", "carrier"])
def test_it_is_answered_as_specified_and_the_edge_lives(net: Net, name: str, source: Flow) -> None:
    office(net)
    worker = net.worker()
    expected = EXPECTED[name][source is CARRIER]
    heard = statuses(net, source, CAPTURES[name].read_bytes())
    assert heard == ([] if expected is None else [expected])
    assert not worker.raw
    alive = net.phone()
    answer = alive.send(alive.request("OPTIONS", "sip:acme.test", "1", "acme.test"))
    assert answer is not None and answer.status_code == 200


@pytest.mark.parametrize("name", ["esc01", "longreq", "baddate", "invut", "sdp01", "inv2543"])
def test_a_strange_but_valid_invite_of_a_carrier_reaches_a_worker_whole(net: Net, name: str) -> None:
    office(net)
    worker = net.worker()
    raw = CAPTURES[name].read_bytes()
    raw = re.sub(rb"^INVITE \S+", f"INVITE sip:{DID}@pbx".encode(), raw)
    if name == "longreq":  # longer than the engine reads: refused by us instead of dropped by it
        assert statuses(net, CARRIER, raw) == [100, 513] or worker.requests
        return
    assert statuses(net, CARRIER, raw)[-1] == 200
    assert worker.requests[0].body == raw.partition(b"\r\n\r\n")[2]


def flood(net: Net, whole: list[bytes], seed: int) -> None:
    """2000 mutilated INVITEs from strangers and from the carrier; a probe is answered all along."""
    chance = random.Random(seed)
    prober = Peer(net, Flow("udp", "192.0.2.200", 5060))
    for n in range(2000):
        host = CARRIER.host if n % 2 else f"203.0.{n // 250}.{n % 250}"
        net.arrived(mutilated(chance, whole), Flow("udp", host, 5060))
        net.run(0.01)
        if n % 100 == 0:
            answer = prober.send(prober.request("OPTIONS", "sip:acme.test", "1", "acme.test"), wait_s=2)
            assert answer is not None and answer.status_code == 200


def test_thousands_of_malformed_invites_leave_the_edge_alive_and_no_bigger(net: Net) -> None:
    """Promise 1: no probe missed, and a second equal run costs no more memory than the first."""
    office(net)
    worker = net.worker(capacity=10**6)
    worker.answer, worker.answer_headers = (lambda *_: 486), [("X-Call-Id", "c1")]
    invites = [path.read_bytes() for path in CAPTURES.values() if path.read_bytes().startswith(b"INVITE")]
    invites += [re.sub(rb"^INVITE \S+", f"INVITE sip:{DID}@pbx".encode(), raw) for raw in invites]
    sizes = []
    logging.disable(logging.WARNING)  # pytest keeps every line that is logged
    tracemalloc.start()
    try:
        for _ in range(2):
            flood(net, invites, seed=1)
            net.run(400)  # every transaction and every ban's window is over
            worker.requests.clear(), worker.raw.clear()
            net.wire.peers = {worker.flow: net.wire.peers[worker.flow]}
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        logging.disable(logging.NOTSET)
    assert sizes[1] <= sizes[0] * 1.2, sizes
    assert net.edge.pool.calls == 0 and net.edge.layer.count == 0
