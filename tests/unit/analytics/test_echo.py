"""The echo guard on made-up voices: bursts of noise whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from analytics import echo
from analytics.vad import FRAME_S, Floats

FRAME = int(FRAME_S * echo.RATE)
FRAMES = 1500  # 48 s


def voice(seed: int, talking: np.ndarray) -> Floats:
    """Noise below 1 kHz with a syllable's rhythm while `talking` (bool per frame)."""
    rng = np.random.default_rng(seed)
    n = FRAMES * FRAME
    noise = np.convolve(rng.normal(0, 1, n), np.ones(12) / 12, "same")
    rhythm = 0.55 + 0.45 * np.sin(2 * np.pi * (3 + 0.3 * seed) * np.arange(n) / echo.RATE)
    return (0.3 * noise * rhythm * np.repeat(talking, FRAME)).astype(np.float32)


def heard(channel: Floats) -> Floats:
    """What a sensitive voice detector says: 0.95 wherever anything sounds."""
    energy = (channel.reshape(-1, FRAME) ** 2).mean(axis=1)
    return np.where(energy > 1e-7, 0.95, 0.02).astype(np.float32)


def delayed(channel: Floats, delay_s: float, gain: float) -> Floats:
    n = round(delay_s * echo.RATE)
    out = np.zeros_like(channel)
    out[n:] = gain * channel[: len(channel) - n]
    return out


@pytest.fixture
def alice_talks() -> np.ndarray:
    frames = np.arange(FRAMES)
    return (frames % 500) < 230


@pytest.fixture
def bob_talks() -> np.ndarray:
    frames = np.arange(FRAMES)
    return ((frames % 500) > 200) & ((frames % 500) < 450)  # overlaps Alice for 30 frames of each 500


@pytest.mark.parametrize("delay_s", [0.0, 0.12, 0.4])
@pytest.mark.parametrize("gain", [0.05, 0.3])
def test_an_attenuated_copy_of_bob_is_not_alices_speech(
    alice_talks: np.ndarray, bob_talks: np.ndarray, delay_s: float, gain: float
) -> None:
    alice, bob = voice(1, alice_talks), voice(2, bob_talks)
    mixed = alice + delayed(bob, delay_s, gain)
    path = echo.find(mixed, bob, heard(mixed), heard(bob))
    assert path is not None
    assert path.delay_s == pytest.approx(delay_s, abs=0.001)
    assert path.gain == pytest.approx(gain, rel=0.1)

    kept = echo.suppress(mixed, bob, heard(mixed), heard(bob)) >= 0.5
    false_before = float((heard(mixed) >= 0.5)[~alice_talks].mean())
    assert false_before > 0.7
    assert float(kept[~alice_talks].mean()) < 0.08
    assert float(kept[alice_talks].mean()) > 0.9


def test_bobs_own_channel_is_left_alone(alice_talks: np.ndarray, bob_talks: np.ndarray) -> None:
    alice, bob = voice(1, alice_talks), voice(2, bob_talks)
    mixed = alice + delayed(bob, 0.1, 0.2)
    np.testing.assert_array_equal(echo.suppress(bob, mixed, heard(bob), heard(mixed)), heard(bob))


def test_two_voices_without_echo_are_untouched(alice_talks: np.ndarray, bob_talks: np.ndarray) -> None:
    alice, bob = voice(1, alice_talks), voice(2, bob_talks)
    assert echo.find(alice, bob, heard(alice), heard(bob)) is None
    np.testing.assert_array_equal(echo.suppress(alice, bob, heard(alice), heard(bob)), heard(alice))


def test_two_people_who_always_talk_at_once_are_no_echo() -> None:
    always = np.ones(FRAMES, dtype=bool)
    alice, bob = voice(1, always), voice(2, always)
    assert echo.find(alice, bob, heard(alice), heard(bob)) is None


def test_the_same_sound_on_both_channels_is_no_echo_of_either(bob_talks: np.ndarray) -> None:
    both = voice(2, bob_talks)
    assert echo.find(both, both, heard(both), heard(both)) is None


def test_silence_is_no_echo() -> None:
    nothing = np.zeros(FRAMES * FRAME, dtype=np.float32)
    assert echo.find(nothing, nothing, heard(nothing), heard(nothing)) is None


@pytest.mark.parametrize("delay_s", [0.005, 0.02])
def test_each_side_in_the_other_with_hardly_a_delay_is_told_from_the_source(
    alice_talks: np.ndarray, bob_talks: np.ndarray, delay_s: float
) -> None:
    """Seen from Bob's channel Alice is the echo, though Alice's channel leads by a negative delay of the same size."""
    alice, bob = voice(1, alice_talks), voice(2, bob_talks)
    near, far = alice + delayed(bob, delay_s, 0.4), bob + delayed(alice, delay_s, 0.4)
    for own, other, talks in ((near, far, alice_talks), (far, near, bob_talks)):
        path = echo.find(own, other, heard(own), heard(other))
        assert path is not None
        assert path.delay_s == pytest.approx(delay_s, abs=0.001)
        kept = echo.suppress(own, other, heard(own), heard(other)) >= 0.5
        assert float(kept[~talks].mean()) < 0.1
        assert float(kept[talks].mean()) > 0.9


def test_echo_is_found_under_the_noise_of_the_line(alice_talks: np.ndarray, bob_talks: np.ndarray) -> None:
    alice, bob = voice(1, alice_talks), voice(2, bob_talks)
    hiss = np.random.default_rng(3).normal(0, 0.004, len(alice)).astype(np.float32)
    echoed = alice + delayed(bob, 0.05, 0.1) + hiss
    sounding = np.where(alice_talks | bob_talks, np.float32(0.95), np.float32(0.02))  # the detector hears both
    kept = echo.suppress(echoed, bob, sounding, heard(bob)) >= 0.5
    assert float(kept[bob_talks & ~alice_talks].mean()) < 0.1
    assert float(kept[alice_talks].mean()) > 0.9
