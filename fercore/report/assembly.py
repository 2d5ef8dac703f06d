"""A run's records to a whole report, and the report to files.

Its page is one HTML file: no script, nothing loaded from elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from fercore.errors import FercoreError, cure
from fercore.report.content import Report, Section
from fercore.report.figures.style import themed
from fercore.report.progress import (
    backbone_words,
    data_name,
    landmark_words,
    level_words,
    progress,
    protocol_words,
)
from fercore.report.reading import read_run
from fercore.report.sections import evaluation_sections
from fercore.report.stress_section import stress_section
from fercore.runtime.files import write_text_whole
from fercore.runtime.versions import versions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.report.content import Drawing
    from fercore.report.description import StressDescription
    from fercore.report.run_records import Evaluation, Run


FOLDER, PAGE = "report", "report.html"
FEW_SUBJECTS = 10  # below, a bootstrap that draws subjects hardly varies
RECORD_FILES = (
    *("run.json", "splits.tsv", "predictions.tsv", "curves.tsv", "timings.tsv"),
    *("stress.json", "stress.tsv"),
)
_OWN_FILES = re.compile(
    r"report\.html|(stress-[\w.-]+|accuracy|pairs|recall|confusion|reliability|levels|learning"
    r"|subjects)\.svg|(table1|table2|table2-pairs|claims|pairs|recall|confusion|calibration|reliability|levels|scans"
    r"|subjects|timings|stress|stress-claims)\.(tsv|md)"
)


def make_report(path: Path, cache: Path | None = None, pictures: bool = True) -> Report:
    """Return the report of a run.

    `cache` is where the run's cache lies now, None where the run says.

    Raises:
        FercoreError: the folder holds no run, or a file is missing, empty or damaged.
    """
    run = read_run(path)
    sections: list[Section] = []
    if run.evaluation is not None:
        place = cache or run.evaluation.description.data
        sections += evaluation_sections(run.evaluation, place if pictures else None)
    if run.stress is not None:
        sections.append(stress_section(run.stress))
    return Report(
        title="Evaluation report" if run.evaluation else "Robustness report",
        synthetic=_is_synthetic(run),
        alert=_alert(run),
        facts=tuple(_facts(run)),
        sections=tuple(sections),
        provenance=tuple(_provenance(run)),
    )


def write_report(report: Report, run: Path) -> Path:
    """Write the page, the tables and the figures to RUN/report; return the page's path.

    Files of an earlier report that this one does not have are removed, others are left.

    Raises:
        FercoreError: the folder cannot be written.
    """
    folder = run / FOLDER
    files = {f"{drawing.name}.svg": drawing.svg for drawing in report.drawings}
    files |= {f"{table.name}.tsv": table.to_tsv() for table in report.tables}
    files |= {f"{table.name}.md": table.to_markdown() for table in report.tables}
    files[PAGE] = render(report)
    try:
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            write_text_whole(folder / name, text)
        for old in folder.iterdir():
            if old.name not in files and _OWN_FILES.fullmatch(old.name):
                old.unlink()
    except OSError as error:
        raise FercoreError(
            f"{folder} cannot be written ({error.strerror or error}); "
            f"{cure(error)}, and run `fercore report` again."
        ) from error
    return folder / PAGE


def _is_synthetic(run: Run) -> bool:
    parts = [run.evaluation, run.stress]
    return all(part.description.synthetic for part in parts if part is not None)


def _alert(run: Run) -> str:
    sentences = []
    if run.evaluation is not None:
        state = progress(run.evaluation)
        if not state.complete:
            sentences.append(
                f"{state.sentence} All figures below are of the finished part alone; run the same "
                "`fercore evaluate` again to finish it."
            )
        if state.subjects_left_out:
            sentences.append(
                f"{state.subjects_left_out} test subjects have no prediction in any experiment."
            )
        sentences += _few("were tested", run.evaluation.predictions.subjects)
    if run.stress is not None:
        sentences += _few("were stressed", run.stress.subjects)
    return " ".join(sentences)


def _few(done: str, subjects: NDArray[np.str_]) -> list[str]:
    number = len(np.unique(subjects))
    if number >= FEW_SUBJECTS:
        return []
    noun = "subject" if number == 1 else "subjects"
    return [f"Only {number} {noun} {done}: intervals over so few are too narrow to be relied on."]


def _facts(run: Run) -> list[tuple[str, str]]:
    facts = []
    if run.evaluation is not None:
        about = run.evaluation.description
        facts += [
            ("Data", data_name(about.dataset, about.synthetic)),
            ("Protocol", f"{protocol_words(about.protocol)}; {level_words(about.protocol.levels)}"),
            ("Backbones started from", backbone_words(about.pipelines)),
            *(("Landmarks", words) for words in landmark_words(about.pipelines)),
            ("State", progress(run.evaluation).sentence),
        ]
    if run.stress is not None:
        stressed = run.stress.description
        facts.append(("Robustness on", data_name(stressed.dataset, stressed.synthetic)))
    return facts


def _provenance(run: Run) -> list[tuple[str, str]]:
    lines = []
    if run.evaluation is not None:
        lines += _evaluation_provenance(run.evaluation)
    if run.stress is not None:
        lines += _stress_provenance(run.stress.description)
    for name in RECORD_FILES:
        if (run.path / name).exists():
            digest = hashlib.sha256((run.path / name).read_bytes()).hexdigest()
            lines.append((f"sha256 of {name}", digest))
    lines.append(("report made with", _listed(versions())))
    return lines


def _evaluation_provenance(evaluation: Evaluation) -> list[tuple[str, str]]:
    about, protocol = evaluation.description, evaluation.description.protocol
    lines = [
        ("command", about.command),
        ("cache", str(about.data)),
        ("terms of the data", about.terms),
        ("seeds", f"split {protocol.split_seed}, training {protocol.training_seed}"),
        ("hardware", about.hardware),
        ("versions", _listed(about.versions)),
        ("preprocessing", _listed(about.preprocessing)),
    ]
    for slug, start in about.pipelines.items():
        lines.append((f"configuration of {slug}", _listed(start.config)))
    for later in about.continued_by:
        lines += [
            ("continued by", later.command),
            ("continued on", later.hardware),
            ("continued with", _listed(later.versions)),
        ]
    return lines


def _stress_provenance(about: StressDescription) -> list[tuple[str, str]]:
    lines = [
        ("stress: command", about.command),
        ("stress: seed", str(about.seed)),
        ("stress: versions", _listed(about.versions)),
    ]
    for entry in about.weights:
        lines.append((f"stress: weights of {entry.pipeline}", f"sha256 {entry.sha256}"))
    return lines


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in values.items()) or "none"


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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
