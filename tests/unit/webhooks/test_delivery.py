"""Webhooks to a real HTTPS receiver: what arrives, what is repeated, who is left alone, where nobody goes."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from pbx_core.cli import callbench
from pbx_core.store import endpoints, outbox, services
from pbx_core.store.schema import audit, secret, webhook_event
from pbx_core.supervisor.supervisor import Supervisor, default_environment
from pbx_core.webhooks import post, retry
from tests.support.receiver import OK, receiving
from tests.support.waiting import until


def test_each_tenants_calls_reach_his_endpoints_once_and_signed(telling) -> None:
    world = telling.world
    before = telling.calls(world.acme, 2)
    telling.clock.turn(1)  # the fabricated calls before belong to the past
    mine, secret_of_mine = telling.endpoint(events=("call.ended",)), telling.secret
    telling.endpoint(world.birch, url=telling.receiver.url("/birch"))
    secret_of_birch = telling.secret
    telling.endpoint(events=("alert.raised",), url=telling.receiver.url("/other"))
    telling.clock.turn(1)
    ids = {"/hook": telling.calls(world.acme, 3), "/birch": telling.calls(world.birch, 2)}
    assert telling.gather() == 5 and telling.gather() == 0
    telling.send(2)
    got = telling.receiver.got
    for path, known in (("/hook", secret_of_mine), ("/birch", secret_of_birch)):
        here = [g for g in got if g.path == path]
        assert sorted(g.event["data"]["call_id"] for g in here) == sorted(ids[path])
        assert all(g.signed_with(known) for g in here)
        assert all(g.headers["webhook-id"] == g.event["id"] and g.event["type"] == "call.ended" for g in here)
        assert all(g.headers["content-type"] == "application/json" for g in here)
    assert len(got) == 5 and not any(g.signed_with(secret_of_birch) for g in got if g.path == "/hook")
    assert not any(i in {g.event["data"]["call_id"] for g in got} for i in before)
    assert telling.states(mine) == ["delivered"] * 3


def test_what_the_receiver_cannot_take_now_is_repeated_with_the_same_id(telling) -> None:
    endpoint = telling.endpoint()
    (_,) = telling.calls(telling.world.acme, 1)
    telling.gather()
    answers = iter([(503, {}), (429, {"Retry-After": "90"}), (500, {}), OK])
    telling.receiver.say = lambda _: next(answers)
    telling.send()
    telling.send()
    assert len(telling.receiver.got) == 1, "not again before its time"
    for seconds in (retry.DELAYS_S[0], 90.0, retry.DELAYS_S[2]):
        telling.clock.turn(seconds - 1)
        telling.send()
        seen = len(telling.receiver.got)
        telling.clock.turn(1.5)
        telling.send()
        assert len(telling.receiver.got) == seen + 1
    assert len(telling.receiver.ids()) == 4 and len(set(telling.receiver.ids())) == 1
    stamps = [int(g.headers["webhook-timestamp"]) for g in telling.receiver.got]
    assert stamps == sorted(set(stamps)) and all(g.signed_with(telling.secret) for g in telling.receiver.got)
    assert telling.states(endpoint) == ["delivered"] and telling.look(endpoint).failures == 0


def test_when_an_endpoint_is_back_everything_that_waits_goes_at_once(telling) -> None:
    telling.endpoint()
    telling.calls(telling.world.acme, 30)
    telling.gather()
    telling.receiver.say = lambda _: (500, {})
    for _ in range(6):
        telling.send()
        telling.clock.turn(retry.PAUSE_S_MAX)
    assert len(telling.receiver.got) == 6, "an endpoint that fails is tried with one event, then it rests"
    telling.receiver.say = lambda _: OK
    telling.clock.turn(3600)
    telling.send(3)
    assert len(set(telling.receiver.ids()[6:])) == 30


def test_gone_disables_and_so_do_twenty_refusals_with_a_reason_that_is_seen(telling) -> None:
    world = telling.world
    gone = telling.endpoint(url=telling.receiver.url("/gone"))
    wrong = telling.endpoint(url=telling.receiver.url("/wrong"))
    telling.receiver.say = lambda got: (410, {}) if got.path == "/gone" else (401, {})
    telling.calls(world.acme, 1)
    telling.gather()
    for _ in range(retry.REFUSALS_MAX + 3):
        telling.send()
        telling.clock.turn(retry.PAUSE_S_MAX)
        if _ < 3:
            telling.calls(world.acme, 1 + _)
            telling.gather()
    seen = telling.look(gone), telling.look(wrong)
    assert [e.state for e in seen] == ["disabled", "disabled"]
    assert "410" in seen[0].reason and "401" in seen[1].reason and "20 failures" in seen[1].reason
    paths = [g.path for g in telling.receiver.got]
    assert paths.count("/gone") == 1 and paths.count("/wrong") == retry.REFUSALS_MAX
    telling.receiver.say = lambda _: OK
    missed = telling.calls(world.acme, 9)
    assert telling.gather() == 0, "nothing is kept for whom nothing is sent to"
    telling.clock.turn(1)
    endpoints.enable(world.db, telling.clock, wrong.tenant_id, wrong.endpoint_id)
    telling.clock.turn(1)
    later = telling.calls(world.acme, 4)
    telling.gather()
    telling.clock.turn(retry.DELAYS_S[-1])
    telling.send(3)
    told = {g.event["data"]["call_id"] for g in telling.receiver.got[retry.REFUSALS_MAX + 1 :]}
    assert set(later) < told and told.isdisjoint(missed) and telling.look(wrong).state == "active"


def test_a_day_without_success_disables_and_what_is_too_old_is_given_up(telling) -> None:
    endpoint = telling.endpoint()
    telling.receiver.say = lambda _: (503, {})
    telling.calls(telling.world.acme, 1)
    telling.gather()
    for _ in range(12):
        telling.send()
        telling.clock.turn(retry.DELAYS_S[-1])
    assert telling.states(endpoint) == ["given_up"]
    telling.calls(telling.world.acme, 2)
    telling.gather()
    telling.send()
    seen = telling.look(endpoint)
    assert seen.state == "disabled" and "503" in seen.reason
    outbox.tidy(telling.world.db, telling.clock.now().timestamp() + retry.GIVE_UP_S + 1, retry.GIVE_UP_S)
    assert set(telling.states(endpoint)) == {"given_up"}


def test_a_redirect_is_not_followed(telling, tmp_path) -> None:
    with receiving(tmp_path / "inside", "hooks.test") as inside:
        telling.receiver.say = lambda _: (302, {"Location": inside.url("/secret")})
        endpoint = telling.endpoint()
        telling.calls(telling.world.acme, 1)
        telling.gather()
        telling.send(2)
        assert inside.connections == 0 and "302" in telling.look(endpoint).reason


def test_a_name_that_is_pointed_inside_later_reaches_nothing_there(telling, tmp_path) -> None:
    """DNS rebinding: public when it was registered, this machine when it is sent."""
    telling.sender._settings = telling.settings.model_copy(update={"webhook_networks": ()})
    endpoint = telling.endpoint()
    telling.calls(telling.world.acme, 1)
    telling.gather()
    inside = [["127.0.0.1"], ["169.254.169.254"], ["::ffff:127.0.0.1"], ["93.184.215.14", "127.0.0.1"]]
    telling.names.answers = [*inside, ["10.0.0.1"]]
    for _ in range(5):
        telling.send()
        telling.clock.turn(retry.DELAYS_S[-1] / 10)
    assert telling.names.asked >= 4 and telling.receiver.connections == 0
    assert "no public address" in telling.look(endpoint).reason


def test_a_name_is_asked_for_once_and_the_connection_goes_to_just_that_address(telling) -> None:
    """The name would lead elsewhere the moment after it was looked at: nobody asks again."""
    telling.endpoint()
    telling.calls(telling.world.acme, 1)
    telling.gather()
    telling.names.answers = [["127.0.0.1"], ["10.255.255.1"]]
    telling.send()
    assert telling.names.asked == 1 and len(telling.receiver.got) == 1


def test_a_certificate_of_another_name_or_authority_is_not_trusted(telling, tmp_path) -> None:
    with receiving(tmp_path / "stranger", "hooks.test") as stranger:
        unknown = telling.endpoint(url=stranger.url())
        misnamed = telling.endpoint(url=telling.receiver.url().replace("hooks.test", "other.test"))
        telling.calls(telling.world.acme, 1)
        telling.gather()
        telling.send()
        assert stranger.got == [] and telling.receiver.got == []
        assert all("certificate" in telling.look(e).reason for e in (unknown, misnamed))


@contextmanager
def rude(say: bytes, endless: bool) -> Iterator[int]:
    """A plain server that says this to everybody, again and again; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    peer = server.accept()[0]
                    peer.sendall(say)
                    while endless and not over.wait(0.02):
                        peer.sendall(say)
                    peer.close()
                except OSError:
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.mark.parametrize(
    ("say", "endless", "reason"),
    [
        (b"", True, "no answer within"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", True, "no answer within"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 4000, True, "not HTTP"),
        (b"SSH-2.0-OpenSSH\r\n", False, "not HTTP"),
        (b"", False, "not HTTP"),
    ],
)
def test_a_receiver_that_dawdles_or_talks_nonsense_holds_nobody_up(
    telling, monkeypatch, say: bytes, endless: bool, reason: str
) -> None:
    monkeypatch.setattr(post, "TOTAL_S", 0.5)
    with rude(say, endless) as port:
        endpoint = telling.endpoint(url=f"http://hooks.test:{port}/")
        well = telling.endpoint()
        telling.calls(telling.world.acme, 2)
        telling.gather()
        telling.send()
        seen = telling.look(endpoint).reason
        assert reason in seen or "not reached" in seen
        assert telling.states(well) == ["delivered"] * 2


def test_after_a_change_of_the_secret_both_sign_for_a_day(telling) -> None:
    endpoint, old = telling.endpoint(), telling.secret
    world = telling.world
    new = endpoints.rotate(world.db, telling.settings, telling.clock, endpoint.tenant_id, endpoint.endpoint_id)
    for n, both in enumerate((True, False)):
        telling.calls(world.acme, n + 1)
        telling.gather()
        telling.send()
        last = telling.receiver.got[-1]
        assert last.signed_with(new) and last.signed_with(old) is both
        telling.clock.turn(endpoints.OLD_SECRET_S + 1)
    with world.db.connect() as connection:
        kept = connection.scalars(sa.select(secret.c.sealed)).all()
        assert len(kept) == 2 and not any(text in row for row in kept for text in (old, new))


def test_killed_again_and_again_it_loses_nothing(telling, tmp_path) -> None:
    """The real process, kill -9 in the middle of its work; what comes twice has the same id."""
    world, total = telling.world, 60
    with receiving(tmp_path / "real") as receiver:
        endpoint = telling.endpoint(url=receiver.url(), events=("call.ended",))
        (world.settings.data / "callbench.toml").write_text(
            f'webhook_networks = ["127.0.0.0/8"]\nwebhook_tls_ca = "{receiver.authority}"\n'
        )
        rng = random.Random(3)
        ids = telling.calls(world.acme, total)
        command = [sys.executable, "-m", "pbx_core.cli", "--data", str(world.settings.data), "webhook", "deliver"]

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(command, env={**os.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        for share in (0.1, 0.4, 0.7):
            process = start()
            until(lambda s=share: len(receiver.got) >= total * s + rng.randrange(5), 30, 0.005)
            process.send_signal(signal.SIGKILL)
            process.wait()
        process = start()
        try:
            until(lambda: {g.event["data"]["call_id"] for g in receiver.got} == set(ids), 30)
            until(lambda: set(telling.states(endpoint)) == {"delivered"}, 30)
            board = until(lambda: [s for s in services.all_services(world.db) if s.name == "webhooks"], 10)
            assert board[0].pid == process.pid
        finally:
            process.terminate()
            assert process.wait(30) == 0
    assert len(set(receiver.ids())) == total


def test_while_there_is_an_endpoint_the_supervisor_runs_the_process(telling) -> None:
    db, said = telling.world.db, []
    boss = Supervisor(telling.world.settings, db, telling.clock, said.append, default_environment())
    telling.world.settings.logs_dir.mkdir(exist_ok=True)
    boss._tell()
    assert boss.detail()["processes"] == 0
    telling.endpoint(events=("call.started",))
    try:
        boss._tell()
        boss._tell()
        assert boss.detail()["processes"] == 1
        until(lambda: any(s.name == "webhooks" for s in services.all_services(db)), 30)
    finally:
        boss.stop()
    assert said == []


def test_the_commands_lead_from_an_endpoint_to_its_end(telling) -> None:
    world = telling.world
    with receiving(world.settings.data / "there") as receiver:
        (world.settings.data / "callbench.toml").write_text(
            f'webhook_networks = ["127.0.0.0/8"]\nwebhook_tls_ca = "{receiver.authority}"\n'
        )

        def do(*arguments: str, code: int = 0) -> str:
            done = CliRunner().invoke(callbench, ["--data", str(world.settings.data), "webhook", *arguments])
            if code >= 0:
                assert done.exit_code == code, done.output + str(done.exception)
            return done.output + str(done.exception or "")

        assert "no endpoints" in do("list", "--tenant", "acme.test")
        said = do("add", "--tenant", "acme.test", "--events", "call.ended", receiver.url()).splitlines()
        endpoint_id, known = said[0].split()[1], said[1]
        assert do("test", "--tenant", "acme.test", endpoint_id) == "Accepted with 200.\n"
        assert receiver.got[0].event["type"] == "webhook.test" and receiver.got[0].signed_with(known)
        assert receiver.url() in do("list", "--tenant", "acme.test") and known not in do(
            "list", "--tenant", "acme.test"
        )
        for command in ("test", "deliveries", "remove", "enable", "rotate"):
            assert "There is no endpoint" in do(command, "--tenant", "birch.test", endpoint_id, code=-1)
        receiver.say = lambda _: (404, {})
        assert "answered 404" in do("test", "--tenant", "acme.test", endpoint_id, code=1)
        telling.calls(world.acme, 1)
        telling.gather()
        assert "waiting" in do("deliveries", "--tenant", "acme.test", endpoint_id)
        assert "whsec_" in do("rotate", "--tenant", "acme.test", endpoint_id)
        do("remove", "--tenant", "acme.test", endpoint_id)
        for url in (
            "http://10.0.0.1/",
            "https://169.254.169.254/latest",
            "https://localhost.:1/",
            "file:///etc/passwd",
        ):
            do("add", "--tenant", "acme.test", url, code=-1)
        assert "no list of events" in do("add", "--tenant", "acme.test", "--events", "x", receiver.url(), code=-1)
        assert "no endpoints" in do("list", "--tenant", "acme.test")
    with world.db.connect() as connection:
        assert connection.scalars(sa.select(secret.c.name)).all() == []
        done = set(connection.scalars(sa.select(audit.c.action)).all())
        assert {"webhook_added", "webhook_secret_changed", "webhook_removed"} <= done


def test_a_tenant_has_few_endpoints_and_of_an_event_for_nobody_nothing_is_kept(telling) -> None:
    for _ in range(endpoints.ENDPOINTS_MAX):
        telling.endpoint(events=("alert.raised",))
    with pytest.raises(Exception, match="endpoints already"):
        telling.endpoint()
    telling.calls(telling.world.acme, 3)
    assert telling.gather() == 0
    with telling.world.db.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(webhook_event)) == 0
    assert ip_network("127.0.0.0/8") in telling.settings.webhook_networks
