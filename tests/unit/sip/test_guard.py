"""Bans: who is not listened to, and for how long."""

from __future__ import annotations

from pbx_core.sip.guard import BAN_S_MAX, KNOWN_FACTOR, Guard, GuardLimits

LIMITS = GuardLimits(flood_requests_max=16, flood_window_s=2.0, ban_s=300, guess_failures_max=10, guess_window_s=60)
EVE, OFFICE = "203.0.113.9", "198.51.100.1"


def flood(guard: Guard, host: str, at: float, count: int = 17) -> None:
    for _ in range(count):
        guard.unauthenticated(host, at)


def test_the_seventeenth_request_in_two_seconds_bans() -> None:
    guard = Guard(LIMITS)
    assert all(guard.unauthenticated(EVE, 0.1 * n) for n in range(16))
    assert not guard.banned(EVE, 1.6)
    assert not guard.unauthenticated(EVE, 1.6)
    assert guard.banned(EVE, 1.6) and guard.banned(EVE, 301.0) and not guard.banned(EVE, 302.0)
    assert not guard.banned(OFFICE, 1.6)


def test_slow_requests_never_ban() -> None:
    guard = Guard(LIMITS)
    assert all(guard.unauthenticated(EVE, 0.2 * n) for n in range(1000))


def test_bans_double_up_to_a_day() -> None:
    guard, at, lengths = Guard(LIMITS), 0.0, []
    for _ in range(12):
        flood(guard, EVE, at)
        end = at
        while guard.banned(EVE, end):
            end += 10.0
        lengths.append(end - at)
        at = end + 1
    assert lengths[:4] == [300, 600, 1200, 2400]
    assert max(lengths) == BAN_S_MAX


def test_good_conduct_for_a_day_starts_over() -> None:
    guard = Guard(LIMITS)
    flood(guard, EVE, 0)
    flood(guard, EVE, 400)
    later = 400 + 600 + BAN_S_MAX + 1
    flood(guard, EVE, later)
    assert guard.banned(EVE, later + 299) and not guard.banned(EVE, later + 301)


def test_a_known_address_is_thinned_out_but_not_banned() -> None:
    guard = Guard(LIMITS)
    guard.signed_in(OFFICE, "101@acme.test", 0.0)
    answered = sum(guard.unauthenticated(OFFICE, 1.0) for _ in range(5000))
    assert answered == 16 * KNOWN_FACTOR
    assert not guard.banned(OFFICE, 1.0)
    assert guard.unauthenticated(OFFICE, 4.0)


def test_phones_that_sign_in_as_fast_as_they_ask_are_never_too_many() -> None:
    guard = Guard(LIMITS)
    for n in range(5000):
        assert guard.unauthenticated(OFFICE, n / 1000)
        guard.signed_in(OFFICE, f"{n}@acme.test", n / 1000)


def test_ten_wrong_passwords_ban_a_stranger() -> None:
    guard = Guard(LIMITS)
    assert [guard.guessed(EVE, f"{n}@acme.test", float(n)) for n in range(10)] == [True] * 9 + [False]
    assert guard.banned(EVE, 10.0)


def test_wrong_passwords_from_an_office_ban_the_account_not_the_office() -> None:
    guard = Guard(LIMITS)
    guard.signed_in(OFFICE, "101@acme.test", 0.0)
    for n in range(10):
        guard.guessed(OFFICE, "102@acme.test", 1.0 + n)
    assert guard.account_banned(OFFICE, "102@acme.test", 11.0)
    assert not guard.account_banned(OFFICE, "101@acme.test", 11.0)
    assert not guard.account_banned(EVE, "102@acme.test", 11.0)
    assert not guard.banned(OFFICE, 11.0)


def test_an_office_that_guesses_over_many_accounts_is_banned_after_all() -> None:
    guard = Guard(LIMITS)
    guard.signed_in(OFFICE, "101@acme.test", 0.0)
    for n in range(100):
        guard.guessed(OFFICE, f"{200 + n}@acme.test", 1.0 + n / 10)
    assert guard.banned(OFFICE, 11.0)


def test_memory_is_bounded() -> None:
    guard = Guard(GuardLimits(16, 2.0, 300, 10, 60, sources_max=100))
    for n in range(1000):
        guard.unauthenticated(f"host-{n}", float(n))
    assert len(guard._sources) == 100
