"""The addresses that the engine answers for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pjsua2 as pj

from pbx_core.media.options import AccountOptions, EngineOptions, guarded, is_ours
from pbx_core.media.pjsip.leg import Leg
from pbx_core.media.port import Signal

if TYPE_CHECKING:
    from pbx_core.media.pjsip.engine import Engine


class Account(pj.Account):  # type: ignore[misc]
    """An address we answer for."""

    def __init__(self, engine: Engine, name: str) -> None:
        super().__init__()
        self.engine = engine
        self.name = name

    @guarded
    def onIncomingCall(self, prm: Any) -> None:
        leg = self.engine.keep(lambda handle: Leg(self.engine, self, handle, prm.callId))
        detail = {"message": prm.rdata.wholeMsg, "source": prm.rdata.srcAddress, "account": self.name}
        leg.tell(Signal.INCOMING, **detail)

    @guarded
    def onRegState(self, prm: Any) -> None:
        status = prm.code if self.getInfo().regIsActive or prm.code >= 300 else 0
        self.engine.tell(0, Signal.REGISTERED, {"account": self.name, "status": status, "reason": prm.reason[:64]})


def account_config(options: AccountOptions, engine: EngineOptions) -> Any:
    """An account as the engine takes it: its registration, its outbound proxy, its sound's addresses."""
    config = pj.AccountConfig()
    config.idUri = options.uri
    config.regConfig.registrarUri = options.registrar
    config.regConfig.timeoutSec = options.expires_s
    config.regConfig.retryIntervalSec = config.regConfig.firstRetryIntervalSec = 2
    proxy = options.proxy or engine.proxy
    if proxy:
        config.sipConfig.proxies.append(proxy)
    if options.username:
        config.sipConfig.authCreds.append(
            pj.AuthCredInfo("digest", options.realm, options.username, 0, options.password)
        )
    config.natConfig.iceEnabled = False
    config.mediaConfig.ipv6Use = pj.PJSUA_IPV6_DISABLED
    rtp = config.mediaConfig.transportConfig
    rtp.port, rtp.portRange = engine.rtp_port, engine.rtp_ports
    rtp.publicAddress = engine.rtp_address
    if is_ours(engine.rtp_address):
        rtp.boundAddress = engine.rtp_address
    return config
