"""A phone of others that consults before it transfers: linphonec, headless, steered by its prompt.

    with Linphone(tmp_path / "bob", "102", "acme.test", "password", edge_port, microphone) as bob:
        first = bob.wait_incoming()
        bob.command("answer")
        bob.wait_line("Call 1 with .* connected")
        bob.command("pause")
        second = bob.dial("sip:103@acme.test")
        bob.command("transfer 1 --to-call 2")

Its log with every message lies in `linphone.log` of its directory.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from pathlib import Path
from types import TracebackType

from tests.support.ports import free_port, free_range
from tests.support.waiting import until

BINARY = shutil.which("linphonec")
RTP_PORTS = 20

_CONFIG = """\
[sip]
bind_address=127.0.0.1
sip_port={port}
sip_tcp_port=0
sip_tls_port=0
use_ipv6=0
default_proxy=0
[rtp]
bind_address=127.0.0.1
audio_rtp_port={rtp_first}-{rtp_last}
[sound]
echocancellation=0
[auth_info_0]
username={user}
passwd={password}
realm={domain}
[proxy_0]
reg_proxy=<sip:127.0.0.1:{edge_port};transport=udp>
reg_route=<sip:127.0.0.1:{edge_port};transport=udp;lr>
reg_identity=sip:{user}@{domain}
reg_expires=600
reg_sendregister=1
"""


class Linphone:
    """One linphonec process, registered, with a home of its own. What it says at its prompt arrives in `lines`."""

    def __init__(
        self, directory: Path, user: str, domain: str, password: str, edge_port: int, microphone: Path
    ) -> None:
        """`microphone`: 8 kHz mono WAV that it speaks over and over."""
        assert BINARY, "linphonec is not installed"
        (directory / ".local/share/linphone").mkdir(parents=True)  # without it its core does not start
        rtp = free_range(RTP_PORTS)
        names = {"user": user, "domain": domain, "password": password, "edge_port": edge_port}
        config = directory / "linphonerc"
        config.write_text(_CONFIG.format(port=free_port(), rtp_first=rtp, rtp_last=rtp + RTP_PORTS - 1, **names))
        self.lines: list[str] = []
        self._log = directory / "linphone.log"
        self.process = subprocess.Popen(
            [BINARY, "-d", "6", "-l", str(self._log), "-c", str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # as root it would take real-time priority 99 and starve what it calls
            env={"HOME": str(directory), "PATH": os.environ["PATH"], "MS_TICKER_SCHEDPOLICY": "SCHED_OTHER"},
            cwd=directory,
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.command("soundcard use files")
        self.command(f"play {microphone}")
        until(lambda: self.messages(r"SIP/2\.0 200 OK\n(?:.+\n)*CSeq: \d+ REGISTER"), 15, what="its registration")

    def _read(self) -> None:
        assert self.process.stdout
        for raw in self.process.stdout:
            self.lines.append(raw.decode(errors="replace").rstrip())

    def command(self, text: str) -> None:
        """A line at its prompt."""
        assert self.process.stdin
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def wait_line(self, pattern: str, timeout_s: float = 15.0) -> re.Match[str]:
        """The first line in which the pattern is found; AssertionError with all lines when none comes."""
        try:
            return until(lambda: next((m for x in list(self.lines) if (m := re.search(pattern, x))), None), timeout_s)
        except AssertionError:
            raise AssertionError(f"never said {pattern!r}: {self.lines}") from None

    def wait_incoming(self) -> str:
        """Its number of the call that comes in."""
        return self.wait_line(r"new incoming call from .*, assigned id (\d+)")[1]

    def dial(self, uri: str) -> str:
        """Place a call; its number of it."""
        self.command(f"call {uri}")
        return self.wait_line(rf"call id to {re.escape(uri)}, assigned id (\d+)")[1]

    def messages(self, pattern: str) -> list[str]:
        """What it sent and received that fits."""
        return (
            re.findall(pattern, self._log.read_text(errors="replace").replace("\r", "")) if self._log.exists() else []
        )

    def close(self) -> None:
        """Switch it off."""
        if self.process.poll() is None:
            self.command("quit")
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)

    def __enter__(self) -> Linphone:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
