"""The sentences on the paper's claim follow the data."""

from pathlib import Path

import pytest
from made_up_runs import write_stress

from fercore.report.reading import read_run
from fercore.report.robustness import (
    FAILS,
    HOLDS,
    OPEN,
    StressCurve,
    depth_carries,
    fusion_beats_both,
    light_fails,
    stress_curves,
)
from fercore.report.stress_section import claim_sentences

Points = dict[tuple[str, str], dict[float, tuple[float, ...]]]
START = (0.75, 0.75, 0.5)  # fusion, colour, depth


def curves_of(folder: Path, points: Points, **options: object) -> list[StressCurve]:
    stress = read_run(write_stress(folder, points, **options)).stress
    assert stress is not None
    return stress_curves(stress)


def test_curves_by_hand(tmp_path: Path) -> None:
    points: Points = {
        ("blur", "px"): {2: (0.5, 0.25, 0.5), 0: START},
        ("gain", "stops"): {0: START},
    }
    blur, gain = curves_of(tmp_path, points)
    assert (blur.perturbation, blur.unit, blur.heads) == ("blur", "px", ("fusion", "rgb", "depth"))
    assert [point.severity for point in blur.points] == [0, 2]
    assert blur.points[1].accuracy == {"fusion": 0.5, "rgb": 0.25, "depth": 0.5}
    assert blur.points[1].interval["rgb"] == (0.25, 0.25)
    assert (blur.points[0].samples, len(blur.points[0].subjects)) == (144, 12)
    assert blur.measured and not gain.measured
    assert gain.disturbs_light and not blur.disturbs_light


def test_light_fails_where_colour_loses(tmp_path: Path) -> None:
    points: Points = {
        ("gain", "stops"): {-2: (0.5, 0.25, 0.5), -1: (0.75, 0.75, 0.5), 0: START},
    }
    (gain,) = curves_of(tmp_path, points)
    assert [point.severity for point in light_fails(gain)] == [-2]


def test_depth_carries_holds_and_fails(tmp_path: Path) -> None:
    points: Points = {
        ("gain", "stops"): {-4: (0.5, 0.25, 0.5), -2: (0.5, 0.5, 0.5), 0: START},
        ("gamma", "log2(exponent)"): {0: START, 1: (0.75, 0.67, 0.5)},
        ("blur", "px"): {0: START, 4: (0.5, 0.25, 0.5)},
    }
    curves = curves_of(tmp_path, points)
    verdicts = depth_carries(curves)
    found = {(v.curve.perturbation, v.severity): v.outcome for v in verdicts}
    assert found == {("gain", -4): HOLDS, ("gain", -2): OPEN, ("gamma", 1): FAILS}
    (_, sentence), _ = claim_sentences(curves)
    assert sentence == (
        "Light fails at 3 of 3 changes of light. There the claim holds at 1 (gain −4 stops), "
        "is undecided at 1 (gain −2 stops) and does not hold at 1 (gamma throughout)."
    )


def test_fusion_must_beat_the_better_of_both(tmp_path: Path) -> None:
    points: Points = {
        ("gain", "stops"): {-2: (0.67, 0.25, 0.5), -1: (0.5, 0.25, 0.5), 0: (0.75, 0.67, 0.5)},
        ("blur", "px"): {0: (0.75, 0.67, 0.5), 4: (0.33, 0.25, 0.5)},
    }
    curves = curves_of(tmp_path, points)
    verdicts = {(v.curve.perturbation, v.severity): v for v in fusion_beats_both(curves)}
    assert verdicts["gain", -2].outcome == HOLDS
    assert verdicts["gain", -2].gain == pytest.approx(8 / 12 - 6 / 12)
    assert verdicts["gain", -1].outcome == OPEN
    assert verdicts["blur", 4].outcome == FAILS
    _, (_, sentence) = claim_sentences(curves)
    assert sentence == (
        "On faces as they are it holds (+8.3 points, +8.3 to +8.3). Of 3 perturbed points it "
        "holds at 1 (gain −2 stops), is undecided at 1 and does not hold at 1 (blur throughout)."
    )


def test_where_subjects_disagree_the_claim_is_undecided(tmp_path: Path) -> None:
    points: Points = {("gain", "stops"): {-2: (0.52, 0.5, 0.5), 0: START}}
    (gain,) = curves_of(tmp_path, points, spread=0.3)
    verdict = next(v for v in fusion_beats_both([gain]) if v.severity == -2)
    assert verdict.outcome == OPEN
    assert verdict.low < verdict.gain < verdict.high


def test_light_that_does_not_fail_is_said_so(tmp_path: Path) -> None:
    points: Points = {("gain", "stops"): {-1: START, 0: START, 1: START}}
    (_, sentence), _ = claim_sentences(curves_of(tmp_path, points))
    assert sentence.startswith("Light fails nowhere: colour keeps its accuracy at all 2 changes")


def test_a_claim_that_holds_everywhere(tmp_path: Path) -> None:
    points: Points = {("gain", "stops"): {-2: (0.5, 0.25, 0.5), -1: (0.5, 0.33, 0.5), 0: START}}
    (_, sentence), _ = claim_sentences(curves_of(tmp_path, points))
    assert sentence.endswith("There the claim holds at all 2 (gain throughout).")


def test_a_network_with_one_head_proves_nothing(tmp_path: Path) -> None:
    points: Points = {("gain", "stops"): {-2: (0.25,), 0: (0.5,)}}
    curves = curves_of(tmp_path, points, heads=("rgb",))
    (_, depth), (_, fusion) = claim_sentences(curves)
    assert depth.startswith("Not measured")
    assert fusion.startswith("Not measured")
