"""A real SIP phone for tests: baresip, headless, steered over its control socket.

    with Baresip(tmp_path / "alice", [Account("101", "acme.test", "pw-acme.test-101", edge_port)]) as alice:
        alice.wait_registered()
        alice.dial("sip:102@acme.test")
        alice.wait_event("CALL_ESTABLISHED")
        alice.hangup()

What it says lies in `heard`, mono WAV files of what it received and sent (`dump-*-dec.wav`, `dump-*-enc.wav`).
"""

from __future__ import annotations

import json
import math
import shutil
import signal
import socket
import struct
import subprocess
import threading
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.ports import free_port, free_range
from tests.support.waiting import until

BINARY = shutil.which("baresip")
MODULES = ("/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules", "/usr/local/lib/baresip/modules")

_CONFIG = """\
sip_listen {host}:0
sip_verify_server no
net_interface {host}
call_max_calls 8
audio_player aubridge,sink
audio_alert aubridge,sink
audio_source aufile,{audio}
ausrc_srate 8000
auplay_srate 8000
audio_channels 1-1
rtp_ports {rtp_first}-{rtp_last}
jitter_buffer_delay 1-5
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
{dump}
module_tmp uuid.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {directory}
{extra}
"""


@dataclass(frozen=True)
class Account:
    """One line of baresip's accounts file. `edge` is the host the phone talks to; `more` goes to the end verbatim."""

    user: str
    domain: str
    password: str
    port: int
    transport: str = "udp"
    edge: str = "127.0.0.1"
    display_name: str = ""
    expires_s: int = 600
    answer: str = "manual"  # or auto
    more: str = ""

    def line(self) -> str:
        """The accounts file's syntax: name-addr, then parameters."""
        name = f'"{self.display_name}" ' if self.display_name else ""
        return (
            f"{name}<sip:{self.user}@{self.domain};transport={self.transport}>"
            f';auth_user={self.user};auth_pass={self.password};outbound="sip:{self.edge}:{self.port};'
            f'transport={self.transport}";regint={self.expires_s};answermode={self.answer};audio_codecs=PCMU,PCMA'
            f"{self.more}\n"
        )


class Baresip:
    """One baresip process with its own directory. Events arrive in `events`, its output in `lines`."""

    def __init__(
        self,
        directory: Path,
        accounts: Sequence[Account],
        *,
        audio_file: Path | None = None,
        host: str = "127.0.0.1",
        extra_config: str = "",
        dump_audio: bool = True,
    ) -> None:
        """Start it. `audio_file`: 8 kHz mono WAV, the microphone, played once; none: 60 s of a quiet 440 Hz tone."""
        assert BINARY, "baresip is not installed"
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.accounts = list(accounts)
        self.events: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self._answers: list[dict[str, Any]] = []
        audio = audio_file or _tone(directory / "microphone.wav")
        control = free_port()
        rtp_first = free_range(40)
        (directory / "config").write_text(
            _CONFIG.format(
                host=host,
                audio=audio,
                control=control,
                modules=next((m for m in MODULES if Path(m).is_dir()), MODULES[0]),
                directory=directory,
                rtp_first=rtp_first,
                rtp_last=rtp_first + 39,
                dump="module sndfile.so" if dump_audio else "",
                extra=extra_config,
            )
        )
        (directory / "accounts").write_text("".join(a.line() for a in accounts))
        (directory / "contacts").touch()
        self.process = subprocess.Popen(
            [BINARY, "-4", "-f", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        threading.Thread(target=self._read_output, daemon=True).start()
        self._socket = until(lambda: self._connect(control), 10, what="baresip's control socket")
        threading.Thread(target=self._read_events, daemon=True).start()

    def _connect(self, port: int) -> socket.socket | None:
        assert self.process.poll() is None, "baresip ended: " + "\n".join(self.lines)
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=2)
        except OSError:
            return None

    def _read_output(self) -> None:
        assert self.process.stdout
        for raw in self.process.stdout:
            self.lines.append(raw.decode(errors="replace").rstrip())

    def _read_events(self) -> None:
        self._socket.settimeout(None)
        buffer = b""
        while True:
            try:
                chunk = self._socket.recv(65536)
            except OSError:
                return
            if not chunk:
                return
            buffer += chunk
            while b":" in buffer:  # netstrings: length ":" bytes ","
                length, _, rest = buffer.partition(b":")
                if len(rest) < int(length) + 1:
                    break
                body, buffer = rest[: int(length)], rest[int(length) + 1 :]
                message = json.loads(body.decode(errors="replace"), strict=False)
                (self.events if message.get("event") else self._answers).append(message)

    def command(self, name: str, params: str = "") -> None:
        """Give a command of baresip's menu (`dial`, `accept`, `hangup`, `hold`, …)."""
        body = json.dumps({"command": name, "params": params, "token": str(len(self._answers))}).encode()
        self._socket.sendall(b"%d:%s," % (len(body), body))

    def types(self) -> list[str]:
        """The types of all events so far, in order: REGISTER_OK, CALL_RINGING, CALL_INCOMING, CALL_CLOSED, …"""
        return [str(e.get("type")) for e in list(self.events)]

    def wait_event(self, kind: str, timeout_s: float = 15.0, count: int = 1) -> dict[str, Any]:
        """The `count`-th event of this type; AssertionError with the phone's output when it does not come."""

        def found() -> dict[str, Any] | None:
            matching = [e for e in list(self.events) if e.get("type") == kind]
            return matching[count - 1] if len(matching) >= count else None

        try:
            return until(found, timeout_s)
        except AssertionError:
            seen = [(e.get("type"), e.get("param")) for e in self.events]
            raise AssertionError(f"no {kind} x{count}; events {seen}; output {self.lines[-30:]}") from None

    def wait_registered(self, timeout_s: float = 15.0) -> None:
        """Until every account is registered (the first registration is over before the control socket listens)."""
        for account in self.accounts:
            name = f"{account.user}@{account.domain}: "
            until(
                lambda name=name: any(name in line and " 200 OK " in line for line in list(self.lines)),
                timeout_s,
                what=f"registration of {name}{self.lines[-3:]}",
            )

    def dial(self, uri: str) -> None:
        """Place a call."""
        self.command("dial", uri)

    def answer(self) -> None:
        """Answer the ringing call; wait_event("CALL_INCOMING") first."""
        self.command("accept")

    def hangup(self) -> None:
        """End or refuse the current call."""
        self.command("hangup")

    def heard(self) -> list[Path]:
        """WAV files of what the phone received, one per call, oldest first; complete once the call is over."""
        return sorted(self.directory.glob("dump-*-dec.wav"), key=lambda p: p.stat().st_mtime)

    def kill(self) -> None:
        """Vanish without a word (SIGKILL)."""
        self.process.kill()
        self.process.wait(10)

    def close(self) -> None:
        """End as a phone that is switched off: un-registers, hangs up."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self._socket.close()

    def __enter__(self) -> Baresip:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def _tone(path: Path, seconds: int = 60) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        period = b"".join(struct.pack("<h", int(8000 * math.sin(2 * math.pi * 11 * n / 200))) for n in range(200))
        out.writeframes(period * (40 * seconds))
    return path
