"""Plays sounds into legs: finds their files, has the missing ones made in the background, then plays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pbx_core import log
from pbx_core.domain.calls.commands import Play
from pbx_core.domain.model import Model
from pbx_core.errors import InputError, Unavailable
from pbx_core.media.errands import Errands, Failed
from pbx_core.media.live_call import LiveCall, Playing
from pbx_core.media.port import MediaPort
from pbx_core.media.prompts import Prompts

_log = log.get(__name__)

SOUNDS_MAX = 50  # in one Play: a long announcement has five
Made = tuple[list[Path], str]  # files, and why some are missing


class Sounds:
    """Carries out Play and StopPlay. `unheard(live, leg, token, fault)` is called when there is nothing to hear."""

    def __init__(
        self,
        prompts: Prompts,
        port: MediaPort,
        studio: Errands,
        unheard: Callable[[LiveCall, str, str, str], None],
    ) -> None:
        self._prompts = prompts
        self._port = port
        self._studio = studio
        self._unheard = unheard

    def play(self, live: LiveCall, wish: Play, model: Model) -> None:
        """Play now, or as soon as the last sound is made, unless something else was asked of the leg meanwhile."""
        playing = live.playing[wish.leg] = Playing(wish.token, wish.loop)
        sounds = wish.sounds[:SOUNDS_MAX]
        files = [self._prompts.find(live.tenant_id, sound, model) for sound in sounds]
        if all(files):
            self._start(live, wish.leg, playing, [f for f in files if f])
            return
        self._port.stop_play(live.handles.get(wish.leg, 0))

        def take(made: Made | Failed) -> None:
            if live.closed or live.playing.get(wish.leg) is not playing:
                return
            found, playing.fault = ([], made.reason) if isinstance(made, Failed) else made
            if playing.fault:
                _log.error("sound not to be had", extra={"call_id": live.call_id, "reason": playing.fault})
            self._start(live, wish.leg, playing, found)

        self._studio.send(lambda: self._make(live.tenant_id, sounds, model), take)

    def stop(self, live: LiveCall, leg: str) -> None:
        """Silence what was begun; what is still being made will not be heard."""
        if live.playing.pop(leg, None) is not None:
            self._port.stop_play(live.handles.get(leg, 0))

    def _start(self, live: LiveCall, leg: str, playing: Playing, files: list[Path]) -> None:
        if files:
            self._port.play(live.handles.get(leg, 0), files, playing.token, playing.loop)
            return
        self._port.stop_play(live.handles.get(leg, 0))
        self._unheard(live, leg, playing.token, playing.fault or "nothing to play")

    def _make(self, tenant_id: str, sounds: tuple[str, ...], model: Model) -> Made:
        files, faults = [], []
        for sound in sounds:
            try:
                files.append(
                    self._prompts.find(tenant_id, sound, model) or self._prompts.render(tenant_id, sound, model)
                )
            except (Unavailable, InputError) as error:
                faults.append(f"{sound[:80]}: {error}")
        return files, "; ".join(faults)[:300]
