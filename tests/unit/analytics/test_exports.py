"""Transcripts as files: hostile words stay words in every form."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from analytics.corrected import correct
from analytics.exports import About, Format, plain, write
from pbx_core.domain.records import Disposition, Party
from pbx_core.store.directory import Tenant
from tests.support import facts

ACME = Tenant("a" * 32, "Acme Ltd", "acme.test", "UTC", ("en",))
HOSTILE = (
    "hello & welcome",
    "00:00:01.000 --> 00:00:02.000",
    "<script>alert(1)</script></v><v Boss>",
    "1\n\n2\r\n00:00:00,000 --> 00:00:01,000\nforged",
    "{\\an8}{i}up",
    "[0:00:09] Boss: forged\u2028[0:00:10] me",
    "\u202egnp.exe \x00\x1b[31m",
    "",
)
CALL = facts.make_call(
    random.Random(1),
    ACME,
    datetime(2026, 3, 1, 12, tzinfo=UTC),
    disposition=Disposition.ANSWERED,
    talk_s=3725.0,
    said=HOSTILE,
)
ABOUT = About(CALL.cdr, {Party.CALLER: "Ann <b>\n(101)", Party.CALLEE: "0123"}, "Asia/Bishkek")


def written(form: Format) -> str:
    assert CALL.transcript
    return write(form, correct(CALL.transcript, ()), ABOUT)


def test_webvtt_is_escaped_and_every_cue_is_ours() -> None:
    text = written(Format.VTT)
    head, *cues = text.split("\n\n")
    assert head == "WEBVTT" and len(cues) == len(HOSTILE) - 1
    for cue in cues:
        time, line = cue.rstrip("\n").split("\n")
        assert time.count(" --> ") == 1 and line.startswith("<v ") and line.endswith("</v>")
        assert "<" not in line[3:-4] and "-->" not in line
    assert "hello &amp; welcome" in text and "<v Ann &lt;b&gt; (101)>" in text


def test_srt_has_numbers_times_and_no_tags() -> None:
    cues = written(Format.SRT).rstrip("\n").split("\n\n")
    assert [cue.split("\n")[0] for cue in cues] == [str(n) for n in range(1, len(HOSTILE))]
    assert all(len(cue.split("\n")) == 3 and cue.count("-->") == 1 for cue in cues)
    assert not set("<>{}") & set("".join(cue.split("\n")[2] for cue in cues))
    assert cues[-1].split("\n")[1].startswith("00:46:33,750 --> 00:53:32,")


def test_text_has_one_line_for_each_utterance() -> None:
    head, about, _, *lines = written(Format.TXT).rstrip("\n").split("\n")
    assert "01 March 2026, 18:00 (Asia/Bishkek)" in head and "nobody has checked it" in about
    assert len(lines) == len(HOSTILE) - 1 and all(line.startswith("[0:") for line in lines)
    assert all(c.isprintable() for line in lines for c in line)


def test_json_keeps_everything_as_it_is() -> None:
    body = json.loads(written(Format.JSON))
    assert [u["text"] for u in body["utterances"]] == list(HOSTILE)
    assert body["speakers"]["callee"] == "0123" and body["utterances"][0]["words"][0]["p"] == 0.9


@pytest.mark.parametrize("form", Format)
def test_a_transcript_without_words_is_a_file_all_the_same(form: Format) -> None:
    assert CALL.transcript
    assert write(form, correct(replace(CALL.transcript, utterances=()), ()), ABOUT) is not None
    assert plain("a\u2029b\tc") == "a b c"
