"""REGISTER: authenticates, decides, remembers, answers."""

from __future__ import annotations

import logging

from aiosipua.message import SipRequest

from pbx_core import log
from pbx_core.edge.accounts import Accounts
from pbx_core.edge.auth import Authenticator
from pbx_core.edge.context import Context
from pbx_core.edge.location import Location
from pbx_core.sip import message as sip
from pbx_core.sip import registrar
from pbx_core.sip.flow import Flow

_log = log.get(__name__)


class Registrar:
    """The registrar of all tenants."""

    def __init__(self, context: Context, auth: Authenticator, accounts: Accounts, location: Location) -> None:
        s = context.settings
        self._context, self._auth, self._accounts, self._location = context, auth, accounts, location
        self._limits = registrar.Limits(s.registration_min_s, s.registration_max_s, s.bindings_per_aor_max)

    def register(self, request: SipRequest, flow: Flow) -> None:
        """Serve a REGISTER from a phone. The address of record (To) must be the user who signs in."""
        user, domain = sip.user_host(sip.header(request, "to"))
        identity = self._auth.identify(request, flow, domain, 401)
        if identity is None:
            return
        context = self._context
        server = context.layer.serve(request, flow)
        number = identity.extension.number
        if wanted := request.headers.get("require"):
            server.respond(context.answer(request, 420, [("Unsupported", value) for value in wanted[:10]]))
            return
        if user != number or self._names_us(request):
            server.respond(context.answer(request, 403))
            return
        owner = (identity.tenant.tenant_id, number)
        outcome = registrar.decide(request, self._location.get(owner), self._limits, owner, str(flow), context.wall())
        answer = context.answer(request, outcome.status, outcome.headers)
        if outcome.bindings is None:
            server.respond(answer)
            return
        fresh = {b.contact for b in outcome.bindings} != {b.contact for b in self._location.get(owner)}
        _log.log(
            logging.INFO if fresh else logging.DEBUG,
            "phones of an extension",
            extra={
                "tenant_id": owner[0],
                "phones": len(outcome.bindings),
                "pii_number": number,
                "pii_source": str(flow),
            },
        )
        self._location.set(owner, outcome.bindings, lambda: server.respond(answer))

    def _names_us(self, request: SipRequest) -> bool:
        """A Contact that points at this server would send calls round in circles."""
        context = self._context
        ours = {context.port("udp"), context.port("tls"), context.port("int")}
        for value in request.headers.get("contact"):
            if value.strip() == "*":
                continue
            target = sip.address(value).uri
            if context.is_ours(target.host) and (target.port or 5060) in ours:
                return True
            if self._accounts.tenant(target.host.lower()) is not None:
                return True
        return False
