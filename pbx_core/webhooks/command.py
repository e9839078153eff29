"""`callbench webhook`: whom an office's events are told to, how it goes, and the process that tells them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import sqlalchemy as sa

from pbx_core import log
from pbx_core.clock import SystemClock
from pbx_core.errors import InputError, Unavailable
from pbx_core.settings import load
from pbx_core.store import endpoints, engine, heartbeat, outbox
from pbx_core.store.terminal import open_db, say, table, tenant_of
from pbx_core.webhooks import address
from pbx_core.webhooks.collector import Collector
from pbx_core.webhooks.facts import OFFERED
from pbx_core.webhooks.sender import Sender

TICK_S = 0.5
IDLE_S = 60.0  # without an endpoint for so long the process ends; the supervisor starts it when there is one
SHOWN = 50  # deliveries in the list

_log = log.get(__name__)
_domain = click.option("--tenant", "domain", required=True, help="Domain of the tenant.")


@click.group()
def webhook() -> None:
    """Endpoints to which a tenant's events are sent, signed."""


@webhook.command("add")
@_domain
@click.option("--events", default="", help=f"Of {', '.join(OFFERED)}; comma separated. Without: all.")
@click.argument("url")
@click.pass_obj
def add(data: Path, domain: str, events: str, url: str) -> None:
    """Send events to URL (https) and print the secret by which the receiver knows us, once."""
    settings, db = load(data), open_db(data)
    owner = tenant_of(db, domain)
    wanted = {word.strip() for word in events.split(",")} if events else set(OFFERED)
    if not wanted <= set(OFFERED):
        raise InputError(
            f"{events!r} is no list of events; use {', '.join(OFFERED)}. Nothing was kept.", error_id="bad_events"
        )
    address.locate(address.parse(url), address.system_resolve, settings.webhook_networks)
    made, text = endpoints.add(db, settings, SystemClock(), owner.tenant_id, url, wanted)
    say(f"Endpoint {made.endpoint_id} is told {', '.join(sorted(made.events))}. Its secret:")
    say(text)
    say("Note it now: it cannot be shown again. `callbench webhook test` sends a first event.")


@webhook.command("list")
@_domain
@click.pass_obj
def listed(data: Path, domain: str) -> None:
    """Show the endpoints, how they are, and why one is disabled."""
    db = open_db(data)
    rows = [
        (
            e.endpoint_id,
            e.url,
            ",".join(sorted(e.events)),
            e.state,
            str(outbox.waiting(db, e.tenant_id, e.endpoint_id)),
            str(e.failures),
            e.reason,
        )
        for e in endpoints.listed(db, tenant_of(db, domain).tenant_id)
    ]
    table(("Endpoint", "URL", "Events", "State", "Waiting", "Failures", "Reason"), rows, "There are no endpoints yet.")


@webhook.command("remove")
@_domain
@click.argument("endpoint_id")
@click.pass_obj
def remove(data: Path, domain: str, endpoint_id: str) -> None:
    """Forget an endpoint and what waits for it."""
    db = open_db(data)
    endpoints.remove(db, SystemClock(), tenant_of(db, domain).tenant_id, endpoint_id)
    say(f"Endpoint {endpoint_id} is removed; nothing more is sent there.")


@webhook.command("enable")
@_domain
@click.argument("endpoint_id")
@click.pass_obj
def enable(data: Path, domain: str, endpoint_id: str) -> None:
    """Send to a disabled endpoint again."""
    db = open_db(data)
    endpoints.enable(db, SystemClock(), tenant_of(db, domain).tenant_id, endpoint_id)
    say(f"Endpoint {endpoint_id} is enabled. What happened while it was disabled is not sent; ask the API for it.")


@webhook.command("rotate")
@_domain
@click.argument("endpoint_id")
@click.pass_obj
def rotate(data: Path, domain: str, endpoint_id: str) -> None:
    """Make a new secret for an endpoint and print it, once; the old one signs too for a day."""
    settings, db = load(data), open_db(data)
    say(endpoints.rotate(db, settings, SystemClock(), tenant_of(db, domain).tenant_id, endpoint_id))
    say(f"Note it now. For {endpoints.OLD_SECRET_S / 3600:.0f} hours every event is signed with both secrets.")


@webhook.command("test")
@_domain
@click.argument("endpoint_id")
@click.pass_obj
def test(data: Path, domain: str, endpoint_id: str) -> None:
    """Send an event webhook.test now and say what came of it. Exit code 1 when it was not accepted."""
    settings, db = load(data), open_db(data)
    endpoint = endpoints.find(db, tenant_of(db, domain).tenant_id, endpoint_id)
    sender = Sender(settings, db, SystemClock())
    answer = sender.probe(endpoint)
    sender.close()
    well = answer.status is not None and 200 <= answer.status < 300
    say(f"Accepted with {answer.status}." if well else f"Not accepted: {answer.reason or f'answered {answer.status}'}.")
    sys.exit(0 if well else 1)


@webhook.command("deliveries")
@_domain
@click.argument("endpoint_id")
@click.pass_obj
def deliveries(data: Path, domain: str, endpoint_id: str) -> None:
    """Show the last events for an endpoint and what became of them."""
    db = open_db(data)
    endpoint = endpoints.find(db, tenant_of(db, domain).tenant_id, endpoint_id)
    rows = [
        (
            d.event_id,
            d.type,
            d.state,
            str(d.tries),
            "" if d.status is None else str(d.status),
            _time(d.changed_at),
            _time(d.not_before) if d.state == outbox.WAITING else "",
            d.reason,
        )
        for d in outbox.recent(db, endpoint.tenant_id, endpoint_id, SHOWN)
    ]
    heads = ("Event", "Type", "State", "Tries", "Status", "Changed (UTC)", "Next try", "Reason")
    table(heads, rows, "Nothing was to be told to it yet.")


@webhook.command("deliver")
@click.pass_obj
def deliver(data: Path) -> None:
    """Gather events and send them (started by `callbench up` while there is an endpoint)."""
    settings = load(data)
    log.setup("webhooks", settings.log_level)
    db, clock = engine.connect(settings), SystemClock()
    stop = heartbeat.stop_event()
    collector, sender = Collector(settings, db, clock), Sender(settings, db, clock)
    wanted_at = clock.monotonic()

    def detail() -> dict[str, object]:
        return {"sent": sender.sent, "failed": sender.failed}

    with heartbeat.announced(db, clock, "webhooks", detail):
        while not stop.wait(TICK_S) and clock.monotonic() - wanted_at < IDLE_S:
            try:
                sender.round()
                found = endpoints.active(db)
                wanted_at = clock.monotonic() if found else wanted_at
                collector.round(found)
            except (sa.exc.OperationalError, Unavailable, OSError) as error:
                _log.warning("nothing gathered this time; trying again", extra={"reason": str(error)[:300]})
            except Exception:  # noqa: BLE001 outer loop: what waits is sent all the same
                _log.exception("nothing gathered this time; trying again")
        sender.close()


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
