"""Figures of lines: what the network did to the sound, and how SIP sessions came about."""

from __future__ import annotations

from analytics.metrics.totals import POOR_MOS
from analytics.metrics.types import Grain, MetricDefinition, Rollup

NO_MOS = "no leg with media quality in this period"
NO_INVITE = "no dialog was begun by us in this period"
_NO_MEDIA = "legs without media"
_NOT_OURS = "dialogs that phones or trunks began; redirections and challenges (3xx, 401, 402, 407)"


def _mean(metric_id: str, title: str, unit: str, total: str, count: str, definition: str) -> MetricDefinition:
    return MetricDefinition(
        metric_id, "1", title, unit, total, count, _NO_MEDIA, definition, NO_MOS, Grain.LEG, source="canon 66, 67"
    )


METRICS: tuple[MetricDefinition, ...] = (
    MetricDefinition(
        "mos_mean", "1", "Mean opinion score", "MOS", "mos_sum", "mos_legs", _NO_MEDIA,
        "Mean of the legs' MOS (E-model, 1.0 to 4.5), each leg with equal weight.", NO_MOS, Grain.LEG,
        (("formula", "ITU-T G.107 simplified, late packets count as lost"),), "canon 69, ITU-T G.107",
        variants=("mos_simple_mean", "mos_freeswitch_mean", "mos_p05"),
    ),
    MetricDefinition(
        "mos_simple_mean", "1", "MOS, simple formula", "MOS", "mos_simple_sum", "mos_simple_legs",
        f"{_NO_MEDIA}; packets that came too late count as heard",
        "Mean of the legs' MOS by the widespread approximation: latency = round trip / 2 + 2 jitter + 10 ms; R = 93.2 "
        "- latency / 40 (from 160 ms on: 93.2 - (latency - 120) / 10) - 2.5 per per cent lost. A phone that reports no "
        "round trip counts with 0.",
        NO_MOS, Grain.LEG, source="canon 68, 69", variants=("mos_mean", "mos_freeswitch_mean"),
    ),
    MetricDefinition(
        "r_factor_mean", "1", "R factor, simple formula", "R", "r_simple_sum", "mos_simple_legs",
        f"{_NO_MEDIA}; packets that came too late count as heard",
        "Mean of the legs' R (0 to 100), as in MOS by the simple formula.", NO_MOS, Grain.LEG, source="canon 68",
        variants=("mos_simple_mean",),
    ),
    MetricDefinition(
        "mos_freeswitch_mean", "1", "MOS as FreeSWITCH computes it", "MOS", "mos_sum", "mos_legs", _NO_MEDIA,
        "R = 100 (received - flaws) / received with a penalty that grows with consecutive flaws, no delay.", NO_MOS,
        Grain.LEG, source="canon section 4, switch_rtp.c do_mos", rollup=Rollup.NONE,
        variants=("mos_mean", "mos_simple_mean"),
        unavailable="it needs the order in which packets were lost, and only their number is kept",
    ),
    MetricDefinition(
        "mos_p05", "1", "MOS of the worst 5 of 100 legs", "MOS", "mos_bins", None, _NO_MEDIA,
        "5 of 100 legs had this MOS or a lower one; in steps of 0.1.", NO_MOS, Grain.LEG,
        (("quantile", "0.05"), ("step", "0.1")), "canon 69", Rollup.HISTOGRAM, ("mos_mean",), 0.05,
    ),
    MetricDefinition(
        "share_mos_below_3_6", "1", "Legs with poor sound", "share", "mos_legs_below_3_6", "mos_legs", _NO_MEDIA,
        f"Legs with MOS under {POOR_MOS} (many listeners dissatisfied, ITU-T G.107 Annex B) / legs with MOS.", NO_MOS,
        Grain.LEG, (("border", str(POOR_MOS)),), "canon 69", variants=("share_mos_simple_below_3_6",),
    ),
    MetricDefinition(
        "share_mos_simple_below_3_6", "1", "Legs with poor sound, simple formula", "share", "mos_simple_below_3_6",
        "mos_simple_legs", f"{_NO_MEDIA}; packets that came too late count as heard",
        f"Legs with MOS under {POOR_MOS} by the widespread approximation / legs with MOS.", NO_MOS, Grain.LEG,
        (("border", str(POOR_MOS)),), "canon 68, 69", variants=("share_mos_below_3_6",),
    ),
    _mean("loss_mean", "Packets lost", "share", "loss_sum", "loss_legs",
          "Mean of the legs' loss: lost / expected packets."),
    _mean("late_mean", "Packets too late", "share", "late_sum", "late_legs",
          "Mean of the legs' share of packets that came too late for the jitter buffer."),
    _mean("jitter_ms_mean", "Jitter", "ms", "jitter_sum_ms", "jitter_legs",
          "Mean of the legs' mean interarrival jitter (RFC 3550)."),
    _mean("rtt_ms_mean", "Round trip", "ms", "rtt_sum_ms", "rtt_legs",
          "Mean of the legs' mean round trip by RTCP; legs whose phone sends none are left out."),
    MetricDefinition(
        "starved_share", "1", "Our machine too slow", "share", "starved_legs", "starved_known", _NO_MEDIA,
        "Legs in which our own machine lacked CPU / legs of which that is known.", NO_MOS, Grain.LEG,
    ),
    MetricDefinition(
        "ser", "1", "Session establishment ratio", "share", "invites_ok", "invites", _NOT_OURS,
        "SER: dialogs that we began and that were answered / dialogs that we began without redirections and "
        "challenges. Each phone of a group is a dialog.",
        NO_INVITE, Grain.LEG, source="canon 65, RFC 6076", variants=("seer", "asr"),
    ),
    MetricDefinition(
        "seer", "1", "Session establishment effectiveness", "share", "invites_effective", "invites", _NOT_OURS,
        "SEER: as SER, and dialogs that ended with 480, 486, 600 or 603 count as well.", NO_INVITE, Grain.LEG,
        source="canon 65, RFC 6076", variants=("ser", "ner"),
    ),
    MetricDefinition(
        "isa", "1", "Ineffective session attempts", "share", "invites_ineffective", "invites_all",
        "dialogs that phones or trunks began",
        "ISA: dialogs that we began and that ended with 408, 500, 503 or 504 / dialogs that we began.", NO_INVITE,
        Grain.LEG, source="canon 65, RFC 6076",
    ),
)  # fmt: skip
