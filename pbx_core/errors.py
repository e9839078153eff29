"""One tree of errors, split by whose fault it is.

CallbenchError
├── PeerError            the other side broke a protocol (SIP, RTP, HTTP); answered, logged, never fatal
├── InputError           a person or a file gave something unusable; carries error_id and an HTTP status
│   └── ConfigError      a setting, a port, a missing model: says what to do
├── InvalidTransition    our own bug: the state machine met an event it has no row for
└── Unavailable          something we need is not there now; `retryable` says whether trying again helps
"""

from __future__ import annotations


class CallbenchError(Exception):
    """Root of every error raised on purpose. `str(error)` says what happened, what is kept, what to do next."""


class PeerError(CallbenchError):
    """The other side broke the protocol."""


class InputError(CallbenchError):
    """Unusable input. `error_id` is stable and machine-readable, `status` the HTTP status that fits."""

    def __init__(self, message: str, *, error_id: str = "bad_input", status: int = 400) -> None:
        super().__init__(message)
        self.error_id = error_id
        self.status = status


class ConfigError(InputError):
    """The configuration or the machine lacks something; the message names the remedy."""

    def __init__(self, message: str, *, error_id: str = "bad_config") -> None:
        super().__init__(message, error_id=error_id, status=500)


class InvalidTransition(CallbenchError):
    """An event arrived in a state that has no rule for it."""


class Unavailable(CallbenchError):
    """A resource (disk, database, engine slot, model) cannot be had now."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable
