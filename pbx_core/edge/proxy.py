"""The proxy: phones' INVITEs to workers, workers' INVITEs to all phones of an extension, dialogs both ways."""

from __future__ import annotations

import re
from collections.abc import Callable

from aiosipua.message import SipRequest, SipResponse

from pbx_core import log
from pbx_core.edge.accounts import Accounts
from pbx_core.edge.auth import Authenticator
from pbx_core.edge.context import LOOPBACK, Context, Wire
from pbx_core.edge.hunt import Hunt
from pbx_core.edge.location import Location
from pbx_core.edge.pool import Pool
from pbx_core.edge.relay import Relaying
from pbx_core.sip import message as sip
from pbx_core.sip import routing
from pbx_core.sip.flow import Flow
from pbx_core.sip.registrar import Binding

_log = log.get(__name__)
_USER = re.compile(r"^[A-Za-z0-9+*#._~-]{1,64}$")
Reached = Callable[[Flow | None], None]
Ends = tuple[Flow, int]  # of a dialog: the phone's flow, the worker's port


class Proxy:
    """Routes everything that is not for the edge itself."""

    def __init__(
        self,
        context: Context,
        auth: Authenticator,
        accounts: Accounts,
        location: Location,
        pool: Pool,
        network: Wire,
    ) -> None:
        self._context = context
        self._auth = auth
        self._accounts = accounts
        self._location = location
        self._pool = pool
        self._network = network
        pool.on_death = lambda port: context.layer.peer_died(Flow("int", LOOPBACK, port))

    def from_phone(self, request: SipRequest, flow: Flow) -> None:
        """A phone places a call: authenticate, name the caller to the worker, hunt for one."""
        context = self._context
        user, domain = sip.user_host(sip.header(request, "from"))
        identity = self._auth.identify(request, flow, domain, 407)
        if identity is None:
            return
        server = context.layer.serve(request, flow)
        if user != identity.extension.number:
            server.respond(context.answer(request, 403))
            return
        target = sip.uri(request.uri)
        host = target.host.lower()
        if not _USER.match(target.user or "") or (host != identity.tenant.domain and not context.is_ours(host)):
            server.respond(context.answer(request, 404))
            return
        server.respond(context.answer(request, 100))
        invite = sip.clone(request)
        invite.uri = f"sip:{target.user}@{identity.tenant.domain}"
        routing.strip(invite, "Route", "Proxy-Authorization", "Authorization")
        routing.strip(invite, *routing.INTERNAL_HEADERS, *routing.CLAIMED_HEADERS)
        invite.headers.append("X-Tenant", identity.tenant.tenant_id)
        invite.headers.append("X-Auth-User", identity.extension.number)
        invite.headers.append("X-Source", str(flow))
        call_id = sip.header(request, "call-id")

        def ended(status: int) -> None:
            if status >= 300:
                self._pool.release(call_id)

        Hunt(context, server, self._pool, invite, flow, ended).next()

    def from_worker(self, request: SipRequest, flow: Flow) -> None:
        """A worker calls an extension: fork to all its phones."""
        context = self._context
        server = context.layer.serve(request, flow)
        target = sip.uri(request.uri)
        tenant = self._accounts.tenant_by_id(sip.header(request, "x-tenant"))
        if tenant is None or target.host.lower() != tenant.domain or not target.user:
            server.respond(context.answer(request, 404))
            return
        if self._accounts.extension(tenant.tenant_id, target.user) is None:
            server.respond(context.answer(request, 404))
            return
        phones = self._location.get((tenant.tenant_id, target.user))
        if not phones:
            server.respond(context.answer(request, 480))
            return
        server.respond(context.answer(request, 100))
        base = sip.clone(request)
        routing.strip(base, "Route", *routing.INTERNAL_HEADERS, *routing.PRODUCT_HEADERS)
        relay = Relaying(context, server, more_may_come=True)
        branches = _Openings(relay, len(phones))
        for binding in phones:
            self._open_branch(branches, base, binding, flow.port)

    def _open_branch(self, branches: _Openings, base: SipRequest, binding: Binding, worker_port: int) -> None:
        def send(phone: Flow | None) -> None:
            if phone is not None and not branches.relay.fork.settled:
                request = sip.clone(base)
                request.uri = binding.contact
                self._context.record(request, phone, worker_port, to_phone=True)
                branches.relay.send(request, phone, self._context.phone_branch(base, binding.contact))
            elif phone is None:
                branches.relay.missing(480)
            branches.opened()

        self._reach(Flow.parse(binding.source), binding.contact, send)

    def given_up(self, cancel: SipRequest, flow: Flow) -> bool:
        """A worker cancels an INVITE that we do not know: an earlier process of ours, which died, made phones ring.
        False when it cannot be so."""
        target = sip.uri(cancel.uri)
        tenant = self._accounts.tenant(target.host.lower())
        phones = self._location.get((tenant.tenant_id, target.user or "")) if tenant else []
        if not phones:
            return False
        invite = sip.clone(cancel)
        invite.method = "INVITE"
        invite.headers.set_single("CSeq", f"{sip.cseq_of(cancel)[0]} INVITE")
        routing.strip(invite, "Route")
        relay = Relaying(self._context, self._context.layer.serve(invite, flow))
        relay.cancel()
        for binding in phones:
            self._take_back(relay, invite, binding)
        return True

    def _take_back(self, relay: Relaying, invite: SipRequest, binding: Binding) -> None:
        def send(phone: Flow | None) -> None:
            if phone is not None:
                request = sip.clone(invite)
                request.uri = binding.contact
                relay.take_back(request, phone, self._context.phone_branch(invite, binding.contact))

        self._reach(Flow.parse(binding.source), binding.contact, send)

    def orphan(self, response: SipResponse, flow: Flow) -> bool:
        """An answer to an INVITE that an earlier process of ours passed on: it goes the way its Via says. False when
        it is no such answer."""
        context = self._context
        vias = response.headers.get("via")
        branch = sip.top_via(response).branch or ""
        if len(vias) < 2 or sip.cseq_of(response)[1] != "INVITE" or not branch.startswith(routing.BRANCH):
            return False
        sip.pop_first(response.headers, "via")
        target = routing.way_back(response)
        if target is None:
            return False
        if flow.transport == "int":
            if not self._network.alive(target):
                user, domain = sip.user_host(sip.header(response, "from"))
                target = self._newer(user, domain, target)
        else:
            upstream = sip.top_via(response).branch or ""
            rest = branch.removeprefix(routing.BRANCH)
            target = Flow("int", LOOPBACK, target.port)
            known = context.tokens.made(rest, upstream, sip.header(response, "call-id"))
            if not known or target.port not in self._pool.ports():
                return False
        routing.strip(response, *routing.INTERNAL_HEADERS, *routing.PRODUCT_HEADERS)
        context.layer.send(target, bytes(response))
        return True

    def _newer(self, user: str, domain: str, broken: Flow) -> Flow:
        """The flow of the same phone since its connection broke, if it has signed in again."""
        tenant = self._accounts.tenant(domain)
        held = self._location.get((tenant.tenant_id, user)) if tenant else []
        flows = [f for b in held if (f := Flow.parse(b.source)) and (f.transport, f.host) == broken[:2]]
        return next((f for f in flows if self._network.alive(f)), broken)

    def _reach(self, flow: Flow | None, contact: str, done: Reached) -> None:
        """Give `done` a flow that leads to the phone: its own, or over TCP a new connection to its Contact."""
        if flow is None or self._network.alive(flow):
            done(flow)
            return
        newer = self._location.find(contact, flow.host)
        if newer is not None and self._network.alive(newer):
            done(newer)
            return
        target = sip.uri(contact)
        if flow.transport == "tcp" and target.host == flow.host and target.port:
            self._network.connect(target.host, target.port, done)
        else:
            done(None)

    def in_dialog(self, request: SipRequest, flow: Flow, ends: Ends) -> None:
        """A request inside a dialog, our Route already taken off: to the other end of the token."""
        context, (phone, port) = self._context, ends
        server = context.layer.serve(request, flow)
        if request.method == "INVITE":
            server.respond(context.answer(request, 100))
        call_id = sip.header(request, "call-id")

        def ended(_: int) -> None:
            if request.method == "BYE":
                self._pool.release(call_id)

        relay = Relaying(context, server, on_end=ended)
        onward = self._onward(request, from_worker=flow.transport == "int")
        if flow.transport != "int":
            relay.send(onward, Flow("int", LOOPBACK, port))
            return

        def send(reached: Flow | None) -> None:
            if reached is None:
                relay.missing(480)
            else:
                relay.send(onward, reached)

        self._reach(phone, request.uri, send)

    def ack(self, request: SipRequest, flow: Flow, ends: Ends) -> None:
        """The ACK of a 2xx passes end to end."""
        onward = self._onward(request, from_worker=flow.transport == "int")
        target = ends[0] if flow.transport == "int" else Flow("int", LOOPBACK, ends[1])
        self._context.hop(onward, target)
        self._context.layer.send(target, bytes(onward))

    def _onward(self, request: SipRequest, *, from_worker: bool) -> SipRequest:
        onward = sip.clone(request)
        routing.strip(onward, *routing.INTERNAL_HEADERS, "Proxy-Authorization", "Authorization")
        if from_worker:
            routing.strip(onward, *routing.PRODUCT_HEADERS)
        else:
            routing.strip(onward, "Route")
        return onward


class _Openings:
    """Branches may open one after another (connections take time): only when all are open can running out of
    open ones settle the fork."""

    def __init__(self, relay: Relaying, count: int) -> None:
        self.relay = relay
        self._left = count

    def opened(self) -> None:
        """One more branch was opened, or given up."""
        self._left -= 1
        if self._left == 0:
            self.relay.run(self.relay.fork.complete())
