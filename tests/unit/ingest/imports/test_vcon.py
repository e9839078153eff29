"""vCon: parties, dialogs, the sound inside, by the names of the draft; whatever the container holds."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ingest.imports.formats.vcon import FORMAT
from ingest.imports.raw import Bad
from ingest.imports.vcon_words import Piece, Told

SOUND = b"RIFF....WAVE not looked at here"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _dialog(**changed: Any) -> dict[str, Any]:
    return {
        "type": "recording", "start": "2026-03-01T10:00:00+01:00", "duration": 62.5, "parties": [0, 1],
        "mediatype": "audio/x-wav", "encoding": "base64url", "body": _b64(SOUND),
        "content_hash": f"sha512-{_b64(hashlib.sha512(SOUND).digest())}",
    } | changed  # fmt: skip


def _vcon(*dialogs: Any, **changed: Any) -> dict[str, Any]:
    return {
        "vcon": "0.4.0", "uuid": "018f-1", "created_at": "2026-03-01T09:00:00Z",
        "parties": [{"tel": "tel:+4930111", "name": "Anna"}, {"sip": "sip:1001@pbx.example", "name": "Bob"}],
        "dialog": list(dialogs),
    } | changed  # fmt: skip


def _read(tmp_path: Path, text: str) -> tuple[list[dict[str, Any]], list[Bad], dict[str, bytes]]:
    path = tmp_path / "a.vcon.json"
    path.write_text(text)
    found = FORMAT.sniff(path)
    assert found is not None
    reads = list(FORMAT.read(path, "a.vcon.json", found))
    sounds = {seen.name: seen.path.read_bytes() for seen in FORMAT.unpack(path, "a.vcon.json", tmp_path / "out")}
    return [row for r in reads for row in r.rows.to_pylist()], [bad for r in reads for bad in r.bad], sounds


def test_a_dialog_is_a_call_with_the_sound_inside(tmp_path: Path) -> None:
    history = [
        {"party": 1, "time": "2026-03-01T09:00:10Z", "event": "hold"},
        {"party": 1, "time": "2026-03-01T09:00:14Z", "event": "unhold"},
        {"party": 0, "time": "2026-03-01T09:01:02Z", "event": "drop"},
    ]
    (row,), bad, sounds = _read(tmp_path, json.dumps(_vcon(_dialog(party_history=history))))
    assert not bad
    assert (row["src"], row["src_name"], row["dst"]) == ("+4930111", "Anna", "1001")
    assert (row["disposition"], row["bill_s"], row["hold_s"], row["hangup_party"]) == ("answered", 62.5, 4.0, "caller")
    assert row["started_at"].isoformat() == "2026-03-01T09:00:00+00:00"
    assert sounds == {row["recording"]: SOUND}


def test_a_call_that_did_not_come_about_says_why(tmp_path: Path) -> None:
    dialog = {"type": "incomplete", "start": "2026-03-01T09:00:00Z", "parties": [0, 1], "disposition": "busy"}
    (row,), bad, sounds = _read(tmp_path, json.dumps(_vcon(dialog)))
    assert (row["disposition"], row["answered_at"], row["peer_channel"]) == ("busy", None, "")
    assert not bad and not sounds


def test_the_originator_may_be_the_second_party_and_channels_may_be_lists(tmp_path: Path) -> None:
    (row,), _, _ = _read(tmp_path, json.dumps(_vcon(_dialog(originator=1, parties=[[0, 1]]))))
    assert (row["src"], row["dst"]) == ("1001", "+4930111")


def test_several_dialogs_are_one_story(tmp_path: Path) -> None:
    rows, _, sounds = _read(
        tmp_path, json.dumps(_vcon(_dialog(), {"type": "text"}, _dialog(start="2026-03-01T09:05:00Z")))
    )
    assert [(row["unique_id"], row["linked_id"]) for row in rows] == [("018f-1/0", "018f-1"), ("018f-1/2", "018f-1")]
    assert len(sounds) == 2


def test_a_signed_one_and_one_per_line_are_read_alike(tmp_path: Path) -> None:
    plain = json.dumps(_vcon(_dialog()))
    signed = json.dumps({"payload": _b64(plain.encode()), "signatures": [{"protected": "x", "signature": "y"}]})
    first = _read(tmp_path, plain)[0]
    assert _read(tmp_path, signed)[0] == first
    rows, bad, _ = _read(tmp_path, f"{plain}\n{plain[:200]}\n\n{signed}\n")
    assert [row["line"] for row in rows] == [1, 4] and [one.line for one in bad] == [2]


def test_an_address_elsewhere_is_never_fetched_its_name_is_looked_for(tmp_path: Path) -> None:
    dialog = _dialog(url="https://127.0.0.1:1/x.wav", filename="x.wav")
    del dialog["body"], dialog["encoding"]
    (row,), bad, sounds = _read(tmp_path, json.dumps(_vcon(dialog)))
    assert (row["recording"], bad, sounds) == ("x.wav", [], {})


def test_a_version_from_the_future_is_read_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(_vcon(_dialog(), vcon="9.9.9")))
    found = FORMAT.sniff(path)
    assert found and any("not known" in sentence for sentence in found.says)


@pytest.mark.parametrize(
    ("record", "reason", "calls"),
    [
        (_vcon(_dialog(content_hash=f"sha512-{_b64(b'x' * 64)}")), "does not fit its content_hash", 1),
        (_vcon(_dialog(body="!!!")), "no base64url", 1),
        (_vcon(_dialog(mediatype="text/html")), "no sound that is known", 1),
        (_vcon(_dialog(start="yesterday")), "no time", 0),
        (_vcon(_dialog(start="2026-03-01T10:00:00")), "no time with a zone", 0),
        (_vcon(critical=["lawful-basis"]), "may not be read", 0),
        (_vcon(parties={"0": {}}), "no parties", 0),
        (_vcon(), "no dialog of sound", 0),
        ({"vcon": "0.4.0", "ciphertext": "x", "payload": ""}, "encrypted", 0),
        ({"payload": "####", "signatures": []}, "no vCon", 0),
    ],
)
def test_what_cannot_be_taken_is_put_aside_with_its_reason(
    tmp_path: Path, record: dict[str, Any], reason: str, calls: int
) -> None:
    rows, bad, sounds = _read(tmp_path, json.dumps(record))
    assert len(rows) == calls and not sounds
    assert [reason in one.reason for one in bad] == [True]


@pytest.mark.parametrize("odd", [-1, 99, True, None, "x", [[[[0]]]], {"a": 1}, [[], [1, [2]]], 10**30])
def test_odd_parties_break_nothing(tmp_path: Path, odd: Any) -> None:
    rows, bad, _ = _read(tmp_path, json.dumps(_vcon(_dialog(parties=odd, originator=odd, duration=odd))))
    assert len(rows) == 1 and not bad


def _heard(tmp_path: Path, analysis: Any, **changed: Any) -> tuple[list[tuple[str, int, Told]], list[str]]:
    path = tmp_path / "a.vcon.json"
    path.write_text(json.dumps(_vcon(_dialog(**changed), analysis=analysis)))
    _, bad, sounds = _read(tmp_path, path.read_text())
    found = list(FORMAT.heard(path, "a.vcon.json"))
    assert {name for name, *_ in found} <= sounds.keys()
    return found, [b.reason for b in bad]


def test_transcripts_say_whose_they_are_and_who_speaks(tmp_path: Path) -> None:
    segments = [
        {"start": 1.5, "end": 2, "text": " Hello ", "speaker": 1, "confidence": 0.9},
        {"start": 3, "end": 4, "text": "Good morning", "speaker": "Anna"},
        {"start": 5, "end": 4, "text": "backwards"},
        {"start": 6, "end": 7, "text": "  "},
        "nonsense",
    ]
    wtf = {"type": "transcript", "dialog": 0, "vendor": "Acme", "product": "Ears 2", "encoding": "json",
           "body": {"transcript": {"language": "en-US"}, "segments": segments}}  # fmt: skip
    (found,), wrong = _heard(tmp_path, [wtf, {"type": "summary", "dialog": 0, "body": "short"}], originator=1)
    assert not wrong
    assert found[1:] == (
        1,
        Told(0, "Acme Ears 2", "en", (Piece(1, 1.5, 2.0, "Hello", 0.9), Piece(0, 3.0, 4.0, "Good morning", None))),
    )


def test_our_own_form_comes_back(tmp_path: Path) -> None:
    said = [{"party": "callee", "start_s": 0.5, "end_s": 1.0, "text": "=1+1", "edited": False,
             "words": [{"text": "=1+1", "start_s": 0.6, "end_s": 0.9, "p": 0.5}]}]  # fmt: skip
    body = json.dumps({"language": "ru", "utterances": said})
    ours = {"type": "transcript", "dialog": [0], "encoding": "json", "body": body}
    (found,), wrong = _heard(tmp_path, [ours])
    assert not wrong
    assert found[2] == Told(0, "somebody else", "ru", (Piece(1, 0.5, 1.0, "=1+1", None, (("=1+1", 0.6, 0.9),)),))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"dialog": [0, 1]}, "the transcript is not of one dialog"),
        ({"dialog": True}, "the transcript is not of one dialog"),
        ({"body": "just words"}, "the transcript is plain text without times"),
        ({"body": "§", "encoding": "base64url"}, "the transcript's body is no base64url"),
        ({"body": None}, "the transcript has no body inside"),
        ({"body": {"results": []}}, "the form of the transcript by Acme is not known"),
    ],
)
def test_other_transcripts_are_put_aside_with_their_reason(tmp_path: Path, changed: Any, reason: str) -> None:
    found, wrong = _heard(tmp_path, [{"type": "transcript", "dialog": 0, "vendor": "Acme", "body": {}} | changed])
    assert not found
    assert wrong == [f"analysis 0: {reason}"]
