"""What a tenant wants with a recording: whether it may be read at all, and who in it works for him."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pbx_core.domain.model_speech import Speech
from pbx_core.domain.records import Party


def why_off(speech: Speech, numbers: Iterable[str], forbidden: bool) -> str | None:
    """Why no words are taken from a call between these numbers, for people; None: they are. forbidden: somebody
    switched it off for this call."""
    if forbidden:
        return "Transcription was switched off for this call."
    if not speech.transcribe:
        return "Transcription is switched off for the whole office."
    never = next((number for number in numbers if number in speech.never), None)
    return f"Transcription is switched off for the calls of extension {never}." if never else None


def sides(extensions: Collection[str], caller: str, callee: str) -> tuple[Party, str]:
    """Who works for the tenant, and the direction: inbound, outbound, internal. When neither number is an extension
    (a call that was handed on to a mobile) it counts as inbound: the callee answers for the office."""
    if caller in extensions:
        return Party.CALLER, "internal" if callee in extensions else "outbound"
    return Party.CALLEE, "inbound"
