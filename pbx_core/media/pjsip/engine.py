"""The engine as the worker and the phones know it: legs, sound, recorders and accounts by their handles and names."""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pjsua2 as pj

from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.errors import Unavailable
from pbx_core.media import siptext
from pbx_core.media.options import AccountOptions, EngineOptions
from pbx_core.media.pjsip.account import Account, account_config
from pbx_core.media.pjsip.endpoint import CLOCK_RATE, start
from pbx_core.media.pjsip.leg import Leg
from pbx_core.media.pjsip.parameters import add_headers, call_parameters
from pbx_core.media.pjsip.player import make_player
from pbx_core.media.players import Players
from pbx_core.media.port import DialTarget, PortEvent, Signal
from pbx_core.media.wiring import Wiring

_log = log.get(__name__)

ACCOUNTS_MAX = 8  # the packaged engine aborts the process at the ninth
EVENTS_PER_PUMP = 64  # SIP events handled at most before the loop gets its turn
WATCH_S = 1.0  # how often the streams are looked at for silence
SESSION_GONE = 171140  # PJSIP_ESESSIONTERMINATED: the leg ended while we asked; a normal race


class Engine:
    """pjsua2 as a MediaPort. One per process; all calls to it from the thread that made it."""

    def __init__(self, options: EngineOptions, clock: Clock) -> None:
        """Bind and start; ConfigError when a port is taken or an address is not ours."""
        self.clock = clock
        self._options = options
        self._events: deque[PortEvent] = deque()
        self._legs: dict[int, Leg] = {}
        self.wiring = Wiring(self._audio, pj.Error)
        self._accounts: dict[str, Account] = {}
        self._last_handle = 0
        self._watched_mono_s = clock.monotonic()
        self._endpoint = start(options)
        self._silence = pj.ToneGenerator()  # feeds every recorder, so that a leg without sound still takes time
        self._silence.createToneGenerator(CLOCK_RATE, 1)
        null_device = self.wiring.drain = self._endpoint.audDevManager().getPlaybackDevMedia()
        self._players = Players(make_player, null_device, self.wiring, pj.Error, self._tell_played)

    # what callbacks use

    def tell(self, handle: int, signal: Signal, detail: dict[str, Any], digit: str = "") -> None:
        """Queue a report."""
        self._events.append(PortEvent(self.clock.now(), self.clock.monotonic(), handle, signal, detail, digit))

    def keep(self, make: Callable[[int], Leg]) -> Leg:
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
        account = Account(self, name)
        try:
            account.create(account_config(options, self._options))
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
        leg = self.keep(lambda handle: Leg(self, owner, handle))
        parameters = call_parameters(0, "", target.headers)
        parameters.opt.audioCount, parameters.opt.videoCount = 1, 0
        parameters.txOption.localUri = target.from_uri
        try:
            leg.makeCall(target.uri, parameters)
        except pj.Error as error:
            self.forget(leg.handle)
            raise Unavailable(f"{error.reason} ({error.status})") from None
        return leg.handle, leg.getInfo().callIdString

    def ring(self, handle: int, status: int, headers: Mapping[str, str]) -> None:
        self._with(handle, lambda leg: leg.answer(call_parameters(status, "", headers)))

    def answer(self, handle: int, headers: Mapping[str, str]) -> None:
        self._with(handle, lambda leg: leg.answer(call_parameters(200, "", headers)))

    def hangup(self, handle: int, status: int, reason: str, headers: Mapping[str, str]) -> None:
        def end(leg: Leg) -> None:
            leg.measure()
            leg.watch.measured = True
            ours = leg.getInfo().role == pj.PJSIP_ROLE_UAC  # then it is CANCEL or BYE, without a status
            leg.hangup(call_parameters(0 if ours else status, "" if ours else reason, headers))

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
        add_headers(parameters.txOption, headers)
        parameters.txOption.contentType, parameters.txOption.msgBody = content_type, body
        self._with(handle, lambda leg: leg.sendRequest(parameters))

    def ports(self) -> int:
        """Ports in the conference bridge: legs, players, recorders and two of the engine's own."""
        return len(self._endpoint.mediaEnumPorts2())

    # helpers

    def _with(self, handle: int, act: Callable[[Leg], Any]) -> bool:
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
