"""Health by REST: a tenant's token sees its part, the operator's all of it and the refused lines."""

from __future__ import annotations

from pbx_core.clock import SystemClock
from pbx_core.store.tokens import Right
from tests.support import lake


def test_a_token_sees_its_tenants_part_and_the_operators_sees_all(town, reads) -> None:
    mine = reads.get("/v1/health").json()
    assert mine["status"] in ("ok", "warn", "bad") and {s["source"] for s in mine["sources"]} == {"own"}
    every = town.client(None).get("/v1/health").json()
    assert {"disk", "rejected", "maintenance"} <= {c["name"] for c in every["checks"]}
    assert {"worker-0", "recorder"} <= {s["part"] for s in every["sources"]}


def write_journal(settings, line: bytes) -> None:
    folder = settings.journal_dir / "broken-0"
    folder.mkdir()
    (folder / "01a.jsonl").write_bytes(line + b"\n")
    lake.ingest_once(settings, SystemClock())


def test_refused_lines_of_journals_are_the_operators(town, reads) -> None:
    write_journal(town.settings, b"nonsense")
    mine, every = (who.get("/v1/health/rejected.csv").text.splitlines() for who in (reads, town.client(None)))
    assert len(mine) == 1 and [line for line in every if "nonsense" in line and "broken-0" in line]
    answer = town.client(None).get("/v1/health/rejected.csv")
    assert answer.status_code == 200 and answer.text.startswith("source,file,line,byte,reason")
    assert town.client(town.acme, Right.LISTEN).get("/v1/health").status_code == 403
    assert town.bearing("").get("/v1/health").status_code == 401
