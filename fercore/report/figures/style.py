"""How all figures look: sizes, colours that colour-blind readers can tell apart, SVG output.

Colour stands for the modality (depth, RGB, fusion), marker and line for the backbone,
so that no figure depends on colour alone. The hues are those of Okabe and Ito.
"""

from __future__ import annotations

import io
import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from matplotlib.axes import Axes

Line = Literal["-"] | tuple[float, tuple[float, ...]]
"""A line's style: solid, or offset and lengths of its dashes."""

CHANCE_LINE: Line = (0, (2, 2))
WIDTH_IN = 7.1  # a paper's two columns
INK, MUTED, GRID, PAPER = "#1a1d21", "#5c636d", "#d9dde3", "#ffffff"
DEPTH, RGB, FUSION, PRETRAINED = "#0072b2", "#d55e00", "#007f5f", "#8a6d9e"
RAMP = (
    *("#f4f7fa", "#dde8f3", "#c3d7ea", "#a2c2de", "#7ba9cf"),
    *("#447db1", "#2f689f", "#1d4f86", "#123a6b"),
)
"""Low to high, evenly spaced in lightness."""
ON_LIGHT, ON_DARK = "#1a1d22", "#fdfefe"  # text on the ramp's lower and upper half
_TOKENS = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    PAPER: "paper",
    DEPTH: "depth",
    RGB: "rgb",
    FUSION: "fusion",
    PRETRAINED: "pretrained",
    ON_LIGHT: "on-low",
    ON_DARK: "on-high",
    **{colour: f"ramp-{place}" for place, colour in enumerate(RAMP)},
}
_RC: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same layout everywhere
    "font.size": 8,
    "text.parse_math": False,  # a dollar sign in a data set's name is a dollar sign
    "axes.unicode_minus": True,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "lines.linewidth": 1.4,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
_FONTS = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
_CAPTION_CHARACTERS, _CAPTION_LINE_IN = 145, 0.125


@dataclass(frozen=True, slots=True)
class Look:
    """How a pipeline or head is drawn."""

    colour: str
    marker: str
    line: Line
    filled: bool


def look(slug: str) -> Look:
    """Return how a pipeline or a head (`depth`, `rgb`, `fusion`) is drawn."""
    colour = next(
        (
            colour
            for kind, colour in (
                ("depth-pretrained", PRETRAINED),
                ("depth", DEPTH),
                ("rgb", RGB),
                ("fusion", FUSION),
            )
            if slug.startswith(kind)
        ),
        MUTED,
    )
    if slug.endswith("vgg19"):
        return Look(colour, "s", (0, (4, 1.6)), filled=False)
    return Look(colour, "D" if slug == "depth" else "o", "-", filled=True)


def new_figure(height_in: float, setting: str) -> Figure:
    """Return an empty figure of a paper's width that says what it was measured on.

    `height_in` is what the drawing needs; the lines of `setting` are added above.
    """
    lines = textwrap.wrap(setting, _CAPTION_CHARACTERS)
    head_in = 0.12 + _CAPTION_LINE_IN * len(lines)
    engine = ConstrainedLayoutEngine(rect=(0, 0, 1, height_in / (height_in + head_in)))
    figure = Figure(figsize=(WIDTH_IN, height_in + head_in), layout=engine)
    figure.text(
        *(0.004, 1 - 0.02 / (height_in + head_in), "\n".join(lines)),
        ha="left",
        va="top",
        fontsize=6.5,
        color=MUTED,
        linespacing=1.25,
    )
    return figure


def grid_axes(
    figure: Figure, number: int, across: int, sharex: bool = False, sharey: bool = False
) -> list[Axes]:
    """Return `number` axes in rows of `across`; what is left of the last row stays empty."""
    down = -(-number // across)
    grid = figure.subplots(down, across, squeeze=False, sharex=sharex, sharey=sharey)
    every = list(grid.ravel())
    for axes in every[number:]:
        axes.remove()
    return every[:number]


def drawing() -> AbstractContextManager[None]:
    """Return the context in which figures are made and saved."""
    return mpl.rc_context(_RC)


def to_svg(figure: Figure, name: str) -> str:
    """Return the figure as a stand-alone SVG, the same for the same data, text as text."""
    buffer = io.StringIO()
    with mpl.rc_context({**_RC, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue().replace("'DejaVu Sans'", _FONTS)


def themed(svg: str, title: str) -> str:
    """Return an SVG for the page: inline, coloured by its custom properties, with a title."""
    body = svg[svg.index("<svg") :]
    for colour, token in _TOKENS.items():
        body = body.replace(colour, f"var(--{token})")
    # Groups are named alike in every figure; on one page an id must be unique.
    referred = set(re.findall(r"#([\w-]+)", body))
    body = re.sub(r' id="([^"]*)"', lambda m: m.group() if m[1] in referred else "", body)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
    opening = re.match(r"<svg[^>]*>", body)
    assert opening is not None
    tag = re.sub(r' (width|height)="[^"]*"', "", opening.group())
    tag = tag.replace("<svg", '<svg role="img"', 1)
    return f"{tag}<title>{title}</title>{body[opening.end() :]}"


def ramp(share: float) -> tuple[str, str]:
    """Return the ramp's colour for a share 0..1 and the colour of text on it."""
    place = min(int(share * len(RAMP)), len(RAMP) - 1)
    return RAMP[place], ON_LIGHT if place < 5 else ON_DARK


def percent_axis(axes: Axes, axis: str) -> None:
    """Label an axis that runs over shares 0..1 in percent."""
    target = axes.xaxis if axis == "x" else axes.yaxis
    target.set_major_formatter(lambda value, _: f"{100 * value:.0f}".replace("-", "−"))
