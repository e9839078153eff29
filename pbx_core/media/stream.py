"""What is remembered of a leg's media streams: their figures for the record, and whether the phone is still there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pbx_core.media import cpu

PTIME_MS = 20


@dataclass
class StreamWatch:
    """One leg's streams; every re-INVITE may begin a new one."""

    count: int = 0  # streams begun
    begun_mono_s: float = 0.0
    cpu_mark: cpu.Mark = field(default_factory=dict)
    measured: bool = False  # finally, before our BYE
    packets: int = -1
    heard_mono_s: float = 0.0  # when RTP, RTCP or an answer was last seen; that of the call, before any came
    told: bool = False

    def begin(self, mono_s: float) -> None:
        """A new stream runs."""
        self.count += 1
        self.begun_mono_s = mono_s
        self.cpu_mark = cpu.mark()
        self.measured = False
        self.packets = -1

    def silent(self, packets: int, mono_s: float, silence_s: float) -> bool:
        """Whether the phone has vanished: no packet more than at the last look, and nothing else, since silence_s.
        Told once."""
        if packets != self.packets:
            self.packets, self.heard_mono_s = packets, mono_s
            return False
        if self.told or mono_s - self.heard_mono_s < silence_s:
            return False
        self.told = True
        return True

    def figures(self, stat: Any, codec: str, mono_s: float) -> dict[str, Any]:
        """An engine's StreamStat (microseconds, frames) as the detail of a `quality` report."""
        rx, jitter_buffer, rtt = stat.rtcp.rxStat, stat.jbuf, stat.rtcp.rttUsec
        waited_s = cpu.waited_s(self.cpu_mark)
        return {
            "stream": self.count,
            "codec": codec,
            "ptime_ms": PTIME_MS,
            "span_s": round(mono_s - self.begun_mono_s, 3),
            "rx_packets": rx.pkt,
            "lost": rx.loss,
            "discarded": jitter_buffer.discard,
            "jb_lost": jitter_buffer.lost,
            "jb_empty": jitter_buffer.empty,
            "jitter_ms_mean": round(rx.jitterUsec.mean / 1000, 3),
            "jitter_ms_max": round(rx.jitterUsec.max / 1000, 3),
            "buffer_ms": float(jitter_buffer.avgDelayMsec),
            "rtt_ms_mean": round(rtt.mean / 1000, 3) if rtt.n else None,
            "cpu_wait_s": None if waited_s is None else round(waited_s, 3),
        }
