"""Sounds to files: every sound that a call can ask for becomes a WAV of the tenant's prompt store, made once.

`<data>/prompts/<tenant_id>/<sha>.wav` for words, `…/uploads/<name>.wav` for what people sent, `…/heard/…` for a while
what a recording held, and `<data>/prompts/system/` for tones and music, which belong to nobody.
"""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path

from pbx_core.domain.model import Model
from pbx_core.domain.records import Party
from pbx_core.errors import InputError, Unavailable
from pbx_core.media import level, spool, tones
from pbx_core.media.speak import readable, speak
from pbx_core.media.upload import decode, decode_upload
from pbx_core.settings import Settings

VERSION = 1  # of how words become sound; a new one makes them anew
WORDS_FILES_MAX = 5000  # of one tenant; the oldest go
HEARD_S_MAX = 86_400.0  # a decoded recording is not kept longer: its original may be deleted any day
UPLOADS_MAX = 500  # of one tenant
_ID = re.compile(r"^[0-9a-f]{32}$")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")


class Prompts:
    """The prompt store. `find` is fast; `render` and `upload` take their time and may be called in any thread."""

    def __init__(self, settings: Settings) -> None:
        self._root = settings.prompts_dir
        self._settings = settings

    def find(self, tenant_id: str, sound: str, model: Model) -> Path | None:
        """The file of a sound, if it has been made. None also for what cannot be made: `render` says why."""
        try:
            path = self._place(tenant_id, _resolve(sound, model))
        except (InputError, Unavailable):
            return None
        return path if path.exists() else None

    def render(self, tenant_id: str, sound: str, model: Model) -> Path:
        """Make the file. InputError: there is no such sound; Unavailable: it cannot be made now."""
        plain = _resolve(sound, model)
        path = self._place(tenant_id, plain)
        kind, _, rest = plain.partition(":")
        match kind:
            case "say":
                language, _, text = rest.partition(":")
                level.write(path, speak(language, text, self._settings.piper_voices_dir))
                _keep_newest(path.parent, WORDS_FILES_MAX)
            case "tone":
                samples = tones.tone(rest)
                if samples is None:
                    raise InputError(f"there is no tone {rest[:40]!r}")
                level.write(path, samples)
            case "music":
                level.write(path, tones.music())
            case "recording":
                _forget_old(path.parent, HEARD_S_MAX)
                level.write(path, self._recorded(tenant_id, rest))
            case "upload" if not path.exists():
                raise InputError(f"there is no uploaded sound {rest[:64]!r}", error_id="no_such_prompt", status=404)
        return path

    def upload(self, tenant_id: str, name: str, source: Path) -> Path:
        """Take a sound file into the tenant's store under a name, in the place of an older one of that name."""
        path = self._place(tenant_id, f"upload:{name}")
        if not path.exists() and path.parent.exists() and sum(1 for _ in path.parent.iterdir()) >= UPLOADS_MAX:
            raise InputError(f"there are {UPLOADS_MAX} uploaded sounds already", error_id="too_many", status=409)
        level.write(path, level.to_telephone_level(decode_upload(source)))
        return path

    def uploads(self, tenant_id: str) -> list[str]:
        """The names of the tenant's uploaded sounds."""
        folder = self._place(tenant_id, "upload:x").parent
        return sorted(path.stem for path in folder.glob("*.wav"))

    def delete_upload(self, tenant_id: str, name: str) -> None:
        """Forget an uploaded sound; harmless when there is none."""
        self._place(tenant_id, f"upload:{name}").unlink(missing_ok=True)

    def _place(self, tenant_id: str, plain: str) -> Path:
        if not _ID.fullmatch(tenant_id):
            raise InputError("not a tenant")
        kind, _, rest = plain.partition(":")
        match kind:
            case "say":
                voices = self._settings.piper_voices_dir or ""
                key = f"{VERSION}\n{voices}\n{plain}".encode(errors="replace")
                return self._root / tenant_id / f"{hashlib.sha256(key).hexdigest()}.wav"
            case "upload":
                if not _NAME.fullmatch(rest):
                    raise InputError("a sound's name has letters, digits, dots and dashes, 64 at most")
                return self._root / tenant_id / "uploads" / f"{rest}.wav"
            case "recording":
                self._original(tenant_id, rest)
                return self._root / tenant_id / "heard" / f"{rest.replace(':', '.')}.wav"
            case "tone" | "music" if _NAME.fullmatch(rest):
                return self._root / "system" / f"{kind}-{rest}-{VERSION}.wav"
        raise InputError(f"{plain[:80]!r} is not a sound")

    def _original(self, tenant_id: str, rest: str) -> tuple[Path, Party]:
        """Where a recording lies now: still raw with the recorder, or finished; InputError when it is deleted."""
        recording_id, _, side = rest.partition(":")
        if not _ID.fullmatch(recording_id) or side not in tuple(Party):
            raise InputError(f"{rest[:80]!r} is not a recording's side")
        finished = self._settings.recordings_dir / tenant_id
        for path in finished.glob(f"*/*/{recording_id}.webm"):  # by year and month
            return path, Party(side)
        folder = spool.folder(self._settings.spool_dir, tenant_id, recording_id)
        raw = folder / (spool.CALLER_WAV if side == Party.CALLER else spool.CALLEE_WAV)
        if raw.exists() and spool.read_end(folder) is not None:
            return raw, Party(side)
        raise InputError("this recording is not here", error_id="no_such_recording", status=404)

    def _recorded(self, tenant_id: str, rest: str) -> level.Samples:
        path, side = self._original(tenant_id, rest)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise Unavailable(f"{path.name} cannot be read: {error.strerror}") from error
        finished = path.suffix == ".webm"
        channel = tuple(Party).index(side) if finished else None
        return level.to_telephone_level(decode(content, "matroska" if finished else "wav", channel))


def _resolve(sound: str, model: Model) -> str:
    """A sound as it is stored: a prompt of the model becomes its words or its upload; words are cleaned, so that equal
    ones share a file."""
    kind, _, rest = sound.partition(":")
    if kind == "prompt" or (kind == "music" and rest in model.book.prompts):
        prompt = model.book.prompts.get(rest)
        if prompt is None:
            raise InputError(f"there is no prompt {rest[:64]!r}", error_id="no_such_prompt", status=404)
        return f"upload:{prompt.file}" if prompt.file else f"say:{prompt.language}:{readable(prompt.text)}"
    if kind == "say":
        language, _, text = rest.partition(":")
        return f"say:{language}:{readable(text)}"
    if kind == "music" and rest != "default":
        raise InputError(f"there is no music {rest[:64]!r}", error_id="no_such_prompt", status=404)
    if kind == "upload":
        raise InputError("an upload is played by the prompt that names it")
    return sound


def _keep_newest(folder: Path, files_max: int) -> None:
    """Remove the oldest tenth when a folder holds too many; what is being played stays open."""
    files = [(path.stat().st_mtime, path) for path in folder.glob("*.wav")]
    if len(files) > files_max:
        for _, path in sorted(files)[: len(files) // 10 or 1]:
            path.unlink(missing_ok=True)


def _forget_old(folder: Path, age_s_max: float) -> None:
    oldest = time.time() - age_s_max
    for path in folder.glob("*.wav"):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
