"""Sends what waits in the outbox, endpoints side by side, each one event after another; notes what came of it."""

from __future__ import annotations

import ssl
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait

import sqlalchemy as sa

from pbx_core import log
from pbx_core.clock import Clock, random_id
from pbx_core.errors import CallbenchError, ConfigError, InputError
from pbx_core.settings import Settings
from pbx_core.store import endpoints, outbox
from pbx_core.store.endpoints import Endpoint
from pbx_core.store.outbox import Delivery
from pbx_core.webhooks import address, facts, post, retry, signing
from pbx_core.webhooks.address import Resolve
from pbx_core.webhooks.facts import EventType, Fact
from pbx_core.webhooks.retry import Answer

ENDPOINTS_AT_ONCE = 8  # threads; one that does not answer holds one for post.TOTAL_S
BATCH = 20  # events for one endpoint before it stands in line again

_log = log.get(__name__)


class Sender:
    """Of one process. `resolve` stands at the edge of the code, for the tests of names that change."""

    def __init__(
        self, settings: Settings, db: sa.Engine, clock: Clock, resolve: Resolve = address.system_resolve
    ) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._resolve = resolve
        self._tls = _trust(settings)
        self._pool = ThreadPoolExecutor(ENDPOINTS_AT_ONCE, "webhook")
        self._busy: dict[tuple[str, str], Future[None]] = {}
        self._stop = threading.Event()
        self.sent = 0  # accepted since the start
        self.failed = 0

    def round(self) -> None:
        """Begin to send what is due; does not wait for it."""
        now = self._clock.now().timestamp()
        self._busy = {key: future for key, future in self._busy.items() if not future.done()}
        for endpoint in endpoints.active(self._db):
            key = (endpoint.tenant_id, endpoint.endpoint_id)
            if endpoint.paused_until > now or key in self._busy:
                continue
            batch = outbox.due(self._db, endpoint, now, BATCH)
            if batch:
                self._busy[key] = self._pool.submit(self._send_all, endpoint, batch)

    def settle(self) -> None:
        """Wait for what was begun."""
        wait(list(self._busy.values()))

    def close(self) -> None:
        """Begin nothing more; what is on its way ends within post.TOTAL_S."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def probe(self, endpoint: Endpoint) -> Answer:
        """Send an event webhook.test now, once; it does not pass the outbox."""
        now = self._clock.now()
        data = {"endpoint_id": endpoint.endpoint_id}
        made = facts.event(Fact(endpoint.tenant_id, EventType.TEST, random_id(), now, data), now.timestamp())
        return self._post(endpoint, made.event_id, made.body)

    def _send_all(self, endpoint: Endpoint, batch: list[Delivery]) -> None:
        """Until one fails: then the endpoint rests."""
        failures, since = endpoint.failures, endpoint.failing_since
        try:
            for delivery in batch:
                if self._stop.is_set() or not self._send(endpoint, delivery, failures, since):
                    return
                failures, since = 0, None
        except Exception:  # noqa: BLE001 outer loop: what was not noted is sent again
            _log.exception("webhook not sent", extra={"endpoint": endpoint.endpoint_id})

    def _send(self, endpoint: Endpoint, delivery: Delivery, failures: int, since: float | None) -> bool:
        answer = self._post(endpoint, delivery.event_id, delivery.body)
        now = self._clock.now().timestamp()
        failing_s = now - since if since is not None else 0.0
        found = retry.after(answer, delivery.tries + 1, failures + 1, failing_s, now - delivery.created_at)
        if found.delivered and answer.status is not None:
            outbox.delivered(self._db, delivery, answer.status, now)
            self.sent += 1
            return True
        self.failed += 1
        _log.warning(
            "webhook not accepted",
            extra={"endpoint": endpoint.endpoint_id, "reason": found.reason, "disabled": found.disable},
        )
        outbox.failed(
            self._db,
            delivery,
            status=answer.status,
            reason=found.reason,
            again_at=None if found.again_s is None else now + found.again_s,
            paused_until=now + found.pause_s,
            disable=found.disable,
            now=now,
        )
        return False

    def _post(self, endpoint: Endpoint, event_id: str, text: str) -> Answer:
        """One try, to an address that is looked up and looked at for just this try."""
        now = self._clock.now()
        body = text.encode()
        try:
            target = address.parse(endpoint.url)
            place = address.locate(target, self._resolve, self._settings.webhook_networks)
            keys = endpoints.keys(self._db, self._settings, endpoint, now.timestamp())
        except CallbenchError as error:
            return Answer(None, str(error), refused=isinstance(error, InputError))
        headers = signing.headers(event_id, int(now.timestamp()), body, keys)
        return post.send(target, place, headers, body, self._tls, now)


def _trust(settings: Settings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.webhook_tls_ca)
    except OSError as error:  # also what is no certificate
        raise ConfigError(
            f"`webhook_tls_ca` ({settings.webhook_tls_ca}) cannot be read as PEM: {error.strerror or error}."
        ) from error
