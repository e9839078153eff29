"""Which calls are read along with, and where their words lie meanwhile."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pbx_core.clock import SystemClock
from pbx_core.domain.records import Party
from pbx_core.store import following, livetext
from pbx_core.store.following import Followed
from pbx_core.store.livetext import Line, LiveText, State
from tests.conftest import World

TENANT, RECORDING = "a" * 32, "5" * 32
TEXT = LiveText(
    TENANT, "c" * 32, RECORDING, "101", "102", State.LISTENING, language="en", heard_s=9.5, recorded_s=11.0,
    lines=(Line(1, Party.CALLER, 0.5, 2.0, "hello <b>"), Line(0, Party.CALLEE, 3.0, 9.5, "and the")),
)  # fmt: skip


@dataclass(frozen=True)
class ShiftedClock(SystemClock):
    """The machine's clock, moved on by hand."""

    ahead_s: list[float] = field(default_factory=lambda: [0.0])

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead_s[0])


def test_two_people_who_look_at_one_call_make_one_row_and_the_last_look_counts(world: World) -> None:
    clock = ShiftedClock()
    acme, birch = world.acme.tenant_id, world.birch.tenant_id
    following.look(world.db, clock, acme, "c1")
    clock.ahead_s[0] += 5
    following.look(world.db, clock, birch, "c1")
    clock.ahead_s[0] += following.LOOK_S - 10
    following.look(world.db, clock, acme, "c1")
    assert following.wanted(world.db, clock) == [Followed(acme, "c1"), Followed(birch, "c1")]
    clock.ahead_s[0] += 12
    assert following.wanted(world.db, clock) == [Followed(acme, "c1")]
    assert following.anybody(world.db, clock.now().timestamp())
    clock.ahead_s[0] += following.LOOK_S
    assert not following.anybody(world.db, clock.now().timestamp())
    assert following.wanted(world.db, clock) == []


def test_a_call_that_is_over_is_forgotten_in_its_own_tenant_only(world: World) -> None:
    acme, birch = world.acme.tenant_id, world.birch.tenant_id
    for tenant_id in (acme, birch):
        following.look(world.db, world.clock, tenant_id, "c1")
    following.forget(world.db, acme, "c1")
    assert following.wanted(world.db, world.clock) == [Followed(birch, "c1")]


def test_words_are_written_read_and_taken_away_and_nobody_else_on_the_machine_reads_them(tmp_path: Path) -> None:
    livetext.write(tmp_path / "live", TEXT)
    assert livetext.read(tmp_path / "live", TENANT, RECORDING) == TEXT
    assert TEXT.behind_s == 1.5
    (file,) = (tmp_path / "live" / TENANT).iterdir()
    assert file.stat().st_mode & 0o077 == 0 and file.parent.stat().st_mode & 0o077 == 0
    assert livetext.kept(tmp_path / "live") == [(TENANT, RECORDING)]
    livetext.remove(tmp_path / "live", TENANT, RECORDING)
    assert livetext.read(tmp_path / "live", TENANT, RECORDING) is None and livetext.kept(tmp_path / "live") == []


def test_words_of_one_tenant_are_not_found_under_another(tmp_path: Path) -> None:
    other = "b" * 32
    livetext.write(tmp_path, TEXT)
    (tmp_path / other).mkdir()
    (tmp_path / other / f"{RECORDING}.json").symlink_to(tmp_path / TENANT / f"{RECORDING}.json")
    assert livetext.read(tmp_path, other, RECORDING) is None
    (tmp_path / other / f"{RECORDING}.json").unlink()
    (tmp_path / other / f"{RECORDING}.json").write_bytes((tmp_path / TENANT / f"{RECORDING}.json").read_bytes())
    assert livetext.read(tmp_path, other, RECORDING) is None


@pytest.mark.parametrize("name", ["..", "../x", "", "A" * 32, "5" * 31, "5" * 33, "5" * 32 + "\n"])
def test_a_name_that_is_no_id_of_ours_leads_nowhere(tmp_path: Path, name: str) -> None:
    assert livetext.read(tmp_path, TENANT, name) is None
    assert livetext.read(tmp_path, name, RECORDING) is None
    with pytest.raises(ValueError, match="id of ours"):
        livetext.write(tmp_path, replace(TEXT, recording_id=name))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"state": "x"}', json.dumps({"tenant_id": 5})])
def test_a_damaged_file_holds_no_words(tmp_path: Path, content: str) -> None:
    livetext.write(tmp_path, TEXT)
    (tmp_path / TENANT / f"{RECORDING}.json").write_text(content)
    assert livetext.read(tmp_path, TENANT, RECORDING) is None
