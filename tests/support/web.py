"""The sign-in form, filled in as a browser does it."""

from __future__ import annotations

import re
from typing import Any

from starlette.testclient import TestClient


def form_token(client: TestClient) -> str:
    """The CSRF token of the sign-in form."""
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/auth/login").text)
    assert found
    return found[1]


def sign_in(client: TestClient, email: str, password: str, target: str = "/") -> Any:
    """Fill in the form and send it; the answer."""
    data = {"email": email, "password": password, "csrf": form_token(client)}
    return client.post("/auth/login", params={"next": target}, data=data)


def csrf(client: TestClient) -> dict[str, str]:
    """The CSRF header of the session."""
    return {"X-CSRF-Token": client.get("/api/me").json()["csrf"]}


def listed(client: TestClient, **params: str) -> list[dict[str, Any]]:
    """All pages of the list of calls."""
    out, cursor = [], ""
    while cursor is not None:
        page = client.get("/api/calls", params={"limit": 3, **params, **({"cursor": cursor} if cursor else {})}).json()
        out += page["calls"]
        cursor = page["next_cursor"]
    return out
