"""sipp as a foreign phone: registers, calls, answers, sends sound. Scenarios are written here as text, run as is."""

from __future__ import annotations

import csv
import math
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

SDP = """v=0
o=user1 53655765 2353687637 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15"""

_HEAD = """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:[field0]@[field3]>;tag=[pid]SIPp[call_number]
To: <sip:{to}@[field3]>{tag}
Call-ID: [call_id]
Contact: <sip:[field0]@[local_ip]:[local_port]>
Max-Forwards: 70
User-Agent: sipp v3.6
"""


def _send(text: str, extra: str = "") -> str:
    return f"<send {extra}><![CDATA[\n{text}\n]]></send>\n"


def _request(method: str, uri: str, cseq: int, *, to: str, tag: str = "", headers: str = "", body: str = "") -> str:
    head = _HEAD.format(to=to, tag=tag)
    content = f"Content-Type: application/sdp\nContent-Length: [len]\n\n{body}" if body else "Content-Length: 0\n"
    return f"{method} {uri} SIP/2.0\n{head}CSeq: {cseq} {method}\n{headers}{content}"


AUTH = "[field2]\n"  # sipp takes the keyword only whole, from the injection file


def row(number: str, callee: str, password: str, domain: str) -> tuple[str, ...]:
    """One line of the injection file."""
    return number, callee, f"[authentication username={number} password={password}]", domain


def register_scenario(expires_s: int = 600) -> str:
    """Rows of `row()`."""
    one = _request("REGISTER", "sip:[field3]", 1, to="[field0]", headers=f"Expires: {expires_s}\n")
    two = _request("REGISTER", "sip:[field3]", 2, to="[field0]", headers=f"{AUTH}Expires: {expires_s}\n")
    return _scenario(
        _send(one, 'retrans="500"')
        + '<recv response="401" auth="true"/>\n'
        + _send(two, 'retrans="500"')
        + '<recv response="200"/>\n'
    )


def call_scenario(talk_ms: int, sound: Path) -> str:
    """Invite field1 with digest, send the sound while talking, hang up. Rows of `row()`."""
    uri = "sip:[field1]@[field3]"
    ack_407 = (
        "ACK sip:[field1]@[field3] SIP/2.0\n[last_Via:]\n"
        "From: <sip:[field0]@[field3]>;tag=[pid]SIPp[call_number]\n[last_To:]\nCall-ID: [call_id]\n"
        "CSeq: 1 ACK\nMax-Forwards: 70\nContent-Length: 0\n"
    )
    in_dialog = (
        "{method} [next_url] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n[routes]\n"
        "From: <sip:[field0]@[field3]>;tag=[pid]SIPp[call_number]\n"
        "To: <sip:[field1]@[field3]>[peer_tag_param]\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n"
        "Max-Forwards: 70\nContent-Length: 0\n"
    )
    return _scenario(
        _send(_request("INVITE", uri, 1, to="[field1]", body=SDP), 'retrans="500"')
        + '<recv response="100" optional="true"/>\n<recv response="407" auth="true"/>\n'
        + _send(ack_407)
        + _send(_request("INVITE", uri, 2, to="[field1]", headers=AUTH, body=SDP), 'retrans="500" start_rtd="setup"')
        + '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n'
        + '<recv response="183" optional="true"/>\n<recv response="200" rtd="setup" rrs="true"/>\n'
        + _send(in_dialog.format(method="ACK", cseq=2))
        + '<nop><action><log message="answered [field0]"/></action></nop>\n'
        + f'<nop><action><exec rtp_stream="{sound},-1,0"/></action></nop>\n'
        + f'<pause milliseconds="{talk_ms}"/>\n'
        + _send(in_dialog.format(method="BYE", cseq=3), 'retrans="500"')
        + '<recv response="200"/>\n'
    )


def answer_scenario(sound: Path, ring_ms: int = 50) -> str:
    """Ring, answer, send the sound until the other side hangs up."""
    reply = (
        "SIP/2.0 {status}\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n[last_To:]{tag}\n"
        "[last_Call-ID:]\n[last_CSeq:]\n"
        "Contact: <sip:[local_ip]:[local_port];transport=[transport]>\n"
    )
    tag = ";tag=[pid]SIPpTag[call_number]"
    ok = reply.format(status="200 OK", tag=tag) + f"Content-Type: application/sdp\nContent-Length: [len]\n\n{SDP}"
    bye = reply.format(status="200 OK", tag="") + "Content-Length: 0\n"
    return _scenario(
        '<recv request="INVITE" rrs="true"/>\n'
        + _send(reply.format(status="180 Ringing", tag=tag) + "Content-Length: 0\n")
        + f'<pause milliseconds="{ring_ms}"/>\n'
        + _send(ok, 'retrans="500"')
        + '<recv request="ACK" rtd="true"/>\n'
        + f'<nop><action><exec rtp_stream="{sound},-1,0"/></action></nop>\n'
        + '<recv request="BYE"/>\n'
        + _send(bye)
    )


def call_in_scenario(number: str, did: str, keys: str = "", before_ms: int = 2000, talk_ms: int = 3000) -> str:
    """A carrier's call from `number` to `did` without credentials; keys go as INFO after before_ms each, then talk_ms
    of sound and BYE."""
    uri = f"sip:{did}@[remote_ip]:[remote_port]"
    head = (
        f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
        f"From: <sip:{number}@[local_ip]>;tag=[pid]SIPp[call_number]\nTo: <{uri}>{{tag}}\nCall-ID: [call_id]\n"
        "Contact: <sip:carrier@[local_ip]:[local_port]>\nMax-Forwards: 70\n"
    )
    invite = f"INVITE {uri} SIP/2.0\n{head.format(tag='')}CSeq: 1 INVITE\nContent-Type: application/sdp\n"
    tagged = head.format(tag="[peer_tag_param]")
    ack = f"ACK [next_url] SIP/2.0\n{tagged}[routes]\nCSeq: 1 ACK\nContent-Length: 0\n"
    body = ""
    for n, key in enumerate(keys):
        info = f"INFO [next_url] SIP/2.0\n{tagged}[routes]\nCSeq: {2 + n} INFO\nContent-Type: application/dtmf-relay\n"
        body += f'<pause milliseconds="{before_ms}"/>\n'
        body += _send(f"{info}Content-Length: [len]\n\nSignal={key}\nDuration=100", 'retrans="500"')
        body += '<recv response="200"/>\n'
    bye = f"BYE [next_url] SIP/2.0\n{tagged}[routes]\nCSeq: 90 BYE\nContent-Length: 0\n"
    return _scenario(
        _send(f"{invite}Content-Length: [len]\n\n{SDP}", 'retrans="500"')
        + '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n'
        + '<recv response="183" optional="true"/>\n<recv response="200" rrs="true"/>\n'
        + _send(ack)
        + body
        + f'<pause milliseconds="{talk_ms}"/>\n'
        + _send(bye, 'retrans="500"')
        + '<recv response="200"/>\n'
    )


def refuse_scenario(status: str) -> str:
    """Answer every INVITE with a final failure."""
    reply = (
        f"SIP/2.0 {status}\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]SIPpTag[call_number]\n"
        "[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n"
    )
    return _scenario('<recv request="INVITE"/>\n' + _send(reply) + '<recv request="ACK"/>\n')


def _scenario(body: str) -> str:
    return f'<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="callbench">\n{body}</scenario>\n'


def tone(path: Path, hertz: float, seconds: float = 10.0) -> Path:
    """A raw μ-law file with a tone that comes and goes (half a second each), for rtp_stream. ITU-T G.711."""
    samples = bytearray()
    for n in range(int(8000 * seconds)):
        on = (n // 4000) % 2 == 0
        samples.append(mu_law(int(9000 * math.sin(2 * math.pi * hertz * n / 8000)) if on else 0))
    path.write_bytes(bytes(samples))
    return path


def mu_law(sample: int) -> int:
    sign = 0x80 if sample < 0 else 0
    value = min(abs(sample), 32635) + 132
    exponent = max(0, value.bit_length() - 8)
    return ~(sign | exponent << 4 | (value >> (exponent + 3)) & 0x0F) & 0xFF


@dataclass
class Sipp:
    """One sipp process. `lines` are the rows of its injection file, `port` its SIP port on 127.0.0.1."""

    directory: Path
    name: str
    scenario: str
    port: int
    edge_port: int
    lines: list[tuple[str, ...]] = field(default_factory=list)
    calls: int | None = None
    rate: float = 5.0
    at_once: int = 100
    media_port: int | None = None
    options: tuple[str, ...] = ()
    address: str = "127.0.0.1"

    def start(self) -> subprocess.Popen[bytes]:
        """Run it in the background; its statistics go to <name>.csv, errors to <name>.err."""
        self.directory.mkdir(parents=True, exist_ok=True)
        scenario = self.directory / f"{self.name}.xml"
        scenario.write_text(self.scenario)
        command = [
            "sipp", f"127.0.0.1:{self.edge_port}", "-sf", str(scenario), "-i", self.address, "-mi", self.address,
            "-p", str(self.port), "-r", str(self.rate), "-l", str(self.at_once), "-nostdin", "-skip_rlimit",
            "-trace_err", "-error_file", str(self.directory / f"{self.name}.err"),
            "-trace_stat", "-stf", str(self.directory / f"{self.name}.csv"), "-fd", "1",
            "-trace_rtt", "-rtt_freq", "1",
            "-trace_logs", "-log_file", str(self.directory / f"{self.name}.log"), *self.options,
        ]  # fmt: skip
        if self.media_port:
            command += ["-mp", str(self.media_port)]
        if self.lines:
            injection = self.directory / f"{self.name}.inf"
            injection.write_text("SEQUENTIAL\n" + "".join(";".join(line) + "\n" for line in self.lines))
            command += ["-inf", str(injection)]
        if self.calls is not None:
            command += ["-m", str(self.calls)]
        log = (self.directory / f"{self.name}.out").open("wb")
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.directory)

    def statistics(self) -> dict[str, str]:
        """The last row of the statistics file, by column name."""
        with (self.directory / f"{self.name}.csv").open() as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        return rows[-1]

    def answered(self) -> list[str]:
        """The numbers of the callers whose calls were answered, as the calling phone saw it."""
        path = self.directory / f"{self.name}.log"
        return (
            [line.split()[-1] for line in path.read_text().splitlines() if "answered" in line] if path.exists() else []
        )

    def setup_ms(self) -> list[float]:
        """Milliseconds from the authenticated INVITE to its 200, one per call."""
        found = []
        for path in self.directory.glob(f"{self.name}_*_rtt.csv"):
            with path.open() as file:
                found += [float(r[1]) for r in list(csv.reader(file, delimiter=";"))[1:] if r[2:3] == ["setup"]]
        return found
