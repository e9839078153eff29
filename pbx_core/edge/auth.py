"""Judges the credentials of a request and keeps the guard informed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiosipua.message import SipRequest

from pbx_core import log
from pbx_core.edge.accounts import Accounts
from pbx_core.edge.context import Context
from pbx_core.sip import digest
from pbx_core.sip import message as sip
from pbx_core.sip.digest import Nonces, Secret, Verdict
from pbx_core.sip.flow import Flow
from pbx_core.sip.guard import Guard
from pbx_core.store.directory import Extension, Tenant

_log = log.get(__name__)
_DOMAIN = re.compile(r"^[a-z0-9.:\[\]-]{1,253}$")
_SIDES = {401: ("Authorization", "WWW-Authenticate"), 407: ("Proxy-Authorization", "Proxy-Authenticate")}


@dataclass(frozen=True)
class Identity:
    """Who vouched for a request with a correct digest."""

    tenant: Tenant
    extension: Extension


class Authenticator:
    """Digest authentication at the edge."""

    def __init__(self, context: Context, accounts: Accounts, guard: Guard, nonces: Nonces) -> None:
        self._context = context
        self._accounts = accounts
        self._guard = guard
        self._nonces = nonces
        self._offers = digest.Offers()

    def identify(self, request: SipRequest, flow: Flow, domain: str, status: int) -> Identity | None:
        """Who sent it. None: it was answered with a challenge (401 or 407, `status`), or dropped as a flood."""
        if not _DOMAIN.match(domain):
            self._refuse(request, flow, 400, [])
            return None
        credentials_in, challenge_in = _SIDES[status]
        given = digest.credentials(request, credentials_in, domain)
        verdict = Verdict.MISSING
        identity: Identity | None = None
        now = self._context.timers.time()
        source = (flow.host, flow.port)
        if given is not None:
            self._offers.answered(source)
            account = f"{given.username}@{domain}"
            if self._guard.account_banned(flow.host, account, now):
                return None
            tenant = self._accounts.tenant(domain)
            extension = self._accounts.extension(tenant.tenant_id if tenant else "", given.username)
            secret = Secret(extension.ha1_md5, extension.ha1_sha256) if extension else None
            verdict = digest.check(self._nonces, given, request, secret, flow.host, now)
            if tenant and extension:
                identity = Identity(tenant, extension)
            if verdict is Verdict.OK:
                self._guard.signed_in(flow.host, account, now)
                return identity
            if verdict is Verdict.WRONG and not self._guard.guessed(flow.host, account, now):
                _log.warning("banned for guessing", extra={"pii_source": flow.host, "pii_account": account})
                return None
        nonce = self._nonces.make(flow.host, now, self._context.random(6))
        stale = verdict in (Verdict.STALE, Verdict.REPLAYED)
        agent = sip.header(request, "user-agent")
        md5_only = given.algorithm == "MD5" if given else self._offers.md5_only(source, agent, now)
        offered = digest.challenges(challenge_in, domain, nonce, stale=stale, md5_only=md5_only)
        self._refuse(request, flow, status, offered)
        return None

    def _refuse(self, request: SipRequest, flow: Flow, status: int, headers: list[tuple[str, str]]) -> None:
        """Answer without keeping anything, unless the source asks too often."""
        if self.admit(flow):
            self._context.layer.reply(request, flow, self._context.answer(request, status, headers))

    def admit(self, flow: Flow) -> bool:
        """Count something nobody vouches for; False: drop it."""
        if flow.transport == "int":
            return True
        now = self._context.timers.time()
        if self._guard.unauthenticated(flow.host, now):
            return True
        if self._guard.banned(flow.host, now):
            _log.warning("banned for flooding", extra={"pii_source": flow.host})
        return False
