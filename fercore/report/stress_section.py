"""The section on robustness, from the records of `fercore stress`: figures, tables, claims."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fercore.report.content import (
    Drawing,
    Section,
    Table,
    interval,
    percent,
    signed,
    signed_interval,
)
from fercore.report.figures.curves import stress_figure
from fercore.report.figures.style import to_svg
from fercore.report.progress import data_name, level_words
from fercore.report.robustness import (
    FAILS,
    HOLDS,
    OPEN,
    depth_carries,
    fusion_beats_both,
    light_fails,
    stress_curves,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.report.description import StressDescription
    from fercore.report.robustness import StressCurve, Verdict
    from fercore.report.run_records import Stress

_INTRODUCTION = (
    "The paper says (section 1) that depth carries when light fails, and that fusion is better "
    "than either alone. Below, a claim holds or does not hold where the 95 % interval of the "
    "paired difference over subjects lies above or below 0: of depth and colour, of fusion and "
    "the better of the two. Light fails where colour is worse than on faces as they are, in the "
    "same sense. Every severity is judged by itself, without correction for their number.",
)

OUTCOMES = (HOLDS, OPEN, FAILS)
DEPTH_CARRIES, FUSION_BEATS = "depth carries when light fails", "fusion beats both"


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


def stress_setting(description: StressDescription) -> str:
    """Return data set and networks in one line, for every caption."""
    networks = "; ".join(
        f"{w.pipeline} (sha256 {w.sha256[:8]}, backbone from {w.backbone_start})"
        for w in description.weights
    )
    parts = [data_name(description.dataset, description.synthetic)]
    if description.levels:
        parts.append(level_words(description.levels))
    if description.view:
        parts.append(f"view {description.view}")
    return " · ".join([*parts, networks])


def severity_words(curve: StressCurve, severity: float) -> str:
    """Such as `gain −2 stops`."""
    value = f"{severity:g}".replace("-", "−")
    return f"{curve.perturbation} {value} {curve.unit}".rstrip()


def stress_table(curves: Sequence[StressCurve], description: StressDescription) -> Table:
    """Return every head's accuracy at every severity."""
    rows = [
        (curve, point, head, point.accuracy[head], *point.interval[head])
        for curve in curves
        for point in curve.points
        for head in point.accuracy
    ]
    return Table(
        name="stress",
        title="Accuracy under perturbation, %",
        setting=stress_setting(description),
        note=(
            "95 % intervals: bootstrap over subjects, the same draws for all heads and "
            "severities. Severity 0: faces as they are."
        ),
        header=("weights", "perturbation", "severity", "unit", "head", "accuracy, %", "95 %"),
        shown=tuple(
            (
                *(curve.weights, curve.perturbation, f"{point.severity:g}".replace("-", "−")),
                *(curve.unit or "–", head, percent(accuracy), interval(low, high)),
            )
            for curve, point, head, accuracy, low, high in rows
        ),
        records=tuple(
            {
                "weights": curve.weights,
                "perturbation": curve.perturbation,
                "unit": curve.unit,
                "severity": point.severity,
                "head": head,
                "accuracy": accuracy,
                "low": low,
                "high": high,
                "samples": point.samples,
                "subjects": len(point.subjects),
            }
            for curve, point, head, accuracy, low, high in rows
        ),
    )


def verdict_table(curves: Sequence[StressCurve], description: StressDescription) -> Table:
    """Return both claims' verdicts at every severity."""
    rows = [
        (claim, verdict)
        for claim, verdicts in (
            (DEPTH_CARRIES, depth_carries(curves)),
            (FUSION_BEATS, fusion_beats_both(curves)),
        )
        for verdict in verdicts
    ]
    return Table(
        name="stress-claims",
        title="The paper's claims under perturbation",
        setting=stress_setting(description),
        note=(
            "Ahead: of colour (first claim), of the better of colour and depth (second). Holds "
            "or does not hold: the 95 % interval of the paired difference over subjects lies "
            "above or below 0. Light fails where colour's accuracy is below that on faces as "
            "they are, in the same sense."
        ),
        header=("claim", "weights", "perturbation", "ahead, points", "95 %", "verdict"),
        shown=tuple(
            (
                *(claim, verdict.curve.weights, severity_words(verdict.curve, verdict.severity)),
                *(signed(verdict.gain), signed_interval(verdict.low, verdict.high)),
                verdict.outcome,
            )
            for claim, verdict in rows
        ),
        records=tuple(
            {
                "claim": claim,
                "weights": verdict.curve.weights,
                "perturbation": verdict.curve.perturbation,
                "unit": verdict.curve.unit,
                "severity": verdict.severity,
                "ahead": verdict.gain,
                "low": verdict.low,
                "high": verdict.high,
                "outcome": verdict.outcome,
            }
            for claim, verdict in rows
        ),
    )


def claim_sentences(curves: Sequence[StressCurve]) -> list[tuple[str, str]]:
    """Return, for the curves of one checkpoint, each claim and where it holds."""
    return [(DEPTH_CARRIES, _depth_sentence(curves)), (FUSION_BEATS, _fusion_sentence(curves))]


def _depth_sentence(curves: Sequence[StressCurve]) -> str:
    light = [curve for curve in curves if curve.disturbs_light]
    usable = [curve for curve in light if {"rgb", "depth"} <= set(curve.heads)]
    if not usable:
        return "Not measured, for want of a colour and a depth head under changed light."
    points = sum(point.severity != 0 for curve in usable for point in curve.points)
    failing = sum(len(light_fails(curve)) for curve in usable)
    if not failing:
        return f"Light fails nowhere: colour keeps its accuracy at all {points} changes of light."
    verdicts = depth_carries(usable)
    return (
        f"Light fails at {failing} of {points} changes of light. "
        f"There the claim {_tally(verdicts, {HOLDS, OPEN, FAILS})}."
    )


def _fusion_sentence(curves: Sequence[StressCurve]) -> str:
    verdicts = fusion_beats_both(curves)
    if not verdicts:
        return "Not measured, for want of all three heads."
    untouched = next((verdict for verdict in verdicts if verdict.severity == 0), None)
    changed = [verdict for verdict in verdicts if verdict.severity != 0]
    sentences = []
    if untouched is not None:
        sentences.append(
            f"On faces as they are it {_does(untouched.outcome)} ({signed(untouched.gain)} points, "
            f"{signed_interval(untouched.low, untouched.high)})."
        )
    sentences.append(f"Of {len(changed)} perturbed points it {_tally(changed, {HOLDS, FAILS})}.")
    return " ".join(sentences)


def _tally(verdicts: Sequence[Verdict], placed: set[str]) -> str:
    """Return counts of the outcomes, with the places of those in `placed`."""
    parts = []
    for outcome in OUTCOMES:
        chosen = [verdict for verdict in verdicts if verdict.outcome == outcome]
        if len(chosen) == len(verdicts):
            return f"{_does(outcome)} at all {len(verdicts)} ({_places(chosen)})"
        places = f" ({_places(chosen)})" if chosen and outcome in placed else ""
        parts.append(f"{_does(outcome)} at {len(chosen)}{places}")
    return f"{parts[0]}, {parts[1]} and {parts[2]}"


def _does(outcome: str) -> str:
    return "is undecided" if outcome == OPEN else outcome


def _places(verdicts: Sequence[Verdict]) -> str:
    """Return perturbations with their severities, such as `gain −4, −2 stops; blur 4 px`."""
    by_curve: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_curve.setdefault(verdict.curve.perturbation, []).append(verdict)
    return "; ".join(_severities(own) for own in by_curve.values())


def _severities(verdicts: Sequence[Verdict]) -> str:
    curve = verdicts[0].curve
    if len(verdicts) == sum(point.severity != 0 for point in curve.points):
        return f"{curve.perturbation} throughout"
    values = ", ".join(f"{verdict.severity:g}".replace("-", "−") for verdict in verdicts)
    return f"{curve.perturbation} {values} {curve.unit}".rstrip()
