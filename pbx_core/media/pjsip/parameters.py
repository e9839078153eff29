"""What the engine is told with a request or an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pjsua2 as pj


def call_parameters(status: int, reason: str, headers: Mapping[str, str]) -> Any:
    """For a request status 0, and no reason."""
    parameters = pj.CallOpParam(True)
    parameters.statusCode = status
    parameters.reason = reason
    add_headers(parameters.txOption, headers)
    return parameters


def add_headers(option: Any, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        header = pj.SipHeader()
        header.hName, header.hValue = name, value
        option.headers.append(header)
