"""The exports that hold words and sound: transcripts as a ZIP, calls as vCon. Each text comes through
`dashboard.web.transcripts.standing`, so what is hidden from who asks is hidden here too; sound is embedded or named
only where he may have it as it was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from analytics import exports as texts
from analytics import queries
from analytics.export import bundles, frozen, subjects, vcon
from dashboard.web import access, media, redacted, transcripts
from dashboard.web.context import Context
from dashboard.web.export_forms import Asked, Begin, Form
from pbx_core.domain.records import RecordingRecord
from pbx_core.errors import InputError
from pbx_core.store import directory
from pbx_core.store.sessions import Session

EMBED_BYTES_MAX = 64 * 1024 * 1024  # of one recording: about six hours; a larger one is left out of its container


def aside(asked: Asked) -> frozen.Calls:
    """Put aside all that is known of the calls; InputError when they are too many for one file."""
    values = subjects.call_values(access.scope(asked.session), asked.flt)
    calls = frozen.calls(asked.context.settings, asked.run.folder, values, asked.run.halt)
    asked.run.rows = calls.count
    if calls.count > bundles.FILES_MAX:
        calls.close()
        raise InputError(
            f"These are {calls.count} calls; texts of at most {bundles.FILES_MAX} go into one file. Choose a shorter "
            "period, and export the rest in a second file.",
            error_id="too_many_calls",
        )
    return calls


def _zip(form: texts.Format) -> Begin:
    def begin(asked: Asked) -> Iterator[bytes]:
        return bundles.write(_files(asked, aside(asked), form))

    return begin


def _files(asked: Asked, calls: frozen.Calls, form: texts.Format) -> Iterator[tuple[str, str] | None]:
    try:
        for call_id in calls.ids():
            asked.run.tell(1)
            yield None
            for detail in details(calls, asked.session, call_id):
                told = _told(asked.context, asked.session, detail)
                if told is None or detail.recording is None:
                    continue
                about = texts.About(detail.cdr, told.speakers, asked.tenant.time_zone)
                name = f"{detail.cdr.started_at:%Y-%m/%Y%m%dT%H%M%SZ}-{detail.recording.recording_id}.{form}"
                yield name, texts.write(form, told.text, about)
    finally:
        calls.close()


def _vcons(asked: Asked) -> Iterator[bytes]:
    return _lines(asked, aside(asked))


def _lines(asked: Asked, calls: frozen.Calls) -> Iterator[bytes]:
    with_sound = Container(asked.context, asked.session, asked.tenant.time_zone, asked.embed)
    try:
        for call_id in calls.ids():
            asked.run.tell(1)
            yield f"{with_sound.of(calls, call_id)}\n".encode()
    finally:
        calls.close()


class Container:
    """Makes vCons for one person. embed: sound is put inside, where he may have it as it was recorded; else only its
    address, where the dashboard has one that others can reach safely."""

    def __init__(self, context: Context, session: Session, time_zone: str, embed: bool) -> None:
        self._context, self._session, self._zone, self._embed = context, session, time_zone, embed
        self._files = media.Media(context)
        known = directory.extensions(context.db, session.tenant_id)
        self._names = {e.number: e.display_name for e in known if e.display_name}

    def of(self, calls: queries.Reader | frozen.Calls, call_id: str) -> str | None:
        """One line of JSON; None when there is no such call for this person."""
        found = list(details(calls, self._session, call_id))
        if not found:
            return None
        told, sound = {}, {}
        for detail in found:
            if detail.recording is None:
                continue
            text = _told(self._context, self._session, detail)
            if text is not None:
                told[detail.recording.recording_id] = text
            heard = self._sound(detail, detail.recording)
            if heard is not None:
                sound[detail.recording.recording_id] = heard
        first = found[0]
        story = vcon.Story(first.cdr, first.recordings, first.events, told, sound, self._names, self._zone)
        return vcon.write(story, self._context.clock.now())

    def _sound(self, detail: queries.CallDetail, kept: RecordingRecord) -> vcon.Sound | None:
        """The recording as it was made, for who may have it so."""
        session = self._session
        if not access.may_see_originals(session) and not redacted.of_call(self._context, session, detail).open:
            return None
        url = f"{self._context.settings.web_address}/media/{kept.recording_id}"
        if not self._embed and not url.startswith("https://"):
            return None
        path: Path | None = self._files.inside(kept.tenant_id, kept.path) or self._files.fetched(kept)
        if path is None or path.stat().st_size > EMBED_BYTES_MAX:
            return None
        content = path.read_bytes()
        return vcon.Sound("audio/webm", vcon.digest(content), url, content if self._embed else None)


def details(calls: queries.Reader | frozen.Calls, session: Session, call_id: str) -> Iterator[queries.CallDetail]:
    """A call, once for each of its recordings (once when it has none)."""
    scope = access.scope(session)
    first = queries.call(calls, scope, call_id)
    if first is None:
        return
    yield first
    for kept in first.recordings:
        if first.recording is None or kept.recording_id != first.recording.recording_id:
            other = queries.call(calls, scope, call_id, kept.recording_id)
            if other is not None:
                yield other


def _told(context: Context, session: Session, detail: queries.CallDetail) -> vcon.Told | None:
    text = transcripts.standing(context, session, detail) if detail.recording else None
    if text is None:
        return None
    hidden = not access.may_see_originals(session) and not redacted.of_call(context, session, detail).open
    return vcon.Told(text, transcripts.speakers(context, detail, text), hidden)


_ZIPS = (texts.Format.VTT, texts.Format.SRT, texts.Format.TXT)
FORMS: dict[str, Form] = {
    **{f"transcripts.{f}.zip": Form(f"{f}.zip", bundles.MEDIA_TYPE, _zip(f)) for f in _ZIPS},
    "calls.vcon.jsonl": Form("vcon.jsonl", "application/x-ndjson", _vcons),
}
