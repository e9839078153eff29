"""A report as PDF: the same figures, charts and definitions as the mail, on A4."""

from __future__ import annotations

import io
from importlib.resources import files

from fpdf import FPDF
from fpdf.fonts import FontFace

from analytics.reports import page, wording
from analytics.reports.content import Report

INK, SOFT, LINE = (22, 38, 46), (82, 101, 111), (217, 224, 228)
_FONTS = {"": "DejaVuSans.ttf", "B": "DejaVuSans-Bold.ttf"}


class _Paper(FPDF):
    """A4 with a line at the foot of each page."""

    def __init__(self, report: Report) -> None:
        super().__init__(format="A4")
        self._report = report
        folder = files("matplotlib") / "mpl-data" / "fonts" / "ttf"
        for style, name in _FONTS.items():
            self.add_font("sans", style, str(folder / name))
        self.set_margins(16, 14, 16)
        self.set_auto_page_break(True, 16)
        self.set_title(f"{_shown(report.name)}, {report.period}")
        self.set_creator("Callbench")
        self.set_lang("en")
        self.set_creation_date(report.made_at)
        self.add_page()

    def footer(self) -> None:
        """Of each page."""
        self.set_y(-12)
        self.set_font("sans", "", 7)
        self.set_text_color(*SOFT)
        self.cell(0, 5, f"{_shown(self._report.tenant)} · {self._report.period}")
        self.cell(0, 5, f"{self.page_no()} / {{nb}}", align="R")


def write(report: Report) -> bytes:
    """The file."""
    paper = _Paper(report)
    _head(paper, report)
    _figures(paper, report)
    for chart in report.charts:
        paper.ln(4)
        height = paper.epw * 460 / 1280
        if paper.will_page_break(height + 14):
            paper.add_page()
        _line(paper, chart.title, 12, "B")
        paper.image(io.BytesIO(chart.png), w=paper.epw, alt_text=chart.text, title=chart.title)
        _line(paper, chart.source, 7, colour=SOFT)
    _terms(paper, report)
    return bytes(paper.output())


def _head(paper: FPDF, report: Report) -> None:
    _line(paper, report.name, 17, "B")
    _line(paper, f"{report.tenant} · {report.period} ({report.zone.key})", 10, colour=SOFT)
    _line(paper, report.whose, 10, colour=SOFT)
    if report.empty:
        _line(paper, "Nobody called in this period.", 10)
    paper.ln(3)


def _figures(paper: FPDF, report: Report) -> None:
    paper.set_font("sans", "", 9)
    paper.set_text_color(*INK)
    paper.set_draw_color(*LINE)
    heads = FontFace(emphasis="BOLD", color=SOFT, size_pt=8)
    small = FontFace(color=SOFT, size_pt=7)
    with paper.table(
        col_widths=(50, 23, 23, 23, 59),
        text_align=("LEFT", "RIGHT", "RIGHT", "RIGHT", "LEFT"),
        borders_layout="HORIZONTAL_LINES",
        headings_style=heads,
        line_height=5.2,
    ) as table:
        table.row(("Figure", "Value", "Before", "Change", "Made of, definition"))
        for figure in report.figures:
            row = table.row()
            row.cell(_shown(figure.now.title))
            row.cell(wording.value(figure.now), style=FontFace(emphasis="BOLD"))
            row.cell(wording.value(figure.before))
            row.cell(wording.change(figure))
            under = (wording.made_of(figure.now), wording.definition(figure.now))
            row.cell(_shown(" · ".join(filter(None, under))), style=small)


def _terms(paper: FPDF, report: Report) -> None:
    paper.ln(6)
    _line(paper, "What the figures mean", 12, "B")
    for figure in report.figures:
        now = figure.now
        text = f"{now.title} ({wording.definition(now)}): {now.definition} Left out: {now.exclusions}."
        _line(paper, text, 8, colour=SOFT)
        paper.ln(1)
    paper.ln(2)
    _line(paper, page.closing(report), 8, colour=SOFT)


def _line(paper: FPDF, text: str, size: float, style: str = "", colour: tuple[int, int, int] = INK) -> None:
    paper.set_font("sans", style, size)
    paper.set_text_color(*colour)
    paper.multi_cell(0, size * 0.5, _shown(text), align="L", new_x="LMARGIN", new_y="NEXT")


def _shown(text: str) -> str:
    """One line without control and direction marks."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
