"""The SIP and media engine: the only file that imports pjsua2.

Rules, each from an experiment: no engine threads of its own for SIP; ONE Python thread touches pjsua2 and pumps it;
callbacks only enqueue and never raise (the one of a file's end comes in a thread of the engine); every Call is kept
until its DISCONNECTED callback and dropped inside it (a later use of the slot dies of an object kept longer); the null
sound device never closes (else conference ports leak); everything is bound to addresses (else the SDP names the
machine's).
"""

from __future__ import annotations

import contextlib
import gc
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pjsua2 as pj

from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.errors import ConfigError, Unavailable
from pbx_core.media import siptext
from pbx_core.media.lock import Lock, host, port
from pbx_core.media.options import AccountOptions, EngineOptions, guarded, is_ours
from pbx_core.media.players import Players
from pbx_core.media.port import DialTarget, PortEvent, Signal
from pbx_core.media.stream import StreamWatch
from pbx_core.media.wiring import Wiring

_log = log.get(__name__)

CLOCK_RATE = 8000
LEGS_ASKED = 512  # the engine clamps it silently to what it was compiled for
ACCOUNTS_MAX = 8  # the packaged engine aborts the process at the ninth
EVENTS_PER_PUMP = 64  # SIP events handled at most before the loop gets its turn
WATCH_S = 1.0  # how often the streams are looked at for silence
HOLD_ASKED = 4  # a phone that holds sends no sound: it is asked so often, until it counts as gone, whether it is there
NO_SIGN_OF_LIFE = (408, 480, 481, 503)  # answers that the edge or our own engine give in a phone's place
SESSION_GONE = 171140  # PJSIP_ESESSIONTERMINATED: the leg ended while we asked; a normal race
_ANSWERED = (pj.PJSIP_INV_STATE_CONNECTING, pj.PJSIP_INV_STATE_CONFIRMED)
CODECS = {"PCMA/8000/1": 255, "PCMU/8000/1": 254}


class _Leg(pj.Call):  # type: ignore[misc]
    """One SIP dialog."""

    def __init__(self, engine: Engine, account: _Account, handle: int, engine_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(account, engine_id)
        self.engine = engine
        self.handle = handle
        self.state = pj.PJSIP_INV_STATE_NULL
        self.held = False
        self.asked_mono_s = 0.0
        self.watch = StreamWatch()
        self.lock = Lock()

    @guarded
    def onCallState(self, prm: Any) -> None:
        info = self.getInfo()
        before, self.state = self.state, info.state
        outgoing = info.role == pj.PJSIP_ROLE_UAC
        if info.state == pj.PJSIP_INV_STATE_EARLY and outgoing:
            message = _message_of(prm.e)  # its sound is connected after this
            media = self.audio() is not None or siptext.has_sdp(message)
            self.tell(Signal.RINGING, status=info.lastStatusCode, media=media, headers=siptext.x_headers(message))
        elif info.state in _ANSWERED:
            self.watch.heard_mono_s = self.watch.heard_mono_s or self.engine.clock.monotonic()
            if outgoing and before not in _ANSWERED:
                self.tell(Signal.ANSWERED, headers=siptext.x_headers(_message_of(prm.e)))
            if not outgoing and info.state == pj.PJSIP_INV_STATE_CONFIRMED:
                self.tell(Signal.CONFIRMED)
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.measure()
            self.engine.forget(self.handle)
            ended: dict[str, Any] = {"status": info.lastStatusCode, "reason": info.lastReason[:64]}
            if outgoing:
                ended["headers"] = siptext.x_headers(_message_of(prm.e))
            self.tell(Signal.ENDED, **ended)

    @guarded
    def onCallMediaState(self, prm: Any) -> None:
        self.engine.wiring.rewire(self.handle)
        info = self.getInfo()
        held = any(m.type == pj.PJMEDIA_TYPE_AUDIO and not m.dir & pj.PJMEDIA_DIR_ENCODING for m in info.media)
        if held != self.held:
            self.held = held
            self.tell(Signal.HELD if held else Signal.UNHELD)
        self.watch.heard_mono_s = self.asked_mono_s = self.engine.clock.monotonic()
        if self.watch.count:
            self._moved()

    @guarded
    def onStreamCreated(self, prm: Any) -> None:
        self.watch.begin(self.engine.clock.monotonic())

    @guarded
    def onStreamDestroyed(self, prm: Any) -> None:
        self.measure()

    @guarded
    def onDtmfDigit(self, prm: Any) -> None:
        method = "info" if prm.method == pj.PJSUA_DTMF_METHOD_SIP_INFO else "rfc2833"
        self.tell(Signal.DTMF, prm.digit[:1], method=method)

    @guarded
    def onInstantMessage(self, prm: Any) -> None:
        if wish := siptext.transfer_wish(prm.msgBody):
            self.tell(Signal.TRANSFER, **wish)

    @guarded
    def onCallTransferRequest(self, prm: Any) -> None:
        prm.statusCode = 501  # the engine would place the call itself; the edge turns REFER into a MESSAGE

    @guarded
    def onCallReplaceRequest(self, prm: Any) -> None:
        prm.statusCode = 603  # whoever knows a dialog's name could take it over

    @guarded
    def onCallTransferStatus(self, prm: Any) -> None:
        final = bool(prm.finalNotify)
        prm.cont = not final
        self.tell(Signal.TRANSFER_STATUS, status=prm.statusCode, reason=prm.reason[:64], final=final)

    def tell(self, signal: Signal, digit: str = "", **detail: Any) -> None:
        self.engine.tell(self.handle, signal, detail, digit)

    def audio(self) -> Any | None:
        """The leg's conference port while it has one."""
        try:
            info = self.getInfo()  # kept: its parts die with it
            for media in info.media:
                if media.type == pj.PJMEDIA_TYPE_AUDIO and media.audioConfSlot != pj.PJSUA_INVALID_ID:
                    return self.getAudioMedia(media.index)
        except pj.Error:
            return None  # it is ending
        return None

    def measure(self) -> None:
        """Report the running stream's figures; a later report of the same stream replaces an earlier."""
        if not self.watch.count or self.watch.measured:
            return
        try:
            stat, stream = self.getStreamStat(0), self.getStreamInfo(0)
        except pj.Error:
            return  # the stream is gone and was measured when it went
        self.tell(Signal.QUALITY, **self.watch.figures(stat, stream.codecName, self.engine.clock.monotonic()))

    def listen(self, mono_s: float, silence_s: float) -> None:
        """Look whether RTP or RTCP still comes, and from a phone that holds, answers."""
        if self.state not in _ANSWERED or not self.watch.count:
            return
        if self.held and mono_s - self.asked_mono_s >= silence_s / HOLD_ASKED:
            self.asked_mono_s = mono_s
            self._ask()
        try:
            stat, names = self.getStreamStat(0), self.getMedTransportInfo(0)
        except pj.Error:
            return
        if stat.rtcp.rxStat.pkt:
            self.lock.heard(host(names.srcRtpName), frozenset({port(names.localRtpName), port(names.localRtcpName)}))
        packets = stat.rtcp.rxStat.pkt + stat.rtcp.txStat.updateCount
        if self.watch.silent(packets, mono_s, silence_s):
            last = round(self.watch.heard_mono_s, 3)
            self.tell(Signal.MEDIA_LOST, last_media_mono_s=last, silence_s=silence_s)

    def _moved(self) -> None:
        """See whether the phone says that its sound comes from elsewhere now."""
        with contextlib.suppress(pj.Error):  # the stream is gone again
            self.lock.moved(host(self.getStreamInfo(0).remoteRtpAddress))

    @guarded
    def onCallTsxState(self, prm: Any) -> None:
        asked = prm.e.body.tsxState.tsx
        if asked.method == "OPTIONS" and asked.statusCode >= 200 and asked.statusCode not in NO_SIGN_OF_LIFE:
            self.watch.heard_mono_s = self.engine.clock.monotonic()

    def _ask(self) -> None:
        """OPTIONS within the dialog."""
        question = pj.CallSendRequestParam()
        question.method = "OPTIONS"
        try:
            self.sendRequest(question)
        except pj.Error as error:
            _log.debug("leg not asked", extra={"handle": self.handle, "reason": error.reason})


class _Account(pj.Account):  # type: ignore[misc]
    """An address we answer for."""

    def __init__(self, engine: Engine, name: str) -> None:
        super().__init__()
        self.engine = engine
        self.name = name

    @guarded
    def onIncomingCall(self, prm: Any) -> None:
        leg = self.engine.keep(lambda handle: _Leg(self.engine, self, handle, prm.callId))
        detail = {"message": prm.rdata.wholeMsg, "source": prm.rdata.srcAddress, "account": self.name}
        leg.tell(Signal.INCOMING, **detail)

    @guarded
    def onRegState(self, prm: Any) -> None:
        status = prm.code if self.getInfo().regIsActive or prm.code >= 300 else 0
        self.engine.tell(0, Signal.REGISTERED, {"account": self.name, "status": status, "reason": prm.reason[:64]})


class _Player(pj.AudioMediaPlayer):  # type: ignore[misc]
    """A file or a list of files that ends; `over` is called in a thread of the engine."""

    def __init__(self, over: Callable[[], None]) -> None:
        super().__init__()
        self.over = over

    @guarded
    def onEof2(self) -> None:
        self.over()


class Engine:
    """pjsua2 as a MediaPort. One per process; all calls to it from the thread that made it."""

    def __init__(self, options: EngineOptions, clock: Clock) -> None:
        """Bind and start; ConfigError when a port is taken or an address is not ours."""
        self.clock = clock
        self._options = options
        self._events: deque[PortEvent] = deque()
        self._legs: dict[int, _Leg] = {}
        self.wiring = Wiring(self._audio, pj.Error)
        self._accounts: dict[str, _Account] = {}
        self._last_handle = 0
        self._watched_mono_s = clock.monotonic()
        self._endpoint = self._start(options)
        null_device = self.wiring.drain = self._endpoint.audDevManager().getPlaybackDevMedia()
        self._players = Players(_player, null_device, self.wiring, pj.Error, self._tell_played)

    def _start(self, options: EngineOptions) -> Any:
        endpoint = pj.Endpoint()
        endpoint.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.maxCalls = LEGS_ASKED
        config.uaConfig.userAgent = options.user_agent
        config.medConfig.clockRate = config.medConfig.sndClockRate = CLOCK_RATE
        config.medConfig.sndAutoCloseTime = -1
        config.medConfig.noVad = True
        config.medConfig.ecTailLen = 0
        config.medConfig.ptime = config.medConfig.audioFramePtime = 20
        config.logConfig.level = config.logConfig.consoleLevel = 0
        endpoint.libInit(config)
        endpoint.audDevManager().setNullDev()
        transport = pj.TransportConfig()
        transport.port = options.sip_port
        transport.boundAddress = options.sip_address
        try:
            endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
            if options.tcp:
                endpoint.transportCreate(pj.PJSIP_TRANSPORT_TCP, transport)
        except pj.Error as error:
            endpoint.libDestroy()
            raise ConfigError(
                f"SIP port {options.sip_address}:{options.sip_port} cannot be bound ({error.reason}). "
                "End what uses it or choose another port.",
                error_id="port_busy",
            ) from None
        endpoint.libStart()
        for codec in endpoint.codecEnum2():
            endpoint.codecSetPriority(codec.codecId, CODECS.get(codec.codecId, 0))
        self._silence = pj.ToneGenerator()  # feeds every recorder, so that a leg without sound still takes time
        self._silence.createToneGenerator(CLOCK_RATE, 1)
        return endpoint

    # what callbacks use

    def tell(self, handle: int, signal: Signal, detail: dict[str, Any], digit: str = "") -> None:
        """Queue a report."""
        self._events.append(PortEvent(self.clock.now(), self.clock.monotonic(), handle, signal, detail, digit))

    def keep(self, make: Callable[[int], _Leg]) -> _Leg:
        """Make a leg under a fresh handle and hold on to it."""
        self._last_handle += 1
        leg = self._legs[self._last_handle] = make(self._last_handle)
        return leg

    def forget(self, handle: int) -> None:
        """Let go of a leg that is over, and of what hangs on it."""
        self._legs.pop(handle, None)
        self._players.stop(handle, self.clock.monotonic())
        self.wiring.forget(handle)

    def _tell_played(self, handle: int, token: str, fault: str) -> None:
        self.tell(handle, Signal.PLAYED, {"token": token} | ({"fault": fault} if fault else {}))

    # accounts

    def add_account(self, name: str, options: AccountOptions) -> None:
        """Answer for an address, and register it when it has a registrar. Unavailable beyond the engine's accounts."""
        if len(self._accounts) >= ACCOUNTS_MAX:
            raise Unavailable(f"The engine takes {ACCOUNTS_MAX} accounts.", retryable=False)
        config = pj.AccountConfig()
        config.idUri = options.uri
        config.regConfig.registrarUri = options.registrar
        config.regConfig.timeoutSec = options.expires_s
        config.regConfig.retryIntervalSec = config.regConfig.firstRetryIntervalSec = 2
        proxy = options.proxy or self._options.proxy
        if proxy:
            config.sipConfig.proxies.append(proxy)
        if options.username:
            config.sipConfig.authCreds.append(
                pj.AuthCredInfo("digest", options.realm, options.username, 0, options.password)
            )
        config.natConfig.iceEnabled = False
        config.mediaConfig.ipv6Use = pj.PJSUA_IPV6_DISABLED
        rtp = config.mediaConfig.transportConfig
        rtp.port, rtp.portRange = self._options.rtp_port, self._options.rtp_ports
        rtp.publicAddress = self._options.rtp_address
        if is_ours(self._options.rtp_address):
            rtp.boundAddress = self._options.rtp_address
        account = _Account(self, name)
        try:
            account.create(config)
        except pj.Error as error:
            raise Unavailable(f"The engine takes no account {name}: {error.reason}", retryable=False) from None
        self._accounts[name] = account

    # MediaPort

    def pump(self) -> list[PortEvent]:
        for _ in range(EVENTS_PER_PUMP):
            if self._endpoint.libHandleEvents(0) <= 0:
                break
        now = self.clock.monotonic()
        if self._options.silence_s and now - self._watched_mono_s >= WATCH_S:
            self._watched_mono_s = now
            for leg in list(self._legs.values()):
                leg.listen(now, self._options.silence_s)
        self._players.turn(now)
        return [self._events.popleft() for _ in range(len(self._events))]  # digits are added by another thread

    def legs_in_use(self) -> int:
        return len(self._legs)

    def dial(self, target: DialTarget, account: str = "") -> tuple[int, str]:
        owner = self._accounts[account or next(iter(self._accounts))]
        leg = self.keep(lambda handle: _Leg(self, owner, handle))
        parameters = _parameters(0, "", target.headers)
        parameters.opt.audioCount, parameters.opt.videoCount = 1, 0
        parameters.txOption.localUri = target.from_uri
        try:
            leg.makeCall(target.uri, parameters)
        except pj.Error as error:
            self.forget(leg.handle)
            raise Unavailable(f"{error.reason} ({error.status})") from None
        return leg.handle, leg.getInfo().callIdString

    def ring(self, handle: int, status: int, headers: Mapping[str, str]) -> None:
        self._with(handle, lambda leg: leg.answer(_parameters(status, "", headers)))

    def answer(self, handle: int, headers: Mapping[str, str]) -> None:
        self._with(handle, lambda leg: leg.answer(_parameters(200, "", headers)))

    def hangup(self, handle: int, status: int, reason: str, headers: Mapping[str, str]) -> None:
        def end(leg: _Leg) -> None:
            leg.measure()
            leg.watch.measured = True
            ours = leg.getInfo().role == pj.PJSIP_ROLE_UAC  # then it is CANCEL or BYE, without a status
            leg.hangup(_parameters(0 if ours else status, "" if ours else reason, headers))

        self._with(handle, end)

    def hear(self, speaker: int, listener: int, on: bool) -> None:
        if not on or {speaker, listener} <= self._legs.keys():
            self.wiring.hear(speaker, listener, on)

    def play(self, handle: int, files: Sequence[Path], token: str, loop: bool) -> None:
        if handle in self._legs:
            self._players.play(handle, files, token, loop, self.clock.monotonic())

    def stop_play(self, handle: int) -> None:
        self._players.stop(handle, self.clock.monotonic())

    def mute_recording(self, handle: int, on: bool) -> None:
        self.wiring.mute(handle, on)

    def tell_transfer(self, handle: int, status: int, reason: str, final: bool) -> None:
        headers = siptext.notify_headers(final)
        self.request(handle, "NOTIFY", headers, "message/sipfrag;version=2.0", siptext.sipfrag(status, reason))

    def start_recording(self, handle: int, path: Path) -> float:
        recorder = pj.AudioMediaRecorder()
        try:
            recorder.createRecorder(str(path))
            self._silence.startTransmit(recorder)
        except pj.Error as error:
            raise Unavailable(f"{path.name} cannot be recorded: {error.reason}") from None
        started = self.clock.monotonic()
        self.wiring.record(handle, recorder)
        return started

    def stop_recording(self, handle: int) -> None:
        self.wiring.unrecord(handle)

    def send_dtmf(self, handle: int, digit: str, method: str) -> None:
        parameters = pj.CallSendDtmfParam()
        parameters.digits = digit
        info = method == "info"
        parameters.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if info else pj.PJSUA_DTMF_METHOD_RFC2833
        self._with(handle, lambda leg: leg.sendDtmf(parameters))

    def close(self) -> None:
        self._legs_ended()
        self.wiring.clear()
        self._players.clear()
        for account in self._accounts.values():
            account.shutdown()
        self._accounts.clear()
        del self._silence
        sys.last_traceback = None
        gc.collect()
        self._endpoint.libDestroy()
        del self._endpoint

    # what only phones use

    def hold(self, handle: int, on: bool) -> bool:
        """Put the other side on hold, or take it back, by re-INVITE. False while an earlier one is not through."""
        parameters = pj.CallOpParam(True)
        self.wiring.pause(handle, on)
        if on:
            return self._with(handle, lambda leg: leg.setHold(parameters))
        parameters.opt.flag = pj.PJSUA_CALL_UNHOLD
        return self._with(handle, lambda leg: leg.reinvite(parameters))

    def refer(self, handle: int, uri: str, other: int = 0) -> None:
        """Ask the other side to call `uri`, or, attended, to take the place of the leg `other`; what comes of it is
        reported as TRANSFER_STATUS."""
        consultation = self._legs.get(other)
        parameters = pj.CallOpParam(True)
        if consultation is not None:
            self._with(handle, lambda leg: leg.xferReplaces(consultation, parameters))
        else:
            self._with(handle, lambda leg: leg.xfer(uri, parameters))

    def request(self, handle: int, method: str, headers: Mapping[str, str], content_type: str, body: str) -> None:
        """Send any request within the leg's dialog."""
        parameters = pj.CallSendRequestParam()
        parameters.method = method
        _add_headers(parameters.txOption, headers)
        parameters.txOption.contentType, parameters.txOption.msgBody = content_type, body
        self._with(handle, lambda leg: leg.sendRequest(parameters))

    def ports(self) -> int:
        """Ports in the conference bridge: legs, players, recorders and two of the engine's own."""
        return len(self._endpoint.mediaEnumPorts2())

    # helpers

    def _with(self, handle: int, act: Callable[[_Leg], Any]) -> bool:
        """Do something with a leg; False when the engine refused. A leg that is gone needs nothing more."""
        leg = self._legs.get(handle)
        if leg is None:
            return True
        try:
            act(leg)
        except pj.Error as error:
            if error.status != SESSION_GONE:
                _log.warning("engine refused", extra={"handle": handle, "reason": error.reason, "status": error.status})
                return False
        return True

    def _audio(self, handle: int) -> Any | None:
        leg = self._legs.get(handle)
        return leg.audio() if leg else None

    def _legs_ended(self) -> None:
        """Hang up what still runs and give the engine a moment to let go."""
        for handle in list(self._legs):
            self.hangup(handle, 503, "", {})
        deadline = self.clock.monotonic() + 1.0
        while self._legs and self.clock.monotonic() < deadline:
            self._endpoint.libHandleEvents(10)
        self._legs.clear()


def _parameters(status: int, reason: str, headers: Mapping[str, str]) -> Any:
    parameters = pj.CallOpParam(True)
    parameters.statusCode = status
    parameters.reason = reason
    _add_headers(parameters.txOption, headers)
    return parameters


def _add_headers(option: Any, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        header = pj.SipHeader()
        header.hName, header.hValue = name, value
        option.headers.append(header)


def _message_of(event: Any) -> str:
    """The message that brought an event about; empty when it was a timer or our own message."""
    state = event.body.tsxState
    if event.type != pj.PJSIP_EVENT_TSX_STATE or state.type != pj.PJSIP_EVENT_RX_MSG:
        return ""
    return str(state.src.rdata.wholeMsg)


def _player(files: Sequence[Path], over: Callable[[], None] | None) -> Any:
    """Files one after another, once with `over` called at the end, or without it over and over."""
    player = _Player(over) if over else pj.AudioMediaPlayer()
    options = pj.PJMEDIA_FILE_NO_LOOP if over else 0
    if len(files) == 1:
        player.createPlayer(str(files[0]), options)
    else:
        player.createPlaylist(pj.StringVector([str(path) for path in files]), "", options)
    return player
