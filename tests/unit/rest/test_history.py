"""Calls, recordings and transcripts by REST: complete, only one's own, only with the right, hostile input included."""

from __future__ import annotations

import json
from urllib.parse import quote

from analytics.redact import HIDDEN
from dashboard.rest.shapes import Transcript
from pbx_core.clock import SystemClock
from pbx_core.domain.model import Model
from pbx_core.domain.model_speech import Redaction, Speech
from pbx_core.store import models
from pbx_core.store.tokens import Right

UNKNOWN = "0" * 32
ABOUT = ("/v1/calls", "/v1/conversations", "/v1/recordings", "/v1/transcripts", "/v1/metrics")
HOSTILE = (
    "' OR 1=1--", "%_\\", "\u202e\x00💥", "\ud800", "../../etc/passwd", "9" * 400, "NaN", "0001-01-01T00:00:00-23:59",
    "",
)  # fmt: skip


def walk(client, **asked) -> list[dict]:
    """Every page."""
    rows, cursor = [], None
    while True:
        page = client.get("/v1/calls", params={**asked, **({"cursor": cursor} if cursor else {})})
        assert page.status_code == 200, page.text
        rows += page.json()["calls"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            return rows


def test_every_call_of_a_filter_is_reached_once_whatever_the_size_of_the_page(town, reads) -> None:
    whole = walk(reads, limit=500)
    assert len(whole) == town.acme_office.count
    assert walk(reads, limit=4) == whole and len({c["call_id"] for c in whole}) == len(whole)
    assert [c["started_at"] for c in whole] == sorted((c["started_at"] for c in whole), reverse=True)
    answered = [c for c in whole if c["disposition"] == "answered"]
    assert walk(reads, disposition="answered", limit=3) == answered
    assert walk(reads, recorded="no", limit=3) == [c for c in whole if c["recording_id"] is None]


def test_pages_lead_back_too(reads) -> None:
    first = reads.get("/v1/calls", params={"limit": 5}).json()
    second = reads.get("/v1/calls", params={"limit": 5, "cursor": first["next_cursor"]}).json()
    back = reads.get("/v1/calls", params={"limit": 5, "cursor": second["previous_cursor"]}).json()
    assert back["calls"] == first["calls"]


def test_a_call_is_told_with_its_legs_its_story_and_its_recordings(town, reads) -> None:
    wanted = town.acme_office.spoken
    got = reads.get(f"/v1/calls/{wanted.cdr.call_id}")
    body = got.json()
    assert got.status_code == 200 and body["conversation_id"] == wanted.cdr.call_id
    assert [leg["leg_id"] for leg in body["legs"]] == [leg.leg_id for leg in wanted.cdr.legs]
    assert [r["recording_id"] for r in body["recordings"]] == [wanted.recording.recording_id]
    assert [e["type"] for e in body["events"]] == [e.type for e in wanted.events]
    assert '"path"' not in got.text, "where files lie is nobody's business"


def test_another_tenants_objects_look_like_unknown_ones(town, reads) -> None:
    theirs = town.birch_office.spoken
    for path, own, other in (
        ("/v1/calls/{}", UNKNOWN, theirs.cdr.call_id),
        ("/v1/recordings/{}", UNKNOWN, theirs.recording.recording_id),
        ("/v1/recordings/{}/media", UNKNOWN, theirs.recording.recording_id),
        ("/v1/transcripts/{}", UNKNOWN, theirs.recording.recording_id),
    ):
        answers = [reads.get(path.format(i)) for i in (own, other, "..%2f..%2fetc", "x" * 300)]
        assert {a.status_code for a in answers} == {404}, path
        assert answers[0].json() == answers[1].json() and answers[0].json()["error_id"] == "not_found", path
    assert {c["call_id"] for c in walk(reads)}.isdisjoint(c["call_id"] for c in walk(town.client(town.birch)))


def test_rights_no_token_no_answer_no_listening_without_the_right_nothing_for_the_operator(town) -> None:
    record = town.acme_office.spoken.recording.recording_id
    only_reads = town.client(town.acme, Right.READ)
    only_controls = town.client(town.acme, Right.CONTROL)
    paths = ("/v1/calls", f"/v1/calls/{UNKNOWN}", f"/v1/recordings/{record}")
    private = (f"/v1/recordings/{record}/media", f"/v1/transcripts/{record}")
    for path in (*paths, *private):
        assert town.bearing("").get(path).status_code == 401, path
        assert only_controls.get(path).json()["error_id"] == "no_right", path
        refused = town.client(None).get(path)
        assert refused.status_code == 403 and refused.json()["error_id"] in ("tenant_only", "no_right"), path
    for path in private:
        assert only_reads.get(path).status_code == 403, path
    assert only_reads.get("/v1/calls", params={"said": "boiler"}).json()["error_id"] == "no_right"
    assert town.client(town.acme, Right.READ, Right.LISTEN).get("/v1/calls", params={"said": "boiler"}).json()["calls"]


def test_sound_comes_by_ranges_and_as_m4a(town, reads) -> None:
    path = f"/v1/recordings/{town.acme_office.spoken.recording.recording_id}/media"
    whole = reads.get(path)
    assert whole.status_code == 200 and whole.headers["content-type"] == "audio/webm"
    part = reads.get(path, headers={"Range": "bytes=100-299"})
    assert (part.status_code, part.content) == (206, whole.content[100:300])
    beyond = reads.get(path, headers={"Range": f"bytes={10**9}-"})
    assert beyond.status_code == 416
    assert reads.get(path, params={"format": "m4a"}).content[4:8] == b"ftyp"
    assert reads.get(path, params={"format": "exe"}).json()["error_id"] == "does_not_fit"


def test_a_transcript_comes_in_four_forms(town, reads) -> None:
    path = f"/v1/transcripts/{town.acme_office.spoken.recording.recording_id}"
    told = Transcript.model_validate(reads.get(path).json())
    assert "my boiler is out" in " ".join(u.text for u in told.utterances)
    assert reads.get(path, params={"format": "vtt"}).text.startswith("WEBVTT")
    assert reads.get(path, params={"format": "srt"}).text.startswith("1\n00:00")
    assert "nobody has checked it" in reads.get(path, params={"format": "txt"}).text
    assert reads.get(path, params={"format": "doc"}).status_code == 422
    waiting = reads.get(f"/v1/transcripts/{town.acme_office.waiting.recording.recording_id}")
    assert (waiting.status_code, waiting.json()["error_id"]) == (404, "no_transcript")


def test_what_a_tenant_hides_no_program_hears_or_reads(town) -> None:
    client = town.client(town.birch, Right.READ, Right.LISTEN)
    silent = town.birch_office.waiting.recording.recording_id  # its words are not known
    spoken = town.birch_office.spoken.recording.recording_id
    words, sound = f"/v1/transcripts/{spoken}", f"/v1/recordings/{spoken}/media"
    assert "boiler" in client.get(words).text
    whole = client.get(sound).content
    wishes = Model(speech=Speech(redact=Redaction(names=("boiler",))))
    models.apply(town.db, SystemClock(), town.birch.tenant_id, wishes, "test", "hide")
    try:
        assert client.get(f"/v1/recordings/{spoken}").json()["hidden"] == "some"
        for form in ("json", "txt", "vtt", "srt"):
            told = client.get(words, params={"format": form}).text
            assert "boiler" not in told and HIDDEN in told, form
        copy = client.get(sound)
        assert copy.status_code == 200 and copy.content != whole
        assert client.get("/v1/calls", params={"said": "boiler"}).json()["calls"] == []
        assert client.get(f"/v1/recordings/{silent}").json()["hidden"] == "unknown"
    finally:
        models.apply(town.db, SystemClock(), town.birch.tenant_id, Model(), "test", "show")


def test_where_nobody_knows_what_to_hide_nothing_is_played(town) -> None:
    record = town.acme_office.other.recording.recording_id
    client = town.client(town.acme, Right.READ, Right.LISTEN)
    path = town.settings.recordings_dir / town.acme_office.waiting.recording.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((town.settings.recordings_dir / town.acme_office.other.recording.path).read_bytes())
    wishes = Model(speech=Speech(redact=Redaction(cards=True)))
    models.apply(town.db, SystemClock(), town.acme.tenant_id, wishes, "test", "hide")
    try:
        refused = client.get(f"/v1/recordings/{town.acme_office.waiting.recording.recording_id}/media")
        assert refused.status_code == 403 and refused.json()["error_id"] == "not_redacted", refused.text
        assert client.get(f"/v1/recordings/{record}/media").status_code == 200
    finally:
        models.apply(town.db, SystemClock(), town.acme.tenant_id, Model(), "test", "show")
        path.unlink()


NEEDED = {"since": "2026-01-01", "until": "2026-12-31"}


def test_hostile_values_in_every_parameter_are_refused_or_mean_themselves(town, reads) -> None:
    """By the description itself: whatever it lists is tried."""
    tried = 0
    for path, methods in town.bearing("").get("/openapi.json").json()["paths"].items():
        operation = methods.get("get", {})
        if not {"history", "recordings", "metrics"} & set(operation.get("tags", ())):
            continue
        parameters = operation.get("parameters", [])
        plain = {p["name"]: NEEDED[p["name"]] for p in parameters if p["in"] == "query" and p["required"]}
        names = [p["name"] for p in parameters if p["in"] == "path"]
        for parameter in parameters:
            for value in HOSTILE[tried % 3 :: 3]:  # each in some, some in each
                filled = {name: UNKNOWN if name != "metric_id" else "calls" for name in names}
                query = dict(plain)
                (filled if parameter["in"] == "path" else query)[parameter["name"]] = value
                url = path.format(**{k: quote(v, safe="", errors="surrogatepass") for k, v in filled.items()})
                asked = "&".join(f"{k}={quote(str(v), safe='', errors='surrogatepass')}" for k, v in query.items())
                answer = reads.get(f"{url}?{asked}")
                assert answer.status_code in (200, 400, 404, 422), (url, asked, answer.text)
                if answer.status_code != 200:
                    assert set(answer.json()) <= {"error_id", "message", "places"}, (url, asked)
            tried += 1
    assert tried > 30, "parameters"


def test_a_misspelt_filter_is_refused_instead_of_answering_everything(reads) -> None:
    answer = reads.get("/v1/calls", params={"dispositon": "answered"})
    assert answer.status_code == 422 and "dispositon" in json.dumps(answer.json()["places"])
    assert reads.post(f"/v1/transcripts/{UNKNOWN}").status_code == 405


def test_the_description_is_complete(town) -> None:
    """OpenAPI 3.1: every answer of the history has a schema or a media type, every operation its token."""
    told = town.bearing("").get("/openapi.json").json()
    assert told["openapi"].startswith("3.1")
    for path, methods in told["paths"].items():
        if not path.startswith(ABOUT) or "get" not in methods:
            continue
        operation = methods["get"]
        assert operation["security"] == [{"HTTPBearer": []}], path
        assert operation["description"], path
        for kind in operation["responses"]["200"]["content"].values():
            assert kind.get("schema"), path
