"""A transcript as a file: text, WebVTT, SRT, JSON. Pure. Whatever was said stays text: it can neither begin a line nor
a cue of its own, nor mark anything up, in whichever form."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo

from analytics.corrected import Corrected, Said
from pbx_core.domain import records
from pbx_core.domain.records import Cdr, Party

CUE_S_MIN = 0.5  # a shorter one cannot be read


class Format(StrEnum):
    """The forms, which are the files' endings too."""

    TXT = "txt"
    VTT = "vtt"
    SRT = "srt"
    JSON = "json"


TYPES = {
    Format.TXT: "text/plain; charset=utf-8",
    Format.VTT: "text/vtt; charset=utf-8",
    Format.SRT: "application/x-subrip; charset=utf-8",
    Format.JSON: "application/json",
}


@dataclass(frozen=True)
class About:
    """What stands beside the words: the call, who speaks, the zone in which its time is told."""

    cdr: Cdr
    speakers: Mapping[Party, str]
    time_zone: str


def write(form: Format, text: Corrected, about: About) -> str:
    """The file's content."""
    said = [u for u in text.utterances if plain(u.text)]
    match form:
        case Format.TXT:
            return _txt(text, said, about)
        case Format.VTT:
            cues = (f"{_times(u, '.')}\n<v {_vtt(_who(u, about))}>{_vtt(u.text)}</v>\n" for u in said)
            return "\n".join(["WEBVTT\n", *cues])
        case Format.SRT:
            cues = (f"{n}\n{_times(u, ',')}\n{_srt(_who(u, about))}: {_srt(u.text)}\n" for n, u in enumerate(said, 1))
            return "\n".join(cues)
        case Format.JSON:
            return _json(text, about)


def plain(text: str) -> str:
    """One line: control and direction marks become spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _who(said: Said, about: About) -> str:
    return about.speakers[said.party]


def _txt(text: Corrected, said: list[Said], about: About) -> str:
    at = about.cdr.started_at.astimezone(ZoneInfo(about.time_zone))
    between = f"{plain(about.speakers[Party.CALLER])} → {plain(about.speakers[Party.CALLEE])}"
    lines = [f"Call of {at:%d %B %Y, %H:%M} ({about.time_zone}), {between}"]
    if text.heard.language:
        by = "people have put right some of it" if _edited(text) else "nobody has checked it"
        lines.append(f"Recognised by a machine in the language {plain(text.heard.language)}; {by}.")
    lines.append("")
    lines += [f"[{_clock(u.heard.start_s)}] {plain(_who(u, about))}: {plain(u.text)}" for u in said]
    return "\n".join(lines) + "\n"


def _json(text: Corrected, about: About) -> str:
    body = {
        "call_id": about.cdr.call_id,
        "recording_id": text.heard.recording_id,
        "started_at": records.iso(about.cdr.started_at),
        "language": text.heard.language,
        "model": text.heard.model,
        "status": text.heard.status,
        "speakers": {str(p): name for p, name in about.speakers.items()},
        "utterances": [
            {
                "party": u.party,
                "start_s": u.heard.start_s,
                "end_s": u.heard.end_s,
                "text": u.text,
                "edited": u.text_edit is not None or u.party_edit is not None,
                "words": [records.to_json(w) for w in u.words],
            }
            for u in text.utterances
        ],
    }
    return json.dumps(body, ensure_ascii=False, indent=1) + "\n"


def _edited(text: Corrected) -> bool:
    return any(u.text_edit or u.party_edit for u in text.utterances)


def _vtt(text: str) -> str:
    return html.escape(plain(text), quote=False)


def _srt(text: str) -> str:
    """SRT has no escapes; players read tags and {braces}: look-alikes take the place of these signs."""
    return plain(text).translate(str.maketrans("<>{}", "‹›❴❵"))


def _times(said: Said, comma: str) -> str:
    end_s = max(said.heard.end_s, said.heard.start_s + CUE_S_MIN)
    return f"{_stamp(said.heard.start_s, comma)} --> {_stamp(end_s, comma)}"


def _stamp(seconds: float, comma: str) -> str:
    whole, ms = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{comma}{ms:03d}"


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
