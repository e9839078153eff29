"""sipp in the edge's place: Alice's INVITE as the edge hands it to a worker, Bob behind the edge's internal port.

A scenario is put together from the small functions here: `alice(ring(), answered(), pause(2000), bye())`.
"""

from __future__ import annotations

import math
import subprocess
from dataclasses import dataclass
from pathlib import Path

PEER_S = 120  # then a peer gives up: its scenario did not come to its end
TENANT = "a" * 32
_VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]"
_ALICE = 'From: "Alice" <sip:101@acme.test>;tag=[pid]a[call_number]'
_DIALOG = "{method} [next_url] SIP/2.0\n" + _VIA + "\n[routes]\n{ends}\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n"
_ALICE_ENDS = _ALICE + "\nTo: <sip:102@acme.test>[peer_tag_param]"
_REPLY = "SIP/2.0 {status}\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n[last_To:]{tag}\n"
_REPLY += "[last_Call-ID:]\n[last_CSeq:]\n"
_CONTACT = "Contact: <sip:phone@[local_ip]:[local_port]>\nMax-Forwards: 70\n"
_TAG = ";tag=[pid]b[call_number]"


def sdp(direction: str = "sendrecv", version: int = 1) -> str:
    """G.711 A-law with telephone-event, headers of the body included."""
    body = (
        f"v=0\no=phone 1 {version} IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\n"
        "m=audio [rtpstream_audio_port] RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\n"
        f"a=fmtp:101 0-15\na={direction}"
    )
    return f"Content-Type: application/sdp\nContent-Length: [len]\n\n{body}\n"


NO_BODY = "Content-Length: 0\n\n"


def send(text: str, *, again: bool = False) -> str:
    """One message; `again`: retransmitted until answered."""
    retrans = ' retrans="500"' if again else ""
    return f"<send{retrans}><![CDATA[\n{text}\n]]></send>\n"


def receive(what: str, *, keep_route: bool = False, optional: bool = False, check: str = "") -> str:
    """A response code or a method. `check`: a regular expression that the message must match."""
    kind = "response" if what.isdigit() else "request"
    options = (' rrs="true"' if keep_route else "") + (' optional="true"' if optional else "")
    action = ""
    if check:
        action = (
            f'<action><ereg regexp="{check}" search_in="msg" check_it="true" assign_to="1"/>'
            '<log message="matched [$1]"/></action>'
        )
    return f'<recv {kind}="{what}"{options}>{action}</recv>\n'


def pause(ms: int) -> str:
    return f'<pause milliseconds="{ms}"/>\n'


def sound(path: Path) -> str:
    """Send a raw A-law file over and over, from now on."""
    return f'<nop><action><exec rtp_stream="{path},-1,8"/></action></nop>\n'


def silence() -> str:
    return '<nop><action><exec rtp_stream="pause"/></action></nop>\n'


def invite(*, headers: str = f"X-Tenant: {TENANT}\nX-Auth-User: 101\nX-Source: udp:192.0.2.7:5060\n") -> str:
    """Alice's INVITE as the edge hands it on."""
    return send(
        f"INVITE sip:102@acme.test SIP/2.0\n{_VIA}\nRecord-Route: <sip:[local_ip]:[local_port];lr>\n{_ALICE}\n"
        f"To: <sip:102@acme.test>\nCall-ID: [call_id]\nCSeq: 1 INVITE\n{_CONTACT}{headers}{sdp()}",
        again=True,
    )


FINAL = "X-Call-Id: [0-9a-f]{32}"  # marks an answer that the state machine decided


def progress() -> str:
    """Whatever provisional answers may come."""
    return "".join(receive(code, optional=True) for code in ("100", "180", "183"))


def refused(status: str, check: str = FINAL) -> str:
    """Alice is turned away with this status."""
    return progress() + receive(status, check=check) + ack_failure()


def talks(path: Path | None, ms: int) -> str:
    """Alice is answered and speaks for a while."""
    start = progress() + receive("200", keep_route=True, check=FINAL) + ack()
    return start + (sound(path) if path else "") + pause(ms)


def ack() -> str:
    return send(_DIALOG.format(method="ACK", cseq=1, ends=_ALICE_ENDS) + "Max-Forwards: 70\n" + NO_BODY)


def ack_failure() -> str:
    """ACK of a final failure (RFC 3261 17.1.1.3)."""
    return send(
        "ACK sip:102@acme.test SIP/2.0\n[last_Via:]\n[last_From:]\n[last_To:]\nCall-ID: [call_id]\n"
        "CSeq: 1 ACK\nMax-Forwards: 70\n" + NO_BODY
    )


def cancel() -> str:
    return send(
        f"CANCEL sip:102@acme.test SIP/2.0\n[last_Via:]\n{_ALICE}\nTo: <sip:102@acme.test>\nCall-ID: [call_id]\n"
        "CSeq: 1 CANCEL\nMax-Forwards: 70\n" + NO_BODY,
        again=True,
    )


def reinvite(direction: str, cseq: int) -> str:
    """Alice changes the direction of her sound and gets her answer."""
    text = _DIALOG.format(method="INVITE", cseq=cseq, ends=_ALICE_ENDS) + _CONTACT + sdp(direction, cseq)
    confirm = _DIALOG.format(method="ACK", cseq=cseq, ends=_ALICE_ENDS) + "Max-Forwards: 70\n" + NO_BODY
    return send(text, again=True) + receive("100", optional=True) + receive("200", keep_route=True) + send(confirm)


def info_digit(digit: str, cseq: int) -> str:
    """Alice sends a digit by INFO."""
    body = f"Content-Type: application/dtmf-relay\nContent-Length: [len]\n\nSignal={digit}\nDuration=160\n"
    text = _DIALOG.format(method="INFO", cseq=cseq, ends=_ALICE_ENDS) + "Max-Forwards: 70\n" + body
    return send(text, again=True) + receive("200")


def bye(cseq: int = 9) -> str:
    """Alice hangs up."""
    text = _DIALOG.format(method="BYE", cseq=cseq, ends=_ALICE_ENDS) + "Max-Forwards: 70\n" + NO_BODY
    return send(text, again=True) + receive("200")


def reply(status: str, *, tag: bool = False, body: str = NO_BODY, again: bool = False) -> str:
    """Answer the last request."""
    return send(_REPLY.format(status=status, tag=_TAG if tag else "") + _CONTACT + body, again=again)


def bye_of_bob() -> str:
    """Bob hangs up; his ACK must have been taken by `acknowledged`."""
    ends = "From:[$2]\nTo:[$3]"
    text = _DIALOG.format(method="BYE", cseq=1, ends=ends) + "Max-Forwards: 70\n" + NO_BODY
    return send(text, again=True) + receive("200")


def acknowledged() -> str:
    """Bob takes the ACK and remembers both ends for a request of his own."""
    return (
        '<recv request="ACK" rrs="true"><action>'
        '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="2"/>'
        '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="3"/>'
        '<log message="ends [$2] [$3]"/></action></recv>\n'
    )


def answers(path: Path | None, ring_ms: int = 100) -> str:
    """Bob rings, answers, speaks."""
    return (
        receive("INVITE", keep_route=True)
        + reply("180 Ringing", tag=True)
        + pause(ring_ms)
        + reply("200 OK", tag=True, body=sdp(), again=True)
        + acknowledged()
        + (sound(path) if path else "")
    )


def a_law_tone(path: Path, hertz: float, seconds: float = 10.0) -> Path:
    """A raw A-law file with a steady tone (ITU-T G.711)."""

    path.write_bytes(
        bytes(_a_law(int(8000 * math.sin(2 * math.pi * hertz * n / 8000))) for n in range(int(8000 * seconds)))
    )
    return path


def _a_law(sample: int) -> int:
    sign = 0x80 if sample >= 0 else 0
    value = min(sample if sample >= 0 else -sample - 1, 32767) >> 3
    exponent = max(0, value.bit_length() - 5)
    mantissa = (value >> max(1, exponent)) & 0x0F
    return (sign | exponent << 4 | mantissa) ^ 0x55


@dataclass
class Peer:
    """One sipp process on 127.0.0.1. `target` is empty for one that waits."""

    directory: Path
    name: str
    scenario: str
    port: int
    media_port: int
    target: str = ""
    calls: int = 1
    limit_s: int = PEER_S

    def start(self) -> subprocess.Popen[bytes]:
        """Run it; exit code 0 means that every message came as the scenario says."""
        path = self.directory / f"{self.name}.xml"
        path.write_text(
            f'<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="{self.name}">\n{self.scenario}</scenario>\n'
        )
        command = [
            "sipp", *([self.target] if self.target else []), "-sf", str(path), "-i", "127.0.0.1", "-mi", "127.0.0.1",
            "-p", str(self.port), "-mp", str(self.media_port), "-m", str(self.calls), "-nostdin", "-skip_rlimit",
            "-timeout", str(self.limit_s), "-timeout_error", "-rtp_payload", "8",
            "-trace_err", "-error_file", str(self.directory / f"{self.name}.err"),
            "-trace_msg", "-message_file", str(self.directory / f"{self.name}.msg"),
            "-trace_logs", "-log_file", str(self.directory / f"{self.name}.log"),
        ]  # fmt: skip
        out = (self.directory / f"{self.name}.out").open("wb")
        return subprocess.Popen(command, stdout=out, stderr=out, cwd=self.directory)
