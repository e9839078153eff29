"""POST /v1/calls…: place a call, end it, hand it on, switch its recording. The worker that has the call does it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header
from pydantic import BaseModel, Field

from pbx_core.api.access import Controlling, Here
from pbx_core.api.answers import NotFitting, not_found
from pbx_core.api.context import Context
from pbx_core.domain import dialplan, records
from pbx_core.domain.nodes import Hangup, Origin, Target, Wish
from pbx_core.errors import InputError, Unavailable
from pbx_core.store import audit, directory, facts, live, models, requests, services
from pbx_core.store.directory import Extension
from pbx_core.store.tokens import Token

router = APIRouter(prefix="/v1/calls", tags=["call control"])

NUMBER = r"^\+?[0-9*#]{1,32}$"
_CALL_ID = re.compile(r"[0-9a-f]{32}")
REFUSED = {  # a worker's error → status, sentence
    "no_call": (404, "The call is over; nothing was done."),
    "bad_request": (409, "The call is not in a state for this; nothing was done. Look at the live calls."),
    "no_model": (409, "The tenant has no model for this; nothing was done."),
}
TALKING = "talking"
TRY_NEXT = ("no_slot", "busy")  # another worker may have room


class NewCall(BaseModel):
    """Click to call: the extension's phones ring first; when it answers, the number is dialled."""

    extension: str = Field(pattern=r"^[0-9]{2,6}$", description="whose phones ring, and whose rights count")
    number: str = Field(pattern=r"^\+?[0-9]{1,20}$", description="as this extension would dial it")


class Placed(BaseModel):
    """A call that begins."""

    call_id: str


class Transfer(BaseModel):
    """Hand a call on without asking back."""

    target: str = Field(pattern=NUMBER, description="as the side that hands on would dial it")
    side: Literal["", "caller", "callee"] = Field(
        default="", description="who hands the other one on; empty: our phone in the call, the callee's first"
    )


class Done(BaseModel):
    """It was done, or is being done."""

    ok: bool = True


@router.post("", status_code=201)
def place(
    token: Controlling, here: Here, wanted: NewCall, idempotency_key: Annotated[str, Header(max_length=200)] = ""
) -> Placed:
    """Ring an extension, then dial. The header Idempotency-Key makes a repetition harmless."""
    caller = directory.extension_of(here.db, token.tenant_id, wanted.extension)
    if caller is None:
        raise InputError(
            f"There is no extension {wanted.extension}; nobody was called.", error_id="no_extension", status=404
        )
    begun = requests.begin(here.db, here.clock, token.tenant_id, idempotency_key, wanted.model_dump())
    if begun.answer is not None:
        return Placed.model_validate(begun.answer)
    try:
        request = {
            "do": "originate",
            "tenant_id": token.tenant_id,
            "call_id": begun.object_id,
            "direction": "click",
            "target": records.to_json(Target(wanted.extension, caller.display_name)),
            "then": _destination(here, caller, wanted.number),
            "shown": wanted.number,
            "from_name": "",
        }
        _originate(here, request)
    except InputError:  # nothing was begun
        requests.forget(here.db, token.tenant_id, begun)
        raise
    audit.note(here.db, here.clock, token.tenant_id, None, "call_placed", begun.object_id, token.token_id)
    requests.end(here.db, token.tenant_id, begun, {"call_id": begun.object_id})
    return Placed(call_id=begun.object_id)


def _destination(here: Context, caller: Extension, number: str) -> str:
    """Where the dialplan sends what this extension dials; NotFitting with its reasons when it may not."""
    owner = directory.tenant_by_id(here.db, caller.tenant_id)
    model = models.active(here.db, caller.tenant_id)[1]
    known = facts.gather(here.db, here.clock, caller.tenant_id, home=owner.domain if owner else "")
    origin = Origin("extension", caller.number, caller.display_name, caller.number)
    routed = dialplan.resolve(model, known, Wish(origin, dialled=number))
    if isinstance(routed.node, Hangup) or not routed.visited:
        reasons = [f"{step.place}: {step.text}" for step in routed.steps]
        raise NotFitting(
            f"Extension {caller.number} cannot call {number}; nobody was called. `places` says why.",
            reasons,
            error_id="cannot_call",
        )
    return routed.visited[0]


def _originate(here: Context, request: dict[str, Any]) -> None:
    """By the worker with most room; by the next one only when a worker has said that it did not begin."""
    rows = [s for s in services.all_services(here.db) if s.name.startswith("worker-") and s.alive(here.now())]
    free = sorted(rows, key=lambda s: int(s.detail.get("calls", 0)) - int(s.detail.get("capacity_calls", 0)))
    for worker in free:
        answer = here.ask(worker.name, request)
        if "error" not in answer:
            return
        if answer["error"] not in TRY_NEXT:
            raise _refused(answer)
    raise InputError("No worker has room for a call; nobody was called. Try again.", error_id="no_room", status=503)


@router.post("/{call_id}/hangup")
def hangup(token: Controlling, here: Here, call_id: str) -> Done:
    """End a call."""
    return _do(here, token, call_id, "hangup", "call_ended")


@router.post("/{call_id}/pause-recording")
def pause_recording(token: Controlling, here: Here, call_id: str) -> Done:
    """Silence on the recording, for card data; ends by itself after the model's limit."""
    return _do(here, token, call_id, "pause_recording", "recording_paused")


@router.post("/{call_id}/resume-recording")
def resume_recording(token: Controlling, here: Here, call_id: str) -> Done:
    """End such a pause."""
    return _do(here, token, call_id, "resume_recording", "recording_resumed")


@router.post("/{call_id}/start-recording")
def start_recording(token: Controlling, here: Here, call_id: str) -> Done:
    """Begin to record a call whose rule is `on_demand`."""
    return _do(here, token, call_id, "start_recording", "recording_started")


@router.post("/{call_id}/stop-recording")
def stop_recording(token: Controlling, here: Here, call_id: str) -> Done:
    """Stop recording a call whose rule is `on_demand`; what was recorded is kept."""
    return _do(here, token, call_id, "stop_recording", "recording_stopped")


@router.post("/{call_id}/transfer")
def transfer(token: Controlling, here: Here, call_id: str, wanted: Transfer) -> Done:
    """Hand a call on."""
    return _do(here, token, call_id, "transfer", "call_transferred", {"target": wanted.target, "leg": wanted.side})


def _do(here: Context, token: Token, call_id: str, what: str, action: str, more: dict[str, Any] | None = None) -> Done:
    found = live.call(here.db, token.tenant_id, call_id) if _CALL_ID.fullmatch(call_id) else None
    if found is None:
        raise not_found()
    if what != "hangup" and found.state != TALKING:
        raise InputError(
            f"The call is {found.state}, not talking; nothing was done. Wait until it is.",
            error_id="not_talking",
            status=409,
        )
    request = {"do": what, "tenant_id": token.tenant_id, "call_id": call_id, "who": f"api {token.token_id}"}
    answer = here.ask(found.worker, {**request, **(more or {})})
    if "error" in answer:
        raise _refused(answer)
    audit.note(here.db, here.clock, token.tenant_id, None, action, call_id, token.token_id)
    return Done()


def _refused(answer: dict[str, Any]) -> InputError | Unavailable:
    error_id = str(answer["error"])
    if error_id == "no_call":
        return not_found()
    if error_id in REFUSED:
        status, sentence = REFUSED[error_id]
        return InputError(sentence, error_id=error_id, status=status)
    return Unavailable("The worker cannot do this now; nothing was done. Try again in a moment.")
