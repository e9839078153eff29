"""Puts the routes of this package into the API; found by the entry point `callbench.routers`."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, params

from dashboard.rest import calls, conversations, lost, metrics, recordings
from dashboard.web.context import Context
from dashboard.web.media import Media
from pbx_core.store.tokens import Right


def install(api: FastAPI, gate: Callable[[Right], params.Depends]) -> None:
    """gate: what lets in only tokens of a tenant with a right."""
    own = api.state.context
    reading = Context(own.settings, own.db, own.clock)
    api.state.reading = reading
    api.state.media = Media(reading)
    for router in (calls.router, conversations.router, lost.router, recordings.about, metrics.router):
        api.include_router(router, dependencies=[gate(Right.READ)])
    for router in (recordings.sound, recordings.words):
        api.include_router(router, dependencies=[gate(Right.LISTEN)])
