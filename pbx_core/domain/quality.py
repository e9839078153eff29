"""How a leg sounded: packet counts of its media streams become loss, jitter and a mean opinion score.

The score is the E-model of ITU-T G.107, simplified after Cole & Rosenbluth (2001) with the packet-loss figures of
ITU-T G.113 Appendix I for G.711 with concealment: R = 93.2 − Id − Ie,eff.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

VERSION = "e-model-1"
R0 = 93.2  # G.107 with default parameters
BPL_G711 = 25.1  # packet-loss robustness of G.711 with concealment, random loss (G.113 Appendix I)
FIXED_DELAY_MS = 40.0  # one packet of 20 ms at either end, beside network and jitter buffer
STARVED_SHARE = 0.01  # missing frames without loss on the network, above which our own machine is to blame
DIGIT_FRAMES = 15  # a digit by RFC 4733 (up to 300 ms) takes the place of sound: 10 frames measured for 160 ms
STARVED_FRAMES_MIN = 10  # a jitter buffer runs empty a few times at the start of every stream


@dataclass(frozen=True)
class StreamSample:
    """What one RTP stream of a leg counted while it lived. Frames and packets are of `ptime_ms` each."""

    codec: str
    ptime_ms: int
    span_s: float  # first to last moment of the stream
    rx_packets: int
    lost: int  # by sequence numbers
    discarded: int  # came too late for the jitter buffer
    jb_lost: int  # frames the jitter buffer had to replace
    jb_empty: int  # times it was empty when a frame was due
    jitter_ms_mean: float
    jitter_ms_max: float
    buffer_ms: float  # mean delay in the jitter buffer
    rtt_ms_mean: float | None  # None: the phone sends no RTCP
    cpu_wait_s: float | None  # how long our threads waited for a processor meanwhile; None: unknown


@dataclass(frozen=True)
class LegQuality:
    """The quality fields of a LegRecord; all None with a reason when nothing can be said."""

    codec: str | None = None
    rx_packets: int | None = None
    loss_share: float | None = None
    late_share: float | None = None
    jitter_ms_mean: float | None = None
    jitter_ms_max: float | None = None
    rtt_ms_mean: float | None = None
    mos: float | None = None
    starved: bool | None = None
    quality_reason: str | None = None
    quality_version: str | None = None


def mos(loss_share: float, delay_ms: float) -> float:
    """Mean opinion score, 1.0–4.5, from loss_share 0..1 (late packets included) and one-way delay_ms. ITU-T G.107
    simplified: Id = 0.024 d + 0.11 (d − 177.3) beyond 177.3 ms; Ie,eff = 95 · Ppl / (Ppl + Bpl), Ppl in per cent.
    ValueError outside the ranges."""
    if not 0.0 <= loss_share <= 1.0 or delay_ms < 0.0:
        raise ValueError(f"loss_share {loss_share}, delay_ms {delay_ms}")
    delay_impairment = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - 177.3)
    loss_percent = 100.0 * loss_share
    loss_impairment = 95.0 * loss_percent / (loss_percent + BPL_G711)
    r = min(100.0, max(0.0, R0 - delay_impairment - loss_impairment))
    score = 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6
    return round(min(4.5, max(1.0, score)), 2)


def assess(
    samples: Sequence[StreamSample], *, digits: int = 0, reason: str = "no media stream was measured"
) -> LegQuality:
    """The quality of a leg from all its streams (a re-INVITE makes a new one) and the digits that its phone sent
    within the sound. Without streams: `reason`."""
    if not samples:
        return LegQuality(quality_reason=reason)
    packets = sum(s.rx_packets for s in samples)
    codec = samples[-1].codec or None
    if packets == 0:
        return LegQuality(codec=codec, rx_packets=0, quality_reason="the phone sent no media")
    expected = packets + sum(s.lost for s in samples)
    loss = sum(s.lost for s in samples) / expected
    late = min(1.0, sum(s.discarded for s in samples) / expected)
    rtts = [s.rtt_ms_mean for s in samples if s.rtt_ms_mean is not None]
    rtt = sum(rtts) / len(rtts) if rtts else None
    delay = FIXED_DELAY_MS + _weighted(samples, [s.buffer_ms for s in samples]) + (rtt or 0.0) / 2
    return LegQuality(
        codec=codec,
        rx_packets=packets,
        loss_share=round(loss, 5),
        late_share=round(late, 5),
        jitter_ms_mean=round(_weighted(samples, [s.jitter_ms_mean for s in samples]), 2),
        jitter_ms_max=round(max(s.jitter_ms_max for s in samples), 2),
        rtt_ms_mean=None if rtt is None else round(rtt, 2),
        mos=mos(min(1.0, loss + late), delay),
        starved=starved_share(samples, digits) > STARVED_SHARE,
        quality_reason=None,
        quality_version=VERSION,
    )


def starved_share(samples: Sequence[StreamSample], digits: int = 0) -> float:
    """Share 0..1 of frames that our side failed to play although they came: the jitter buffer replaced them or was
    empty, yet neither the network lost them nor the phone left them out (pauses, silence suppression, digits). Never
    more than our threads waited for a processor, where that is known: a phone that stumbles looks the same."""
    missing = frames = 0.0
    for s in samples:
        due = s.span_s * 1000.0 / s.ptime_ms
        not_sent = max(0.0, due - s.rx_packets - s.lost)
        short = s.jb_lost + s.jb_empty - s.lost - s.discarded - not_sent
        ours = short if s.cpu_wait_s is None else min(short, s.cpu_wait_s * 1000.0 / s.ptime_ms)
        missing += ours if short >= STARVED_FRAMES_MIN else 0.0
        frames += due
    missing = max(0.0, missing - digits * DIGIT_FRAMES)
    return min(1.0, missing / frames) if frames > 0 else 0.0


def _weighted(samples: Sequence[StreamSample], values: Sequence[float]) -> float:
    """Mean of values, each weighted with its stream's packets (of which there is at least one)."""
    return sum(v * s.rx_packets for s, v in zip(samples, values, strict=True)) / sum(s.rx_packets for s in samples)
