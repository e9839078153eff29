"""The proxy: phones' INVITEs to workers, dialogs both ways, and what a process of ours that died left under way."""

from __future__ import annotations

import re
from functools import partial

from aiosipua.message import SipRequest, SipResponse

from pbx_core.edge.accounts import Accounts
from pbx_core.edge.auth import Authenticator
from pbx_core.edge.context import LOOPBACK, Context, Wire
from pbx_core.edge.hunt import Hunt
from pbx_core.edge.location import Location
from pbx_core.edge.pool import Pool
from pbx_core.edge.reach import reach_phone
from pbx_core.edge.relay import Relaying
from pbx_core.edge.transactions import TIMER_C, ServerTransaction
from pbx_core.edge.trunks import Trunks
from pbx_core.edge.turned_away import Outcome, Tell, attempt
from pbx_core.sip import message as sip
from pbx_core.sip import outside, refer, routing
from pbx_core.sip.flow import Ends, Flow
from pbx_core.sip.tally import Talk

_USER = re.compile(r"^[A-Za-z0-9+*#._~-]{1,64}$")


class Onward(Relaying):
    """A request inside a dialog, on its way to the other end."""

    def __init__(self, context: Context, server: ServerTransaction, pool: Pool, ends: Ends) -> None:
        super().__init__(context, server, on_end=self._over)
        self._pool, self._ends = pool, ends

    def _over(self, status: int) -> None:
        if self.server.request.method == "BYE":
            self._pool.release(sip.header(self.server.request, "call-id"))

    def decorate(self, response: SipResponse, branch: int | None) -> None:
        request, from_worker = self.server.request, self.server.flow.transport == "int"
        if request.method == "REFER" and response.status_code == 200:  # the worker answered a MESSAGE
            response.status_code, response.reason_phrase = 202, "Accepted"
        if self._ends.trunk and from_worker and branch is not None:
            outside.restore(response, request)
        elif self._ends.trunk and not from_worker:
            outside.mask(response, self.context.contact(self._ends.flow.transport))


class Proxy:
    """Routes everything that is not for the edge itself, but for calls that workers place."""

    def __init__(
        self,
        context: Context,
        auth: Authenticator,
        accounts: Accounts,
        location: Location,
        pool: Pool,
        trunks: Trunks,
        wire: Wire,
        tell: Tell,
        succeeds: bool,
    ) -> None:
        """`tell` hears of calls that no worker took. `succeeds`: there was an edge before this one."""
        self._context = context
        self._auth = auth
        self._accounts = accounts
        self._location = location
        self._pool = pool
        self._trunks = trunks
        self._wire = wire
        self._tell = tell
        self._orphans_until = context.timers.time() + (TIMER_C if succeeds else 0.0)
        pool.on_death = lambda port: context.layer.peer_died(Flow("int", LOOPBACK, port))

    def from_phone(self, request: SipRequest, flow: Flow) -> None:
        """A phone places a call: authenticate, name the caller to the worker, hunt for one."""
        context = self._context
        user, domain = sip.user_host(sip.header(request, "from"))
        identity = self._auth.identify(request, flow, domain, 407)
        if identity is None:
            return
        server = context.layer.serve(request, flow)
        number, tenant_id = identity.extension.number, identity.tenant.tenant_id
        who = {"tenant_id": tenant_id, "domain": identity.tenant.domain, "caller_number": number}
        tried = attempt(request, context.now(), context.timers.time(), str(flow), **who)
        target = sip.uri(request.uri)
        host = target.host.lower()
        status = 403 if user != number else 0
        if not _USER.match(target.user or "") or (host != identity.tenant.domain and not context.is_ours(host)):
            status = status or 404
        if status:
            answer = context.answer(request, status)
            server.respond(answer)
            self._tell(tried, Outcome(status, f"{status} {answer.reason_phrase}", context.timers.time()))
            return
        server.respond(context.answer(request, 100))
        invite = sip.clone(request)
        invite.uri = f"sip:{target.user}@{identity.tenant.domain}"
        routing.strip(invite, "Route", "Proxy-Authorization", "Authorization", *routing.CLAIMED_HEADERS)
        routing.strip_internal(invite)
        invite.headers.append("X-Tenant", tenant_id)
        invite.headers.append("X-Auth-User", number)
        invite.headers.append("X-Source", str(flow))
        call_id = sip.header(request, "call-id")

        def ended(status: int) -> None:
            if status >= 300:
                self._pool.release(call_id)

        talk = Talk(tenant_id=tenant_id, extension=number)
        untaken = partial(self._tell, tried)
        Hunt(context, server, self._pool, invite, flow, talk, on_end=ended, untaken=untaken).next()

    def claims_phone(self, request: SipRequest) -> bool:
        """Whether an INVITE from a carrier's address is in a phone's name: whoever sent it must then prove it."""
        _, domain = sip.user_host(sip.header(request, "from"))
        return self._accounts.tenant(domain) is not None

    def may_be_orphaned(self) -> bool:
        """Whether an earlier process of ours may have left calls that still ring, and there is a worker to ask."""
        return self._context.timers.time() < self._orphans_until and bool(self._pool.ports())

    def given_up(self, cancel: SipRequest, flow: Flow) -> None:
        """Somebody outside cancels an INVITE that we do not know: perhaps an earlier process of ours, which died, took
        it to a worker. The branch that it then used can be computed; whoever knows it, answers."""
        context = self._context
        server = context.layer.serve(cancel, flow)
        waiting = [len(ports := self._pool.ports())]

        def heard(response: SipResponse | None) -> None:
            if response is not None and response.status_code < 200:
                return
            waiting[0] -= 1
            if response is not None and response.status_code < 300:
                server.respond(context.answer(cancel, 200))
            elif waiting[0] == 0:
                server.respond(context.answer(cancel, 481))

        for port in ports:
            request = sip.clone(cancel)
            routing.strip(request, "Route", "Proxy-Authorization", "Authorization")
            routing.strip_internal(request)
            worker = Flow("int", LOOPBACK, port)
            branch = context.hop(request, worker, context.worker_branch(cancel, flow.host, port, 0))
            context.layer.start_client(request, branch, worker, heard)

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
            if not self._wire.alive(target):
                user, domain = sip.user_host(sip.header(response, "from"))
                target = self._newer(user, domain, target)
        else:
            upstream = sip.top_via(response).branch or ""
            rest = branch.removeprefix(routing.BRANCH)
            target = Flow("int", LOOPBACK, target.port)
            known = context.tokens.made(rest, upstream, sip.header(response, "call-id"))
            if not known or target.port not in self._pool.ports():
                return False
        routing.strip(response, *routing.PRODUCT_HEADERS)
        routing.strip_internal(response)
        context.layer.send(target, bytes(response))
        return True

    def _newer(self, user: str, domain: str, broken: Flow) -> Flow:
        """The flow of the same phone since its connection broke, if it has signed in again."""
        tenant = self._accounts.tenant(domain)
        held = self._location.get((tenant.tenant_id, user)) if tenant else []
        flows = [f for b in held if (f := Flow.parse(b.source)) and (f.transport, f.host) == broken[:2]]
        return next((f for f in flows if self._wire.alive(f)), broken)

    def in_dialog(self, request: SipRequest, flow: Flow, ends: Ends) -> None:
        """A request inside a dialog, our Route already taken off: to the other end of the token."""
        context, from_worker = self._context, flow.transport == "int"
        onward = self._onward(request, ends, from_worker=from_worker)
        server = context.layer.serve(request, flow)
        if request.method == "INVITE":
            server.respond(context.answer(request, 100))
        relay = Onward(context, server, self._pool, ends)
        if not from_worker:
            relay.send(onward, Flow("int", LOOPBACK, ends.worker_port))
            return

        def send(reached: Flow | None) -> None:
            if reached is None:
                relay.missing(480)
            else:
                relay.send(onward, reached)

        if ends.trunk:
            self._trunks.reach_again(ends.flow, send)
        else:
            reach_phone(self._wire, self._location, ends.flow, request.uri, send)

    def ack(self, request: SipRequest, flow: Flow, ends: Ends) -> None:
        """The ACK of a 2xx passes end to end."""
        onward = self._onward(request, ends, from_worker=flow.transport == "int")
        target = ends.flow if flow.transport == "int" else Flow("int", LOOPBACK, ends.worker_port)
        self._context.hop(onward, target)
        self._context.layer.send(target, bytes(onward))

    def _onward(self, request: SipRequest, ends: Ends, *, from_worker: bool) -> SipRequest:
        onward = refer.as_message(request) if request.method == "REFER" else sip.clone(request)
        routing.strip(onward, "Proxy-Authorization", "Authorization")
        routing.strip_internal(onward)
        if not from_worker:
            routing.strip(onward, "Route")
            return onward
        routing.strip(onward, *routing.PRODUCT_HEADERS)
        if ends.trunk:
            routing.strip(onward, *routing.CLAIMED_HEADERS)
            outside.mask(onward, self._context.contact(ends.flow.transport))
            outside.ahead(onward, ends.cseq_ahead)
            if ends.shown:
                onward.headers.set_single("From", f"<sip:{ends.shown}>;tag={sip.tag_of(request, 'from')}")
                onward.headers.set_single("To", f"<sip:{ends.dialled}>;tag={sip.tag_of(request, 'to')}")
        return onward
