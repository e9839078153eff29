"""The value of each figure, computed from what people did: plain Python over the calls of a plan and their truth.

Written from the words of docs and of each definition, never from its SQL. `values` gives numerator and denominator
(None: a plain total) of what started within a period.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.support.offices import shifts
from tests.support.offices.calls import Call, Ring, Talk, Transfer, Wait
from tests.support.offices.truth import Truth

SERVICE_S = 20.0
SHORT_S = 5.0
RECOVERY_S = 24 * 3600.0
TARGET_S = 30.0
CALLBACK_S = 10.0
DOOR_S = 1.0
LOST = ("missed", "abandoned", "voicemail", "out_of_hours")

Pair = tuple[float, float | None]


@dataclass(frozen=True)
class Attempt:
    """A call as the exchange counts it: also a colleague's *8, and a consultation. answered_s: when the one who was
    called first, or the exchange, took it; talked_s: to the end."""

    call: Call
    started_at: datetime
    ended_at: datetime
    answered_s: float | None
    talk_s: float
    hold_s: float
    transferred: bool
    recorded: bool


def attempts(calls: Iterable[Call]) -> list[Attempt]:
    """All of them."""
    out = []
    for call in calls:
        out.append(_main(call))
        out += [served for n, step in enumerate(call.steps) if (served := _served(call, step)) is not None and n >= 0]
    return out


def values(
    calls: list[Call], stories: list[Truth], since: datetime, until: datetime, agents: Sequence[shifts.Told] = ()
) -> dict[str, Pair]:
    """By metric_id; agents: what they did."""
    tried = [a for a in attempts(calls) if since <= a.started_at < until]
    within = [c for c in calls if since <= c.started_at < until]
    told = [t for t in stories if since <= t.started_at < until]
    return {
        **_of_calls(tried),
        **_of_lines(within, tried, since, until),
        **_of_stories(told),
        **_of_queues(within, shifts.wrap_ups(agents)),
        **_of_agents(shifts.seconds(calls, agents, since, until)),
        **_of_offers(within),
        **_of_sound(within, tried),
    }


def _main(call: Call) -> Attempt:
    taken = next((s for s in call.steps if isinstance(s, Ring | Wait) and s.taken_by), None)
    answered_s = taken.until_s if taken else None
    return Attempt(
        call=call,
        started_at=call.started_at,
        ended_at=call.ended_at,
        answered_s=answered_s,
        talk_s=0.0 if answered_s is None else round(call.ended_s - answered_s, 3),
        hold_s=round(sum(b - a for t in call.talks for a, b in t.holds), 3),
        transferred=any(isinstance(s, Transfer) for s in call.steps),
        recorded=call.recorded,
    )


def _served(call: Call, step: object) -> Attempt | None:
    """The colleague's own call before he took this one; it lasted two seconds at most."""
    if isinstance(step, Ring) and step.pickup:
        end_s, talks = step.until_s, False
    elif isinstance(step, Transfer) and step.how == "attended":
        end_s, talks = step.at_s, True
    else:
        return None
    length = min(2.0, end_s)
    end = call.started_at + timedelta(seconds=end_s)
    own = Call("", end - timedelta(seconds=length), "internal", "", "", "", (), length, "system")
    return Attempt(own, own.started_at, end, 0.0 if talks else length, length if talks else 0.0, 0.0, False, False)


def _of_calls(tried: list[Attempt]) -> dict[str, Pair]:
    answered = [a for a in tried if a.answered_s is not None]
    held = [a for a in answered if a.hold_s > 0]
    n = float(len(answered))
    talk = sum(a.talk_s for a in answered)
    return {
        "calls": (len(tried), None),
        "answered": (n, None),
        "answer_rate": (n, len(tried)),
        "talk_s_total": (talk, None),
        "talk_s_mean": (talk, n),
        "talk_net_s_mean": (talk - sum(a.hold_s for a in answered), n),
        "hold_s_mean": (sum(a.hold_s for a in held), len(held)),
        "wait_s_mean": (sum(a.answered_s or 0.0 for a in answered), n),
        "transfer_rate": (sum(a.transferred for a in answered), n),
        "recorded_share": (sum(a.recorded for a in answered), n),
    }


def _of_lines(within: list[Call], tried: list[Attempt], since: datetime, until: datetime) -> dict[str, Pair]:
    """Calls that took our trunk to somebody outside, and how many went on at once."""
    seized = [c for c in within if c.direction in ("outbound", "callback", "click") and _to_outside(c) is not None]
    rings = [(c, r) for c in seized if (r := _to_outside(c)) is not None]
    answered = [(c, r) for c, r in rings if r.taken_by]
    back = [c for c in seized if c.direction == "callback"]
    together = [c for c in back if c.talks and c.ended_s - c.talks[0].at_s > CALLBACK_S]
    effective = [r for _, r in rings if {h for _, h in r.results} & {"answered", "busy", "no_answer", "cancelled"}]
    peak, busiest = _at_once(tried, since, until)
    return {
        "asr": (len(answered), len(seized)),
        "ner": (len(effective), len(seized)),
        "acd": (sum(math.ceil(round(c.ended_s - r.until_s, 3)) for c, r in answered), len(answered)),
        "callback_success_rate": (len(together), len(back)),
        "callback_unanswered_rate": (sum(not r.taken_by for c, r in rings if c.direction == "callback"), len(back)),
        "distinct_destinations": (len({c.outside for c in seized}), None),
        "peak_calls": (peak, None),
        "busiest_hour_erlang": (busiest, None),
    }


def _to_outside(call: Call) -> Ring | None:
    """The ring at the number outside."""
    return next((s for s in call.steps if isinstance(s, Ring) and s.asked.startswith("outside:")), None)


def _at_once(tried: list[Attempt], since: datetime, until: datetime) -> tuple[float, float]:
    """Most calls at one moment, and the traffic of the busiest clock hour."""
    spans = [(max(a.started_at, since), min(a.ended_at, until)) for a in tried if a.ended_at > a.started_at]
    steps = sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans])
    now = peak = 0
    for _, step in steps:
        now += step
        peak = max(peak, now)
    hours: dict[datetime, float] = {}
    for begin, end in spans:
        at = begin.replace(minute=0, second=0, microsecond=0)
        while at < end:
            after = at + timedelta(hours=1)
            hours[at] = hours.get(at, 0.0) + (min(end, after) - max(begin, at)).total_seconds()
            at = after
    return peak, max(hours.values(), default=0.0) / 3600


def _of_stories(told: list[Truth]) -> dict[str, Pair]:
    came = [t for t in told if t.direction == "inbound"]
    talked = [t for t in came if t.talked]
    lost = [t for t in came if t.klass in LOST and t.outside]
    good = [t for t in lost if t.recovered_by]
    in_time = [t for t in good if t.recovery_s is not None and t.recovery_s <= RECOVERY_S]
    first = [t for t in talked if t.outside and not t.repeat_of]
    spoken = [t for t in told if t.talked]

    def of(klass: str) -> float:
        return sum(t.klass == klass for t in came)

    classed = {
        f"inbound_{k}": (of(k), None)
        for k in ("answered", "answered_elsewhere", "abandoned", "voicemail", "out_of_hours", "blocked")
    }
    return {
        **classed,
        "conversations": (len(told), None),
        "inbound_conversations": (len(came), None),
        "missed": (of("missed"), None),
        "missed_rate": (of("missed"), len(came)),
        "human_answer_rate": (len(talked), len(came)),
        "human_answer_rate_open": (len(talked), len(came) - of("out_of_hours") - of("blocked")),
        "recovery_rate": (len(in_time), len(lost)),
        "recovery_rate_any": (len(good), len(lost)),
        "recovery_rate_numbers": (len({t.outside for t in in_time}), len({t.outside for t in lost})),
        "first_contact_resolution": (sum(not t.repeated_by for t in first), len(first)),
        "repeat_rate": (sum(bool(t.repeat_of) for t in came), len(came)),
        "target_conversations": (sum(t.talk_s >= TARGET_S for t in first), None),
        "attempts_mean": (sum(t.attempts for t in came), len(came)),
        "conversation_wait_mean": (sum(t.wait_s for t in talked), len(talked)),
        "conversation_talk_mean": (sum(t.talk_s for t in spoken), len(spoken)),
    }


def last_waits(calls: Iterable[Call]) -> list[Wait]:
    """Of each call that waited in queues the last wait; call-backs are calls to a customer."""
    return [wait for wait, _ in _last_waits(calls)]


def _last_waits(calls: Iterable[Call]) -> list[tuple[Wait, Call]]:
    waits = [([s for s in c.steps if isinstance(s, Wait)], c) for c in calls if c.direction != "callback"]
    return [(found[-1], call) for found, call in waits if found]


def _of_agents(spent: dict[str, float]) -> dict[str, Pair]:
    """Of agents' time; nothing where nobody was logged in."""
    if not spent:
        return dict.fromkeys(("agent_logged_in_s", "occupancy", "utilization", "agent_paused_share"), (0.0, None))
    ready = spent["call"] + spent["wrap_up"] + spent["idle"]
    return {
        "agent_logged_in_s": (ready + spent["paused"], None),
        "occupancy": (spent["call"] + spent["wrap_up"], ready),
        "utilization": (spent["call"], ready),
        "agent_paused_share": (spent["paused"], ready + spent["paused"]),
    }


def _of_queues(within: list[Call], wrap_ups: dict[str, float]) -> dict[str, Pair]:
    """Of a call the last wait counts; call-backs are calls to a customer."""
    last = _last_waits(within)

    def those(holds: Callable[[Wait], bool]) -> list[tuple[Wait, Call]]:
        return [(w, c) for w, c in last if holds(w)]

    offered = float(len(last))
    answered = those(lambda w: w.how == "answered")
    gone = those(lambda w: w.how == "abandoned")
    short = those(lambda w: w.how == "abandoned" and w.wait_s < SHORT_S)
    quick = those(lambda w: w.how == "answered" and w.wait_s <= SERVICE_S)
    done_quick = those(lambda w: w.how in ("answered", "abandoned") and w.wait_s <= SERVICE_S)
    talk = sum(c.ended_s - w.until_s for w, c in answered)
    wrapped = sum(wrap_ups.get(c.call_id, 0.0) for _, c in answered)
    return {
        "queue_offered": (offered, None),
        "queue_answered": (len(answered), None),
        "queue_abandoned": (len(gone), None),
        "queue_answer_rate": (len(answered), offered),
        "abandonment_rate": (len(gone), offered),
        "short_abandoned": (len(short), offered),
        "service_level": (len(quick), offered),
        "service_level_without_short": (len(quick), offered - len(short)),
        "service_level_answered": (len(quick), len(answered)),
        "service_level_completed": (len(done_quick), len(answered) + len(gone)),
        "asa": (sum(w.wait_s for w, _ in answered), len(answered)),
        "time_to_abandon": (sum(w.wait_s for w, _ in gone), len(gone)),
        "queue_wait_max": (max((w.wait_s for w, _ in last), default=0.0), None),
        "average_excess": (sum(max(0.0, w.wait_s - SERVICE_S) for w, _ in last), offered),
        "queue_overflowed": (len(those(lambda w: w.how in ("overflow", "full"))), None),
        "queue_full": (len(those(lambda w: w.how == "full" or (w.how == "overflow" and w.wait_s < DOOR_S))), None),
        "queue_empty": (0.0, None),
        "queue_callback": (len(those(lambda w: w.how == "callback")), None),
        "queue_key": (len(those(lambda w: w.how == "key")), None),
        "queue_talk_mean": (talk, len(answered)),
        "wrap_up_mean": (wrapped, len(answered)),
        "aht": (talk + wrapped, len(answered)),
    }


def _of_offers(within: list[Call]) -> dict[str, Pair]:
    waits = [s for c in within for s in c.steps if isinstance(s, Wait)]
    rung = [how for w in waits for o in w.offers for _, how in o.results]
    answered, withdrawn = rung.count("answered"), rung.count("cancelled")
    return {
        "agent_answer_rate": (answered, len(rung)),
        "agent_answer_rate_own": (answered, len(rung) - withdrawn),
        "agent_non_response": (len(rung) - answered - withdrawn, None),
    }


def _of_sound(within: list[Call], tried: list[Attempt]) -> dict[str, Pair]:
    """Each leg that talked, with equal weight: the caller's, and one per person he talked with."""
    legs = [c.loss_share for c in within if c.talks for _ in range(1 + _people(c))]
    scores = [_mos(share) for share in legs]
    return {
        "mos_mean": (sum(scores), len(scores)),
        "share_mos_below_3_6": (sum(s < 3.6 for s in scores), len(scores)),
        "loss_mean": (sum(legs), len(legs)),
        "r_factor_mean": (sum(93.2 - 12 / 40 - 250 * share for share in legs), len(legs)),  # 12 ms: 2 of jitter, 10
    }


def _people(call: Call) -> int:
    return sum(isinstance(s, Talk) for s in call.steps)


def _mos(loss_share: float) -> float:
    """ITU-T G.107 with the packet loss robustness of G.711 with concealment (25.1) and 60 ms of delay; two decimals."""
    percent = 100 * loss_share
    r = 93.2 - 0.024 * 60 - 95 * percent / (percent + 25.1)
    return round(1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r), 2)
