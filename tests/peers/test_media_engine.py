"""The real engine against itself over SIP and RTP: who hears whom, what is played, what is recorded, transfers."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pbx_core.media.port import DialTarget, Signal
from tests.support.engines import EngineProcess, connect
from tests.support.tones import RATE, heard, samples_of, tone
from tests.support.waiting import until

pytestmark = pytest.mark.peers
PITCHES = (400.0, 700.0, 1100.0, 1600.0)
LAST = "last"


@pytest.fixture
def worker() -> Iterator[EngineProcess]:
    engine = EngineProcess("worker")
    yield engine
    engine.close()


@pytest.fixture
def phone(worker: EngineProcess) -> Iterator[EngineProcess]:
    engine = EngineProcess("phone")
    yield engine
    worker.leave()  # both at once
    engine.close()


def hear(worker: EngineProcess, *pairs: tuple[int, int], on: bool = True) -> None:
    for speaker, listener in pairs:
        worker.ask("hear", speaker, listener, on)


def recorded(paths: list[Path], seconds: float) -> list[np.ndarray]:
    """Wait until running recordings have grown by so much, and take what came then (but for its first packets)."""
    begins = [len(samples_of(path)) + RATE // 2 for path in paths]
    wanted = int(seconds * RATE)
    for path, begin in zip(paths, begins, strict=True):
        until(lambda path=path, begin=begin: len(samples_of(path)) >= begin + wanted, what=f"{path.name} grows")
    return [samples_of(path)[begin:][:wanted] for path, begin in zip(paths, begins, strict=True)]


class Conversation:
    """Legs between phones and the worker: every phone hums a pitch of its own and writes down what it hears."""

    def __init__(self, phone: EngineProcess, worker: EngineProcess, folder: Path, legs: int) -> None:
        self.pairs = [connect(phone, worker) for _ in range(legs)]
        self.folder = folder
        for n, (theirs, _) in enumerate(self.pairs):
            file = tone(folder / f"hum-{n}.wav", PITCHES[n], 2.0)
            phone.ask("play", theirs, [file], f"hum-{n}", True)
            phone.ask("start_recording", theirs, folder / f"heard-{n}.wav")

    def at_worker(self) -> list[int]:
        return [leg for _, leg in self.pairs]

    def matrix(self) -> list[set[float]]:
        """What each phone hears now."""
        until(lambda: all(len(samples_of(f)) for f in self.folder.glob("heard-*.wav")), what="the recordings begin")
        sounds = recorded([self.folder / f"heard-{n}.wav" for n in range(len(self.pairs))], 1.0)
        levels = [heard(sound, PITCHES) for sound in sounds]
        assert all(abs(level) < 3 for found in levels for level in found.values()), levels
        return [set(found) for found in levels]


def test_who_hears_whom_is_what_was_asked(phone: EngineProcess, worker: EngineProcess, tmp_path: Path) -> None:
    talk = Conversation(phone, worker, tmp_path, 4)
    caller, agent, supervisor, stranger = talk.at_worker()
    p_caller, p_agent, p_supervisor, p_stranger = PITCHES
    hear(worker, (caller, agent), (agent, caller), (caller, supervisor), (agent, supervisor))
    assert talk.matrix() == [{p_agent}, {p_caller}, {p_caller, p_agent}, set()], "he listens"
    hear(worker, (supervisor, agent))
    assert talk.matrix() == [{p_agent}, {p_caller, p_supervisor}, {p_caller, p_agent}, set()], "he whispers"
    hear(worker, (supervisor, caller))
    assert talk.matrix()[0] == {p_agent, p_supervisor}, "he barges in"
    hear(worker, (caller, agent), (agent, caller), on=False)
    hear(worker, (stranger, caller), (stranger, stranger + 90))
    expected = [{p_supervisor, p_stranger}, {p_supervisor}, {p_caller, p_agent}, set()]
    assert talk.matrix() == expected, "the agent was taken out"


def test_hold_changes_nothing_about_who_hears_whom(phone: EngineProcess, worker: EngineProcess, tmp_path: Path) -> None:
    talk = Conversation(phone, worker, tmp_path, 2)
    one, two = talk.at_worker()
    music = tone(tmp_path / "music.wav", PITCHES[2], 1.0)
    hear(worker, (one, two), (two, one))
    worker.ask("play", two, [music], "moh", True)
    assert talk.matrix() == [{PITCHES[1]}, {PITCHES[0], PITCHES[2]}]
    holding = talk.pairs[0][0]
    phone.ask("hold", holding, True)
    worker.wait(Signal.HELD, one)
    assert talk.matrix()[1] == {PITCHES[2]}, "who holds is not heard, the music plays on"
    until(lambda: phone.ask("hold", holding, False), what="the re-INVITE is through")
    worker.wait(Signal.UNHELD, one)
    assert talk.matrix() == [{PITCHES[1]}, {PITCHES[0], PITCHES[2]}], "as before"


def test_files_are_heard_in_their_order_and_their_end_is_told_once(
    phone: EngineProcess, worker: EngineProcess, tmp_path: Path
) -> None:
    theirs, ours = connect(phone, worker)
    lengths = (0.1, 0.6, 0.3)  # the first is shorter than the engine's buffer
    files = [tone(tmp_path / f"{n}.wav", PITCHES[n], seconds) for n, seconds in enumerate(lengths)]
    phone.ask("start_recording", theirs, tmp_path / "heard.wav")
    worker.ask("play", ours, files, "greeting", False)
    assert worker.wait(Signal.PLAYED, ours).detail == {"token": "greeting"}
    worker.ask("play", ours, files[2:], "again", False)
    assert worker.wait(Signal.PLAYED, ours).detail == {"token": "again"}
    phone.ask("stop_recording", theirs)
    sound = samples_of(tmp_path / "heard.wav")
    windows = [max(found, key=found.__getitem__, default=0.0) for found in _by_time(sound)]
    order = [pitch for n, pitch in enumerate(windows) if pitch and (n == 0 or pitch != windows[n - 1])]
    assert order in ([*PITCHES[:3]], [*PITCHES[:3], PITCHES[2]]), windows
    assert windows.count(PITCHES[1]) * 0.05 == pytest.approx(0.6, abs=0.11)


def _by_time(sound: np.ndarray) -> list[dict[float, float]]:
    step = RATE // 20
    return [heard(sound[n : n + step], PITCHES) for n in range(0, len(sound) - step, step)]


def test_what_is_stopped_or_replaced_never_reports_its_end(
    phone: EngineProcess, worker: EngineProcess, tmp_path: Path
) -> None:
    theirs, ours = connect(phone, worker)
    short, long = tone(tmp_path / "short.wav", 400, 0.2), tone(tmp_path / "long.wav", 700, 0.5)
    worker.ask("play", ours, [long], "stopped", False)
    worker.ask("stop_play", ours)
    worker.ask("play", ours, [long], "replaced", False)
    worker.ask("play", ours, [short, long], LAST, False)
    worker.wait(Signal.PLAYED, ours, token=LAST)
    assert worker.seen(Signal.PLAYED) == []
    worker.ask("play", ours, [long], "of an ended leg", False)
    phone.ask("hangup", theirs, 200, "", {})
    worker.wait(Signal.ENDED, ours)
    worker.ask("play", ours, [short], "after the end", False)
    worker.ask("stop_play", ours)
    assert worker.seen(Signal.PLAYED) == []


def test_a_file_that_cannot_be_played_counts_as_heard(
    phone: EngineProcess, worker: EngineProcess, tmp_path: Path
) -> None:
    _, ours = connect(phone, worker)
    good, text = tone(tmp_path / "good.wav", 400, 0.2), tmp_path / "text.wav"
    text.write_text("RIFF no sound at all, but long enough to look at")
    wide = tmp_path / "16k.wav"
    wide.write_bytes(good.read_bytes()[:24] + (16000).to_bytes(4, "little") + good.read_bytes()[28:])
    tiny = tone(tmp_path / "tiny.wav", 400, 0.001)
    deep = tmp_path / ("d" * 120) / ("e" * 120)
    deep.mkdir(parents=True)
    for n, bad in enumerate([tmp_path / "absent.wav", text, wide, tiny, tone(deep / "deep.wav", 400, 0.2)]):
        worker.ask("play", ours, [bad], f"bad-{n}", False)
        assert worker.wait(Signal.PLAYED, ours, token=f"bad-{n}").detail["fault"].startswith(bad.name)
        worker.ask("play", ours, [bad, good], f"half-{n}", False)
        assert "fault" in worker.wait(Signal.PLAYED, ours, token=f"half-{n}").detail
    worker.ask("play", ours, [], LAST, True)
    assert worker.wait(Signal.PLAYED, ours, token=LAST).detail["fault"] == "nothing to play"


def test_legs_share_the_player_of_a_loop_and_200_plays_leave_nothing_behind(
    phone: EngineProcess, worker: EngineProcess, tmp_path: Path
) -> None:
    pairs = [connect(phone, worker) for _ in range(4)]
    legs = [ours for _, ours in pairs]
    music, word = tone(tmp_path / "music.wav", 400, 1.0), tone(tmp_path / "word.wav", 700, 0.05)
    quiet = worker.ask("ports")
    for leg in legs:
        worker.ask("play", leg, [music], "moh", True)
    assert worker.ask("ports") == quiet + 1
    for leg in legs:
        worker.ask("stop_play", leg)
    for n in range(50):
        for leg in legs:
            worker.ask("play", leg, [word, word] if n % 2 else [word], f"word-{n}", False)
        for leg in legs:
            worker.wait(Signal.PLAYED, leg, token=f"word-{n}")
    until(lambda: worker.ask("ports") == quiet, what="players are gone")
    for theirs, ours in pairs:
        phone.ask("hangup", theirs, 200, "", {})
        worker.wait(Signal.ENDED, ours)
    until(lambda: worker.ask("ports") == quiet - len(legs), what="legs are gone")


def test_more_players_than_the_engine_has_are_a_fault_and_no_more(
    phone: EngineProcess, worker: EngineProcess, tmp_path: Path
) -> None:
    _, ours = connect(phone, worker)
    files = [tone(tmp_path / f"{n}.wav", 400, 0.2) for n in range(3)]
    for n in range(1100):  # each rests a while after it was replaced; the own build has 1024
        worker.ask("play", ours, files, f"many-{n}", False)
    worker.ask("play", ours, files, LAST, False)
    worker.wait(Signal.PLAYED, ours, token=LAST)
    until(lambda: worker.ask("ports") == 3, what="players are gone")
    worker.ask("play", ours, files, LAST, False)
    assert worker.wait(Signal.PLAYED, ours, token=LAST).detail == {"token": LAST}


def test_a_muted_recording_holds_exact_silence_and_its_time_runs_on(
    phone: EngineProcess, worker: EngineProcess, tmp_path: Path
) -> None:
    theirs, ours = connect(phone, worker)
    phone.ask("play", theirs, [tone(tmp_path / "hum.wav", 400, 2.0)], "hum", True)
    path = tmp_path / "tape.wav"
    worker.ask("start_recording", ours, path)
    until(lambda: len(samples_of(path)) > RATE, what="a second")
    worker.ask("mute_recording", ours, True)
    muted_from = len(samples_of(path))
    phone.ask("hold", theirs, True)  # a re-INVITE does not open it again
    worker.wait(Signal.HELD, ours)
    until(lambda: phone.ask("hold", theirs, False), what="the re-INVITE is through")
    worker.wait(Signal.UNHELD, ours)
    until(lambda: len(samples_of(path)) > muted_from + 2 * RATE, what="two seconds of silence")
    worker.ask("mute_recording", ours, False)
    open_from = len(samples_of(path))
    until(lambda: len(samples_of(path)) > open_from + RATE, what="a second more")
    worker.ask("stop_recording", ours)
    sound = samples_of(path)
    ends = np.flatnonzero(np.diff(np.concatenate([[False], sound == 0, [False]]).astype(np.int8)))
    begin, end = max(zip(ends[::2], ends[1::2], strict=True), key=lambda run: run[1] - run[0])
    assert end - begin > open_from - muted_from - RATE // 4, "exact zeros"
    assert abs(begin - muted_from) < RATE / 2, "the file lags behind by what the engine has not written yet"
    assert set(heard(sound[RATE // 4 : begin], PITCHES)) == {400.0}
    assert set(heard(sound[end:], PITCHES)) == {400.0}


def test_a_message_within_the_dialog_asks_for_a_transfer(phone: EngineProcess, worker: EngineProcess) -> None:
    theirs, ours = connect(phone, worker)
    for body in ("hello", "REFER\r\nNo-Refer-To: x", "\x00" * 100):
        phone.ask("request", theirs, "MESSAGE", {}, "text/plain", body)
    wish = "REFER\r\nRefer-To: <sip:102@acme.test?Replaces=a%40b%3Bto-tag%3D1>\r\nReferred-By: <sip:101@acme.test>\r\n"
    phone.ask("request", theirs, "MESSAGE", {}, "text/plain", wish)
    assert worker.wait(Signal.TRANSFER, ours).detail == {
        "refer_to": "<sip:102@acme.test?Replaces=a%40b%3Bto-tag%3D1>",
        "refer_sub": True,
        "referred_by": "<sip:101@acme.test>",
    }
    assert worker.seen(Signal.TRANSFER) == []


def test_the_engine_never_places_a_call_for_a_refer(phone: EngineProcess, worker: EngineProcess) -> None:
    theirs, _ = connect(phone, worker)
    phone.ask("refer", theirs, "sip:1900@evil.test")
    told = phone.wait(Signal.TRANSFER_STATUS, theirs).detail
    assert (told["status"], told["final"]) == (501, True)
    assert worker.ask("legs_in_use") == 1


def test_headers_of_responses_reach_us(phone: EngineProcess, worker: EngineProcess) -> None:
    ours, _ = worker.ask("dial", DialTarget(phone.uri, "", {"X-Tenant": "acme"}))
    theirs = phone.wait(Signal.INCOMING).handle
    phone.ask("ring", theirs, 180, {"X-By": "102"})
    assert worker.wait(Signal.RINGING, ours).detail["headers"] == {"x-by": "102"}
    phone.ask("ring", theirs, 183, {"X-By": "103"})
    assert worker.wait(Signal.RINGING, ours).detail["headers"] == {"x-by": "103"}
    phone.ask("answer", theirs, {"X-By": "103", "X-Offers": "102=0"})
    assert worker.wait(Signal.ANSWERED, ours).detail["headers"] == {"x-by": "103", "x-offers": "102=0"}
    phone.ask("hangup", theirs, 200, "", {})
    assert worker.wait(Signal.ENDED, ours).detail["headers"] == {}
    ours, _ = worker.ask("dial", DialTarget(phone.uri, ""))
    phone.ask("hangup", phone.wait(Signal.INCOMING).handle, 486, "Busy Here", {"X-Offers": "102=486"})
    ended = worker.wait(Signal.ENDED, ours).detail
    assert (ended["status"], ended["headers"]) == (486, {"x-offers": "102=486"})


def test_nobody_takes_over_a_dialog_by_its_name(phone: EngineProcess, worker: EngineProcess) -> None:
    stranger = RawPhone(worker.port)
    answer = stranger.invite("one@raw")
    leg = worker.wait(Signal.INCOMING).handle
    worker.ask("answer", leg, {})
    tag = stranger.answered(answer)
    name = f"one@raw;to-tag={tag};from-tag=f-one"
    for replaces in (name, name + ";early-only", "one@raw", "none@raw;to-tag=x;from-tag=y", "\x01"):
        assert 400 <= stranger.status(stranger.invite(f"two-{len(replaces)}@raw", replaces)) < 700, replaces
    assert worker.ask("legs_in_use") == 1
    assert worker.seen(Signal.ENDED) == []
    stranger.socket.close()


class RawPhone:
    """Hand-written SIP over UDP, for what no proper phone sends."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(0.2)
        self.ours = self.socket.getsockname()[1]
        self.came: list[str] = []

    def invite(self, call_id: str, replaces: str = "") -> str:
        """Send one; its Call-ID."""
        sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        sdp += f"m=audio {self.ours} RTP/AVP 8\r\n"
        head = [
            "INVITE sip:worker@127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.ours};branch=z9hG4bK{call_id.replace('@', '')};rport",
            f"From: <sip:raw@127.0.0.1>;tag=f-{call_id[:3]}",
            "To: <sip:worker@127.0.0.1>",
            f"Call-ID: {call_id}",
            "CSeq: 1 INVITE",
            "Max-Forwards: 70",
            f"Contact: <sip:raw@127.0.0.1:{self.ours}>",
            *([f"Replaces: {replaces}"] if replaces else []),
            "Content-Type: application/sdp",
            f"Content-Length: {len(sdp)}",
        ]
        self.socket.send(("\r\n".join(head) + "\r\n\r\n" + sdp).encode())
        return call_id

    def status(self, call_id: str) -> int:
        """The final status that comes."""
        return int(self._final(call_id).split(" ", 2)[1])

    def answered(self, call_id: str) -> str:
        """The other side's tag in the 200."""
        found = re.search(r"\r\nTo:[^\r]*;tag=([^;\r]+)", self._final(call_id))
        assert found is not None
        return found[1]

    def _final(self, call_id: str) -> str:
        def look() -> str:
            with contextlib.suppress(TimeoutError):
                self.came.append(self.socket.recv(65536).decode(errors="replace"))
            fits = (m for m in self.came if f"Call-ID: {call_id}\r\n" in m and m.startswith("SIP/2.0 "))
            return next((m for m in fits if not m.startswith("SIP/2.0 1")), "")

        return until(look, what=f"a final response to {call_id}")
