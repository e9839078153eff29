"""A call's way while the dialplan thinks about it: where it was, what was found, whose rights count."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pbx_core.domain.facts import Facts
from pbx_core.domain.model import Extension, Model, Office
from pbx_core.domain.nodes import HOPS_MAX, Hangup, Node, Origin, Step
from pbx_core.domain.phrases import phrase

Answer = Node | str  # what a stop decides: a node, or the destination where the call goes on

# what a call ends with: SIP status, reason, sentence heard first ("" none)
ENDS = {
    "busy": (486, "Busy Here", ""),
    "no_answer": (480, "Temporarily Unavailable", ""),
    "offline": (480, "Temporarily Unavailable", "not_available"),
    "rejected": (603, "Decline", "blocked"),
    "no_choice": (480, "Temporarily Unavailable", ""),
    "done": (200, "Normal Clearing", ""),
    "wrong_number": (404, "Not Found", "wrong_number"),
    "not_allowed": (403, "Forbidden", "not_allowed"),
    "no_right": (403, "Forbidden", "no_right"),
    "no_trunk": (503, "Service Unavailable", "error"),
    "loop": (482, "Loop Detected", "not_available"),
}


@dataclass
class Way:
    """visited: destinations passed; steps: the reasoning; origin: whose rights count from here on."""

    model: Model
    facts: Facts
    origin: Origin
    visited: list[str]
    steps: list[Step] = field(default_factory=list)
    overflow: bool = False  # the channels of the number called are all in use

    def say(self, place: str, text: str) -> None:
        """Add a step of the reasoning."""
        self.steps.append(Step(place, text))

    def enter(self, destination: str) -> Hangup | None:
        """Go to a destination; the end of the call when that closes a circle. A menu may come again, and with it all
        that follows, for there a person chose; HOPS_MAX bounds that too."""
        since_choice = self.visited
        for i in range(len(self.visited) - 1, -1, -1):
            if self.visited[i].startswith("menu:"):
                since_choice = self.visited[i + 1 :]
                break
        if destination in since_choice:
            return self.end("loop", f"{destination} was passed already: the call would go in a circle")
        if len(self.visited) >= HOPS_MAX:
            return self.end("loop", f"the call passed {HOPS_MAX} destinations; it goes no further")
        self.visited.append(destination)
        return None

    def end(self, cause: str, why: str = "", place: str = "") -> Hangup:
        """End the call for this cause (of ENDS)."""
        status, reason, key = ENDS[cause]
        self.say(place or "end", why or reason)
        return Hangup(status, reason, cause, (phrase(key, self.language),) if key else ())

    @property
    def own_phone(self) -> str:
        """The extension whose phone dialled this itself, "" for everything else: what is somebody's own (messages,
        settings, supervision) is not for those whom he transfers or forwards there."""
        return self.origin.number if self.origin.kind == "extension" and len(self.visited) <= 1 else ""

    @property
    def caller(self) -> Extension | None:
        """The extension whose rights count, if there is one."""
        return self.model.book.extensions.get(self.origin.extension)

    @property
    def office(self) -> Office | None:
        """Its office."""
        return self.model.book.offices.get(self.caller.office) if self.caller else None

    @property
    def country(self) -> str:
        """Home to the one whose rights count."""
        return (self.office.country if self.office else "") or self.model.outbound.country

    @property
    def language(self) -> str:
        """In which the caller is spoken to: his own, that of the number he called, or the tenant's first."""
        model, origin = self.model, self.origin
        own = model.book.extensions.get(origin.number)
        if origin.kind == "extension" and not origin.did and own and own.language:
            return own.language
        did = model.book.dids.get(origin.did)
        return (did.language if did else "") or (model.languages[0] if model.languages else "en")

    def with_rights_of(self, number: str) -> None:
        """From here on the rights and the caller ID of this extension count: it sent the call on."""
        self.origin = replace(self.origin, extension=number)
