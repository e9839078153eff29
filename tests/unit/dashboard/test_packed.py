"""Streamlit's own files, compressed on their way, behind the same door as everything else."""

from __future__ import annotations

import pytest

from dashboard.web import packed

SCRIPT = max(packed.SOURCE.glob("js/*.js"), key=lambda p: p.stat().st_size)


def test_a_script_comes_compressed_and_whole(browser, context) -> None:
    client = browser("owner@acme.test")
    for _ in range(2):  # made, then kept
        answer = client.get(f"/static/js/{SCRIPT.name}", headers={"Accept-Encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip" and answer.headers["content-type"].startswith("text/java")
        assert int(answer.headers["content-length"]) < SCRIPT.stat().st_size / 2
        assert answer.content == SCRIPT.read_bytes()
    assert browser().get(f"/static/js/{SCRIPT.name}").status_code == 401


@pytest.mark.parametrize(
    ("path", "encoding"),
    [
        (f"/static/js/{SCRIPT.name}", "identity"),
        ("/static/js/none.js", "gzip"),
        ("/static/../index.html", "gzip"),
        ("/static/..%2f..%2f__init__.py", "gzip"),
        ("/static/js/..%5c..%5cx.js", "gzip"),
    ],
)
def test_the_rest_is_left_to_streamlit(browser, path: str, encoding: str) -> None:
    answer = browser("owner@acme.test").get(path, headers={"Accept-Encoding": encoding})
    assert "headers" in answer.json()  # the echo that stands in its place
