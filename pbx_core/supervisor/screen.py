"""Draws the status for people; fits 80 columns. What came from outside is text, never markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pbx_core.domain.records import parse_iso
from pbx_core.settings import Settings
from pbx_core.store import live
from pbx_core.supervisor import plan
from pbx_core.supervisor.status import OfficeStatus, ProcessStatus, SystemStatus

ROWS_MAX = 200  # of one table; `--json` has all
CELL_MAX = 24  # characters: an address with its port
STOPPED = "Callbench is not running on this data directory. Start it with `callbench up`."


def system(now: SystemStatus, settings: Settings) -> RenderableType:
    """Everything that runs, and a line for every office."""
    parts: list[RenderableType] = [] if now.running else [Text(STOPPED, style="yellow")]
    parts.append(_processes(now.processes))
    parts.append(_offices(now.offices) if now.offices else Text("no tenant yet", style="dim"))
    work = ", ".join(f"{count} {state}" for state, count in sorted(now.jobs.items())) or "none yet"
    if now.paused:
        whose = "every tenant" if "*" in now.paused else ", ".join(now.paused)
        work += f"; paused for {whose} (`callbench jobs resume`)"
    parts += [
        Text(f"calls: {now.calls} of {now.capacity_calls} that fit now (more workers start as calls come)"),
        Text(f"recordings being prepared: {now.recordings_waiting}; transcriptions: {work}"),
        _disk(now, settings),
    ]
    return Group(*parts)


def office(now: SystemStatus, of: OfficeStatus) -> RenderableType:
    """One office in full: calls, queues, trunks, phones."""
    parts: list[RenderableType] = [] if now.running else [Text(STOPPED, style="yellow")]
    parts.append(Text(f"{of.tenant}: {_summary(of)}", style="bold"))
    if of.calls:
        parts.append(_calls(of.calls, now.at))
    if of.queues:
        parts.append(_queues(of.queues))
    if of.trunks:
        parts.append(_trunks(of.trunks))
    parts.append(_phones(of.phones, now.at))
    return Group(*parts)


def span(seconds: float) -> str:
    """0:07, 12:30, 3:00:00, 4 d 05 h."""
    whole = max(0, int(seconds))
    if whole >= 86_400:
        return f"{whole // 86_400} d {whole % 86_400 // 3600:02d} h"
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def _plain(text: str) -> Text:
    """Text without markup, and without codes that would steer the terminal."""
    return Text("".join(c if c.isprintable() else "·" for c in text))


def _table(*columns: str) -> Table:
    """The last column gets what the others leave."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    for name in columns[:-1]:
        table.add_column(name, overflow="ellipsis", no_wrap=True, max_width=CELL_MAX, header_style="dim")
    wrap = columns[-1] == "detail"
    table.add_column(
        columns[-1], overflow="fold" if wrap else "ellipsis", no_wrap=not wrap, ratio=1, header_style="dim"
    )
    return table


def _processes(rows: Iterable[ProcessStatus]) -> Table:
    table = _table("process", "state", "pid", "since", "for", "detail")
    for p in rows:
        began = datetime.now().astimezone().timestamp() - p.up_s
        detail = ", ".join(f"{k} {v}" for k, v in p.detail.items() if v not in (None, "", False) and _short(v))
        table.add_row(
            p.name,
            Text("runs", style="green") if p.alive else Text("gone", style="red"),
            str(p.pid),
            f"{datetime.fromtimestamp(began):%m-%d %H:%M}",
            span(p.up_s),
            _plain(detail),
        )
    return table


def _short(value: object) -> bool:
    return not isinstance(value, (dict, list))


def _offices(offices: Iterable[OfficeStatus]) -> Table:
    table = _table("tenant", "phones", "calls", "waiting", "longest", "trunks")
    for of in list(offices)[:ROWS_MAX]:
        longest = max((q.longest_wait_s for q in of.queues), default=0.0)
        trunks = f"{of.trunks_up} of {len(of.trunks)}" if of.trunks else "–"
        table.add_row(
            _plain(of.tenant),
            f"{of.signed_in} on {of.extensions}",
            str(len(of.calls)),
            str(of.waiting) if of.queues else "–",
            span(longest) if of.waiting else "",
            Text(trunks, style="red" if of.trunks_up < len(of.trunks) else ""),
        )
    return table


def _summary(of: OfficeStatus) -> str:
    words = [f"phones {of.signed_in} on {of.extensions} extensions", f"calls {len(of.calls)}"]
    if of.queues:
        words.append(f"waiting {of.waiting}")
    if of.trunks:
        words.append(f"trunks up {of.trunks_up} of {len(of.trunks)}")
    return ", ".join(words)


def _calls(calls: tuple[live.Call, ...], now: float) -> Table:
    table = _table("call", "state", "for", "from", "to", "detail")
    for c in calls[:ROWS_MAX]:
        detail = c.detail
        since = str(detail.get("since", ""))
        words = [
            f"queue {detail['queue']}" if detail.get("queue") else "",
            f"slot {c.slot}" if c.slot else "",
            "recording paused" if detail.get("paused") else "recorded" if detail.get("recording") else "",
        ]
        table.add_row(
            c.call_id[-8:],
            c.state,
            span(now - parse_iso(since).timestamp()) if since else "",
            _plain(str(detail.get("caller", ""))),
            _plain(str(detail.get("answered_by") or detail.get("callee", ""))),
            _plain(", ".join(w for w in words if w)),
        )
    return table


def _queues(queues: tuple[live.Queue, ...]) -> Table:
    table = _table("queue", "waiting", "longest", "call-backs", "talking", "agents")
    for q in queues[:ROWS_MAX]:
        states = Counter(a.state.replace("_", " ") for a in q.agents)
        agents = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
        longest = span(q.longest_wait_s) if q.waiting else ""
        table.add_row(_plain(q.queue), str(q.waiting), longest, str(q.callbacks), str(q.talking), Text(agents))
    return table


def _trunks(trunks: tuple[live.Trunk, ...]) -> Table:
    table = _table("trunk", "state", "calls", "detail")
    for t in trunks[:ROWS_MAX]:
        state = Text("up", style="green") if t.up else Text("down", style="red")
        words = [t.reason, f"circuit {t.circuit}" if t.circuit != "closed" else ""]
        table.add_row(_plain(t.trunk_id), state, str(t.calls), _plain(", ".join(w for w in words if w)))
    return table


def _phones(phones: tuple[live.Phone, ...], now: float) -> Table:
    table = _table("phone", "name", "by", "address", "for", "model")
    for p in phones[:ROWS_MAX]:
        table.add_row(
            p.number,
            _plain(p.name),
            p.transport or Text("–", style="dim"),
            _plain(p.address),
            span(now - p.since) if p.since else "",
            _plain(p.user_agent),
        )
    return table


def _disk(now: SystemStatus, settings: Settings) -> Text:
    if now.disk_free_share < settings.disk_warn_share:
        return Text(plan.disk_sentence(now.disk_free_share, settings.disk_stop_share, low=True), style="red")
    return Text(f"disk: {now.disk_free_share:.0%} free")
