"""Names of carriers → addresses: resolved off the loop, kept, and kept on when the name server does not answer.

A records only: carriers that are to be found by SRV or NAPTR are entered with the host that those lead to.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Iterable
from functools import partial

from pbx_core import log

_log = log.get(__name__)
TTL_S = 60.0
LOOK_S = 1.0  # how often it is looked whether a name is new or old
AT_ONCE_MAX = 20


class Names:
    """A small cache; an answer is never waited for."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._held: dict[str, tuple[str, ...]] = {}
        self._until: dict[str, float] = {}
        self._changed = changed

    def addresses(self, host: str) -> tuple[str, ...]:
        """The IPv4 addresses known of a host; of an address, itself. Empty: not found, or not yet."""
        return (host,) if _literal(host) else self._held.get(host, ())

    async def refresh_forever(self, hosts: Callable[[], Iterable[str]]) -> None:
        """Keep the names fresh that are asked for."""
        loop = asyncio.get_running_loop()
        while True:
            wanted = {host for host in hosts() if not _literal(host)}
            for gone in self._until.keys() - wanted:
                del self._until[gone]
                self._held.pop(gone, None)
            due = [host for host in wanted if self._until.get(host, 0.0) <= loop.time()][:AT_ONCE_MAX]
            if due:
                await asyncio.gather(*(self._resolve(host) for host in due))
            await asyncio.sleep(LOOK_S)

    async def _resolve(self, host: str) -> None:
        self._until[host] = asyncio.get_running_loop().time() + TTL_S
        try:
            found = await asyncio.to_thread(partial(socket.getaddrinfo, host, None, socket.AF_INET, socket.SOCK_DGRAM))
        except (OSError, UnicodeError) as error:
            _log.warning("name of a trunk not found; what was known is used on", extra={"reason": str(error)[:200]})
            return
        addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        if addresses != self._held.get(host):
            self._held[host] = addresses
            self._changed()


def _literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
        return True
    except ValueError:
        return False
