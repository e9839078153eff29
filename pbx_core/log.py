"""Structured logging: one JSON object per line on stderr; personal data only under keys that start with `pii_`."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


class JsonFormatter(logging.Formatter):
    """Renders a record as one line; json.dumps escapes CR and LF, so text from outside cannot forge a record."""

    def format(self, record: logging.LogRecord) -> str:
        out: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "log": record.name,
            "msg": record.getMessage(),
        }
        out.update({k: v for k, v in record.__dict__.items() if k not in _STANDARD and not k.startswith("_")})
        if record.exc_info:
            out["error"] = self.formatException(record.exc_info)
        return json.dumps(out, default=str, ensure_ascii=False)


def setup(service: str, level: str = "INFO") -> None:
    """Send all logs of this process to stderr as JSON lines, each naming `service`. Call once, in a command."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())

    def name_service(record: logging.LogRecord) -> bool:
        record.service = service
        return True

    handler.addFilter(name_service)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def get(name: str) -> logging.Logger:
    """The logger of a module: `log = get(__name__)`; pass fields as `extra={...}`."""
    return logging.getLogger(name)
