"""Damage to stored recordings is found."""

from __future__ import annotations

from pbx_core import feed
from pbx_core.media import verify
from pbx_core.media.recorder import Recorder
from tests.conftest import World
from tests.support import spooled


def test_a_flipped_byte_a_cut_file_and_a_lost_one_are_found_and_the_good_ones_not(world: World) -> None:
    journal = feed.Journal(world.settings.journal_dir, "recorder", world.clock)
    recorder = Recorder(world.settings, world.db, world.clock, journal)
    for _ in range(5):
        recorder.process(spooled.make(world.settings.spool_dir, world.acme.tenant_id, spooled.tone(1), spooled.tone(1)))
    assert list(verify.problems(world.settings)) == []
    records = list(verify.recordings(world.settings))
    assert len(records) == 5
    flipped, cut, lost = (world.settings.recordings_dir / r.path for r in records[:3])
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    cut.write_bytes(cut.read_bytes()[:-1])
    lost.unlink()
    found = {p.record.recording_id: p.what for p in verify.problems(world.settings)}
    assert set(found) == {r.recording_id for r in records[:3]}
    assert "was changed" in found[records[0].recording_id]
    assert "bytes instead of" in found[records[1].recording_id]
    assert "No such file" in found[records[2].recording_id]
