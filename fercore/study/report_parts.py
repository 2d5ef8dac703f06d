"""Tables and figures of a study's report; conditions differ in colour, marker and line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fercore.expressions import VERDICT_LABELS
from fercore.report.content import NOTHING, Table, percent
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
from fercore.study.predictions import Flag
from fercore.study.report_data import PAIRS, agreement, flag_counts, labels_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from fercore.report.content import Cell
    from fercore.report.figures.style import Line
    from fercore.study.report_data import Course, Interval, Key, RunData

_KEYS = ("participant", "condition")
_COLOURS = (DEPTH, RGB, FUSION, PRETRAINED, INK, MUTED)
_MARKERS = ("o", "s", "^", "D", "v", "P")
_LINES: tuple[Line, ...] = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)), (0, (4, 1, 1, 1)))


def means_table(means: Mapping[Key, Interval], setting: str) -> Table:
    """Return mean probabilities of each participant and condition."""
    shown, records = _empty()
    for (subject, condition), interval in means.items():
        cells = [_span(interval, place) for place in range(len(VERDICT_LABELS))]
        shown.append((subject, condition, *cells))
        records.append({"participant": subject, "condition": condition, **_figures(interval)})
    note = (
        "Percent, with the 95 % interval of a bootstrap over blocks of two seconds: it tells how "
        "sure the mean over this recording is, not how the person is on other days."
    )
    header = (*_KEYS, *VERDICT_LABELS)
    return _table("means", "Mean probabilities", setting, note, header, shown, records)


def _figures(interval: Interval) -> dict[str, Cell]:
    figures: dict[str, Cell] = {}
    for place, label in enumerate(VERDICT_LABELS):
        figures[label] = float(interval.mean[place])
        figures[f"{label}_low"] = float(interval.low[place])
        figures[f"{label}_high"] = float(interval.high[place])
    return figures


def groups_table(groups: Mapping[str, Interval], people: Mapping[str, int], setting: str) -> Table:
    """Return mean probabilities of each condition over participants."""
    shown, records = _empty()
    for condition, interval in groups.items():
        cells = [_span(interval, place) for place in range(len(VERDICT_LABELS))]
        shown.append((condition, str(people[condition]), *cells))
        records.append(
            {"condition": condition, "participants": people[condition], **_figures(interval)}
        )
    note = "Percent: mean of participants' means, 95 % interval of a bootstrap over participants."
    header = ("condition", "participants", *VERDICT_LABELS)
    return _table("conditions", "Conditions", setting, note, header, shown, records)


def courses_table(courses: Sequence[Course], setting: str) -> Table:
    """Return the time courses around markers, as a file."""
    records: list[dict[str, Cell]] = []
    for course in courses:
        for row, time_s in enumerate(course.times_s.tolist()):
            record: dict[str, Cell] = {
                "marker": course.marker,
                "condition": course.condition,
                "participants": course.participants,
                "occurrences": course.occurrences,
                "time_s": time_s,
            }
            for place, label in enumerate(VERDICT_LABELS):
                record[label] = float(course.mean[row, place])
            records.append(record)
    header = ("marker", "condition", "participants", "occurrences", "time_s")
    return _table("courses", "Time courses around markers", setting, "", header, [], records)


def quality_table(groups: Mapping[Key, Sequence[RunData]], setting: str) -> Table:
    """Return the share of usable frames and of each defect."""
    shown, records = _empty()
    for (subject, condition), runs in groups.items():
        frames = sum(len(data.rows) for data in runs)
        usable = usable_share(runs)
        counts = flag_counts(runs)
        shares = {flag.value: counts[flag.value] / max(1, frames) for flag in Flag}
        cells = (percent(share) if frames else NOTHING for share in shares.values())
        shown.append((subject, condition, str(frames), percent(usable), *cells))
        record: dict[str, Cell] = {"participant": subject, "condition": condition}
        record |= {"frames": frames, "usable": usable}
        record.update(shares)
        records.append(record)
    words = " ".join(f"`{flag.value}`: {flag.explanation}" for flag in Flag)
    note = f"Percent of frames; a frame may have several defects. {words}".replace("`", "")
    header = (*_KEYS, "frames", "usable", *(flag.value for flag in Flag))
    return _table("quality", "Usable frames and defects", setting, note, header, shown, records)


def drops_table(runs: Sequence[RunData], setting: str) -> Table:
    """Return what each run lost."""
    shown, records = _empty()
    for data in runs:
        record, counts = data.run.record, data.run.record.counts
        values: dict[str, Cell] = {
            "run": data.run.name.stem,
            "condition": record.condition,
            "state": record.state.value,
            "seconds": round(record.duration_s, 1),
            "frames": len(data.rows),
            "verdicts/s": round(data.verdicts_per_second, 2),
            "never judged": data.never_judged,
            "rows dropped": counts.dropped_rows,
            "colour dropped": counts.dropped_colour,
            "depth dropped": counts.dropped_depth,
            "longest gap, s": round(data.longest_gap_s, 3),
            "problem": record.problem,
        }
        records.append(values)
        shown.append(_drop_cells(data))
    note = (
        "Never judged: gaps in the source's own frame numbers, frames that came while another "
        "was judged. Dropped: judged, but not written in time."
    )
    header = (
        *("run", "condition", "state", "seconds", "verdicts/s"),
        *("never judged", "dropped", "longest gap, s", "problem"),
    )
    return _table("drops", "Runs and losses", setting, note, header, shown, records)


def _drop_cells(data: RunData) -> tuple[str, ...]:
    record, counts = data.run.record, data.run.record.counts
    lost = (
        (counts.dropped_rows, "rows"),
        (counts.dropped_colour, "colour"),
        (counts.dropped_depth, "depth"),
        (counts.dropped_events, "events"),
    )
    return (
        *(data.run.name.stem, record.condition, record.state.value),
        *(f"{record.duration_s:.1f}", f"{data.verdicts_per_second:.1f}", str(data.never_judged)),
        ", ".join(f"{number} {what}" for number, what in lost if number) or "0",
        *(f"{data.longest_gap_s:.2f}", record.problem or NOTHING),
    )


def agreement_table(groups: Mapping[Key, Sequence[RunData]], setting: str) -> Table:
    """Return how often the heads give the same verdict."""
    shown, records = _empty()
    for (subject, condition), runs in groups.items():
        found = agreement(runs)
        cells = []
        for first, second in PAIRS:
            kappa = found[f"{first}~{second}"]
            words = NOTHING if np.isnan(kappa) else f"{kappa:.2f}".replace("-", "−")
            cells += [percent(found[f"{first}={second}"]), words]
        shown.append((subject, condition, f"{found['frames']:.0f}", percent(found["all"]), *cells))
        record: dict[str, Cell] = {"participant": subject, "condition": condition}
        record.update(found)
        records.append(record)
    note = (
        "Percent of the frames in which all three heads spoke that give the same verdict, "
        "and Cohen's kappa, which is 0 for agreement by chance."
    )
    pairs = (name for a, b in PAIRS for name in (f"{a} = {b}", "kappa"))
    header = (*_KEYS, "frames", "all three", *pairs)
    return _table("agreement", "Agreement of the heads", setting, note, header, shown, records)


def usable_share(runs: Sequence[RunData]) -> float:
    """Return the share of frames with a verdict, NaN without frames."""
    usable = np.concatenate([data.rows.usable for data in runs])
    return float(usable.mean()) if len(usable) else float("nan")


def _empty() -> tuple[list[tuple[str, ...]], list[dict[str, Cell]]]:
    return [], []


def _span(interval: Interval, place: int) -> str:
    mean, low, high = interval.mean[place], interval.low[place], interval.high[place]
    if np.isnan(mean):
        return NOTHING
    if np.isnan(low):
        return percent(float(mean))
    return f"{percent(float(mean))} ({percent(float(low))}–{percent(float(high))})"


def _table(
    name: str,
    title: str,
    setting: str,
    note: str,
    header: tuple[str, ...],
    shown: Sequence[tuple[str, ...]],
    records: Sequence[dict[str, Cell]],
) -> Table:
    return Table(name, title, setting, note, header, tuple(shown), tuple(records))


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
