"""What the report says about the paper's own figures, computed anew."""

from fractions import Fraction

import pytest

from fercore.networks.paper import PIPELINES
from fercore.report import paper
from fercore.report.sections import protocol_note

FIGURES = (84.72, 82.92, 81.25, 87.08, 89.31, 61.11, 28.06)  # abstract of section 5.3


def test_every_row_is_a_pipeline() -> None:
    assert set(paper.BY_SLUG) == set(PIPELINES)
    assert sorted(row.accuracy_percent for row in paper.TABLE_1) == sorted(FIGURES)
    for _, better, other in paper.CLAIMS:
        gain = paper.BY_SLUG[better].accuracy_percent - paper.BY_SLUG[other].accuracy_percent
        assert gain > 0


@pytest.mark.parametrize(
    ("percent", "hits"),
    list(zip(FIGURES, (610, 597, 585, 627, 643, 440, 202), strict=True)),
)
def test_every_figure_is_a_multiple_of_one_720th(percent: float, hits: int) -> None:
    assert round(100 * hits / 720, 2) == percent
    assert paper.agrees_with_multiple(percent, 720)
    assert not paper.agrees_with_multiple(percent + 0.04, 720)


def test_no_smaller_number_of_predictions_explains_all_figures() -> None:
    assert paper.smallest_denominator() == 720 == paper.ONE_PASS


def test_200_draws_would_explain_any_figure() -> None:
    assert paper.ALL_DRAWS == 14400
    assert paper.fitting_share(14400) == 1
    assert paper.fitting_share(720) == pytest.approx(721 / 10001, abs=1e-4)


def test_standard_error_by_hand() -> None:
    assert paper.standard_error_points(89.31) == pytest.approx(1.15, abs=0.005)
    assert paper.standard_error_points(50, 100) == 5


def test_the_note_says_what_follows() -> None:
    note = " ".join(protocol_note())
    for row in paper.TABLE_1:
        hits = Fraction(str(row.accuracy_percent)) / 100 * 720
        assert f"{row.accuracy_percent:.2f} = {round(hits)}/720" in note
    assert "14,400 predictions" in note
    assert "100 % of all percentages" in note
    assert "a comparison with them must say which was run" in note
    assert "about 1.2 points" in note
