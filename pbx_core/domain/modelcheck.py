"""What a model of the right form can still get wrong."""

from __future__ import annotations

from dataclasses import dataclass

from pbx_core.domain.model import Model


@dataclass(frozen=True)
class Mistake:
    """`place`: where it stands in the document, as menus.main.keys.3."""

    place: str
    text: str


def check(model: Model) -> tuple[Mistake, ...]:
    """All mistakes of meaning."""
    return ()
