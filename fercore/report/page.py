"""The report as one HTML page: no script, nothing loaded from elsewhere."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from fercore.report.figures.style import themed

if TYPE_CHECKING:
    from fercore.report.content import Drawing, Report

TEMPLATE, STYLE = "page.html.j2", "page.css"


def render(report: Report) -> str:
    """Return the page's HTML."""
    folder = files("fercore.report")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["inline"] = _inline
    environment.filters["code"] = _code
    template = environment.from_string((folder / TEMPLATE).read_text(encoding="utf-8"))
    style = Markup((folder / STYLE).read_text(encoding="utf-8"))
    return template.render(report=report, style=style)


def _inline(drawing: Drawing) -> Markup:
    return Markup(themed(drawing.svg, str(escape(drawing.title))))


def _code(text: str) -> Markup:
    """Return text in which what stands between backticks is code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part
        for place, part in enumerate(parts)
    )
