"""`callbench inform`, as an operator types it."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from pbx_core.clock import SystemClock
from pbx_core.domain.campaign import Result
from pbx_core.domain.model import Did, Outbound, Trunk
from pbx_core.domain.spreadsheet import cell
from pbx_core.errors import InputError
from pbx_core.informer.inform_command import inform
from pbx_core.store import campaigns, models
from tests.conftest import World


@pytest.fixture
def numbers(world: World, tmp_path: Path) -> Path:
    model = replace(
        models.active(world.db, world.acme.tenant_id)[1],
        trunks=(Trunk("carrier", "192.0.2.7"),),
        dids=(Did("+493011111", "extension:101"),),
        outbound=Outbound(country="DE"),
    )
    models.apply(world.db, world.clock, world.acme.tenant_id, model, "test")
    file = tmp_path / "numbers.txt"
    file.write_text("030 123456\n+4930123457\n030123456\nnobody\n")
    return file


def said(world: World, *words: str, ok: bool = True) -> str:
    done = CliRunner().invoke(inform, [*words, "--tenant", "acme.test"], obj=world.settings.data)
    if isinstance(done.exception, InputError):
        assert not ok, done.exception
        return str(done.exception)
    assert done.exception is None, done.output
    return done.output


def create(world: World, file: Path, *more: str, ok: bool = True) -> str:
    words = ("create", "--name", "water", "--numbers", str(file), "--language", "en", "--quiet", "")
    return said(world, *words, *more, ok=ok)


def test_a_report_says_why_nobody_is_called_yet(world: World, numbers: Path) -> None:
    words = ("--text", "Off.", "--from", "+493011111", "--quiet", "00:00-23:59")
    campaign_id = create(world, numbers, *words).split()[1]
    said(world, "start", campaign_id)
    assert campaigns.claim(world.db, SystemClock(), world.acme.tenant_id, campaign_id, "a" * 32) is None
    shown = said(world, "report", campaign_id)
    assert "The next call is not before" in shown and "quiet hours 00:00-23:59" in shown


def test_a_campaign_is_made_started_paused_reported_and_cancelled(world: World, numbers: Path) -> None:
    shown = create(world, numbers, "--text", "The water is off.", "--from", "+493011111", "--per-minute", "30")
    campaign_id = shown.split()[1]
    assert shown.splitlines()[0] == f"Campaign {campaign_id} is ready: 2 numbers."
    assert "Line 4: 'nobody' is no telephone number." in shown
    assert "1 numbers stood in the list more than once." in shown
    assert said(world, "list").split("\t")[:3] == [campaign_id, "water", "draft"]
    assert "runs" in said(world, "start", campaign_id)
    clock, tenant_id = SystemClock(), world.acme.tenant_id
    first = campaigns.claim(world.db, clock, tenant_id, campaign_id, "a" * 32)
    second = campaigns.claim(world.db, clock, tenant_id, campaign_id, "b" * 32)
    assert first and second
    hostile = "=HYPERLINK(1)"
    campaigns.finish(world.db, clock, lambda _: None, first, Result("acknowledged", "1"))
    campaigns.finish(world.db, clock, lambda _: None, second, Result("failed", "", hostile, lasting=True))
    assert said(world, "report", campaign_id).splitlines() == [
        "water: running, 2 numbers",
        "acknowledged\t1",
        "failed\t1",
        "try 1\tacknowledged\t1",
        "try 1\tfailed\t1",
        f"{hostile}\t1",
    ]
    rows = list(csv.DictReader(io.StringIO(said(world, "report", campaign_id, "--csv"))))
    assert [(r["number"], r["state"], r["results"], r["reason"]) for r in rows] == [
        ("'+4930123456", "acknowledged", "acknowledged", ""),
        ("'+4930123457", "failed", "failed", f"'{hostile}"),
    ]
    assert "is paused" in said(world, "pause", campaign_id)
    assert "is cancelled" in said(world, "cancel", campaign_id)
    assert "is cancelled; it cannot start" in said(world, "start", campaign_id, ok=False)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ((), "--text or as --prompt"),
        (("--prompt", "x"), "has no prompt 'x'"),
        (("--text", "x", "--from", "+49301"), "no verified number"),
        (("--text", "x" * 1001), "at most 1000"),
        (("--text", "x", "--quiet", "evening"), "quiet hours are written"),
        (("--text", "x", "--key", "9"), "different keys"),
        (("--text", "x", "--at-once", "0"), "calls at once must be"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_created(
    world: World, numbers: Path, more: tuple[str, ...], reason: str
) -> None:
    assert reason in create(world, numbers, *more, ok=False)
    assert campaigns.of_tenant(world.db, world.acme.tenant_id) == []


def test_a_campaign_of_another_tenant_is_unknown(world: World, numbers: Path) -> None:
    campaign_id = create(world, numbers, "--text", "x").split()[1]
    done = CliRunner().invoke(inform, ["report", campaign_id, "--tenant", "birch.test"], obj=world.settings.data)
    assert isinstance(done.exception, InputError) and done.exception.status == 404


@pytest.mark.parametrize("text", ["=1+1", "+49", "-1", "@x", "\tx", "\rx"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert cell(f"a{text}") == f"a{text}"
