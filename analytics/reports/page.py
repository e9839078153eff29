"""A report as HTML for a mail: tables and inline styles only, because mail programs know little more; no scripts,
nothing fetched. Pictures are named by content ids, or stand inside for a file on disk."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable

from analytics.reports import wording
from analytics.reports.charts import Chart
from analytics.reports.content import Report

FONT = "-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
_CELL = "padding:7px 8px;border-bottom:1px solid #e3e8eb;vertical-align:top"
_EMPTY = "Nobody called in this period."


def write(report: Report, source: Callable[[Chart], str]) -> str:
    """source: the address of a chart's picture."""
    said = html.escape
    rows = "".join(_row(report, i) for i in range(len(report.figures)))
    pictures = "".join(
        f'<h2 style="font-size:16px;margin:24px 0 4px">{said(c.title)}</h2>'
        f'<img src="{said(source(c))}" alt="{said(c.text)}" width="600" style="width:100%;max-width:600px;height:auto">'
        f'<div style="font-size:11px;color:#52656f">{said(c.source)}</div>'
        for c in report.charts
    )
    nothing = f"<p>{_EMPTY}</p>" if report.empty else ""
    terms = "".join(
        f'<p style="margin:0 0 6px"><b>{said(f.now.title)}</b> ({said(wording.definition(f.now))}): '
        f"{said(f.now.definition)} Left out: {said(f.now.exclusions)}.</p>"
        for f in report.figures
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light"><title>{said(report.name)}</title></head>
<body style="margin:0;padding:0;background:#f4f6f7">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:16px 8px">
<table role="presentation" width="632" cellpadding="0" cellspacing="0" style="max-width:632px;width:100%;
background:#fff;border:1px solid #d9e0e4;border-radius:8px;
font-family:{FONT};color:#16262e;font-size:14px;line-height:1.4">
<tr><td style="padding:16px">
<h1 style="font-size:21px;margin:0">{said(report.name)}</h1>
<p style="margin:4px 0 16px;color:#52656f">{said(report.tenant)} · {said(report.period)} ({said(report.zone.key)})<br>
{said(report.whose)}</p>{nothing}
<table width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse;font-size:14px">
<tr style="text-align:left;color:#52656f;font-size:12px"><th scope="col" style="{_CELL}">Figure</th>
<th scope="col" style="{_CELL};text-align:right">Value</th><th scope="col" style="{_CELL};text-align:right">Before</th>
<th scope="col" style="{_CELL};text-align:right">Change</th></tr>{rows}</table>{pictures}
<p style="margin:24px 0 4px"><a href="{said(report.address)}" style="color:#0b6e75">Open the dashboard</a></p>
<h2 style="font-size:16px;margin:24px 0 6px">What the figures mean</h2>
<div style="font-size:12px;color:#52656f">{terms}</div>
<p style="font-size:12px;color:#52656f;margin:16px 0 0">{said(closing(report))}</p>
</td></tr></table></td></tr></table></body></html>
"""


def text(report: Report) -> str:
    """The same for programs that show plain text only."""
    lines = [f"{report.name}", f"{report.tenant}, {report.period} ({report.zone.key})", report.whose, ""]
    lines += [_EMPTY, ""] if report.empty else []
    width = max(len(f.now.title) for f in report.figures)
    for f in report.figures:
        before = f"before: {wording.value(f.before)}"
        lines.append(f"{f.now.title:{width}}  {wording.value(f.now):>12}  {before}  [{wording.definition(f.now)}]")
    lines += ["", *(c.text for c in report.charts), "", report.address, closing(report), ""]
    return "\n".join(lines)


def closing(report: Report) -> str:
    """How fresh the figures are, and when they were computed."""
    local = report.made_at.astimezone(report.zone)
    fresh = "no data yet" if report.fresh_at is None else f"{report.fresh_at.astimezone(report.zone):%-d %b %Y %H:%M}"
    return (
        f"Data as of {fresh}, computed {local:%-d %b %Y %H:%M} ({report.zone.key}). Before: the period before this one."
    )


def inline(chart: Chart) -> str:
    """The picture within the address itself."""
    return f"data:image/png;base64,{base64.b64encode(chart.png).decode()}"


def _row(report: Report, i: int) -> str:
    figure = report.figures[i]
    said = html.escape
    under = " · ".join(filter(None, (wording.made_of(figure.now), wording.definition(figure.now))))
    right = f"{_CELL};text-align:right;white-space:nowrap"
    return (
        f'<tr><th scope="row" style="{_CELL};text-align:left;font-weight:normal">{said(figure.now.title)}'
        f'<div style="font-size:11px;color:#52656f">{said(under)}</div></th>'
        f'<td style="{right};font-weight:600">{said(wording.value(figure.now))}</td>'
        f'<td style="{right};color:#52656f">{said(wording.value(figure.before))}</td>'
        f'<td style="{right};color:#52656f">{said(wording.change(figure))}</td></tr>'
    )
