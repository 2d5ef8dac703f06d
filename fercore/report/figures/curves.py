"""Curves: reliability, training, accuracy under perturbation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fercore.report.figures.style import (
    CHANCE_LINE,
    GRID,
    INK,
    MUTED,
    drawing,
    grid_axes,
    look,
    new_figure,
    percent_axis,
)
from fercore.report.statistics import in_paper_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from fercore.report.figures.style import Line
    from fercore.report.robustness import StressCurve
    from fercore.report.run_records import Curves
    from fercore.report.statistics import PipelineScore

_ACROSS = 4
_QUARTILES = (25, 50, 75)


def reliability_figure(scores: Sequence[PipelineScore], setting: str) -> Figure:
    """Draw accuracy against confidence; bars on the ground show where predictions lie."""
    down = -(-len(scores) // _ACROSS)
    with drawing():
        figure = new_figure(0.5 + 1.8 * down, setting)
        every = grid_axes(figure, len(scores), _ACROSS, sharex=True, sharey=True)
        for place, (axes, score) in enumerate(zip(every, scores, strict=True)):
            _reliability(axes, score)
            axes.set_ylabel("accuracy, %" if place % _ACROSS == 0 else "")
            axes.set_xlabel("confidence, %" if place + _ACROSS >= len(scores) else "")
            axes.tick_params(labelbottom=place + _ACROSS >= len(scores))
    return figure


def _reliability(axes: Axes, score: PipelineScore) -> None:
    found, style = score.calibration, look(score.slug)
    used = found.counts > 0
    shares = found.counts / found.counts.sum()
    width = found.edges[1] - found.edges[0]
    axes.bar(found.edges[:-1], shares, width, align="edge", color=GRID, edgecolor="none")
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.7, linestyle=CHANCE_LINE)
    axes.plot(
        *(found.confidence[used], found.accuracy[used]),
        color=style.colour,
        marker="o",
        markersize=2.8,
        linewidth=1.1,
    )
    axes.set_title(score.slug)
    axes.text(
        *(0.05, 0.9, f"ECE {100 * found.expected_error:.1f} %"),
        transform=axes.transAxes,
        fontsize=7,
        color=INK,
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    percent_axis(axes, "x")
    percent_axis(axes, "y")


def learning_figure(curves: Curves, setting: str) -> Figure:
    """Draw loss and accuracy against epochs: median over experiments, quartiles as a band."""
    slugs = in_paper_order(curves.pipelines)
    down = -(-len(slugs) // _ACROSS)
    with drawing():
        figure = new_figure(0.35 + 2.45 * down, setting)
        grid = figure.subplots(2 * down, min(_ACROSS, len(slugs)), squeeze=False, sharex="col")
        for place, slug in enumerate(slugs):
            row, column = divmod(place, _ACROSS)
            _learning(grid[2 * row, column], grid[2 * row + 1, column], curves, slug)
            if column == 0:
                grid[2 * row, column].set_ylabel("loss")
                grid[2 * row + 1, column].set_ylabel("accuracy, %")
        for place in range(len(slugs), down * min(_ACROSS, len(slugs))):
            row, column = divmod(place, _ACROSS)
            grid[2 * row, column].remove()
            grid[2 * row + 1, column].remove()
        _learning_legend(figure)
    return figure


def _learning(above: Axes, below: Axes, curves: Curves, slug: str) -> None:
    chosen = curves.pipelines == slug
    epochs, experiments = curves.epochs[chosen], curves.experiments[chosen]
    colour = look(slug).colour
    _band(above, _by_epoch(epochs, experiments, curves.train_loss[chosen]), MUTED, (0, (3, 1.5)))
    _band(above, _by_epoch(epochs, experiments, curves.validation_loss[chosen]), colour, "-")
    accuracy = _by_epoch(epochs, experiments, curves.validation_accuracy[chosen])
    _band(below, accuracy, colour, "-")
    best = curves.epochs[chosen & curves.best]
    below.plot(best, np.full(len(best), 0.03), "|", color=INK, alpha=0.6, markersize=4)
    above.set_title(slug)
    above.set_ylim(bottom=0)
    above.tick_params(labelbottom=False)
    below.set_ylim(0, 1)
    below.tick_params(labelbottom=True)
    percent_axis(below, "y")
    below.set_xlabel("epoch")
    for axes in (above, below):
        axes.grid(axis="y")


def _by_epoch(
    epochs: NDArray[np.int64], experiments: NDArray[np.int64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return values (experiments, epochs), NaN where training had stopped."""
    _, member = np.unique(experiments, return_inverse=True)
    table = np.full((member.max() + 1, epochs.max()), np.nan)
    table[member, epochs - 1] = np.where(np.isfinite(values), values, np.nan)
    return table


def _band(
    axes: Axes,
    table: NDArray[np.float64],
    colour: str,
    line: Line,
) -> None:
    # Where most experiments have stopped, the median would be that of the slow ones.
    running = np.isfinite(table).sum(0) * 2 >= len(table)
    epochs = np.flatnonzero(running) + 1
    if not len(epochs):
        return
    low, middle, high = np.nanpercentile(table[:, running], _QUARTILES, axis=0)
    axes.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)
    marker = "o" if len(epochs) == 1 else ""
    axes.plot(epochs, middle, color=colour, linestyle=line, linewidth=1.1, marker=marker)


def _learning_legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=MUTED, linestyle=(0, (3, 1.5)), label="training"),
        Line2D([], [], color=INK, label="validation (in the pipeline's colour)"),
        Line2D([], [], color=INK, marker="|", linestyle="", label="chosen epoch of an experiment"),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=3)


def stress_figure(curves: Sequence[StressCurve], setting: str) -> Figure:
    """Draw each head's accuracy against severity, a small multiple for each perturbation."""
    down = -(-len(curves) // _ACROSS)
    with drawing():
        figure = new_figure(0.45 + 1.55 * down, setting)
        every = grid_axes(figure, len(curves), min(_ACROSS, len(curves)), sharey=True)
        for place, (axes, curve) in enumerate(zip(every, curves, strict=True)):
            _stress(axes, curve)
            axes.set_ylabel("accuracy, %" if place % _ACROSS == 0 else "")
        heads = list(dict.fromkeys(head for curve in curves for head in curve.heads))
        _stress_legend(figure, heads)
    return figure


def _stress(axes: Axes, curve: StressCurve) -> None:
    severities = [point.severity for point in curve.points]
    for head in curve.heads:
        colour, marker, line = _head_look(head)
        low, high = np.array([point.interval[head] for point in curve.points]).T
        values = [point.accuracy[head] for point in curve.points]
        axes.fill_between(severities, low, high, color=colour, alpha=0.16, linewidth=0)
        axes.plot(
            *(severities, values),
            color=colour,
            linestyle=line,
            marker=marker,
            markersize=3,
            linewidth=1.2,
        )
    axes.axhline(1 / 6, color=MUTED, linewidth=0.7, linestyle=CHANCE_LINE)
    axes.set_title(curve.perturbation)
    axes.set_xlabel(curve.unit)
    axes.set_ylim(0, 1)
    axes.grid(axis="y")
    percent_axis(axes, "y")


def _head_look(head: str) -> tuple[str, str, Line]:
    """Return colour, marker and line of a head: lines differ, for print without colour."""
    marks: dict[str, tuple[str, Line]] = {
        "fusion": ("o", "-"),
        "rgb": ("^", (0, (4, 1.5))),
        "depth": ("s", (0, (1.2, 1.2))),
    }
    return look(head).colour, *marks[head]


def _stress_legend(figure: Figure, heads: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for head in heads:
        colour, marker, line = _head_look(head)
        label = {"rgb": "colour", "depth": "depth", "fusion": "fusion"}[head]
        handles.append(
            Line2D([], [], color=colour, marker=marker, markersize=3, linestyle=line, label=label)
        )
    handles.append(
        Line2D([], [], color=MUTED, linewidth=0.7, linestyle=CHANCE_LINE, label="chance")
    )
    figure.legend(handles=handles, loc="outside lower left", ncols=4)
