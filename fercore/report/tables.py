"""The report's tables on what the pipelines reached: Table 1, recall, confusion."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fercore.baselines.recipes import BASELINES
from fercore.expressions import EXPRESSIONS
from fercore.report import paper
from fercore.report.content import NOTHING, Table, interval, percent, signed
from fercore.report.description import NO_BACKBONE
from fercore.report.progress import setting
from fercore.report.statistics import in_paper_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fercore.report.description import PipelineStart, RunDescription
    from fercore.report.progress import Progress
    from fercore.report.statistics import PipelineScore, Share

INTERVAL_NOTE = (
    "95 % intervals: percentiles of a bootstrap that draws whole subjects (2,000 draws); "
    "they cover who is tested, not who trains."
)


def table_1(scores: Sequence[PipelineScore], description: RunDescription, state: Progress) -> Table:
    """Return the paper's Table 1 beside ours."""
    by_slug = {score.slug: score for score in scores}
    slugs = [s for s in in_paper_order(list(description.pipelines)) if s not in paper.OTHERS]
    ours = "ours, synthetic data" if description.synthetic else "ours"
    header = ["approach (the paper's wording)", "pipeline", f"paper, {paper.DATASET}, %"]
    header += [f"{ours}, mean %", "SD over experiments", "95 % interval over subjects"]
    if not description.synthetic:
        header.append("ours − paper, points")
    header += ["experiments", "n, tested scans", "backbone started from"]
    return Table(
        name="table1",
        title="Table 1: test accuracy, the paper's beside ours",
        setting=setting(description),
        note=_table_1_note(slugs, description),
        header=tuple(header),
        shown=tuple(_table_1_row(slug, by_slug.get(slug), description, state) for slug in slugs),
        records=tuple(_table_1_record(slug, by_slug.get(slug), description) for slug in slugs),
    )


def _table_1_note(slugs: Sequence[str], description: RunDescription) -> str:
    theirs = (
        f"The paper's figures are its own, measured on {paper.DATASET} with backbones from "
        "ImageNet; it gives neither deviation nor interval."
    )
    if description.synthetic:
        theirs += (
            " Ours were measured on synthetic subjects: the two columns do not measure the "
            "same thing, and nothing here is a claim about real faces."
        )
    return (
        f"{theirs} Ours: mean over experiments, in each of which every sample counts once, "
        f"one without a face, and so without a verdict, as wrong. "
        f"{_choice_of_epoch(slugs, description)} {INTERVAL_NOTE}"
    )


def table_2(scores: Sequence[PipelineScore], description: RunDescription, state: Progress) -> Table:
    """Return the paper's Table 2 beside ours, with the fusions of the run below it."""
    by_slug = {score.slug: score for score in scores}
    there = in_paper_order(list(description.pipelines))
    slugs = [s for s in there if s in paper.OTHERS] + [s for s in there if s.startswith("fusion")]
    ours = "ours, synthetic data" if description.synthetic else "ours"
    return Table(
        name="table2",
        title="Table 2: the other systems, as published and as rebuilt",
        setting=setting(description),
        note=_table_2_note(slugs, description),
        header=(
            *("the paper's wording", "rebuilt as", "after", f"published, {paper.DATASET}, %"),
            *(f"{ours}, mean %", "SD over experiments", "95 % interval over subjects"),
            *("our points", "published with points", "published protocol"),
            *("experiments", "n, tested scans"),
        ),
        shown=tuple(_table_2_row(slug, by_slug.get(slug), description, state) for slug in slugs),
        records=tuple(_table_2_record(slug, by_slug.get(slug), description) for slug in slugs),
    )


def _table_2_note(slugs: Sequence[str], description: RunDescription) -> str:
    ours = (
        " Ours were measured on synthetic subjects: the columns do not measure the same thing."
        if description.synthetic
        else ""
    )
    return (
        "The papers' full texts were not at hand: each system is built after what its abstract "
        "states, filled up by what is recalled and by choices of our own, which its recipe marks; "
        "it is never the authors' system. Published figures were reached under protocols that "
        "differ from each other: re-evaluations under 100 x 10 folds with 60 fixed subjects put "
        "some of these methods 10 to 20 points below their own papers (about 61.8 % for Wang et "
        "al. and 74.5 % for Tang and Huang, by Gong et al. 2009, as recalled), so a rebuilt "
        f"system that lands there is no failure.{ours} A scan without a verdict, for want of a "
        f"face or of points, counts as wrong. {_who_learns(slugs, description)} {INTERVAL_NOTE}"
    )


def _who_learns(slugs: Sequence[str], description: RunDescription) -> str:
    """Say whom the systems of a table learned from: not all of them from the same people."""
    fitted = [slug for slug in slugs if slug in BASELINES]
    networks = [slug for slug in slugs if slug not in BASELINES]
    epochs = _choice_of_epoch(networks, description)
    trained = f"Of networks ({', '.join(networks)}): {epochs}" if epochs else ""
    if not fitted:
        return trained
    held_out = description.pipelines[fitted[0]].config.get("validation_subjects")
    if held_out:
        learned = (
            f"{held_out} of the training subjects of each experiment choose hyper-parameters and "
            "temperature of a system that is no network; then it is fitted on all training "
            f"subjects, {held_out} more than networks train on."
        )
    else:
        learned = (
            "A system that is no network is fitted on all training subjects of an experiment, by "
            "the first hyper-parameters that its recipe names, and is not calibrated."
        )
    return f"{learned} {trained}".rstrip()


def _table_2_row(
    slug: str, score: PipelineScore | None, description: RunDescription, state: Progress
) -> tuple[str, ...]:
    done, other = state.finished[slug], paper.OTHERS.get(slug)
    published = paper.PUBLISHED[slug]
    return (
        other.wording if other else paper.BY_SLUG[slug].approach,
        slug,
        other.after if other else "this paper",
        NOTHING if math.isnan(published) else f"{published:.2f}",
        *(_accuracy_cells(score) if score else [NOTHING] * 3),
        description.pipelines[slug].landmarks or "none",
        other.points if other else "none",
        other.protocol if other else "see below",
        str(done) if done >= state.total else f"{done} of {state.total}",
        _tested(score) if score else NOTHING,
    )


def _table_2_record(
    slug: str, score: PipelineScore | None, description: RunDescription
) -> dict[str, str | int | float]:
    return {
        **_score_record(slug, score, description),
        "published_accuracy_bu3dfe": paper.PUBLISHED[slug] / 100,
        "landmarks": description.pipelines[slug].landmarks,
    }


def _choice_of_epoch(networks: Sequence[str], description: RunDescription) -> str:
    """Say who chose the epochs of networks; nothing where a run does not record it."""
    configs = {slug: description.pipelines[slug].config for slug in networks}
    held_out = {config.get("validation_subjects") for config in configs.values()}
    match held_out.pop() if len(held_out) == 1 else None:
        case 0:
            return (
                "All training subjects of an experiment train, for a number of epochs fixed "
                f"beforehand ({_epochs(configs)}): nobody is held out to choose one."
            )
        case int(count):
            return (
                f"{count} of the training subjects of each experiment choose the epoch, by the "
                "lowest loss of the pipeline's own head, and do not train."
            )
    return ""


def _epochs(configs: Mapping[str, Mapping[str, Any]]) -> str:
    planned = {slug: config.get("epochs") for slug, config in configs.items()}
    if len(set(planned.values())) == 1:
        return str(next(iter(planned.values())))
    return ", ".join(f"{slug} {epochs}" for slug, epochs in planned.items())


def _table_1_row(
    slug: str, score: PipelineScore | None, description: RunDescription, state: Progress
) -> tuple[str, ...]:
    row = paper.BY_SLUG.get(slug)
    start = description.pipelines[slug]
    cells = [
        row.approach if row else NOTHING,
        slug,
        f"{row.accuracy_percent:.2f}" if row else NOTHING,
        *(_accuracy_cells(score) if score else [NOTHING] * 3),
    ]
    if not description.synthetic:
        known = row is not None and score is not None
        cells.append(_against_paper(row, score) if row and score and known else NOTHING)
    done = state.finished[slug]
    return (
        *cells,
        str(done) if done >= state.total else f"{done} of {state.total}",
        _tested(score) if score else NOTHING,
        _start_words(start),
    )


def _tested(score: PipelineScore) -> str:
    n = f"{score.accuracy.predictions:,}"
    return f"{n}, {score.without_verdict:,} without a verdict" if score.without_verdict else n


def _start_words(start: PipelineStart) -> str:
    if start.backbone_start == NO_BACKBONE:
        return "no backbone"
    return f"{start.backbone_start}; fine-tuned: {start.finetune}"


def _accuracy_cells(score: PipelineScore) -> list[str]:
    share = score.accuracy
    return [percent(share.value, 2), percent(score.deviation), interval(share.low, share.high)]


def _against_paper(row: paper.PaperRow, score: PipelineScore) -> str:
    return signed(score.accuracy.value - row.accuracy_percent / 100)


def _table_1_record(
    slug: str, score: PipelineScore | None, description: RunDescription
) -> dict[str, str | int | float]:
    row = paper.BY_SLUG.get(slug)
    published = row.accuracy_percent / 100 if row else math.nan
    return {**_score_record(slug, score, description), "paper_accuracy_bu3dfe": published}


def _score_record(
    slug: str, score: PipelineScore | None, description: RunDescription
) -> dict[str, str | int | float]:
    start = description.pipelines[slug]
    return {
        "pipeline": slug,
        "accuracy": score.accuracy.value if score else math.nan,
        "sd_over_experiments": score.deviation if score else math.nan,
        "low": score.accuracy.low if score else math.nan,
        "high": score.accuracy.high if score else math.nan,
        "experiments": len(score.experiments) if score else 0,
        "predictions": score.accuracy.predictions if score else 0,
        "without_verdict": score.without_verdict if score else 0,
        "subjects": score.subjects if score else 0,
        "synthetic": int(description.synthetic),
        "backbone_start": start.backbone_start,
        "finetune": start.finetune,
    }


def recall_table(scores: Sequence[PipelineScore], description: RunDescription) -> Table:
    """Return how often each expression is recognised."""
    names = [expression.value for expression in EXPRESSIONS]
    return Table(
        name="recall",
        title="Recall of each expression, %",
        setting=setting(description),
        note=f"Share of an expression's scans that are recognised. {INTERVAL_NOTE}",
        header=("pipeline", *names),
        shown=tuple(
            (score.slug, *(share_words(score.recalls.get(name)) for name in names))
            for score in scores
        ),
        records=tuple(
            {
                "pipeline": score.slug,
                "expression": name,
                "recall": share.value,
                "low": share.low,
                "high": share.high,
                "predictions": share.predictions,
            }
            for score in scores
            for name, share in score.recalls.items()
        ),
    )


def share_words(share: Share | None) -> str:
    """Such as `61.2 (55.0–67.1)`, percent with its interval."""
    if share is None:
        return NOTHING
    return f"{percent(share.value)} ({interval(share.low, share.high)})"


def confusion_table(scores: Sequence[PipelineScore], description: RunDescription) -> Table:
    """Return all confusion matrices."""
    names = [expression.value for expression in EXPRESSIONS]
    return Table(
        name="confusion",
        title="Confusion matrices, predictions",
        setting=setting(description),
        note="A row holds the scans of one true expression, a column those taken for one; scans "
        "without a verdict are in none.",
        header=("pipeline", "true", *names),
        shown=tuple(
            (score.slug, name, *(f"{count:.0f}" for count in counts))
            for score in scores
            for name, counts in zip(names, score.confusion, strict=True)
        ),
        records=tuple(
            {"pipeline": score.slug, "true": true, "predicted": predicted, "count": round(count)}
            for score in scores
            for true, counts in zip(names, score.confusion.tolist(), strict=True)
            for predicted, count in zip(names, counts, strict=True)
        ),
    )
