"""One SIP dialog of the engine: what its callbacks report, and whether its sound still comes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pjsua2 as pj

from pbx_core import log
from pbx_core.media import siptext
from pbx_core.media.lock import Lock, host, port
from pbx_core.media.options import guarded
from pbx_core.media.port import Signal
from pbx_core.media.stream import StreamWatch

if TYPE_CHECKING:
    from pbx_core.media.pjsip.account import Account
    from pbx_core.media.pjsip.engine import Engine

_log = log.get(__name__)

HOLD_ASKED = 4  # a phone that holds sends no sound: it is asked so often, until it counts as gone, whether it is there
NO_SIGN_OF_LIFE = (408, 480, 481, 503)  # answers that the edge or our own engine give in a phone's place
_ANSWERED = (pj.PJSIP_INV_STATE_CONNECTING, pj.PJSIP_INV_STATE_CONFIRMED)


class Leg(pj.Call):  # type: ignore[misc]
    """One SIP dialog."""

    def __init__(self, engine: Engine, account: Account, handle: int, engine_id: int = pj.PJSUA_INVALID_ID) -> None:
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


def _message_of(event: Any) -> str:
    """The message that brought an event about; empty when it was a timer or our own message."""
    state = event.body.tsxState
    if event.type != pj.PJSIP_EVENT_TSX_STATE or state.type != pj.PJSIP_EVENT_RX_MSG:
        return ""
    return str(state.src.rdata.wholeMsg)
