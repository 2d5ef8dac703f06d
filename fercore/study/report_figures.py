"""Figures of a study's report; conditions differ in colour, marker and line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fercore.report.figures.style import (
    CHANCE_LINE,
    DEPTH,
    FUSION,
    INK,
    MUTED,
    PRETRAINED,
    RGB,
    drawing,
    grid_axes,
    new_figure,
    percent_axis,
)
from fercore.study.report_data import labels_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from fercore.report.figures.style import Line
    from fercore.study.report_data import Course, Interval

_COLOURS = (DEPTH, RGB, FUSION, PRETRAINED, INK, MUTED)
_MARKERS = ("o", "s", "^", "D", "v", "P")
_LINES: tuple[Line, ...] = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)), (0, (4, 1, 1, 1)))


def means_figure(
    people: Mapping[str, NDArray[np.float64]], groups: Mapping[str, Interval], setting: str
) -> Figure:
    """Draw each condition's mean and interval, and participants' means (P, 7), by verdict."""
    with drawing():
        figure = new_figure(2.9, setting)
        axes = figure.subplots()
        labels = labels_of(interval.mean for interval in groups.values())
        shifts = (np.arange(len(groups)) - (len(groups) - 1) / 2) * min(0.14, 0.8 / len(groups))
        for place, (condition, interval) in enumerate(groups.items()):
            _condition(axes, place, float(shifts[place]), condition, interval, people[condition])
        axes.axhline(1 / len(labels), color=MUTED, linewidth=0.7, linestyle=CHANCE_LINE)
        axes.set_xticks(range(len(labels)), labels)
        axes.set_ylim(0, 1)
        axes.grid(axis="y")
        percent_axis(axes, "y")
        axes.set_ylabel("mean probability, %")
        figure.legend(loc="outside lower left", ncols=5)
    return figure


def _condition(
    axes: Axes,
    place: int,
    shift: float,
    condition: str,
    interval: Interval,
    people: NDArray[np.float64],
) -> None:
    colour, where = _COLOURS[place % len(_COLOURS)], np.arange(len(interval.mean)) + shift
    for person in people:
        axes.plot(where, person, "_", color=colour, alpha=0.5, markersize=5)
    axes.vlines(where, interval.low, interval.high, color=colour, linewidth=1.6)
    marker = _MARKERS[place % len(_MARKERS)]
    axes.plot(where, interval.mean, marker, color=colour, markersize=4.5, label=condition)


def course_figure(courses: Sequence[Course], setting: str) -> Figure:
    """Draw the courses of one marker: a verdict each, conditions as lines, bands 95 %."""
    with drawing():
        figure = new_figure(3.5, setting)
        labels = labels_of(course.mean for course in courses)
        across = -(-len(labels) // 2)
        every = grid_axes(figure, len(labels), across, sharex=True, sharey=True)
        for number, (axes, label) in enumerate(zip(every, labels, strict=True)):
            for place, course in enumerate(courses):
                _course(axes, place, course, number)
            axes.axvline(0, color=MUTED, linewidth=0.8)
            axes.set_title(label)
            axes.grid(axis="y")
            percent_axis(axes, "y")
            axes.set_ylabel("probability, %" if number % across == 0 else "")
            is_lowest = number + across >= len(labels)
            axes.set_xlabel("s after the marker" if is_lowest else "")
            axes.tick_params(labelbottom=is_lowest)
        handles, conditions = every[0].get_legend_handles_labels()
        figure.legend(handles, conditions, loc="outside lower left", ncols=5)
    return figure


def _course(axes: Axes, place: int, course: Course, verdict: int) -> None:
    colour = _COLOURS[place % len(_COLOURS)]
    low, high = course.low[:, verdict], course.high[:, verdict]
    if np.isfinite(low).any():
        axes.fill_between(course.times_s, low, high, color=colour, alpha=0.16, linewidth=0)
    axes.plot(
        *(course.times_s, course.mean[:, verdict]),
        color=colour,
        linestyle=_LINES[place % len(_LINES)],
        linewidth=1.2,
        label=course.condition,
    )


def usable_figure(shares: Mapping[str, float], setting: str) -> Figure:
    """Draw the share of usable frames, one bar for each participant and condition."""
    with drawing():
        figure = new_figure(0.5 + 0.17 * len(shares), setting)
        axes = figure.subplots()
        axes.barh(range(len(shares)), list(shares.values()), color=DEPTH, height=0.65)
        axes.set_yticks(range(len(shares)), list(shares))
        axes.set_ylim(len(shares) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, 1)
        axes.grid(axis="x")
        percent_axis(axes, "x")
        axes.set_xlabel("usable frames, %")
    return figure
