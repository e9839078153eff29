"""The sound of a call is read while it is still being written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from analytics import growing
from pbx_core.errors import InputError
from pbx_core.media import spool
from tests.support import spooled

TENANT = "a" * 32
OTHER = "b" * 32


def ramp(first: int, count: int) -> spooled.Samples:
    return np.arange(first, first + count, dtype=np.int16)


def begun(root: Path, caller: int, callee: int | None, **more: object) -> tuple[Path, growing.Growing]:
    """A running recording with so many samples on each side, headers as the engine leaves them until the end."""
    sides = [None if n is None else ramp(1, n) for n in (caller, callee)]
    folder = spooled.make(root, TENANT, sides[0], sides[1], killed=True, ended=False, **more)  # type: ignore[arg-type]
    found = growing.find(root, TENANT, folder.name)
    assert found
    return folder, found


def test_nothing_is_read_beyond_what_both_sides_have(tmp_path: Path) -> None:
    folder, sound = begun(tmp_path, 100, 60)
    assert sound.frames == 60 and sound.read(0).tolist() == [[n, n] for n in range(1, 61)]
    with (folder / "callee.wav").open("ab") as file:
        file.write(ramp(61, 20).tobytes() + b"\x01")  # half a sample is on its way
    assert sound.frames == 80 and sound.read(60).tolist() == [[n, n] for n in range(61, 81)]
    assert sound.read(80).shape == (0, 2)


def test_a_recorder_that_began_later_has_silence_in_front(tmp_path: Path) -> None:
    _, sound = begun(tmp_path, 30, 30, callee_offset_ms=2)  # 16 samples
    assert sound.frames == 30
    assert sound.read(0)[:, 1].tolist() == [0] * 16 + list(range(1, 15))
    assert sound.read(20)[:, 1].tolist() == list(range(5, 15))


def test_a_message_in_a_mailbox_has_one_side(tmp_path: Path) -> None:
    _, sound = begun(tmp_path, 10, None, kind="voicemail")
    assert sound.read(0).tolist() == [[n, 0] for n in range(1, 11)]


def test_a_file_that_is_not_there_yet_has_no_sound(tmp_path: Path) -> None:
    _, sound = begun(tmp_path, 10, None)
    assert sound.frames == 0 and sound.read(0).shape == (0, 2)


def test_it_ends_with_its_mark_or_with_its_folder(tmp_path: Path) -> None:
    folder, sound = begun(tmp_path, 10, 10)
    assert not sound.ended
    (folder / "ended.json").write_text("{}")
    assert sound.ended
    spool.remove(folder)
    assert sound.ended and sound.frames == 0 and sound.read(0).shape == (0, 2)
    assert growing.find(tmp_path, TENANT, folder.name) is None


@pytest.mark.parametrize("tenant_id", [OTHER, "", "..", f"{OTHER}/../{TENANT}"])
def test_nobody_finds_what_belongs_to_another_tenant(tmp_path: Path, tenant_id: str) -> None:
    folder, _ = begun(tmp_path, 10, 10)
    (tmp_path / OTHER).mkdir()
    (tmp_path / OTHER / folder.name).symlink_to(folder)
    assert growing.find(tmp_path, tenant_id, folder.name) is None
    assert growing.find(tmp_path, TENANT, f"../{TENANT}/{folder.name}/../..") is None


@pytest.mark.parametrize("damage", [{"caller_offset_ms": -1}, {"callee_offset_ms": 10**9}, {"caller_offset_ms": "x"}])
def test_a_damaged_description_is_told(tmp_path: Path, damage: dict[str, object]) -> None:
    folder, _ = begun(tmp_path, 10, 10)
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | damage))
    with pytest.raises(InputError, match="damaged"):
        growing.find(tmp_path, TENANT, folder.name)
    (folder / "meta.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        growing.find(tmp_path, TENANT, folder.name)


def test_what_is_no_recording_of_ours_is_told(tmp_path: Path) -> None:
    folder, sound = begun(tmp_path, 10, 10)
    (folder / "caller.wav").write_bytes(spooled.wav_bytes(ramp(1, 10), rate=16000))
    with pytest.raises(InputError, match=r"caller\.wav"):
        sound.read(0)
