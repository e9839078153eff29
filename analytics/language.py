"""Which language a call is transcribed in: the most likely of those its tenant speaks, or none. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

# Languages that a model without the key takes it for. Kyrgyz is not among Whisper's languages: it is heard as one of
# its Turkic neighbours.
NEIGHBOURS: dict[str, tuple[str, ...]] = {"ky": ("kk", "uz", "tt", "ba", "tk", "az", "tr", "mn")}


@dataclass(frozen=True)
class Choice:
    """`language`: ISO 639-1 code or None when unknown. `probability`: the model's, among all its languages; None when
    it cannot tell. `unsupported`: why no words can be written, else None."""

    language: str | None
    probability: float | None
    unsupported: str | None


def codes(names: Sequence[str]) -> tuple[str, ...]:
    """ISO 639-1 codes from names as people configure them: "en-GB" and " EN" are en."""
    return tuple(dict.fromkeys(n.strip().lower().replace("_", "-").split("-")[0] for n in names if n.strip()))


def choose(heard: Mapping[str, float], spoken: Sequence[str], supported: Collection[str]) -> Choice:
    """heard: probability by language, as the model hears the call (may be empty when nothing in `spoken` is
    supported). spoken: the tenant's languages. supported: what can be written, by whichever model."""
    able = [code for code in spoken if code in supported]
    unable = [code for code in spoken if code not in supported]
    if not able:
        only = unable[0] if len(unable) == 1 else None
        return Choice(only, None, _reason(f"None of this tenant's languages ({', '.join(spoken)}) is"))

    def likelihood(code: str) -> float:
        """What the model hears as it; of one that it does not know, what it hears as its neighbours."""
        if code in heard:
            return heard[code]
        return sum(heard.get(n, 0.0) for n in NEIGHBOURS.get(code, ()) if n not in able)

    best = max(able, key=likelihood)
    for code in unable:
        if likelihood(code) > likelihood(best):
            return Choice(code, round(likelihood(code), 4), _reason(f"The call sounds like {code}, which is not"))
    return Choice(best, round(likelihood(best), 4), None)


def _reason(start: str) -> str:
    return f"{start} supported by this speech model; the sound metrics stay. Configure a model that knows the language."
