"""Accuracy of the pipelines: beside the paper's, against each other, against level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fercore.report import paper
from fercore.report.figures.style import (
    CHANCE_LINE,
    GRID,
    INK,
    MUTED,
    PAPER,
    drawing,
    look,
    new_figure,
    percent_axis,
)
from fercore.report.scores import SIGNIFICANT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fercore.report.scores import Comparison, PipelineScore

CHANCE = 1 / 6


def accuracy_figure(scores: Sequence[PipelineScore], setting: str, synthetic: bool) -> Figure:
    """Draw mean, interval and single experiments of each pipeline, and the paper's figure."""
    with drawing():
        figure = new_figure(0.8 + 0.31 * len(scores), setting)
        axes = figure.subplots()
        for place, score in enumerate(scores):
            _accuracy_row(axes, place, score)
        axes.axvline(CHANCE, color=MUTED, linewidth=0.7, linestyle=CHANCE_LINE)
        axes.set_yticks(range(len(scores)), [score.slug for score in scores])
        axes.set_ylim(len(scores) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.set_xlim(0, 1.0)
        percent_axis(axes, "x")
        axes.set_xlabel("test accuracy, %")
        _accuracy_legend(figure, axes, synthetic)
    return figure


def _accuracy_row(axes: Axes, place: int, score: PipelineScore) -> None:
    style, share = look(score.slug), score.accuracy
    offset = np.full(len(score.accuracies), place + 0.24)
    axes.plot(score.accuracies, offset, "|", color=style.colour, alpha=0.55, markersize=4)
    axes.plot([share.low, share.high], [place, place], color=style.colour, linewidth=2.2)
    axes.plot(
        *(share.value, place, style.marker),
        color=style.colour,
        markerfacecolor=style.colour if style.filled else PAPER,
        markersize=6,
    )
    if score.slug in paper.BY_SLUG:
        theirs = paper.BY_SLUG[score.slug].accuracy_percent / 100
        axes.plot(theirs, place - 0.02, "x", color=INK, markersize=5.5, markeredgewidth=1.1)


def _accuracy_legend(figure: Figure, axes: Axes, synthetic: bool) -> None:
    ours = "ours on synthetic data" if synthetic else "ours"
    axes.plot([], [], "o-", color=MUTED, linewidth=2.2, label=f"{ours}: mean, 95 % interval")
    axes.plot([], [], "|", color=MUTED, markersize=5, label="one experiment of ours")
    axes.plot([], [], "x", color=INK, label=f"the paper's figure, {paper.DATASET}")
    axes.plot([], [], color=MUTED, linewidth=0.7, linestyle=CHANCE_LINE, label="chance")
    figure.legend(loc="outside lower left", ncols=4)


def pair_figure(comparisons: Sequence[Comparison], setting: str) -> Figure:
    """Draw the difference of every two pipelines with its interval over subjects."""
    with drawing():
        figure = new_figure(0.7 + 0.2 * len(comparisons), setting)
        axes = figure.subplots()
        for place, comparison in enumerate(comparisons):
            _pair_row(axes, place, comparison)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        names = [f"{c.first} − {c.second}" for c in comparisons]
        axes.set_yticks(range(len(comparisons)), names)
        axes.set_ylim(len(comparisons) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        percent_axis(axes, "x")
        axes.set_xlabel("difference of test accuracies, percentage points")
        told = f"p (Holm) of the corrected t-test < {SIGNIFICANT}"
        axes.plot([], [], "o-", color=INK, label=told)
        axes.plot([], [], "o-", color=MUTED, markerfacecolor=PAPER, label="not told apart")
        figure.legend(loc="outside lower left", ncols=2)
    return figure


def _pair_row(axes: Axes, place: int, comparison: Comparison) -> None:
    gap = comparison.difference
    decided = comparison.p_holm < SIGNIFICANT
    colour = INK if decided else MUTED
    axes.plot([gap.low, gap.high], [place, place], color=colour, linewidth=1.4)
    face = colour if decided else PAPER
    axes.plot(gap.value, place, "o", color=colour, markerfacecolor=face, markersize=4.5)


def level_figure(scores: Sequence[PipelineScore], setting: str) -> Figure:
    """Draw accuracy against level, pipelines side by side."""
    with drawing():
        figure = new_figure(2.5, setting)
        axes = figure.subplots()
        shifts = (np.arange(len(scores)) - (len(scores) - 1) / 2) * 0.07
        for shift, score in zip(shifts.tolist(), scores, strict=True):
            _level_line(axes, score, shift)
        levels = sorted({level for score in scores for level in score.levels})
        axes.set_xticks(levels)
        axes.set_xlim(levels[0] - 0.5, levels[-1] + 0.5)
        axes.axhline(CHANCE, color=GRID, linewidth=0.9, linestyle=CHANCE_LINE)
        axes.set_ylim(0, 1)
        axes.grid(axis="y")
        percent_axis(axes, "y")
        axes.set_xlabel("level of the expression")
        axes.set_ylabel("test accuracy, %")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _level_line(axes: Axes, score: PipelineScore, shift: float) -> None:
    style = look(score.slug)
    levels = np.array(sorted(score.levels))
    shares = [score.levels[level] for level in levels.tolist()]
    values = np.array([share.value for share in shares])
    spread = np.array([[s.value - s.low for s in shares], [s.high - s.value for s in shares]])
    axes.errorbar(
        *(levels + shift, values, spread.clip(0)),
        color=style.colour,
        linestyle=style.line,
        linewidth=1.1,
        marker=style.marker,
        markersize=4,
        markerfacecolor=style.colour if style.filled else PAPER,
        elinewidth=0.9,
        label=score.slug,
    )
