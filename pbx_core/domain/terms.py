"""Words as they are searched: lower case, letters and digits only. Pure."""

from __future__ import annotations

import hashlib
import re

_TERM = re.compile(r"[^\W_]+")
DIGEST_CHARS = 8


def terms(text: str) -> list[str]:
    """The words of a text in their order; ё is written е, as most people write it."""
    return _TERM.findall(text.lower().replace("ё", "е"))


def reference(utterance_id: str, heard: str) -> str:
    """The name by which an edit knows the utterance that it corrects. It holds a digest of what the engine heard, so
    that a correction never falls upon other words when the recording is transcribed again."""
    return f"{utterance_id}.{hashlib.md5(heard.encode(), usedforsecurity=False).hexdigest()[:DIGEST_CHARS]}"
