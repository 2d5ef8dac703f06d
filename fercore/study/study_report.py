"""A study's report: from the runs' files to one HTML page, tables and figures."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from fercore.report.assembly import render
from fercore.report.content import Drawing, Report, Section
from fercore.report.figures.style import to_svg
from fercore.runtime.versions import versions
from fercore.study import report_data, report_parts
from fercore.study.baseline import FORMULA
from fercore.study.made_folders import making
from fercore.study.run_files import RunState
from fercore.study.run_tables import select

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from fercore.study.report_data import Course, RunData
    from fercore.study.run_tables import Selection

FOLDER, PAGE = "report", "report.html"
FEW = 5
MOST_FIGURES = 8  # of markers: stimulus software may name every trial differently
_MOST_LETTERS = 60  # of a marker in the name of its figure


def write_study_report(study: Path) -> Path:
    """Write STUDY/report with page, tables and figures; return the page.

    Raises:
        FercoreError: the folder is no study, a run is damaged or open, or the disk is full.
    """
    selection = select(study)
    report = make_study_report(selection)
    folder = selection.folder / FOLDER
    with making(selection.folder, folder, "report", selection.subjects) as target:
        for drawing in report.drawings:
            (target / f"{drawing.name}.svg").write_text(drawing.svg, encoding="utf-8")
        for table in report.tables:
            (target / f"{table.name}.tsv").write_text(table.to_tsv(), encoding="utf-8")
            (target / f"{table.name}.md").write_text(table.to_markdown(), encoding="utf-8")
        (target / PAGE).write_text(render(report), encoding="utf-8")
    return folder / PAGE


def make_study_report(selection: Selection) -> Report:
    """Return the report of a study.

    Raises:
        FercoreError: a run's table is missing or damaged.
    """
    runs = report_data.load_runs(selection)
    corrected = all(run.record.baseline is not None for run in selection.runs)
    setting = _setting(selection, corrected)
    sections = [
        _means_section(runs, corrected, setting),
        *_course_sections(runs, [m.name for m in selection.study.markers], corrected, setting),
        _quality_section(runs, setting),
        _agreement_section(runs, setting),
    ]
    return Report(
        title=f"Study: {selection.study.title}",
        synthetic=selection.synthetic,
        alert=_alert(selection, runs),
        facts=tuple(_facts(selection, runs)),
        sections=tuple(sections),
        provenance=tuple(_provenance(selection)),
    )


def _means_section(runs: Sequence[RunData], corrected: bool, setting: str) -> Section:
    groups = report_data.grouped(runs)
    means = {key: report_data.mean_over_time(own, corrected) for key, own in groups.items()}
    conditions = sorted({condition for _, condition in groups})
    people = {
        condition: np.array([m.mean for (_, own), m in means.items() if own == condition])
        for condition in conditions
    }
    over = {name: report_data.mean_over_participants(each) for name, each in people.items()}
    numbers = {name: int((~np.isnan(each[:, 0])).sum()) for name, each in people.items()}
    figure = report_parts.means_figure(people, over, setting)
    caption = (
        "Marks: condition means with 95 % intervals over participants (none with a single one); "
        "dashes: participants; dotted line: what each verdict would get by chance."
    )
    return Section(
        "means",
        "Mean probabilities",
        ("Of the leading head: fusion, or colour alone where depth was not usable.",),
        drawings=(_drawing("means", "Mean probabilities by condition", caption, figure),),
        tables=(report_parts.groups_table(over, numbers, setting),),
        folded=(report_parts.means_table(means, setting),),
    )


def _course_sections(
    runs: Sequence[RunData], known: Sequence[str], corrected: bool, setting: str
) -> Iterator[Section]:
    courses = report_data.marker_courses(runs, corrected)
    if not courses:
        return
    drawings, shown = [], worth_drawing(courses, known, MOST_FIGURES)
    for number, marker in enumerate(shown, start=1):
        own = [course for course in courses if course.marker == marker]
        times = ", ".join(f"{c.condition}: {c.occurrences}" for c in own)
        bands = any(course.participants > 1 for course in own)
        caption = f"Occurrences by condition: {times}." + bands * " Bands: 95 % over participants."
        figure = report_parts.course_figure(own, setting)
        # Some stimulus software sends whole records, longer than a file's name may be.
        name = f"course-{number}-{re.sub(r'[^A-Za-z0-9]+', '-', marker)[:_MOST_LETTERS]}"
        drawings.append(_drawing(name, f"Around the marker {marker}", caption, figure))
    text = (
        f"From {report_data.BEFORE_S:g} s before to {report_data.AFTER_S:g} s after each marker, "
        f"in bins of {report_data.BIN_S:g} s, averaged within participants first."
    )
    left = len({course.marker for course in courses}) - len(shown)
    if left:
        text += f" {left} markers that are not of the study file are in courses.tsv only."
    table = report_parts.courses_table(courses, setting)
    yield Section("courses", "Around markers", (text,), drawings=tuple(drawings), unshown=(table,))


def worth_drawing(courses: Sequence[Course], known: Sequence[str], most: int) -> list[str]:
    """Return the markers to draw: the study file's, then the most frequent, at most so many."""
    occurrences: Counter[str] = Counter()
    for course in courses:
        occurrences[course.marker] += course.occurrences
    own = [name for name in known if name in occurrences]
    others = [name for name, number in occurrences.most_common() if number > 1]
    return [*own, *(name for name in others if name not in own)][: max(most, len(own))]


def _quality_section(runs: Sequence[RunData], setting: str) -> Section:
    groups = report_data.grouped(runs)
    shares = {f"{s}, {c}": report_parts.usable_share(own) for (s, c), own in groups.items()}
    figure = report_parts.usable_figure(shares, setting)
    caption = "Frames in which at least one head gave a verdict."
    return Section(
        "quality",
        "Quality and losses",
        drawings=(_drawing("usable", "Usable frames", caption, figure),),
        tables=(
            report_parts.quality_table(groups, setting),
            report_parts.drops_table(runs, setting),
        ),
    )


def _agreement_section(runs: Sequence[RunData], setting: str) -> Section:
    table = report_parts.agreement_table(report_data.grouped(runs), setting)
    text = (
        "The three heads see different things of the same face; where they often disagree, "
        "none should be trusted by itself."
    )
    return Section("agreement", "Agreement of the heads", (text,), tables=(table,))


def _drawing(name: str, title: str, caption: str, figure: Figure) -> Drawing:
    return Drawing(name, title, caption, to_svg(figure, name))


def _setting(selection: Selection, corrected: bool) -> str:
    source = "synthetic source" if selection.synthetic else "recorded persons"
    kind = "corrected by the neutral baseline" if corrected else "as the networks gave them"
    people = {run.name.subject for run in selection.runs}
    return (
        f"{selection.study.title}, {source}, {len(people)} participants, "
        f"{len(selection.runs)} runs; probabilities {kind}"
    )


def _alert(selection: Selection, runs: Sequence[RunData]) -> str:
    sentences = []
    if len({run.name.subject for run in selection.runs}) < FEW:
        sentences.append(
            "Fewer than five participants: intervals over so few are too narrow to be relied on."
        )
    broken = [run.name.stem for run in selection.runs if run.record.state != RunState.COMPLETE]
    if broken:
        sentences.append(
            f"Runs that broke off or ended early, and are included: {', '.join(broken)}."
        )
    for run in selection.runs:
        sentences += [f"In {run.name.stem} {remark}." for remark in run.record.remarks]
    mixed = {run.record.synthetic for run in selection.runs}
    if len(mixed) > 1:
        sentences.append("Some runs are of a synthetic source, others of persons.")
    if len({report_data.knows_calm(data) for data in runs if data.rows.usable.any()}) > 1:
        sentences.append(
            "Some runs were judged by networks that know calm, others by such that do not; "
            "their probabilities must not be compared."
        )
    return " ".join(sentences)


def _facts(selection: Selection, runs: Sequence[RunData]) -> Iterator[tuple[str, str]]:
    minutes = sum(run.record.duration_s for run in selection.runs) / 60
    yield "Recorded", f"{len(runs)} runs, {minutes:.1f} minutes"
    yield "Privacy", selection.study.privacy.statement
    if all(run.record.baseline is not None for run in selection.runs):
        yield "Baseline", f"corrected: {FORMULA}"
    yield "What it shows", "estimates of what a face shows, not of what a person feels"


def _provenance(selection: Selection) -> Iterator[tuple[str, str]]:
    for weights in sorted({w for run in selection.runs for w in run.record.weights}, key=str):
        yield f"weights of {weights.pipeline}", f"sha256 {weights.sha256}"
    sources = sorted({run.record.source for run in selection.runs})
    yield "sources", ", ".join(sources)
    used = sorted({f"{k} {v}" for run in selection.runs for k, v in run.record.versions.items()})
    yield "recorded with", ", ".join(used) or "unknown"
    yield "report made with", ", ".join(f"{name} {v}" for name, v in versions().items())
