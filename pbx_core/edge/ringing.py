"""A worker calls extensions: one, or several at once (X-Fork); the INVITE goes to all their phones."""

from __future__ import annotations

from collections.abc import Sequence

from aiosipua.message import SipRequest, SipResponse

from pbx_core.edge.accounts import Accounts
from pbx_core.edge.context import Context, Wire
from pbx_core.edge.location import Location
from pbx_core.edge.pool import Pool
from pbx_core.edge.reach import reach_phone
from pbx_core.edge.relay import Relaying
from pbx_core.edge.transactions import ServerTransaction
from pbx_core.sip import message as sip
from pbx_core.sip import offers, routing
from pbx_core.sip.flow import Ends, Flow
from pbx_core.sip.offers import Offers
from pbx_core.sip.registrar import Binding
from pbx_core.sip.tally import Talk
from pbx_core.store.directory import Tenant


class Ringing(Relaying):
    """One INVITE of a worker at all phones of the extensions it names."""

    def __init__(
        self, context: Context, server: ServerTransaction, pool: Pool, talk: Talk, numbers: Sequence[str], branches: int
    ) -> None:
        """`branches`: so many will be opened, or given up; only then can running out of open ones settle the fork."""
        super().__init__(context, server, more_may_come=True)
        self.fork.members = len(numbers) > 1
        self._pool, self._talk = pool, talk
        self._offers = Offers(numbers)
        self._whose: dict[int, str] = {}
        self._awaited = branches

    def offer(self, number: str, request: SipRequest, phone: Flow, branch: str) -> None:
        """Send it to a phone of an extension."""
        self._whose[self.send(request, phone, branch)] = number

    def absent(self, number: str, status: int) -> None:
        """An extension, or one phone of it, cannot be rung."""
        self._offers.ended(number, offers.NO_PHONE if status == 480 else status)
        self.missing(status)

    def opened(self) -> None:
        """One more branch was opened, or given up."""
        self._awaited -= 1
        if self._awaited == 0:
            self.run(self.fork.complete())

    def failed(self, number: int, status: int, response: SipResponse | None) -> bool:
        whose = self._whose.get(number, "")
        if self.fork.is_open(number) and not self.fork.settled:
            self._offers.ended(whose, status)
            if status >= 600 and self.fork.members:  # declined: his other phones stop, his colleagues' ring on
                for branch in [b for b, who in self._whose.items() if who == whose and b != number]:
                    self.run(self.fork.dropped(branch))
        return False

    def decorate(self, response: SipResponse, branch: int | None) -> None:
        whose = self._whose.get(branch, "") if branch is not None else ""
        status = response.status_code
        if whose and status < 300:
            response.headers.set_single(offers.BY, whose)
        if 200 <= status < 300:
            self._offers.ended(whose, status)
            self._pool.take(sip.header(response, "call-id"), self._talk.worker, self._taken_by(whose))
        if status >= 200:
            self._offers.write(response)

    def _taken_by(self, number: str) -> Talk:
        return Talk(slot=False, tenant_id=self._talk.tenant_id, extension=number, call_id=self._talk.call_id)


class Extensions:
    """Serves the workers' INVITEs to extensions."""

    def __init__(self, context: Context, accounts: Accounts, location: Location, pool: Pool, wire: Wire) -> None:
        self._context, self._accounts, self._location = context, accounts, location
        self._pool, self._wire = pool, wire

    def invite(self, request: SipRequest, flow: Flow) -> None:
        """Fork to all phones of all extensions named."""
        context = self._context
        server = context.layer.serve(request, flow)
        tenant = self._accounts.tenant_by_id(sip.header(request, "x-tenant"))
        numbers = offers.numbers(request)
        if tenant is None or sip.uri(request.uri).host.lower() != tenant.domain or not numbers:
            server.respond(context.answer(request, 404))
            return
        server.respond(context.answer(request, 100))
        talk = Talk(self._pool.name(flow.port), tenant_id=tenant.tenant_id, call_id=sip.header(request, "x-call-id"))
        base = sip.clone(request)
        routing.strip(base, "Route", *routing.PRODUCT_HEADERS)
        routing.strip_internal(base)
        phones = {number: self._location.get((tenant.tenant_id, number)) for number in numbers}
        ringing = Ringing(context, server, self._pool, talk, numbers, sum(len(p) or 1 for p in phones.values()))
        for number, held in phones.items():
            if not held:
                known = self._accounts.extension(tenant.tenant_id, number) is not None
                ringing.absent(number, 480 if known else 404)
                ringing.opened()
            for binding in held:
                self._offer(ringing, number, base, binding, flow.port)

    def _offer(self, ringing: Ringing, number: str, base: SipRequest, binding: Binding, worker_port: int) -> None:
        def send(phone: Flow | None) -> None:
            if phone is not None and not ringing.fork.settled:
                request = sip.clone(base)
                request.uri = binding.contact
                self._context.record(request, Ends(phone, worker_port), to_phone=True)
                ringing.offer(number, request, phone, self._context.phone_branch(base, binding.contact))
            elif phone is None:
                ringing.absent(number, 480)
            ringing.opened()

        reach_phone(self._wire, self._location, Flow.parse(binding.source), binding.contact, send)

    def given_up(self, cancel: SipRequest, flow: Flow) -> bool:
        """A worker cancels an INVITE that we do not know: an earlier process of ours, which died, made phones ring.
        False when it cannot be so."""
        tenant = self._accounts.tenant(sip.uri(cancel.uri).host.lower())
        phones = self._phones(tenant, offers.numbers(cancel))
        if not phones:
            return False
        elsewhere = bool(sip.header(cancel, offers.ELSEWHERE))
        invite = sip.clone(cancel)
        invite.method = "INVITE"
        invite.headers.set_single("CSeq", f"{sip.cseq_of(cancel)[0]} INVITE")
        routing.strip(invite, "Route")
        routing.strip_internal(invite)
        relay = Relaying(self._context, self._context.layer.serve(invite, flow))
        relay.cancel()
        for binding in phones:
            self._take_back(relay, invite, binding, elsewhere)
        return True

    def _phones(self, tenant: Tenant | None, numbers: Sequence[str]) -> list[Binding]:
        if tenant is None:
            return []
        return [b for number in numbers for b in self._location.get((tenant.tenant_id, number))]

    def _take_back(self, relay: Relaying, invite: SipRequest, binding: Binding, elsewhere: bool) -> None:
        def send(phone: Flow | None) -> None:
            if phone is not None:
                request = sip.clone(invite)
                request.uri = binding.contact
                relay.take_back(request, phone, self._context.phone_branch(invite, binding.contact), elsewhere)

        reach_phone(self._wire, self._location, Flow.parse(binding.source), binding.contact, send)
