"""What a tenant wants hidden, in the form that finding, serving and searching share."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from pbx_core.domain.model import Model

VERSION = "redact-1"  # of the rules that find it


@dataclass(frozen=True)
class Wishes:
    """country: ISO region in which phone numbers are read, "" unknown."""

    cards: bool = False
    phones: bool = False
    names: tuple[str, ...] = ()
    country: str = ""

    @property
    def any(self) -> bool:
        """Whether anything is to be hidden."""
        return self.cards or self.phones or bool(self.names)

    @property
    def sha256(self) -> str:
        """Equal for equal wishes and rules: what was found under another is found anew."""
        return hashlib.sha256(json.dumps([VERSION, asdict(self)]).encode()).hexdigest()


def wishes_of(model: Model) -> Wishes:
    """The wishes of a tenant's model."""
    redact = model.speech.redact
    return Wishes(redact.cards, redact.phones, redact.names, model.outbound.country)
