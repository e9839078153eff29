"""A SIP peer that does what no phone does: forges, floods, injects sound, vanishes; phone or carrier as wanted."""

from __future__ import annotations

import itertools
import math
import os
import re
import secrets
import socket
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiosipua.headers import CaseInsensitiveDict
from aiosipua.message import SipMessage, SipRequest, SipResponse

from pbx_core.sip import message as sip
from pbx_core.sip import uac
from tests.support.sipp import mu_law
from tests.support.waiting import until

FRAME_S = 0.02
_counter = itertools.count(1)
_TARGET = re.compile(r"<([^>]*)>")


def tone(hertz: float) -> list[bytes]:
    """A second of it, in μ-law frames of 20 ms."""
    samples = bytes(mu_law(int(9000 * math.sin(2 * math.pi * hertz * n / 8000))) for n in range(8000))
    return [samples[n : n + 160] for n in range(0, 8000, 160)]


@dataclass
class Leg:
    """One dialog of an intruder's. `status` is the final answer to its INVITE, `early` what came before."""

    peer: Intruder
    call_id: str
    target: str
    ours: str  # From of what we send
    theirs: str  # To of what we send
    media: socket.socket
    invite: SipRequest
    routes: list[str] = field(default_factory=list)
    status: int = 0
    early: list[int] = field(default_factory=list)
    ended: bool = False
    cseq: int = 1
    remote: tuple[str, int] | None = None
    events: int = 101  # their payload type of digits
    talking: bool = False
    heard: int = 0  # RTP packets
    got: list[SipRequest] = field(default_factory=list)
    answers: list[SipResponse] = field(default_factory=list)
    digits: list[str] = field(default_factory=list)  # to be sent as RTP events, the next of them first
    gap: int = 0
    pause: int = 1  # frames between digits; 0: 50 digits a second
    stamp: int = 0
    sequence: int = 0

    def request(self, method: str, body: str = "", **headers: str) -> SipRequest:
        """The next request within the dialog; underscores for hyphens in the names of headers."""
        self.cseq += method != "ACK"
        return self.peer.build(
            method, self.target, self.ours, self.theirs, self.call_id, self.cseq, body, self.routes, headers
        )

    def send(self, method: str, body: str = "", **headers: str) -> None:
        """Send it."""
        self.peer.put(self.request(method, body, **headers))

    def bye(self) -> None:
        """Hang up."""
        self.talking = False
        self.send("BYE")
        until(lambda: any(sip.cseq_of(a)[1] == "BYE" for a in self.answers), 5, what="an answer to BYE")
        self.ended = True

    def cancel(self) -> None:
        """Give up the INVITE."""
        self.peer.put(sip.cancel_for(self.invite))

    def hold(self) -> None:
        """Re-INVITE with sendonly."""
        self.send("INVITE", self.peer.sdp(self.media, "sendonly"), Content_Type="application/sdp")

    def press(self, digits: str) -> None:
        """Digits as RTP events (RFC 4733)."""
        self.digits += digits

    def inform(self, digit: str) -> None:
        """A digit as INFO."""
        self.send("INFO", f"Signal={digit}\r\nDuration=100\r\n", Content_Type="application/dtmf-relay")

    def answered(self, method: str) -> list[int]:
        """Statuses of the final answers to our requests of this method."""
        return [a.status_code for a in self.answers if sip.cseq_of(a)[1] == method and a.status_code >= 200]


class Intruder:
    """One UDP socket with everything behind it. Calls that come in are answered with `status`."""

    def __init__(
        self,
        edge_port: int,
        number: str = "",
        password: str = "",
        domain: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.edge = ("127.0.0.1", edge_port)
        self.number, self.password, self.domain = number, password, domain
        self.status = 200
        self.silent = False  # vanished: hears nothing, says nothing
        self.incoming: list[Leg] = []
        self.refused: list[SipRequest] = []  # requests that came outside any dialog, and INVITEs
        self.legs: dict[str, Leg] = {}
        self.replies: list[SipResponse] = []  # to requests of no leg
        self._done: dict[str, SipResponse] = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.host, self.port = self.socket.getsockname()
        self._sound = tone(440.0)
        self._open = True
        self._threads = [threading.Thread(target=f, daemon=True) for f in (self._listen, self._media)]
        for thread in self._threads:
            thread.start()

    # what it sends

    def build(
        self, method: str, uri: str, ours: str, theirs: str, call_id: str, cseq: int, body: str = "",
        routes: list[str] | None = None, more: Mapping[str, str] | None = None,
    ) -> SipRequest:  # fmt: skip
        """A request of ours. `more`: header names with underscores."""
        headers = CaseInsensitiveDict()
        headers.append(
            "Via", f"SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bKi{os.getpid()}n{next(_counter)};rport"
        )
        for route in routes or []:
            headers.append("Route", route)
        headers.append("From", ours)
        headers.append("To", theirs)
        headers.append("Call-ID", call_id)
        headers.append("CSeq", f"{cseq} {method}")
        headers.append("Contact", f"<sip:{self.number or 'x'}@{self.host}:{self.port}>")
        headers.append("Max-Forwards", "70")
        for name, value in (more or {}).items():
            headers.set_single(name.replace("_", "-"), value)
        return SipRequest(headers=headers, body=body.encode(), method=method, uri=uri)

    def put(self, message: SipRequest | SipResponse) -> None:
        """Onto the wire, to the edge."""
        self.socket.sendto(bytes(message), self.edge)

    def sdp(self, media: socket.socket, direction: str = "sendrecv") -> str:
        """Our offer or answer: μ-law and events."""
        host, port = media.getsockname()
        return (
            f"v=0\r\no=- 1 {next(_counter)} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
            f"a=fmtp:101 0-15\r\na={direction}\r\n"
        )

    def register(self, expires_s: int = 600) -> None:
        """Sign in, or with 0 out, until it is granted."""
        name = f"<sip:{self.number}@{self.domain}>"
        call_id = secrets.token_hex(8)
        ours = f"{name};tag={secrets.token_hex(4)}"
        request = self.build("REGISTER", f"sip:{self.domain}", ours, name, call_id, 1, more={"Expires": str(expires_s)})
        challenge = self._ask(request)
        again = self.build("REGISTER", f"sip:{self.domain}", ours, name, call_id, 2, more={"Expires": str(expires_s)})
        assert self._ask(self._signed(again, challenge)).status_code == 200

    def _ask(self, request: SipRequest) -> SipResponse:
        self.put(request)
        wanted = (sip.header(request, "call-id"), sip.cseq_of(request))
        return until(
            lambda: next(
                (
                    r
                    for r in self.replies
                    if (sip.header(r, "call-id"), sip.cseq_of(r)) == wanted and r.status_code >= 200
                ),
                None,
            ),
            10,
            what=f"an answer to {request.method}",
        )

    def _signed(self, request: SipRequest, challenge: SipResponse) -> SipRequest:
        made = uac.answer(challenge, request, self.number, self.password, secrets.token_hex(8))
        assert made is not None
        request.headers.append(*made)
        return request

    def call(self, to: str, *, caller: str = "", **headers: str) -> Leg:
        """Send an INVITE; digest, ACKs and so on happen by themselves. `to`: a number, or a whole URI."""
        uri = to if ":" in to else f"sip:{to}@{self.domain or self.edge[0]}"
        ours = caller or f"<sip:{self.number}@{self.domain}>"
        ours += f";tag={secrets.token_hex(4)}"
        media = self._media_socket()
        call_id = headers.pop("Call_ID", "") or secrets.token_hex(8)
        body = self.sdp(media)
        more = {"Content_Type": "application/sdp", **headers}
        invite = self.build("INVITE", uri, ours, f"<{uri}>", call_id, 1, body, more=more)
        leg = self.legs[call_id] = Leg(self, call_id, uri, ours, f"<{uri}>", media, invite)
        self.put(invite)
        return leg

    def decided(self, leg: Leg, timeout_s: float = 25.0) -> int:
        """The final answer to a call; one that is heard early (words before a refusal) or answered is ended."""
        until(lambda: leg.status or [s for s in leg.early if s >= 180], timeout_s, what=f"an answer for {leg.target}")
        if not leg.status:
            leg.cancel()
        status = until(lambda: leg.status, timeout_s)
        if status == 200 and not leg.ended:
            leg.bye()
        return status

    def _media_socket(self) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        while True:
            made.bind((self.host, 0))
            if made.getsockname()[1] % 2 == 0:
                made.setblocking(False)
                return made
            made.close()
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def vanish(self) -> None:
        """From now on neither a word nor a sound."""
        self.silent = True

    def forged(self, request: SipRequest) -> SipRequest:
        """Somebody else's request, as if it were ours to send."""
        via = f"SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bKforged{os.getpid()}n{next(_counter)};rport"
        request.headers.get("via")[0] = via
        return request

    def close(self) -> None:
        """End."""
        self._open = False
        for leg in self.legs.values():
            leg.media.close()
        self.socket.close()

    # what it hears

    def _listen(self) -> None:
        while self._open:
            try:
                data = self.socket.recv(65536)
            except OSError:
                return
            if self.silent or len(data) < 20:
                continue
            try:
                message = SipMessage.parse(data)
            except ValueError:  # sound for whoever had this port before
                continue
            try:
                if isinstance(message, SipResponse):
                    self._response(message)
                else:
                    self._request(message)
            except OSError:  # closed meanwhile
                return

    def _response(self, response: SipResponse) -> None:
        leg = self.legs.get(sip.header(response, "call-id"))
        number, method = sip.cseq_of(response)
        if leg is None or method not in ("INVITE", "BYE", "INFO", "REFER", "CANCEL"):
            self.replies.append(response)
            return
        if method != "INVITE":
            leg.answers.append(response)
            return
        status = response.status_code
        if number != sip.cseq_of(leg.invite)[0] or leg.status == 200:  # a re-INVITE's
            if status >= 200:
                leg.answers.append(response)
                ack = leg.request("ACK")
                ack.headers.set_single("CSeq", f"{number} ACK")
                self.put(ack)
            return
        if status < 200:
            leg.early.append(status)
            return
        if status >= 300:
            self.put(sip.ack_for_failure(leg.invite, response))
            if status in (401, 407) and self.password and number == 1:
                leg.cseq = 2
                again = sip.clone(leg.invite)
                again.headers.set_single("CSeq", "2 INVITE")
                via = again.headers.get("via")
                via[0] = re.sub(r"branch=\w+", f"branch=z9hG4bKi{os.getpid()}n{next(_counter)}", via[0])
                leg.invite = self._signed(again, response)
                self.put(leg.invite)
                return
            leg.ended, leg.status = True, status
            return
        leg.theirs = sip.header(response, "to")
        leg.routes = list(reversed(response.headers.get("record-route")))
        leg.target = _contact(response) or leg.target
        leg.remote, leg.events = _where(response), _events(response)
        leg.talking = True
        self.put(leg.request("ACK"))
        leg.status = 200

    def _request(self, request: SipRequest) -> None:
        key = f"{sip.top_via(request).branch}{request.method}"
        leg = self.legs.get(sip.header(request, "call-id"))
        if request.method == "ACK":
            return
        if key in self._done:
            self.put(self._done[key])
            return
        if leg is not None:
            leg.got.append(request)
        status, body = 200, ""
        if request.method == "INVITE":
            status, body = self._rung(request, leg)
        elif request.method == "BYE" and leg is not None:
            leg.ended, leg.talking = True, False
        elif leg is None and request.method != "OPTIONS":
            self.refused.append(request)
        made = sip.response(request, status, f"t{self.port}")
        if request.method == "INVITE" and status == 200:
            for value in request.headers.get("record-route"):
                made.headers.append("Record-Route", value)
            made.headers.append("Contact", f"<sip:{self.host}:{self.port}>")
            made.headers.append("Content-Type", "application/sdp")
            made.body = body.encode()
            known = self.legs[sip.header(request, "call-id")]
            known.ours = sip.header(made, "to")
        self._done[key] = made
        self.put(made)

    def _rung(self, request: SipRequest, leg: Leg | None) -> tuple[int, str]:
        if leg is not None:  # a re-INVITE
            leg.remote = _where(request) or leg.remote
            return 200, self.sdp(leg.media)
        call_id = sip.header(request, "call-id")
        made = Leg(
            self, call_id, _contact(request), "", sip.header(request, "from"), self._media_socket(), request,
            list(request.headers.get("record-route")), remote=_where(request), status=self.status,
            events=_events(request),
        )  # fmt: skip
        self.incoming.append(made)
        if self.status == 200:
            self.legs[call_id] = made
            made.talking = True
        return self.status, self.sdp(made.media)

    # sound

    def _media(self) -> None:
        due = time.monotonic()
        n = 0
        while self._open:
            for leg in list(self.legs.values()):
                self._hear(leg)
                if leg.talking and leg.remote and not self.silent:
                    self._speak(leg, n)
            n += 1
            due = max(due + FRAME_S, time.monotonic() - 0.2)
            time.sleep(max(0.0, due - time.monotonic()))

    def _hear(self, leg: Leg) -> None:
        try:
            while leg.media.recv(2048):
                leg.heard += 1
        except OSError:
            pass

    def _speak(self, leg: Leg, n: int) -> None:
        leg.sequence += 1
        leg.stamp += 160
        try:
            if leg.digits and not leg.gap:
                event = "0123456789*#ABCD".index(leg.digits.pop(0))
                for end in (0, 0x80, 0x80):
                    payload = bytes([event, end | 10]) + struct.pack("!H", 160)
                    leg.media.sendto(rtp(leg.sequence, leg.stamp, payload, leg.events, mark=not end), leg.remote)
                    leg.sequence += 1
                leg.gap = leg.pause
                return
            leg.gap = max(0, leg.gap - 1)
            leg.media.sendto(rtp(leg.sequence, leg.stamp, self._sound[n % 50]), leg.remote)
        except OSError:
            pass


def rtp(sequence: int, stamp: int, payload: bytes, kind: int = 0, *, mark: bool = False, source: int = 0x1234) -> bytes:
    """One RTP packet."""
    head = struct.pack("!BBHII", 0x80, kind | (0x80 if mark else 0), sequence & 0xFFFF, stamp & 0xFFFFFFFF, source)
    return head + payload


def _contact(message: SipMessage) -> str:
    found = _TARGET.search(sip.header(message, "contact"))
    return found.group(1) if found else ""


def _body(message: SipMessage) -> str:
    return message.body.decode(errors="replace") if isinstance(message.body, bytes) else str(message.body)


def _events(message: SipMessage) -> int:
    found = re.search(r"^a=rtpmap:(\d+) telephone-event", _body(message), re.M)
    return int(found.group(1)) if found else 101


def _where(message: SipMessage) -> tuple[str, int] | None:
    text = _body(message)
    host, port = re.search(r"^c=IN IP4 (\S+)", text, re.M), re.search(r"^m=audio (\d+)", text, re.M)
    return (host.group(1), int(port.group(1))) if host and port else None
