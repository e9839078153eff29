"""What a tenant wishes to find, as one hash: a record that was made under others is out of date."""

from __future__ import annotations

import hashlib
import json

from pbx_core.domain.model_speech import Speech
from pbx_core.domain.records import to_json

VERSION = "meaning-1"  # of all rules of this package; change one, change it


def sha256(speech: Speech) -> str:
    """Equal for equal wishes and rules, whatever the order of transcription."""
    asked = {
        name: to_json(getattr(speech, name)) for name in ("trackers", "checklists", "rules", "sentiment", "summary")
    }
    asked["hidden"] = list(speech.redact.names)
    return hashlib.sha256(json.dumps([VERSION, asked], sort_keys=True).encode()).hexdigest()
