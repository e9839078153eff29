"""Follows the running calls that somebody reads along with, and publishes their words.

What is wanted stands in the database (pbx_core.store.following), what is heard in small files
(pbx_core.store.livetext). Killed at any moment it loses nothing: the next process goes on where the files end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from analytics import following, growing, models
from analytics.asr import Recogniser
from analytics.following import Following
from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.domain.model_speech import Speech
from pbx_core.errors import ConfigError, InputError
from pbx_core.settings import Settings
from pbx_core.store import directory, jobcontrol, live, livetext
from pbx_core.store import following as wishes
from pbx_core.store import models as exchange
from pbx_core.store.livetext import LiveText, State

WANTED_S = 1.0  # between looks at what is wanted
MODEL_RETRY_S = 10.0  # a missing speech model is looked for again after so long
FULL = "As many calls are followed as this system allows at once. This one is next when somebody stops reading."

_log = log.get(__name__)
Key = tuple[str, str]  # tenant_id, recording_id


@dataclass
class Board:
    """What the service row says; written by the loop, read by the heartbeat's thread."""

    state: str = "starting"
    followed: int = 0
    behind_s: float = 0.0

    def detail(self) -> dict[str, Any]:
        return {"state": self.state, "followed": self.followed, "behind_s": self.behind_s}


class Listener:
    """The loop's body."""

    def __init__(self, settings: Settings, db: sa.Engine, clock: Clock, recogniser: Recogniser | None = None) -> None:
        """recogniser: one that is loaded already; else it is loaded when the first call is followed."""
        self.board = Board()
        self.idle_since = clock.monotonic()
        self._settings = settings
        self._db = db
        self._clock = clock
        self._recogniser = recogniser
        self._model_retry_at = float("-inf")
        self._looked_at = float("-inf")
        self._followed: dict[Key, Following] = {}
        self._told: dict[Key, LiveText] = {}  # what lies in the files

    def step(self) -> None:
        """Look at what is wanted when it is time, and take every followed call a piece further."""
        now = self._clock.monotonic()
        if now - self._looked_at >= WANTED_S:
            self._looked_at = now
            self._look()
        for key, one in list(self._followed.items()):
            self._advance(key, one)
        if self._followed or self._told:
            self.idle_since = now
        behind = [one.text.behind_s for one in self._followed.values()]
        self.board.followed, self.board.behind_s = len(behind), max(behind, default=0.0)

    def close(self) -> None:
        """Forget all words: nobody hears them any further."""
        for key in list(self._told):
            self._drop(key)

    def _look(self) -> None:
        """Begin with calls that are wanted, end with those that are not."""
        try:
            targets = self._targets()
        except sa.exc.OperationalError as error:
            _log.warning("what is wanted cannot be read", extra={"reason": str(error.orig)})
            return
        for key in {*self._told, *livetext.kept(self._settings.live_dir)} - {(t[0], t[1]) for t in targets}:
            self._drop(key)
        for tenant_id, recording_id, speech in targets:
            key = (tenant_id, recording_id)
            if key in self._followed:
                continue
            if len(self._followed) < self._settings.live_calls_max:
                self._begin(key, speech)
            else:
                self._refuse(key, State.FULL, FULL)

    def _targets(self) -> list[tuple[str, str, Speech]]:
        """(tenant, recording, wishes) of the running recordings that are wanted, in the order of asking."""
        out = []
        for asked in wishes.wanted(self._db, self._clock):
            call = live.call(self._db, asked.tenant_id, asked.call_id)
            if call is None:
                wishes.forget(self._db, asked.tenant_id, asked.call_id)
                continue
            recording_id = str(call.detail.get("recording_id", ""))
            _, model = exchange.active(self._db, asked.tenant_id)
            private = jobcontrol.forbidden(self._db, asked.tenant_id, asked.call_id)
            if recording_id and model.speech.transcribe and not private:
                out.append((asked.tenant_id, recording_id, model.speech))
        return out

    def _begin(self, key: Key, speech: Speech) -> None:
        try:
            sound = growing.find(self._settings.spool_dir, *key)
            if sound is None or sound.ended or {sound.caller_number, sound.callee_number} & set(speech.never):
                return
            recogniser = self._ready()
            if recogniser is None:
                self._refuse(key, State.FAILED, self.board.state)
                return
            left = livetext.read(self._settings.live_dir, *key)
            text = left if left and left.state is State.LISTENING else None
            fresh = following.begin(sound, key[0], self._settings.live_look_back_s)
            if text is None or min(text.done_s) < fresh.begins_s:
                text = fresh
            tenant = directory.tenant_by_id(self._db, key[0])
            languages = tenant.languages if tenant else ()
            self._followed[key] = Following(sound, text, languages, recogniser, speech.glossary)
            self._publish(key, text)
            _log.info("call followed", extra={"tenant_id": key[0], "recording_id": key[1]})
        except InputError as error:
            self._refuse(key, State.FAILED, str(error))

    def _advance(self, key: Key, one: Following) -> None:
        """A piece further; a recording that ended is forgotten, since its transcript comes."""
        try:
            if one.growing.ended:
                self._drop(key)
            elif one.step():
                self._publish(key, one.text)
        except InputError as error:
            self._followed.pop(key)
            self._refuse(key, State.FAILED, str(error))
        except Exception:  # noqa: BLE001  one call's sound must not end the following of another
            _log.exception("call cannot be followed", extra={"tenant_id": key[0], "recording_id": key[1]})
            self._followed.pop(key)
            self._refuse(key, State.FAILED, "Its words cannot be recognised; the log of callbench listen says why.")

    def _refuse(self, key: Key, state: State, sentence: str) -> None:
        """Say why there are no words."""
        text = LiveText(key[0], "", key[1], "", "", state, sentence)
        if self._told.get(key) != text:
            self._publish(key, text)

    def _publish(self, key: Key, text: LiveText) -> None:
        try:
            livetext.write(self._settings.live_dir, text)
            self._told[key] = text
        except OSError as error:  # a full disk: the next change is tried again
            _log.warning("words not published", extra={"reason": str(error)})

    def _drop(self, key: Key) -> None:
        self._followed.pop(key, None)
        self._told.pop(key, None)
        livetext.remove(self._settings.live_dir, *key)

    def _ready(self) -> Recogniser | None:
        """The loaded model; None while there is none, and the board says why."""
        if self._recogniser is None and self._clock.monotonic() >= self._model_retry_at:
            try:
                self._recogniser = Recogniser(models.ensure(self._settings))
                self.board.state = "listening"
            except ConfigError as error:
                self._model_retry_at = self._clock.monotonic() + MODEL_RETRY_S
                self.board.state = str(error)
                _log.error(str(error))
        return self._recogniser
