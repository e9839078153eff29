"""Files that the engine plays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pjsua2 as pj

from pbx_core.media.options import guarded


class Player(pj.AudioMediaPlayer):  # type: ignore[misc]
    """A file or a list of files that ends; `over` is called in a thread of the engine."""

    def __init__(self, over: Callable[[], None]) -> None:
        super().__init__()
        self.over = over

    @guarded
    def onEof2(self) -> None:
        self.over()


def make_player(files: Sequence[Path], over: Callable[[], None] | None) -> Any:
    """Files one after another, once with `over` called at the end, or without it over and over."""
    made = Player(over) if over else pj.AudioMediaPlayer()
    options = pj.PJMEDIA_FILE_NO_LOOP if over else 0
    if len(files) == 1:
        made.createPlayer(str(files[0]), options)
    else:
        made.createPlaylist(pj.StringVector([str(path) for path in files]), "", options)
    return made
