"""Looks at the demo's calls as a person would: through the dashboard's own HTTP interface, signed in."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import imageio_ffmpeg
import soundfile

from pbx_core.domain import records
from pbx_core.errors import Unavailable

_CSRF = re.compile(r'name="csrf"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="csrf"')


@dataclass(frozen=True)
class SeenCall:
    """One call as the dashboard tells it. Absent parts are not there yet."""

    cdr: records.Cdr
    recording: records.RecordingRecord | None
    turns: records.TurnsRecord | None
    transcript: records.TranscriptRecord | None
    recordings: int = 1  # that have arrived

    @property
    def complete(self) -> bool:
        """Nothing more is to come: measured and transcribed, or no recording to be had."""
        if self.cdr.recording_id is None:
            return True
        return bool(self.recording and self.turns and self.transcript) and self.recordings >= self.cdr.segments


class DashboardVisitor:
    """A browser without a screen: signs in once, then reads."""

    def __init__(self, base_url: str, email: str, password: str) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=20.0)
        try:
            form = self._http.get("/auth/login")
            found = _CSRF.search(form.text)
            csrf = (found.group(1) or found.group(2)) if found else ""
            answer = self._http.post(
                "/auth/login",
                data={"email": email, "password": password, "csrf": csrf},
                headers={"Origin": base_url},
            )
        except httpx.HTTPError as error:
            raise Unavailable(f"The dashboard at {base_url} does not answer ({error}).") from error
        if answer.status_code not in (302, 303):
            raise Unavailable(f"The dashboard refused the sign-in of {email} ({answer.status_code}).", retryable=False)

    def __enter__(self) -> DashboardVisitor:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._http.close()

    def call_ids(self) -> list[str]:
        """The newest calls of the tenant, newest first; none while the warehouse has not been made."""
        answer = self._http.get("/api/calls", params={"limit": 100})
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return []
        answer.raise_for_status()
        return [str(row["call_id"]) for row in answer.json()["calls"]]

    def call(self, call_id: str) -> SeenCall:
        """Everything the dashboard knows of one call; of several recordings the last."""
        body = self._call(call_id)
        if len(body["recordings"]) > 1:
            body = self._call(call_id, body["recordings"][-1]["recording_id"])
        return SeenCall(
            records.from_json(records.Cdr, body["cdr"]),
            _part(records.RecordingRecord, body["recording"]),
            _part(records.TurnsRecord, body["turns"]),
            _transcript(body["transcript"]),
            len(body["recordings"]),
        )

    def _call(self, call_id: str, recording_id: str | None = None) -> Any:
        params = {"recording": recording_id} if recording_id else {}
        answer = self._http.get(f"/api/calls/{call_id}", params=params)
        answer.raise_for_status()
        return answer.json()

    def read_along(self) -> list[str]:
        """What is said in the first running call, looked at as the page Live does; nothing while there are no words."""
        running = self._http.get("/api/live").raise_for_status().json()["calls"]
        if not running:
            return []
        address = f"/api/live/{running[0]['call_id']}"
        token = self._http.get("/api/me").raise_for_status().json()["csrf"]
        self._http.post(f"{address}/look", headers={"X-CSRF-Token": token})  # refused: the answer says why
        words = self._http.get(address)
        return [line["text"] for line in words.json().get("lines", [])]

    def recording_faults(self, recording: records.RecordingRecord) -> list[str]:
        """Fetch the sound and decode it; what is wrong with it, in words. Empty: stereo, whole, both sides heard."""
        answer = self._http.get(f"/media/{recording.recording_id}")
        if answer.status_code != httpx.codes.OK:
            return [f"the recording is not served ({answer.status_code})"]
        partial = self._http.get(f"/media/{recording.recording_id}", headers={"Range": "bytes=0-99"})
        faults = [] if partial.status_code == httpx.codes.PARTIAL_CONTENT else ["ranges are not served: no seeking"]
        return faults + _sound_faults(answer.content, recording)


def _part(kind: type[Any], body: Any) -> Any:
    return None if body is None else records.from_json(kind, body)


def _transcript(body: Any) -> records.TranscriptRecord | None:
    """The record inside what the review page gets: who put what right is for people."""
    if body is None:
        return None
    utterances = [_fields(records.Utterance, one) for one in body["utterances"]]
    return records.from_json(
        records.TranscriptRecord, {**_fields(records.TranscriptRecord, body), "utterances": utterances}
    )


def _fields(kind: type[Any], body: Any) -> dict[str, Any]:
    return {f.name: body[f.name] for f in dataclasses.fields(kind) if f.name in body}


def _sound_faults(content: bytes, recording: records.RecordingRecord) -> list[str]:
    if hashlib.sha256(content).hexdigest() != recording.sha256:
        return ["the bytes served do not match the checksum"]
    with tempfile.TemporaryDirectory() as scratch:
        source, wav = Path(scratch) / "in.webm", Path(scratch) / "out.wav"
        source.write_bytes(content)
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(source), str(wav)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return [f"the recording does not decode: {done.stderr.strip()[:200]}"]
        samples, rate = soundfile.read(wav, always_2d=True)
    if samples.shape[1] != 2:
        return [f"{samples.shape[1]} channel instead of two"]
    sides = ("caller",) if recording.kind == "voicemail" else ("caller", "callee")
    faults = [f"nothing heard from the {side}" for n, side in enumerate(sides) if abs(samples[:, n]).max() < 0.01]
    if abs(len(samples) / rate - recording.duration_s) > 0.25:
        faults.append(f"{len(samples) / rate:.2f} s of sound instead of {recording.duration_s:.2f} s")
    return faults
