"""Fabricated but realistic facts: calls with legs, recordings, turns, transcripts and events, written into journals.

    cdrs = facts.write_calls(world.settings, world.clock, world.acme, 40)          # → <data>/journal/worker-0, …
    call = facts.make_call(random.Random(1), world.acme, started_at)               # only the records, nothing written
    facts.write(world.settings, world.clock, [call])

The same seed gives the same calls, ids included, for any tenant with that id; two tenants share extension numbers.
Mix: about 7 in 10 answered; of these most recorded, some degraded or truncated, a few without recording; transcripts
done, empty, unsupported, failed or not there yet. Every fifth call has a hostile caller name (HOSTILE_NAMES).
No sound files are made: `path` and `peaks_path` point at files that do not exist.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from analytics import turns
from pbx_core.clock import Clock, uuid7_hex
from pbx_core.domain.records import (
    CallEventRecord,
    Cdr,
    Disposition,
    LegRecord,
    Party,
    RecordingRecord,
    TranscriptRecord,
    TurnsRecord,
    Utterance,
    Word,
)
from pbx_core.feed import Journal
from pbx_core.settings import Settings
from pbx_core.store.directory import Tenant

NUMBERS = ("101", "102", "103")

HOSTILE_NAMES = (
    'O\'Hara "Bob"; DROP TABLE call;--',
    "Zoë 📞 Ünïcode",
    "![x](http://canary.invalid/beacon.png)",
    "\u202egnp.exe\u202c reversed",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    '=HYPERLINK("http://canary.invalid")',
    "line one\r\nline two\x00\x1b[31m",
    "[click](javascript:alert(1)) `code` **bold** $x^2$",
    "100%_\\ wild",
    "",
)

SENTENCES = (
    "hello this is the service desk how can I help you",
    "I would like to ask about my invoice please",
    "the parcel did not arrive yesterday",
    "one moment I am looking it up",
    "thank you that was very helpful goodbye",
    "it costs 100% more than <b>last</b> year & that's a lot",
    "could you repeat the order number",
)

CAUSES = {
    Disposition.ANSWERED: "200 OK",
    Disposition.NO_ANSWER: "ring limit 30 s",
    Disposition.BUSY: "486 Busy Here",
    Disposition.CANCELLED: "487 Request Terminated",
    Disposition.FAILED: "404 Not Found",
}
STATUS = {
    Disposition.ANSWERED: 200,
    Disposition.NO_ANSWER: 480,
    Disposition.BUSY: 486,
    Disposition.CANCELLED: 487,
    Disposition.FAILED: 404,
}


@dataclass(frozen=True)
class Call:
    """Everything known of one fabricated call; what does not exist (yet) is None."""

    cdr: Cdr
    recording: RecordingRecord | None
    turns: TurnsRecord | None
    transcript: TranscriptRecord | None
    events: tuple[CallEventRecord, ...]

    def lines(self) -> list[tuple[str, str, Any]]:
        """(kind, id, record) in the order in which the processes write them."""
        out: list[tuple[str, str, Any]] = [("call_event", f"{e.call_id}-{e.seq}", e) for e in self.events]
        out.append(("cdr", self.cdr.call_id, self.cdr))
        for kind in ("recording", "turns", "transcript"):
            record = getattr(self, kind)
            if record is not None:
                out.append((kind, record.recording_id, record))
        return out


def write_calls(
    settings: Settings,
    clock: Clock,
    tenant: Tenant,
    count: int,
    *,
    seed: int = 0,
    since: datetime | None = None,
    until: datetime | None = None,
    close: bool = True,
) -> list[Cdr]:
    """Fabricate `count` calls spread evenly over since…until (default: the last 7 days) and append them to the
    journals `worker-0` (events, CDRs), `recorder` and `transcribe-0`. Returns the CDRs, oldest first."""
    calls = make_calls(tenant, count, until=until or clock.now(), since=since, seed=seed)
    write(settings, clock, calls, close=close)
    return [call.cdr for call in calls]


def make_calls(
    tenant: Tenant, count: int, *, until: datetime, since: datetime | None = None, seed: int = 0
) -> list[Call]:
    """The calls alone, oldest first, started in since…until (default: 7 days up to until)."""
    first = since or until - timedelta(days=7)
    step = (until - first) / max(1, count)
    rng = random.Random(f"{seed}/{tenant.tenant_id}")
    return [make_call(rng, tenant, first + step * i, hostile=i % 5 == 4) for i in range(count)]


def write(settings: Settings, clock: Clock, calls: Iterable[Call], *, close: bool = True, sync: bool = False) -> None:
    """Append all lines of the calls to fresh segments of the producers that would write them."""
    producer = {"recording": "recorder", "turns": "transcribe-0", "transcript": "transcribe-0"}
    journals: dict[str, Journal] = {}
    for call in calls:
        for kind, id_, record in call.lines():
            name = producer.get(kind, "worker-0")
            if name not in journals:
                journals[name] = Journal(settings.journal_dir, name, clock)
            journals[name].append(kind, id_, record.tenant_id, record, sync=sync)
    for journal in journals.values():
        journal.sync()
        if close:
            journal.close()


def make_call(
    rng: random.Random,
    tenant: Tenant,
    started_at: datetime,
    *,
    disposition: Disposition | None = None,
    caller: str | None = None,
    callee: str | None = None,
    caller_name: str | None = None,
    hostile: bool = False,
    talk_s: float | None = None,
    said: Sequence[str] | None = None,
    recorded: bool | None = None,
) -> Call:
    """One call; what is not given is drawn from rng. `said`: texts of the utterances, caller and callee in turn."""
    started_at = started_at.replace(microsecond=started_at.microsecond // 1000 * 1000)
    disposition = disposition or rng.choices(list(Disposition), weights=[70, 10, 8, 7, 5])[0]
    from_, to = rng.sample(NUMBERS, 2)
    cdr = _cdr(rng, tenant, started_at, disposition, caller or from_, callee or to, talk_s)
    name = caller_name or (rng.choice(HOSTILE_NAMES) if hostile else f"Phone {cdr.caller_number}")
    cdr = replace(cdr, caller_name=name)
    events = _events(cdr)
    if disposition is not Disposition.ANSWERED or recorded is False or (recorded is None and rng.random() < 0.05):
        reason = (
            "not answered"
            if disposition is not Disposition.ANSWERED
            else ("disk_full: recording volume below 5 % free")
        )
        return Call(replace(cdr, recording_reason=reason), None, None, None, events)
    recording = _recording(rng, cdr)
    cdr = replace(cdr, recording_id=recording.recording_id)
    if said is None and rng.random() < 0.1:
        return Call(cdr, recording, None, None, events)  # still waiting for its transcription
    status = "done" if said is not None else rng.choices(["done", "empty", "unsupported", "failed"], [85, 8, 4, 3])[0]
    utterances = _utterances(rng, recording, said) if status == "done" else ()
    return Call(cdr, recording, _turns(recording, utterances), _transcript(recording, status, utterances), events)


def _cdr(
    rng: random.Random,
    tenant: Tenant,
    started_at: datetime,
    disposition: Disposition,
    caller: str,
    callee: str,
    talk_s: float | None,
) -> Cdr:
    call_id = uuid7_hex(int(started_at.timestamp() * 1000), rng.randbytes(10))
    answered = disposition is Disposition.ANSWERED
    rings = disposition in (Disposition.ANSWERED, Disposition.NO_ANSWER, Disposition.CANCELLED)
    setup_s = round(rng.uniform(0.05, 0.4), 3)
    ring_s = (30.0 if disposition is Disposition.NO_ANSWER else round(rng.uniform(1, 12), 3)) if rings else 0.0
    talk = round(talk_s if talk_s is not None else rng.uniform(5, 300), 3) if answered else 0.0
    ringing_at = started_at + timedelta(seconds=setup_s) if rings else None
    end_of_wait = started_at + timedelta(seconds=round(setup_s + ring_s, 3))
    ended_at = end_of_wait + timedelta(seconds=talk)
    cdr = Cdr(
        call_id=call_id,
        tenant_id=tenant.tenant_id,
        direction="internal",
        caller_number=caller,
        caller_name="",
        callee_number=callee,
        started_at=started_at,
        ringing_at=ringing_at,
        answered_at=end_of_wait if answered else None,
        ended_at=ended_at,
        setup_s=setup_s if rings else None,
        ring_s=ring_s,
        wait_s=round(setup_s + ring_s, 3),
        talk_s=talk,
        hold_s=0.0,
        bill_s=int(-(-talk // 1)),
        disposition=disposition,
        cause=CAUSES[disposition],
        hangup_party=rng.choice(["caller", "callee"]) if answered else "system",
        aborted=False,
        dtmf_digits=0,
        recording_id=None,
        recording_reason=None,
        worker="worker-0",
        definition_version="1",
    )
    return replace(cdr, legs=(_leg(rng, cdr, Party.CALLER, caller), _leg(rng, cdr, Party.CALLEE, callee)))


def _leg(rng: random.Random, cdr: Cdr, party: Party, number: str) -> LegRecord:
    media = cdr.answered_at is not None
    loss = rng.choices([0.0, round(rng.uniform(0.001, 0.08), 4)], [70, 30])[0]
    jitter = round(rng.uniform(0.5, 20), 2)
    return LegRecord(
        leg_id=f"{cdr.call_id}-{party}",
        party=party,
        number=number,
        sip_call_id=f"{rng.randbytes(8).hex()}@192.0.2.1",
        started_at=cdr.started_at,
        answered_at=cdr.answered_at,
        ended_at=cdr.ended_at,
        sip_status=STATUS[cdr.disposition],
        codec="PCMA" if media else None,
        rx_packets=int(cdr.talk_s * 50) if media else None,
        loss_share=loss if media else None,
        late_share=0.0 if media else None,
        jitter_ms_mean=jitter if media else None,
        jitter_ms_max=round(jitter * 2, 2) if media else None,
        rtt_ms_mean=round(rng.uniform(1, 60), 1) if media else None,
        mos=round(max(1.0, 4.4 - loss * 25 - jitter / 100), 2) if media else None,
        starved=False if media else None,
        quality_reason=None if media else "no media: not answered",
        quality_version="e-model-1" if media else None,
    )


def _events(cdr: Cdr) -> tuple[CallEventRecord, ...]:
    dated = [(cdr.started_at, "invited", "caller"), (cdr.ringing_at, "ringing", "callee")]
    dated += [(cdr.answered_at, "answered", "callee"), (cdr.ended_at, "ended", None)]
    return tuple(
        CallEventRecord(
            cdr.call_id, cdr.tenant_id, seq, at, (at - cdr.started_at).total_seconds(), type_, leg, {"cause": cdr.cause}
        )
        for seq, (at, type_, leg) in enumerate((d for d in dated if d[0] is not None), start=1)
    )


def _recording(rng: random.Random, cdr: Cdr) -> RecordingRecord:
    recording_id = rng.randbytes(16).hex()
    quality = rng.choices(["ok", "degraded", "truncated"], [90, 6, 4])[0]
    reasons = {"ok": None, "degraded": "starved: 3.1 % of the callee's frames", "truncated": "aborted"}
    stem = f"{cdr.tenant_id}/{cdr.started_at:%Y/%m}/{recording_id}"
    return RecordingRecord(
        recording_id=recording_id,
        call_id=cdr.call_id,
        tenant_id=cdr.tenant_id,
        path=f"{stem}.webm",
        peaks_path=f"{stem}.peaks.json",
        started_at=cdr.answered_at or cdr.started_at,
        duration_s=cdr.talk_s,
        codec="opus",
        sample_rate=48000,
        channels=2,
        bytes=int(cdr.talk_s * 3000) + 500,
        sha256=rng.randbytes(32).hex(),
        caller_pad_ms=0,
        callee_pad_ms=20,
        quality=quality,
        quality_reason=reasons[quality],
        consent_basis="announcement",
    )


def _utterances(rng: random.Random, recording: RecordingRecord, said: Sequence[str] | None) -> tuple[Utterance, ...]:
    texts = list(said) if said is not None else rng.choices(SENTENCES, k=rng.randint(2, 8))
    slot = recording.duration_s / max(1, len(texts))
    out = []
    for i, text in enumerate(texts):
        start_s, end_s = round(i * slot, 2), round((i + 0.9) * slot, 2)
        words = text.split()
        each = (end_s - start_s) / max(1, len(words))
        out.append(
            Utterance(
                utterance_id=f"{recording.recording_id}-{i:04d}",
                party=(Party.CALLER, Party.CALLEE)[i % 2],
                start_s=start_s,
                end_s=end_s,
                text=text,
                confidence=0.9,
                words=tuple(
                    Word(w, round(start_s + j * each, 2), round(start_s + (j + 1) * each, 2), 0.9)
                    for j, w in enumerate(words)
                ),
            )
        )
    return tuple(out)


def _turns(recording: RecordingRecord, utterances: Sequence[Utterance]) -> TurnsRecord:
    caller, callee = (tuple((u.start_s, u.end_s) for u in utterances if u.party is p) for p in Party)
    return turns.measure(
        recording.recording_id,
        recording.call_id,
        recording.tenant_id,
        recording.duration_s,
        caller,
        callee,
        (-24.5 if caller else None, -21.0 if callee else None),
    )


def _transcript(recording: RecordingRecord, status: str, utterances: tuple[Utterance, ...]) -> TranscriptRecord:
    reasons = {
        "done": None,
        "empty": None,
        "unsupported": "language 'ky' is not supported by the model",
        "failed": "the recording cannot be decoded",
    }
    return TranscriptRecord(
        recording_id=recording.recording_id,
        call_id=recording.call_id,
        tenant_id=recording.tenant_id,
        status=status,
        reason=reasons[status],
        language={"done": "en", "unsupported": "ky"}.get(status),
        language_probability={"done": 0.98, "unsupported": 0.7}.get(status),
        model="whisper-base",
        model_sha256="0" * 64,
        version="asr-1",
        audio_s=recording.duration_s,
        cpu_s=round(recording.duration_s / 10, 2),
        caller_words_per_minute=140.0 if status == "done" else None,
        callee_words_per_minute=150.0 if status == "done" else None,
        utterances=utterances,
    )
