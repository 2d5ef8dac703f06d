"""The section on what the pipelines fail on, with thumbnails where the cache is at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fercore.report.content import Drawing, Section, Tile, TileGallery
from fercore.report.figures.matrices import subject_figure
from fercore.report.figures.style import to_svg
from fercore.report.hardest import (
    SHOWN_SCANS,
    SHOWN_SUBJECTS,
    HardScan,
    HardSubject,
    rank_scans,
    rank_subjects,
    scan_table,
    subject_table,
)
from fercore.report.pictures import Gallery, read_gallery
from fercore.report.progress import setting
from fercore.report.table import percent

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.report.description import RunDescription
    from fercore.report.run_records import Evaluation


def hardest_section(evaluation: Evaluation, cache: Path | None) -> Section:
    """Return the section; `cache` gives the thumbnails, None leaves them out."""
    about = evaluation.description
    scans = rank_scans(evaluation.predictions)
    subjects = rank_subjects(evaluation.predictions, scans)
    hard_scans, hard_subjects = scans[:SHOWN_SCANS], subjects[:SHOWN_SUBJECTS]
    pictures = _pictures(cache, [*hard_scans, *(subject.hardest for subject in hard_subjects)])
    return Section(
        anchor="hardest",
        title="Hardest subjects and scans",
        paragraphs=(pictures.missing,) if pictures.missing else (),
        drawings=(
            Drawing(
                "subjects",
                "Every subject with every pipeline",
                "Accuracy on each subject; errors that gather on few subjects make intervals wide.",
                to_svg(subject_figure(subjects, setting(about)), "subjects"),
            ),
        ),
        galleries=_galleries(hard_scans, hard_subjects, pictures, about),
        tables=(scan_table(scans, about), subject_table(subjects, about)),
    )


def _galleries(
    scans: list[HardScan], subjects: list[HardSubject], pictures: Gallery, about: RunDescription
) -> tuple[TileGallery, ...]:
    if pictures.missing:
        return ()
    note = (
        f"{setting(about)}. Colour and depth as they were cut out for the networks; near is bright "
        f"(viridis). The pictures come from the data set and fall under its terms: {about.terms}."
    )
    return (
        TileGallery("Hardest scans", note, tuple(_scan_tile(scan, pictures) for scan in scans)),
        TileGallery(
            "Hardest subjects, each by its hardest scan",
            note,
            tuple(_subject_tile(subject, pictures) for subject in subjects),
        ),
    )


def _pictures(cache: Path | None, scans: list[HardScan]) -> Gallery:
    if cache is None:
        return Gallery({}, "No pictures: they were left out on request.")
    return read_gallery(cache, scans)


def _scan_tile(scan: HardScan, pictures: Gallery) -> Tile:
    thumbnails = pictures.by_row[scan.row]
    lines = [
        _named(scan),
        f"{percent(scan.wrong, 0)} % of predictions wrong",
    ]
    if scan.taken_for:
        lines.append(f"mostly taken for {scan.taken_for}")
    return Tile(thumbnails.scan, tuple(lines), thumbnails)


def _subject_tile(subject: HardSubject, pictures: Gallery) -> Tile:
    lines = (
        f"{percent(subject.wrong, 0)} % of predictions wrong",
        f"here: {_named(subject.hardest)}",
    )
    return Tile(subject.subject, lines, pictures.by_row[subject.hardest.row])


def _named(scan: HardScan) -> str:
    return f"{scan.expression}, level {scan.level}" if scan.level else scan.expression
