"""Shares as coloured fields: recall, confusion matrices, every subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Patch, Rectangle

from fercore.expressions import EXPRESSIONS
from fercore.report.figures.style import GRID, drawing, grid_axes, new_figure, ramp
from fercore.report.scores import in_paper_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from fercore.report.hardest import HardSubject
    from fercore.report.scores import PipelineScore

NAMES = [expression.value for expression in EXPRESSIONS]
_MATRICES_ACROSS = 4


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
