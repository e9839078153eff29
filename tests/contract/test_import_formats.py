"""Each foreign format from its files into the warehouse: calls, legs, rings, recordings; again, and nothing changes."""

from __future__ import annotations

import base64
import hashlib
import json
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from ingest.imports import staging
from ingest.imports.raw import Evidence
from pbx_core.clock import SystemClock
from pbx_core.settings import Settings
from tests.support import foreign_logs as foreign
from tests.support import importing, lake, tones
from tests.support.foreign_logs import AT, uuid
from tests.support.offices import loading

ZONE = "Europe/Berlin"
RATE = 8000


def _sides(path: Path, left_hertz: float, right_hertz: float, seconds: float = 2.0) -> Path:
    """A stereo WAV with a tone on each side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    at = 2 * np.pi * np.arange(int(RATE * seconds)) / RATE
    both = np.stack([np.sin(at * left_hertz), np.sin(at * right_hertz)], axis=1) * tones.AMPLITUDE
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(both.astype("<i2").tobytes())
    return path


def _asterisk(folder: Path) -> None:
    """A call that waits in a queue in which 1001 lets it ring, then 1002 takes it; and one that gives up."""
    unique, other, at = f"{AT}.11", f"{AT + 100}.12", AT
    head = '"","+4930111","400","ext-queues","""Anna"" <+4930111>","PJSIP/trunk-0000000a"'
    tail = f'"DOCUMENTATION","{unique}","","","{unique}"'
    rung = f'"{foreign.stamp(at)}","{foreign.stamp(at + 15)}","{foreign.stamp(at + 60)}",60,45,"ANSWERED"'
    gone = f'"{foreign.stamp(at + 100)}","{foreign.stamp(at + 100)}","{foreign.stamp(at + 130)}",30,30,"ANSWERED"'
    rows = [
        f'{head},"PJSIP/1002-0000000c","Queue","400,t,,,300",{rung},{tail},1',
        f'{head},"","Queue","400,t,,,300",{gone},{tail.replace(unique, other)},2',
    ]
    (folder / "Master.csv").write_text("\n".join(rows) + "\n")
    (folder / "queue_log").write_text(
        f"{at}|{unique}|400|NONE|ENTERQUEUE||+4930111|1\n"
        f"{at + 10}|{unique}|400|PJSIP/1001|RINGNOANSWER|10000\n"
        f"{at + 15}|{unique}|400|PJSIP/1002|CONNECT|15|{at + 11}.13|4\n"
        f"{at + 60}|{unique}|400|PJSIP/1002|COMPLETEAGENT|15|45|1\n"
        f"{at + 100}|{other}|400|NONE|ENTERQUEUE||+4930111|1\n"
        f"{at + 130}|{other}|400|NONE|ABANDON|1|1|30\n"
        f"{at + 200}|NONE|400|PJSIP/1001|PAUSE|lunch\n"
    )
    _sides(folder / f"in-x-{at + 11}.13.wav", 440, 700)


def _freeswitch_csv(folder: Path) -> None:
    """The same calls in Master.csv, and by another template in the file of their account code."""
    lines = [
        foreign.freeswitch_line(1, name='"Q" Anna'),
        foreign.freeswitch_line(2, cause="USER_BUSY", answer="", bleg=""),
    ]
    lines.append(foreign.freeswitch_line(1, context="default", dst="1007", uuid=uuid(501), bleg=""))
    (folder / "Master.csv").write_text("\n".join(lines) + "\n")
    (folder / "office.csv").write_text(foreign.freeswitch_line(1, "asterisk") + "\n")


def _freeswitch_json(folder: Path) -> None:
    (folder / f"a_{uuid(1)}.cdr.json").write_text(foreign.as_json(foreign.encoded(foreign.freeswitch_record(1))))
    (folder / f"a_{uuid(2)}.cdr.xml").write_text(foreign.freeswitch_xml(foreign.freeswitch_record(2)))
    _sides(folder / f"{uuid(1)}.wav", 440, 700)


def _mikopbx(folder: Path) -> None:
    """One call in, one out; in both recordings the person outside is on the left."""
    out = foreign.mikopbx_row(2, from_account="", to_account="SIP-TRUNK-1", src_num="201", dst_num="4930222",
                              src_chan="PJSIP/201-0000001c", dst_chan="PJSIP/SIP-TRUNK-1-0000001d", did="",
                              recordingfile="/storage/monitor/2026/03/01/10/two.wav")  # fmt: skip
    into = foreign.mikopbx_row(1, recordingfile="/storage/monitor/2026/03/01/10/one.wav")
    foreign.table_file(folder / "cdr.db", "cdr_general", [into, out])
    _sides(folder / "monitor" / "2026" / "03" / "01" / "10" / "one.wav", 440, 700)
    _sides(folder / "monitor" / "2026" / "03" / "01" / "10" / "two.wav", 440, 700)


def _fusionpbx(folder: Path) -> None:
    name = f"{uuid(1)}.wav"
    row = foreign.fusionpbx_row(1, record_path="/var/rec/a.example/archive/2026/März/01", record_name=name)
    foreign.table_file(folder / "fusionpbx.db", "v_xml_cdr", [row, foreign.fusionpbx_row(2, hangup_cause="LOSE_RACE",
                       answer_epoch="", billsec=0, bridge_uuid="")])  # fmt: skip
    _sides(folder / "archive" / "2026" / "März" / "01" / name, 440, 700)


def _sounds(folder: Path) -> None:
    """One name in two folders, one name without a time, one without sound, one that is no sound at all."""
    _sides(folder / "2026" / "03" / "01" / "101500-201-+4930111.wav", 440, 700)
    _sides(folder / "2026" / "03" / "02" / "101500-201-+4930111.wav", 500, 800, 3.0)
    tones.tone(folder / "out-+4930222-202-20260301-120000-1772362800.7.wav", 440, 1.5)
    (folder / "20260301-130000-201-202.wav").write_bytes(b"RIFF" + b"\0" * 40)
    (folder / "20260301-140000-201-202.mp3").write_bytes(b"no sound" * 100)
    (folder / "link.wav").symlink_to("/etc/passwd")


def _vcon(folder: Path) -> None:
    """With its sound inside."""
    content = _sides(folder.parent / "sides.wav", 440, 700).read_bytes()
    dialog = {
        "type": "recording", "start": foreign.rfc3339(AT), "duration": 2.0, "parties": [0, 1], "encoding": "base64url",
        "mediatype": "audio/x-wav", "body": base64.urlsafe_b64encode(content).decode(),
        "content_hash": "sha512-" + base64.urlsafe_b64encode(hashlib.sha512(content).digest()).decode().rstrip("="),
    }  # fmt: skip
    parties = [{"tel": "tel:+4930111", "name": "Anna"}, {"tel": "tel:1001"}]
    said = [{"start": 0.2, "end": 0.9, "text": "Good morning", "speaker": 1}, {"start": 1, "end": 2, "text": "Hello",
            "speaker": 0}]  # fmt: skip
    analysis = {"type": "transcript", "dialog": 0, "vendor": "Acme", "encoding": "json", "body": {"segments": said}}
    container = {"vcon": "0.4.0", "uuid": uuid(1), "parties": parties, "dialog": [dialog], "analysis": [analysis]}
    (folder / "one.vcon").write_text(json.dumps(container))


WRITE: dict[str, Callable[[Path], None]] = {
    "asterisk": _asterisk, "freeswitch-csv": _freeswitch_csv, "freeswitch-json": _freeswitch_json,
    "mikopbx": _mikopbx, "fusionpbx": _fusionpbx, "sounds": _sounds, "vcon": _vcon,
}  # fmt: skip


@dataclass(frozen=True)
class World:
    settings: Settings
    folders: dict[str, Path]
    tenants: dict[str, str]

    def rows(self, name: str, sql: str) -> list[tuple[Any, ...]]:
        """Of one tenant, whose id is ? in the SQL."""
        return lake.query(self.settings, sql, [self.tenants[name]])


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    folder = tmp_path_factory.mktemp("formats")
    settings, offices = loading.tenants(folder, [ZONE] * len(WRITE))
    found = World(
        settings, {n: folder / n for n in WRITE}, {n: o.tenant_id for n, o in zip(WRITE, offices, strict=True)}
    )
    for name, write in WRITE.items():
        found.folders[name].mkdir()
        write(found.folders[name])
        _bring_in(found, name)
    lake.ingest_once(settings, SystemClock())
    return found


def _bring_in(world: World, name: str) -> staging.Manifest:
    def ask(evidence: Evidence, question: str, answers: Sequence[str]) -> str:
        assert evidence.format in ("freeswitch-csv", "audio-folder"), question
        return ZONE if ZONE in answers else "yes"

    return importing.staged(world.settings, world.tenants[name], world.folders[name], zone=ZONE, ask=ask)


CALLS = """
    SELECT epoch(started_at)::BIGINT, direction, caller_number, disposition, answered_by, talk_s, queue_result
    FROM lk.main.call WHERE tenant_id = ? ORDER BY started_at
"""


def test_queue_log_tells_who_was_rung_in_vain_and_who_hung_up(world: World) -> None:
    assert world.rows("asterisk", CALLS) == [
        (AT, "inbound", "+4930111", "answered", "1002", 45.0, "answered"),
        (AT + 100, "inbound", "+4930111", "cancelled", "", 0.0, "abandoned"),
    ]
    parties = world.rows("asterisk", "SELECT hangup_party, queue, queue_wait_s FROM lk.main.call WHERE tenant_id = ? "
                                     "ORDER BY started_at")  # fmt: skip
    assert parties == [("callee", "400", 15.0), ("caller", "400", 30.0)]
    rings = world.rows("asterisk", "SELECT type, detail ->> '$.results' FROM lk.main.call_event WHERE tenant_id = ? "
                                   "ORDER BY occurred_at")  # fmt: skip
    assert rings == [("offer_ended", '{"1001":"no_answer"}'), ("offer_ended", '{"1002":"answered"}')]
    legs = world.rows("asterisk", "SELECT number FROM lk.main.leg WHERE tenant_id = ? ORDER BY started_at, position")
    assert [number for (number,) in legs] == ["+4930111", "1002", "+4930111"]
    agents = world.rows("asterisk", "SELECT agent, type, reason FROM lk.main.queue_event WHERE tenant_id = ?")
    assert agents == [("1001", "pause", "lunch")]


def test_a_recording_is_found_by_the_id_that_a_queue_tells(world: World) -> None:
    found = world.rows("asterisk", "SELECT epoch(c.started_at)::BIGINT, r.channels FROM lk.main.recording AS r "
                                   "JOIN lk.main.call AS c USING (call_id) WHERE r.tenant_id = ?")  # fmt: skip
    assert found == [(AT, 2)]


def test_a_call_in_two_files_of_freeswitch_is_one_with_its_far_leg(world: World) -> None:
    assert world.rows("freeswitch-csv", CALLS) == [
        (AT + 100, "inbound", "+4930111", "answered", "1007", 55.0, ""),
        (AT + 200, "inbound", "+4930111", "busy", "", 0.0, ""),
    ]
    legs = world.rows("freeswitch-csv", "SELECT party, number FROM lk.main.leg WHERE tenant_id = ? "
                                        "AND started_at < to_timestamp(1772355790) ORDER BY position")  # fmt: skip
    assert legs[0] == ("caller", "+4930111")
    assert ("callee", "1007") in legs and ("callee", "1001") not in legs


def test_quality_names_the_exchange_whose_formula_it_is(world: World) -> None:
    found = world.rows("freeswitch-json", "SELECT mos, quality_version FROM lk.main.leg WHERE tenant_id = ? "
                                          "AND mos IS NOT NULL")  # fmt: skip
    assert found == [(4.31, "imported: freeswitch")] * 2


@pytest.mark.parametrize("name", ["freeswitch-json", "fusionpbx", "vcon"])
def test_the_recording_of_a_leg_is_found(world: World, name: str) -> None:
    rows = world.rows(name, "SELECT c.recording_id = r.recording_id, r.duration_s FROM lk.main.recording AS r "
                            "JOIN lk.main.call AS c USING (call_id) WHERE r.tenant_id = ?")  # fmt: skip
    assert rows == [(True, 2.0)]


def test_the_transcript_of_a_vcon_is_that_of_its_recording_and_marked_as_not_ours(world: World) -> None:
    rows = world.rows("vcon", "SELECT t.status, t.model, t.version, u.party, u.text, r.call_id = t.call_id "
                              "FROM lk.main.transcript AS t "
                              "JOIN lk.main.utterance AS u USING (tenant_id, recording_id) "
                              "JOIN lk.main.recording AS r USING (tenant_id, recording_id) WHERE t.tenant_id = ? "
                              "ORDER BY u.start_s")  # fmt: skip
    ours = ("done", "imported: Acme", "imported")
    assert rows == [(*ours, "callee", "Good morning", True), (*ours, "caller", "Hello", True)]


def test_who_is_on_which_side_follows_the_direction_of_a_call_of_mikopbx(world: World) -> None:
    rows = world.rows("mikopbx", "SELECT c.direction, r.caller_number, r.callee_number, r.path "
                                 "FROM lk.main.recording AS r JOIN lk.main.call AS c USING (call_id) "
                                 "WHERE r.tenant_id = ? ORDER BY 1")  # fmt: skip
    assert [row[:3] for row in rows] == [("inbound", "4930111", "201"), ("outbound", "201", "4930222")]
    for direction, _, _, path in rows:
        sound, rate = soundfile.read(world.settings.recordings_dir / path, dtype="int16")
        caller = 440 if direction == "inbound" else 700  # outside is on the left there: 440 Hz
        assert list(tones.heard(sound[:: rate // RATE, 0], [440, 700])) == [caller]


def test_recordings_without_a_log_become_calls_by_their_names(world: World) -> None:
    ten, day = AT + 900, 86_400
    assert world.rows("sounds", CALLS) == [
        (ten, "outbound", "201", "answered", "+4930111", 2.0, ""),
        (AT + 7200, "outbound", "202", "answered", "+4930222", 1.5, ""),
        (ten + day, "outbound", "201", "answered", "+4930111", 3.0, ""),
    ]
    kept = world.rows("sounds", "SELECT c.talk_s = r.duration_s, r.channels FROM lk.main.recording AS r "
                                "JOIN lk.main.call AS c USING (call_id) WHERE r.tenant_id = ? "
                                "ORDER BY r.started_at")  # fmt: skip
    assert kept == [(True, 2), (True, 1), (True, 2)]
    aside = world.rows("sounds", "SELECT reason FROM lk.main.reject WHERE source = 'import' "
                                 "AND starts_with(segment, ?) ORDER BY segment")  # fmt: skip
    assert len(aside) == 2 and aside[0] == ("it holds no sound",)


def test_what_is_imported_again_from_another_folder_changes_nothing(world: World, tmp_path: Path) -> None:
    before = lake.content(world.settings)
    for name in ("asterisk", "freeswitch-csv", "mikopbx"):
        again = World(world.settings, {name: tmp_path / name / "copied"}, world.tenants)
        again.folders[name].mkdir(parents=True)
        WRITE[name](again.folders[name])
        (again.folders[name] / "queue_log.1").write_text(f"{AT + 300}|NONE|400|PJSIP/1001|UNPAUSE|\n")
        _bring_in(again, name)
    lake.ingest_once(world.settings, SystemClock())
    after = lake.content(world.settings)
    for table in ("call", "leg", "call_event", "recording"):
        assert after[table] == before[table], table
