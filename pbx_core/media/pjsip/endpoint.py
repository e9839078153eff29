"""The endpoint of the engine: how it is set up and bound."""

from __future__ import annotations

from typing import Any

import pjsua2 as pj

from pbx_core.errors import ConfigError
from pbx_core.media.options import EngineOptions

CLOCK_RATE = 8000
LEGS_ASKED = 512  # the engine clamps it silently to what it was compiled for
CODECS = {"PCMA/8000/1": 255, "PCMU/8000/1": 254}


def start(options: EngineOptions) -> Any:
    """A running endpoint without sound device; ConfigError when a port is taken or an address is not ours."""
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
    return endpoint
