"""Who is not listened to: bans by source host for floods and for guessing passwords. Time is an argument, seconds.

An address from which somebody signed in lately (a tenant's office behind NAT) is `known`: a flood from it is only
thinned out, and guesses ban the guessed account from that address instead of the whole office.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

BAN_S_MAX = 86_400.0
KNOWN_S = 7200.0  # how long a successful sign-in keeps an address known; longer than the longest registration
KNOWN_FACTOR = 30  # a known address may send so many times more unauthenticated requests before they are thinned
KNOWN_GUESSES_FACTOR = 10  # guesses over all accounts that ban even a known address


@dataclass(frozen=True)
class GuardLimits:
    """The settings of the same names; `sources_max` bounds memory (about 500 bytes each)."""

    flood_requests_max: int
    flood_window_s: float
    ban_s: float
    guess_failures_max: int
    guess_window_s: float
    sources_max: int = 50_000


@dataclass
class _Source:
    requests: deque[float] = field(default_factory=deque)
    guesses: deque[tuple[float, str]] = field(default_factory=deque)
    known_until: float = float("-inf")
    banned_until: float = float("-inf")
    bans: int = 0


class Guard:
    """Counts per source host; bounded: the source not heard from for longest is forgotten first."""

    def __init__(self, limits: GuardLimits) -> None:
        self._limits = limits
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._accounts: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()  # banned until, times
        self.bans = 0

    def banned(self, host: str, now: float) -> bool:
        """Whether everything from this host is dropped unread."""
        source = self._sources.get(host)
        return source is not None and source.banned_until > now

    def account_banned(self, host: str, account: str, now: float) -> bool:
        """Whether sign-ins to this account from this host are dropped."""
        held = self._accounts.get((host, account))
        return held is not None and held[0] > now

    def unauthenticated(self, host: str, now: float) -> bool:
        """Count a request nobody vouches for; False: drop it silently."""
        source = self._source(host)
        recent, limits = source.requests, self._limits
        while recent and recent[0] <= now - limits.flood_window_s:
            recent.popleft()
        known = source.known_until > now
        if len(recent) >= limits.flood_requests_max * (KNOWN_FACTOR if known else 1):
            if not known:
                self._ban(source, now)
            return False
        recent.append(now)
        return True

    def signed_in(self, host: str, account: str, now: float) -> None:
        """A correct digest came from this host: it is known now, and one earlier request of it is forgiven."""
        source = self._source(host)
        source.known_until = now + KNOWN_S
        if source.requests:
            source.requests.pop()
        self._accounts.pop((host, account), None)

    def vouch(self, host: str, now: float) -> None:
        """Treat as known: it held a registration when we started."""
        self._source(host).known_until = now + KNOWN_S

    def guessed(self, host: str, account: str, now: float) -> bool:
        """Count a wrong digest; False when that brought a ban."""
        source, limits = self._source(host), self._limits
        guesses = source.guesses
        while guesses and guesses[0][0] <= now - limits.guess_window_s:
            guesses.popleft()
        guesses.append((now, account))
        known = source.known_until > now
        if len(guesses) >= limits.guess_failures_max * (KNOWN_GUESSES_FACTOR if known else 1):
            self._ban(source, now)
            return False
        if known and sum(1 for _, name in guesses if name == account) >= limits.guess_failures_max:
            self._ban_account(host, account, now)
            return False
        return True

    def _ban(self, source: _Source, now: float) -> None:
        if source.banned_until + BAN_S_MAX < now:
            source.bans = 0
        source.banned_until = now + min(BAN_S_MAX, self._limits.ban_s * 2.0 ** min(source.bans, 20))
        source.bans += 1
        source.requests.clear()
        source.guesses.clear()
        self.bans += 1

    def _ban_account(self, host: str, account: str, now: float) -> None:
        _, times = self._accounts.pop((host, account), (0.0, 0))
        until = now + min(BAN_S_MAX, self._limits.ban_s * 2.0 ** min(times, 20))
        self._accounts[host, account] = (until, times + 1)
        source = self._source(host)
        source.guesses = deque(g for g in source.guesses if g[1] != account)
        while len(self._accounts) > self._limits.sources_max:
            self._accounts.popitem(last=False)
        self.bans += 1

    def _source(self, host: str) -> _Source:
        source = self._sources.get(host)
        if source is None:
            source = self._sources[host] = _Source()
            if len(self._sources) > self._limits.sources_max:
                self._sources.popitem(last=False)
        else:
            self._sources.move_to_end(host)
        return source
