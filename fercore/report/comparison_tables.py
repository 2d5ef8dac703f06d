"""The report's tables that compare pipelines with each other and with the paper's claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fercore.report import paper
from fercore.report.content import NOTHING, Table, probability, signed, signed_interval
from fercore.report.progress import setting
from fercore.report.statistics import SIGNIFICANT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.report.description import RunDescription
    from fercore.report.statistics import Comparison

T_TEST_NOTE = (
    "p of the corrected resampled t-test (Nadeau and Bengio 2003; two-sided): the variance of "
    "the mean difference over J experiments is (1/J + n_test/n_train) s², where n_train counts "
    "training and validation subjects. Holm's correction is over all pairs shown."
)
MCNEMAR_NOTE = (
    "McNemar: exact, two-sided, on all samples, each predicted once. It takes samples as "
    "independent, which those of one subject are not, so it is optimistic: its p is too small."
)
NO_MCNEMAR_NOTE = (
    "McNemar's test is left out: it needs every sample to be predicted exactly once (10 folds)."
)


def pair_table(
    comparisons: Sequence[Comparison],
    description: RunDescription,
    name: str = "pairs",
    title: str = "Every two pipelines compared",
) -> Table:
    """Return comparisons of two pipelines; p values are adjusted over those given."""
    mcnemar = any(comparison.mcnemar_p == comparison.mcnemar_p for comparison in comparisons)
    header = ["first", "second", "first − second, points", "95 % interval over subjects"]
    header += ["t", "p", "p (Holm)"]
    if mcnemar:
        header += ["only first right", "only second right", "McNemar p", "McNemar p (Holm)"]
    return Table(
        name=name,
        title=title,
        setting=setting(description),
        note=f"{T_TEST_NOTE} {MCNEMAR_NOTE if mcnemar else NO_MCNEMAR_NOTE}",
        header=tuple(header),
        shown=tuple(_pair_row(comparison, mcnemar) for comparison in comparisons),
        records=tuple(_pair_record(comparison) for comparison in comparisons),
    )


def _pair_row(comparison: Comparison, mcnemar: bool) -> tuple[str, ...]:
    gap = comparison.difference
    cells = [
        comparison.first,
        comparison.second,
        signed(gap.value),
        signed_interval(gap.low, gap.high),
        NOTHING if comparison.t != comparison.t else f"{comparison.t:.2f}".replace("-", "−"),
        probability(comparison.p),
        probability(comparison.p_holm),
    ]
    if mcnemar:
        cells += [str(comparison.only_first), str(comparison.only_second)]
        cells += [probability(comparison.mcnemar_p), probability(comparison.mcnemar_p_holm)]
    return tuple(cells)


def _pair_record(comparison: Comparison) -> dict[str, str | int | float]:
    return {
        "first": comparison.first,
        "second": comparison.second,
        "experiments": comparison.experiments,
        "difference": comparison.difference.value,
        "low": comparison.difference.low,
        "high": comparison.difference.high,
        "t": comparison.t,
        "p": comparison.p,
        "p_holm": comparison.p_holm,
        "only_first": comparison.only_first,
        "only_second": comparison.only_second,
        "mcnemar_p": comparison.mcnemar_p,
        "mcnemar_p_holm": comparison.mcnemar_p_holm,
    }


def claim_table(comparisons: Sequence[Comparison], description: RunDescription) -> Table:
    """Return for each claim of the paper whether this run shows it."""
    pairs = {(c.first, c.second): c for c in comparisons}
    pairs |= {(c.second, c.first): c for c in comparisons}
    found = [
        (claim, better, other, pairs[better, other])
        for claim, better, other in paper.CLAIMS
        if (better, other) in pairs
    ]
    rows = [(claim, better, other, *_claim(better, pair)) for claim, better, other, pair in found]
    return Table(
        name="claims",
        title="What the paper concludes, on this run's data",
        setting=setting(description),
        note=(
            f"Appears, or its reverse: p (Holm, over all pairs) of the corrected resampled t-test "
            f"below {SIGNIFICANT}. Undecided: the run cannot tell the two apart, which is no "
            "proof that they are equal."
        ),
        header=(
            *("claim", "pipeline", "over", f"paper, {paper.DATASET}, points"),
            *("ours, points", "95 % interval over subjects", "p (Holm)", "on this data"),
        ),
        shown=tuple(
            (
                *(claim, better, other, signed(_paper_gain(better, other)), signed(gain)),
                *(signed_interval(low, high), probability(p), outcome),
            )
            for claim, better, other, gain, low, high, p, outcome in rows
        ),
        records=tuple(
            {
                "claim": claim,
                "pipeline": better,
                "over": other,
                "paper_difference_bu3dfe": _paper_gain(better, other),
                "difference": gain,
                "low": low,
                "high": high,
                "p_holm": p,
                "outcome": outcome,
            }
            for claim, better, other, gain, low, high, p, outcome in rows
        ),
    )


def _paper_gain(better: str, other: str) -> float:
    rows = paper.BY_SLUG
    return (rows[better].accuracy_percent - rows[other].accuracy_percent) / 100


def _claim(better: str, pair: Comparison) -> tuple[float, float, float, float, str]:
    """Return gain, low, high, p and outcome, seen from the pipeline said to be better."""
    gap, p = pair.difference, pair.p_holm
    gain, low, high = gap.value, gap.low, gap.high
    if pair.first != better:
        gain, low, high = -gain, -high, -low
    decided = p == p and p < SIGNIFICANT
    outcome = "undecided" if not decided else "appears" if gain > 0 else "the reverse appears"
    return gain, low, high, p, outcome
