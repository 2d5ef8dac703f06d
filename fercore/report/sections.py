"""The sections on an evaluation, from its records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fercore.metrics import CALIBRATION_BINS
from fercore.report import paper
from fercore.report.comparison_tables import claim_table, pair_table
from fercore.report.content import Drawing, Section, percent
from fercore.report.figures.accuracy import (
    accuracy_figure,
    confusion_figure,
    level_figure,
    pair_figure,
    recall_figure,
)
from fercore.report.figures.curves import learning_figure, reliability_figure
from fercore.report.figures.style import to_svg
from fercore.report.hardest_section import hardest_section
from fercore.report.measure_tables import (
    calibration_table,
    level_table,
    reliability_table,
    timing_table,
)
from fercore.report.progress import progress, protocol_words, setting
from fercore.report.statistics import adjusted, compare_all, score_pipelines
from fercore.report.tables import confusion_table, recall_table, table_1, table_2

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.report.description import RunDescription
    from fercore.report.run_records import Curves, Evaluation, Timings
    from fercore.report.statistics import Comparison, PipelineScore


def evaluation_sections(evaluation: Evaluation, cache: Path | None) -> list[Section]:
    """Return all sections on an evaluation; `cache` gives the thumbnails, None leaves them out."""
    about = evaluation.description
    scores, comparisons = score_pipelines(evaluation), compare_all(evaluation)
    sections = [
        _accuracy(scores, evaluation),
        *_table_2(scores, comparisons, evaluation),
        _paper_protocol(about),
        _expressions(scores, about),
        _calibration(scores, about),
    ]
    if comparisons:
        sections.insert(-2, _comparisons(comparisons, about))
    if len({level for score in scores for level in score.levels}) > 1:
        sections.append(_levels(scores, about))
    sections += [
        _learning(evaluation.curves, about),
        hardest_section(evaluation, cache),
        _timings(evaluation.timings, about),
    ]
    return sections


def _accuracy(scores: list[PipelineScore], evaluation: Evaluation) -> Section:
    about = evaluation.description
    figure = accuracy_figure(scores, setting(about), about.synthetic)
    table = table_1(scores, about, progress(evaluation))
    return Section(
        anchor="accuracy",
        title="Table 1: the paper's beside ours" if table.shown else "Accuracy",
        drawings=(
            Drawing(
                "accuracy",
                "Test accuracy of each pipeline",
                "Mean over experiments with its 95 % interval from a bootstrap over subjects; "
                "below it every single experiment. Crosses are published figures, measured "
                f"on {paper.DATASET}.",
                to_svg(figure, "accuracy"),
            ),
        ),
        tables=(table,) if table.shown else (),
    )


def _table_2(
    scores: list[PipelineScore], comparisons: list[Comparison], evaluation: Evaluation
) -> list[Section]:
    """Return the section on the other systems; none where the run has none of them."""
    about = evaluation.description
    if not any(slug in paper.OTHERS for slug in about.pipelines):
        return []
    against = adjusted(
        [c for c in comparisons if c.first.startswith("fusion") and c.second in paper.OTHERS]
    )
    title = "The fusions against each of the other systems"
    pairs = (pair_table(against, about, "table2-pairs", title),) if against else ()
    tables = (table_2(scores, about, progress(evaluation)), *pairs)
    return [Section("table2", "Table 2: the other systems", tables=tables)]


def _paper_protocol(about: RunDescription) -> Section:
    return Section(
        anchor="protocol",
        title="What the paper's figures say about its protocol",
        paragraphs=(*protocol_note(), _this_run(about)),
    )


def protocol_note() -> tuple[str, ...]:
    """Return the note on the paper's figures and 1/720; every number in it is computed."""
    passes = ", ".join(
        f"{row.accuracy_percent:.2f} = {round(row.accuracy_percent / 100 * paper.ONE_PASS)}"
        f"/{paper.ONE_PASS}"
        for row in paper.TABLE_1
    )
    share = paper.fitting_share(paper.ONE_PASS)
    best = max(row.accuracy_percent for row in paper.TABLE_1)
    one_in = round(1 / share ** len(paper.TABLE_1), -7)
    return (
        f"All seven accuracies of the paper's Table 1 agree, to the two decimals printed, with "
        f"multiples of 1/{paper.ONE_PASS}: {passes}. No smaller number of predictions than "
        f"{paper.smallest_denominator()} agrees with all seven. A percentage with two decimals "
        f"does so by chance in {percent(share)} % of cases, all seven in about one of "
        f"{one_in:,.0f}.",
        f"{paper.ONE_PASS} predictions are one pass of ten folds over {paper.SUBJECTS} subjects × "
        f"{paper.SCANS_PER_SUBJECT} scans. The text (section 5.2) reports a mean over "
        f"{paper.EXPERIMENTS} random draws instead, that is {paper.ALL_DRAWS:,} predictions, and "
        f"{percent(paper.fitting_share(paper.ALL_DRAWS), 0)} % of all percentages with two "
        f"decimals agree with a multiple of 1/{paper.ALL_DRAWS:,}. So the figures fit ten folds "
        "and not a mean over 200 draws: text and figures disagree about the protocol, and a "
        "comparison with them must say which was run.",
        f"A single figure from {paper.ONE_PASS} predictions has a binomial standard error of about "
        f"{paper.standard_error_points(best):.1f} points ({best:.2f} %) even if all samples were "
        "independent; those of one subject are not, so the true one is larger.",
    )


def _this_run(about: RunDescription) -> str:
    kind = "on synthetic data" if about.synthetic else f"on {about.dataset}"
    return f"This run: {protocol_words(about.protocol)}, {kind}."


def _comparisons(comparisons: list[Comparison], about: RunDescription) -> Section:
    claims = claim_table(comparisons, about)  # empty where the paper compares none of them
    own = [c for c in comparisons if c.second not in paper.OTHERS] or comparisons
    return Section(
        anchor="comparisons",
        title="Pipelines compared",
        drawings=(
            Drawing(
                "pairs",
                "Differences between pipelines",
                "Difference of accuracies on the samples and experiments that both predicted, "
                "with its 95 % interval from a paired bootstrap over subjects. Filled: the "
                "corrected resampled t-test tells the two apart after Holm's correction.",
                to_svg(pair_figure(own, setting(about)), "pairs"),
            ),
        ),
        tables=(claims,) if claims.shown else (),
        folded=(pair_table(comparisons, about),),
    )


def _expressions(scores: list[PipelineScore], about: RunDescription) -> Section:
    line = setting(about)
    return Section(
        anchor="expressions",
        title="Expressions",
        drawings=(
            Drawing(
                "recall",
                "Recall of each expression, %",
                "Share of an expression's scans that are recognised.",
                to_svg(recall_figure(scores, line), "recall"),
            ),
            Drawing(
                "confusion",
                "Confusion matrices, % of the true expression",
                "A row is a true expression, a column what it was taken for; all experiments.",
                to_svg(confusion_figure(scores, line), "confusion"),
            ),
        ),
        folded=(recall_table(scores, about), confusion_table(scores, about)),
    )


def _calibration(scores: list[PipelineScore], about: RunDescription) -> Section:
    return Section(
        anchor="calibration",
        title="Calibration",
        drawings=(
            Drawing(
                "reliability",
                "Reliability diagrams",
                f"Accuracy against mean confidence in {CALIBRATION_BINS} bins of equal width; grey "
                "bars: share of the predictions in each bin. Below the dashed line a pipeline is "
                "overconfident. ECE: expected calibration error.",
                to_svg(reliability_figure(scores, setting(about)), "reliability"),
            ),
        ),
        tables=(calibration_table(scores, about),),
        unshown=(reliability_table(scores, about),),
    )


def _levels(scores: list[PipelineScore], about: RunDescription) -> Section:
    return Section(
        anchor="levels",
        title="Accuracy against level",
        drawings=(
            Drawing(
                "levels",
                "Accuracy against level",
                "With 95 % intervals over subjects. The dashed line is chance.",
                to_svg(level_figure(scores, setting(about)), "levels"),
            ),
        ),
        tables=(level_table(scores, about),),
    )


def _learning(curves: Curves | None, about: RunDescription) -> Section:
    title = "Learning curves"
    if curves is None or not len(curves.epochs):
        return Section("learning", title, ("The run holds no curves.tsv with any epoch.",))
    drawing = Drawing(
        "learning",
        title,
        "Median over experiments, quartiles as a band, as far as at least half of them trained. "
        "Dashed grey: training loss; in colour: validation loss and accuracy, on subjects held "
        "out of training. Ticks: the epoch that each experiment chose by validation.",
        to_svg(learning_figure(curves, setting(about)), "learning"),
    )
    return Section("learning", title, drawings=(drawing,))


def _timings(timings: Timings | None, about: RunDescription) -> Section:
    title = "Run times"
    if timings is None or not len(timings.seconds):
        return Section("timings", title, ("The run holds no timings.tsv with any chunk.",))
    return Section("timings", title, tables=(timing_table(timings, about),))
