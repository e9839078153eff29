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


def stream_figures(stat: Any, codec: str, stream: int, span_s: float, cpu_wait_s: float | None) -> dict[str, Any]:
    """An engine's StreamStat (microseconds, frames) as the detail of a `quality` report."""
    rx, jitter_buffer, rtt = stat.rtcp.rxStat, stat.jbuf, stat.rtcp.rttUsec
    return {
        "stream": stream,
        "codec": codec,
        "ptime_ms": 20,
        "span_s": round(span_s, 3),
        "rx_packets": rx.pkt,
        "lost": rx.loss,
        "discarded": jitter_buffer.discard,
        "jb_lost": jitter_buffer.lost,
        "jb_empty": jitter_buffer.empty,
        "jitter_ms_mean": round(rx.jitterUsec.mean / 1000, 3),
        "jitter_ms_max": round(rx.jitterUsec.max / 1000, 3),
        "buffer_ms": float(jitter_buffer.avgDelayMsec),
        "rtt_ms_mean": round(rtt.mean / 1000, 3) if rtt.n else None,
        "cpu_wait_s": None if cpu_wait_s is None else round(cpu_wait_s, 3),
    }
