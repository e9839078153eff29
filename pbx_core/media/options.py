"""How an engine stands in the network, and the small decisions about it that need no engine."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pbx_core import log

_log = log.get(__name__)
F = TypeVar("F", bound=Callable[..., None])


@dataclass(frozen=True)
class EngineOptions:
    """Addresses, ports (0: any) and limits of one engine."""

    sip_address: str  # bound
    sip_port: int
    rtp_address: str  # announced in SDP; bound too when it is this machine's
    rtp_port: int
    rtp_ports: int = 100
    proxy: str = ""  # outbound proxy URI with ;lr
    silence_s: float = 0.0  # report a leg without RTP for so long; 0: never
    tcp: bool = False  # a TCP transport beside UDP
    user_agent: str = "callbench"


@dataclass(frozen=True)
class AccountOptions:
    """An address that the engine answers for. Without registrar it only receives."""

    uri: str
    registrar: str = ""
    realm: str = "*"
    username: str = ""
    password: str = ""
    proxy: str = ""
    expires_s: int = 300


def is_ours(address: str) -> bool:
    """Whether this machine has the address, so that sound can be bound to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def guarded(method: F) -> F:
    """An exception that leaves a callback kills the process: log it instead."""

    @functools.wraps(method)
    def call(*args: Any) -> None:
        try:
            method(*args)
        except Exception:  # noqa: BLE001 - outer edge towards native code
            _log.exception("engine callback failed", extra={"callback": method.__name__})

    return cast(F, call)
