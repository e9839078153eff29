"""Floods of digits dial nothing and leave no trace; a worker killed in any stage of calls leaves one record each."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbx_core.media import spool
from pbx_core.store.schema import agent, live_call, live_room, queue_call
from tests.support.intruder import Intruder, Leg
from tests.support.siege import Siege, answered, lasting, siege
from tests.support.waiting import until

pytestmark = pytest.mark.peers

MODEL = """
[recording]
internal = "always"
[outbound]
country = "KG"
international = true
countries = ["DE"]
verified = ["+996312880101"]
[extensions.101]
international = true
voicemail = false
[extensions.102]
ring_s = 5.0
[extensions.103]
voicemail = false
[extensions.104]
voicemail = false
[extensions.105]
voicemail = false
[trunks.main]
host = "127.0.0.3"
port = {port}
[menus.main]
greeting = ["tone:beep"]
direct = true
number = "300"
timeout_s = 10.0
[menus.main.keys]
1 = "extension:103"
2 = "voicemail:102"
3 = "menu:main"
[queues.help]
name = "Help"
number = "200"
agent_ring_s = 60.0
exit_key = "*"
on_exit = "voicemail:102"
callback_key = "1"
members = [{ number = "104", always = true }]
[rooms.600]
name = "Hall"
pin = "4711"
[rooms.601]
name = "Open hall"
"""
DIGITS = 400  # of each call's flood
FLOOD_S = DIGITS / 50


@pytest.fixture
def exchange(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Siege]:
    with siege(tmp_path, MODEL, slots=getattr(request, "param", 1), media_silence_s=8.0) as made:
        yield made


def voicemail(exchange: Siege, number: str) -> Leg:
    """A message is being left for 102."""
    leg = answered(exchange.phone(number).call("102"))
    until(
        lambda: [e for e in exchange.events() if e.type == "recording_started" and e.detail["kind"] == "voicemail"], 20
    )
    return leg


@pytest.mark.parametrize("exchange", [4], indirect=True)
def test_floods_of_digits_call_nobody_outside_and_are_written_nowhere(exchange: Siege) -> None:
    rng = random.Random(12)
    planted = "".join(rng.choice("456789") for _ in range(16))
    other = exchange.phone("105")
    legs = [
        answered(exchange.phone("101").call("105")),  # in a talk, with the right to transfer
        answered(exchange.phone("103").call("300")),
        answered(exchange.phone("104").call("601")),
        voicemail(exchange, "101"),
    ]
    assert other.incoming
    for leg in legs:
        leg.press(planted)
    until(lambda: not any(leg.digits for leg in legs if not leg.ended), 10)
    assert planted not in _written(exchange), "not even in the talk, between whose sides it passes"
    for leg in legs:
        leg.pause = 0
        leg.press("".join(rng.choices("0123456789*#", k=DIGITS)))
    until(lambda: not any(leg.digits for leg in legs if not leg.ended), FLOOD_S + 40)
    assert exchange.dialled() == []
    assert exchange.worker.row() is not None
    for leg in legs:
        if not leg.ended:
            leg.bye()
    for phone in exchange.peers:
        phone.vanish()
    until(lambda: exchange.rows(live_call) == [], 60, what="the end of all calls")
    assert len({c.call_id for c in exchange.cdrs()}) == len(exchange.cdrs()) >= len(legs)


@pytest.mark.parametrize("place", ["300", "200", "600", "*97"])
def test_ten_thousand_keys_by_info_end_with_the_caller(exchange: Siege, place: str) -> None:
    rng = random.Random(place)
    bob = exchange.phone("102")
    leg = answered(bob.call(place))
    for key in rng.choices("0123456789*#", k=2500):
        if leg.ended:
            break
        leg.inform(key)
        if leg.cseq % 50 == 0:
            until(lambda: len(leg.answers) > leg.cseq - 200 or leg.ended, 20)
    assert exchange.dialled() == []
    if not leg.ended:
        leg.bye()
    until(lambda: exchange.rows(live_call) == [], 60, what="the end of the call")
    assert exchange.worker.row() is not None
    assert exchange.dialled() == []


def _written(exchange: Siege) -> str:
    """Everything in journals, logs and database; read by another process, as this one has the database open
    (docs/decisions/0016)."""
    what = ["find", exchange.worker.directory, "-type", "f", "!", "-name", "*.wav", "-exec", "cat", "{}", "+"]
    return subprocess.run(what, capture_output=True, check=True).stdout.decode("latin-1")


def in_menu(exchange: Siege, number: str) -> Leg:
    return answered(exchange.phone(number).call("300"))


def in_conference(exchange: Siege, number: str) -> Leg:
    leg = answered(exchange.phone(number).call("601"))
    until(lambda: exchange.rows(live_room))
    return leg


def in_queue(exchange: Siege, number: str) -> Leg:
    helper: Intruder = exchange.phone("104")
    helper.status = 180
    leg = answered(exchange.phone(number).call("200"))
    until(lambda: helper.incoming and [a for a in exchange.rows(agent) if a.offer_id], 15)
    return leg


@pytest.mark.parametrize(
    ("first", "second"), [(in_queue, voicemail), (in_menu, in_conference)], ids=["queue-voicemail", "menu-conference"]
)
def test_a_worker_killed_leaves_one_record_of_each_call_and_nobody_engaged(
    exchange: Siege, first: object, second: object
) -> None:
    assert callable(first) and callable(second)
    first(exchange, "101")
    second(exchange, "103")
    lasting(2.0)
    assert len(until(lambda: len(r := exchange.rows(live_call)) == 2 and r)) == 2
    exchange.worker.kill()
    assert exchange.cdrs() == []
    exchange.worker.start()
    records = until(lambda: len(found := exchange.cdrs()) >= 2 and found, 15)
    lasting(1.0)
    assert len(exchange.cdrs()) == 2 and all(c.aborted and c.cause == "worker died" for c in records)
    until(lambda: not any(exchange.rows(t) for t in (live_call, live_room, queue_call)), 10, what="rows gone")
    until(lambda: not [a for a in exchange.rows(agent) if a.offer_id or a.entry_id], 10, what="the agent is free")
    if second is voicemail:
        (kept,) = [c for c in records if c.recording_id]
        folder = exchange.worker.spooled(kept)
        end = spool.read_end(folder)
        assert end is not None and end.aborted
        assert (folder / spool.CALLER_WAV).stat().st_size > 16_000, "the message until a second before"
