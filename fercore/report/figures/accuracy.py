"""Accuracy of the pipelines: beside the paper's, by expression, by level, by subject.

Recall, confusion matrices and subjects are shares as coloured fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Patch, Rectangle

from fercore.expressions import EXPRESSIONS
from fercore.report import paper
from fercore.report.figures.style import (
    CHANCE_LINE,
    GRID,
    INK,
    MUTED,
    PAPER,
    drawing,
    grid_axes,
    look,
    new_figure,
    percent_axis,
    ramp,
)
from fercore.report.statistics import SIGNIFICANT, in_paper_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from fercore.report.hardest import HardSubject
    from fercore.report.statistics import Comparison, PipelineScore

CHANCE = 1 / 6

NAMES = [expression.value for expression in EXPRESSIONS]
_MATRICES_ACROSS = 4


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
    theirs = paper.PUBLISHED.get(score.slug, np.nan) / 100
    if np.isfinite(theirs):
        axes.plot(theirs, place - 0.02, "x", color=INK, markersize=5.5, markeredgewidth=1.1)


def _accuracy_legend(figure: Figure, axes: Axes, synthetic: bool) -> None:
    ours = "ours on synthetic data" if synthetic else "ours"
    axes.plot([], [], "o-", color=MUTED, linewidth=2.2, label=f"{ours}: mean, 95 % interval")
    axes.plot([], [], "|", color=MUTED, markersize=5, label="one experiment of ours")
    axes.plot([], [], "x", color=INK, label=f"published, {paper.DATASET}")
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


def recall_figure(scores: Sequence[PipelineScore], setting: str) -> Figure:
    """Draw the recall of each expression by each pipeline."""
    shares = np.full((len(scores), len(NAMES)), np.nan)
    for row, score in enumerate(scores):
        for name, share in score.recalls.items():
            shares[row, NAMES.index(name)] = share.value
    with drawing():
        figure = new_figure(0.45 + 0.27 * len(scores), setting)
        axes = figure.subplots()
        _fields(axes, shares, written=True)
        axes.set_xticks(np.arange(len(NAMES)) + 0.5, NAMES)
        axes.set_yticks(np.arange(len(scores)) + 0.5, [score.slug for score in scores])
        axes.xaxis.tick_top()
    return figure


def confusion_figure(scores: Sequence[PipelineScore], setting: str) -> Figure:
    """Draw the confusion matrix of each pipeline, in percent of the true expression."""
    down = -(-len(scores) // _MATRICES_ACROSS)
    with drawing():
        figure = new_figure(0.9 + 1.95 * down, setting)
        every = grid_axes(figure, len(scores), _MATRICES_ACROSS)
        for place, (axes, score) in enumerate(zip(every, scores, strict=True)):
            totals = score.confusion.sum(1, keepdims=True)
            shares = np.divide(
                score.confusion, totals, out=np.full((6, 6), np.nan), where=totals > 0
            )
            _fields(axes, shares, written=True)
            axes.set_title(score.slug)
            axes.set_aspect("equal")
            first, last = place % _MATRICES_ACROSS == 0, place + _MATRICES_ACROSS >= len(scores)
            centres = np.arange(len(NAMES)) + 0.5
            axes.set_xticks(centres, NAMES if last else [""] * 6, rotation=90)
            axes.set_yticks(centres, NAMES if first else [""] * 6)
            axes.set_ylabel("true" if first else "")
            axes.set_xlabel("predicted" if last else "")
    return figure


def subject_figure(subjects: Sequence[HardSubject], setting: str) -> Figure:
    """Draw every subject's accuracy with every pipeline, the hardest subject first."""
    slugs = in_paper_order([slug for subject in subjects for slug in subject.by_pipeline])
    shares = np.array([[s.by_pipeline.get(slug, np.nan) for s in subjects] for slug in slugs])
    with drawing():
        figure = new_figure(1.2 + 0.2 * len(slugs), setting)
        axes = figure.subplots()
        _fields(axes, shares, written=False)
        axes.set_yticks(np.arange(len(slugs)) + 0.5, slugs)
        names = [subject.subject for subject in subjects]
        axes.set_xticks(np.arange(len(names)) + 0.5, names, rotation=90, fontsize=5.2)
        axes.set_xlabel("subject, from the most often mistaken")
        _key(figure)
    return figure


def _key(figure: Figure) -> None:
    steps = (0.0, 0.25, 0.5, 0.75, 1.0)
    handles = [Patch(facecolor=ramp(step)[0], label=f"{100 * step:.0f} %") for step in steps]
    handles.append(Patch(facecolor="none", edgecolor=GRID, label="not tested"))
    figure.legend(handles=handles, loc="outside lower left", ncols=len(handles))


def _fields(axes: Axes, shares: NDArray[np.float64], written: bool) -> None:
    rows, columns = shares.shape
    for row, column in np.ndindex(rows, columns):
        share = float(shares[row, column])
        known = not np.isnan(share)
        fill, ink = ramp(share) if known else ("none", GRID)
        edge = "none" if known else GRID
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=fill, edgecolor=edge))
        if written:
            text = f"{100 * share:.0f}" if known else "–"
            axes.text(
                *(column + 0.5, row + 0.52, text), ha="center", va="center", color=ink, fontsize=6.5
            )
    axes.set_xlim(0, columns)
    axes.set_ylim(rows, 0)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
