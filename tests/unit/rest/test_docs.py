"""docs/api.md is true: its commands run against the real API over TLS, its answers have these fields."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from pbx_core.clock import SystemClock
from pbx_core.store import tokens
from pbx_core.store.tokens import Right
from pbx_core.webhooks import signing
from pbx_core.webhooks.facts import OFFERED
from tests.support.apiserver import running_api
from tests.support.ports import free_port

TEXT = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"```(sh|json|python)\n(.*?)```", TEXT, flags=re.DOTALL)


def missing(shown: Any, found: Any, place: str = "") -> list[str]:
    """Fields that the page shows and the answer lacks."""
    if isinstance(shown, dict):
        if not isinstance(found, dict):
            return [place]
        return [m for k, v in shown.items() for m in ([f"{place}.{k}"] if k not in found else missing(v, found[k], k))]
    if isinstance(shown, list) and shown:
        return missing(shown[0], found[0], f"{place}[]") if isinstance(found, list) and found else [place]
    return []


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_command_runs_and_answers_what_is_shown(town, tmp_path) -> None:
    settings = town.settings.model_copy(update={"api_port": free_port(), "sip_host": "127.0.0.1"})
    text = tokens.add(town.db, SystemClock(), town.acme.tenant_id, "docs", {Right.READ, Right.LISTEN})[1]
    spoken = town.acme_office.spoken
    ran = compared = 0
    with running_api(settings) as server:
        variables = {
            **os.environ,
            "CALLBENCH": server.base,
            "TOKEN": text,
            "CALL": spoken.cdr.call_id,
            "CONVERSATION": spoken.cdr.call_id,
            "RECORDING": spoken.recording.recording_id,
            "CURL_CA_BUNDLE": str(settings.data / "tls" / "edge.crt"),
        }
        out = ""
        for kind, block in BLOCKS:
            if kind == "sh" and "export" not in block:
                for line in block.strip().splitlines():
                    done = subprocess.run(
                        ["bash", "-c", line], env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=60
                    )
                    assert done.returncode == 0, line + done.stderr
                    out = done.stdout
                    ran += 1
            elif kind == "json":
                assert missing(json.loads(block), json.loads(out)) == [], block
                compared += 1
    assert ran > 8 and compared > 4
    assert (tmp_path / "call.webm").stat().st_size > (tmp_path / "start.webm").stat().st_size == 1000
    assert (tmp_path / "call.m4a").read_bytes()[4:8] == b"ftyp"


def test_the_receivers_lines_know_our_signature_from_a_forged_or_an_old_one() -> None:
    (code,) = (block for kind, block in BLOCKS if kind == "python")
    names: dict[str, Any] = {}
    exec(code, names)
    body, keys, secrets = b'{"a":1}', [b"k" * 32, b"o" * 32], ("whsec_" + "a2tr" * 10 + "a2s=", "whsec_b29v")
    now = int(time.time())
    signed = signing.headers("evt_1", now, body, keys)
    verify = names["verify"]
    assert verify(secrets[0], signed, body) and not verify(secrets[1], signed, body)
    assert not verify(secrets[0], signed, body + b" ") and not verify(secrets[0], {**signed, "webhook-id": "x"}, body)
    old = signing.headers("evt_1", now - 400, body, keys)
    assert not verify(secrets[0], old, body)


def test_every_event_is_described() -> None:
    assert [t for t in OFFERED if f"| `{t}` |" not in TEXT] == []
