"""The section on robustness, from the records of `fercore stress`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fercore.report.content import Drawing, Section
from fercore.report.figures.curves import stress_figure
from fercore.report.figures.style import to_svg
from fercore.report.robustness import stress_curves
from fercore.report.stress_tables import (
    claim_sentences,
    stress_setting,
    stress_table,
    verdict_table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.report.description import StressDescription
    from fercore.report.robustness import StressCurve
    from fercore.report.run_records import Stress


_INTRODUCTION = (
    "The paper says (section 1) that depth carries when light fails, and that fusion is better "
    "than either alone. Below, a claim holds or does not hold where the 95 % interval of the "
    "paired difference over subjects lies above or below 0: of depth and colour, of fusion and "
    "the better of the two. Light fails where colour is worse than on faces as they are, in the "
    "same sense. Every severity is judged by itself, without correction for their number.",
)


def stress_section(stress: Stress) -> Section:
    """Return the section: a figure and two sentences for each checkpoint, and the tables."""
    about, every = stress.description, stress_curves(stress)
    curves = [curve for curve in every if curve.measured]
    by_weights: dict[str, list[StressCurve]] = {}
    for curve in curves:
        by_weights.setdefault(curve.weights, []).append(curve)
    findings = [
        (f"{weights}: {claim}", sentence)
        for weights, own in by_weights.items()
        for claim, sentence in claim_sentences(own)
    ]
    names = _file_names(list(by_weights))
    return Section(
        anchor="stress",
        title="Robustness: colour, depth and fusion under perturbation",
        paragraphs=(*_INTRODUCTION, *_unfinished(every), *_not_found(about)),
        findings=tuple(findings),
        drawings=tuple(
            _drawing(names[weights], weights, own, stress_setting(about))
            for weights, own in by_weights.items()
        ),
        folded=(verdict_table(curves, about), stress_table(curves, about)),
    )


def _unfinished(curves: Sequence[StressCurve]) -> tuple[str, ...]:
    lacking = [f"{c.perturbation} of {c.weights}" for c in curves if not c.measured]
    if not lacking:
        return ()
    return (
        f"Unfinished: beyond faces as they are nothing has been measured for {'; '.join(lacking)}. "
        "Run the same `fercore stress` again to finish it.",
    )


def _not_found(about: StressDescription) -> tuple[str, ...]:
    """Return a sentence on faces that no network got to see, where there are any."""
    missed = [entry for entry in about.not_found if entry.faces]
    if not missed:
        return ()
    places = ", ".join(f"{e.perturbation} {e.severity:g}: {e.faces}" for e in missed)
    return (f"Faces that the detector did not find count as wrong: {places}.".replace(" -", " −"),)


def _drawing(name: str, weights: str, curves: Sequence[StressCurve], setting: str) -> Drawing:
    return Drawing(
        name,
        f"Accuracy against severity, {weights}",
        "The three heads of one network on the same samples; bands are 95 % intervals from a "
        "bootstrap over subjects. Severity 0: faces as they are. The dashed line is chance.",
        to_svg(stress_figure(curves, setting), name),
    )


def _file_names(weights: Sequence[str]) -> dict[str, str]:
    """Return a distinct file name for each checkpoint, whatever it is called."""
    names: dict[str, str] = {}
    for name in weights:
        plain = re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip(".-") or "weights"
        taken = f"stress-{plain}"
        names[name] = taken if taken not in names.values() else f"{taken}-{len(names) + 1}"
    return names
