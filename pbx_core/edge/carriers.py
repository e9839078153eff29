"""Calls over trunks: a carrier's INVITE to a public number, a worker's INVITE to a number outside."""

from __future__ import annotations

from functools import partial

from aiosipua.message import SipRequest

from pbx_core import log
from pbx_core.domain import numbers
from pbx_core.edge.carrier_call import CarrierCall
from pbx_core.edge.context import Context
from pbx_core.edge.hunt import Hunt
from pbx_core.edge.pool import Pool
from pbx_core.edge.trunks import Arrival, Line, Trunks
from pbx_core.edge.turned_away import Attempt, Outcome, Tell, attempt
from pbx_core.sip import message as sip
from pbx_core.sip import outside, routing
from pbx_core.sip.flow import Flow
from pbx_core.sip.tally import Talk

_log = log.get(__name__)


class Carriers:
    """Both directions."""

    def __init__(self, context: Context, trunks: Trunks, pool: Pool, tell: Tell) -> None:
        """`tell` hears of calls that no worker took."""
        self._context, self._trunks, self._pool, self._tell = context, trunks, pool, tell

    def arrived(self, request: SipRequest, flow: Flow, arrival: Arrival) -> bool:
        """A carrier brings a call for a public number: hunt for a worker. Never for anything but such a number. False:
        beyond the trunk's limits so often that nothing more is kept of it, for its address is easily forged."""
        context, line, did = self._context, arrival.line, arrival.did
        tally, tenant_id = self._pool.tally, line.tenant_id
        tried = self._attempt(request, flow, arrival)
        limit = self._limit(line)
        if limit and not line.lost.take(context.timers.time()):
            return False
        if limit:
            _log.warning("trunk beyond its limits", extra={"trunk": line.trunk.id, "reason": limit})
            context.layer.serve(request, flow).respond(context.answer(request, 503, [("Retry-After", "5")]))
            self._tell(tried, Outcome(503, f"limit: {limit}", context.timers.time()))
            return True
        server = context.layer.serve(request, flow)
        server.respond(context.answer(request, 100))
        invite = sip.clone(request)
        invite.uri = f"sip:{did.number}@{arrival.book.domain}"
        routing.strip(invite, "Route", "Proxy-Authorization", "Authorization")
        routing.strip(invite, *routing.CLAIMED_HEADERS)
        routing.strip_internal(invite)
        invite.headers.append("X-Tenant", tenant_id)
        invite.headers.append("X-Source", str(flow))
        invite.headers.append("X-Trunk", line.trunk.id)
        invite.headers.append("X-Did", did.number)
        invite.headers.append("X-Caller", tried.caller_number)
        if tally.count("did", tenant_id, did.number) >= did.channels:
            invite.headers.append("X-Overflow", "1")
        call_id = sip.header(request, "call-id")
        talk = Talk(tenant_id=tenant_id, trunk_id=line.trunk.id, did=did.number)

        def ended(status: int) -> None:
            if status >= 300:
                self._pool.release(call_id)

        untaken = partial(self._tell, tried)
        Hunt(context, server, self._pool, invite, flow, talk, trunk=True, on_end=ended, untaken=untaken).next()
        return True

    def _attempt(self, request: SipRequest, flow: Flow, arrival: Arrival) -> Attempt:
        trunk, book = arrival.line.trunk, arrival.book
        who = {
            "tenant_id": arrival.line.tenant_id,
            "domain": book.domain,
            "caller_number": numbers.caller(
                outside.caller(request, trunk.number_format), trunk.country or book.model.outbound.country
            ),
            "dialled": arrival.did.number,
            "did": arrival.did.number,
            "trunk_id": trunk.id,
        }
        return attempt(request, self._context.now(), self._context.timers.time(), str(flow), **who)

    def _limit(self, line: Line) -> str:
        """Which of the trunk's limits one more call would break; "" none, and it counts."""
        if self._pool.tally.count("trunk", *line.key) >= line.trunk.channels:
            return "calls at once over the trunk"
        return "" if line.rate.take(self._context.timers.time()) else "calls per second over the trunk"

    def place(self, request: SipRequest, flow: Flow) -> None:
        """A worker calls a number outside."""
        context = self._context
        server = context.layer.serve(request, flow)
        tenant_id, trunk_id = sip.header(request, "x-tenant"), sip.header(request, "x-trunk")
        line, book = self._trunks.find(tenant_id, trunk_id), self._trunks.book(tenant_id)
        emergency, international = (
            bool(sip.header(request, "x-emergency")),
            bool(sip.header(request, "x-international")),
        )
        if not outside.digits_of(sip.uri(request.uri).user or ""):
            server.respond(context.answer(request, 404))
            return
        if line is None or book is None:
            server.respond(context.answer(request, 503, [("X-Reason", "unknown_trunk")]))
            return
        obstacle = "" if emergency else self._obstacle(line, request, international)
        if obstacle:
            server.respond(context.answer(request, 503, [("X-Reason", obstacle)]))
            return
        server.respond(context.answer(request, 100))
        shown = sip.header(request, "x-caller-id")
        if shown and not book.verified(shown):
            _log.warning("caller ID not verified; none is shown", extra={"tenant_id": tenant_id, "pii_number": shown})
            shown = ""
        talk = Talk(
            slot=False, tenant_id=tenant_id, trunk_id=trunk_id, outside=True, international=international,
            call_id=sip.header(request, "x-call-id")[:64],
        )  # fmt: skip
        self._pool.take(sip.header(request, "call-id"), self._pool.name(flow.port), talk)
        CarrierCall(context, server, self._trunks, self._pool, line, shown, flow.port).start()

    def _obstacle(self, line: Line, request: SipRequest, international: bool) -> str:
        """Why the call is not even tried; emergency calls meet none."""
        tally, limits, now = self._pool.tally, outside.limits(request), self._context.timers.time()
        if "calls" in limits and tally.count("outside", line.tenant_id) >= limits["calls"]:
            return "tenant_limit"
        abroad = limits.get("international") if international else None
        if abroad is not None and tally.count("international", line.tenant_id) >= abroad:
            return "international_limit"
        if tally.count("trunk", *line.key) >= line.trunk.channels:
            return "trunk_full"
        if line.trunk.register and not line.signin.valid(now):
            return "not_registered"
        if not line.circuit.allows():
            return "circuit_open"
        return "" if line.rate.take(now) else "trunk_rate"
