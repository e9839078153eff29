"""The document in which every page begins."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from dashboard import pages
from dashboard.web import front


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in front.CHANGES])
def test_every_change_still_finds_its_place_in_streamlits_document(pattern: str) -> None:
    assert len(re.findall(pattern, front.SOURCE.read_text(), re.DOTALL)) == 1


def test_every_page_begins_in_it_and_its_scripts_are_allowed(browser) -> None:
    client = browser("owner@acme.test")
    for path in ("/", "/metrics?metric=calls", "/review?call=0"):
        answer = client.get(path)
        scripts = re.findall("<script>(.*?)</script>", answer.text, re.DOTALL)
        assert "<title>Callbench</title>" in answer.text and "location.origin" in scripts[0]
        for script in scripts:
            digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert "headers" in client.get("/metrics/x").json()  # the echo that stands in Streamlit's place
    assert browser().get("/metrics").status_code == 401


def test_there_is_a_page_for_every_path() -> None:
    known = re.findall(r'url_path="(\w+)"', Path(pages.__file__).read_text())
    assert {"/", *(f"/{name}" for name in known)} == front.PATHS
