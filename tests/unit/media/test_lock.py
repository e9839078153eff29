"""The kernel's filter on a leg's ports, with real sockets on two addresses of this machine."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pbx_core.media.lock import Lock, host, port
from pbx_core.store.engine import open_engine

PHONE, STRANGER = "127.0.0.1", "127.0.0.66"


@pytest.fixture
def ours() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(0.5)
        yield made


def arrives(ours: socket.socket, source: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((source, 0))
        peer.sendto(b"sound", ours.getsockname())
        try:
            return ours.recvfrom(100)[1][0] == source
        except TimeoutError:
            return False


def locked(ours: socket.socket, told: str, came: str) -> Lock:
    lock = Lock()
    lock.moved(told)
    lock.heard(came, frozenset({ours.getsockname()[1]}))
    return lock


def test_after_the_first_sound_only_its_host_is_heard(ours: socket.socket) -> None:
    assert arrives(ours, PHONE) and arrives(ours, STRANGER)
    locked(ours, "192.168.1.7", PHONE)  # behind NAT: it names an address of its own network
    assert arrives(ours, PHONE) and not arrives(ours, STRANGER)


def test_a_new_description_with_another_host_opens_it_until_sound_comes(ours: socket.socket) -> None:
    lock = locked(ours, PHONE, PHONE)
    lock.moved(PHONE)
    lock.moved("0.0.0.0")
    assert not arrives(ours, STRANGER), "the same host, or a hold of the old kind"
    lock.moved("192.0.2.7")
    assert arrives(ours, STRANGER) and arrives(ours, PHONE)
    lock.heard(STRANGER, frozenset({ours.getsockname()[1]}))
    assert arrives(ours, STRANGER) and not arrives(ours, PHONE)


@pytest.mark.parametrize("came", ["", "0.0.0.0", "::1", "nonsense"])
def test_what_is_no_source_locks_nothing(ours: socket.socket, came: str) -> None:
    locked(ours, PHONE, came)
    assert arrives(ours, STRANGER)


def test_other_ports_are_left_alone(ours: socket.socket) -> None:
    Lock().heard(PHONE, frozenset({1}))
    assert arrives(ours, STRANGER)


def test_the_engines_names() -> None:
    assert (host("192.0.2.1:4000"), port("192.0.2.1:4000")) == ("192.0.2.1", 4000)
    assert (host(""), port("")) == ("", 0)


OTHER = """
import sys
from sqlalchemy.exc import OperationalError
from pbx_core.store.engine import open_engine
with open_engine(sys.argv[1]).connect() as connection:
    connection.exec_driver_sql("PRAGMA busy_timeout=100")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        print(error.orig)
"""


def test_a_transaction_of_another_thread_keeps_its_lock(tmp_path) -> None:
    """Two that write at once would put pages of one table into another."""
    url = f"sqlite:///{tmp_path / 'a.sqlite'}"
    db = open_engine(url)
    with db.connect() as connection, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.1", 0))
        connection.exec_driver_sql("CREATE TABLE t (a)")
        connection.commit()
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        Lock().heard("127.0.0.1", frozenset({ours.getsockname()[1]}))
        done = subprocess.run([sys.executable, "-c", OTHER, url], capture_output=True, text=True, check=True)
        assert done.stdout == "database is locked\n"
    db.dispose()
