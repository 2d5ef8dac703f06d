import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from study_fixtures import evenly, neutral, unseen

from fercore.errors import FercoreError
from fercore.expressions import EXPRESSIONS, Expression
from fercore.faces.head_angle import HeadAngle
from fercore.study.baseline import Baseline, BaselineCollector, load_baseline, save_baseline

RESTING = np.array([0.1, 0.1, 0.2, 0.02, 0.53, 0.05])


def showing(expression: Expression, share: float) -> np.ndarray:
    probabilities = np.full(len(EXPRESSIONS), (1 - share) / 5)
    probabilities[expression.position] = share
    return probabilities


def three(six: np.ndarray) -> np.ndarray:
    """Return what three heads that do not know calm say."""
    return np.array([np.append(six, np.nan)] * 3)


def collected(frames: list[np.ndarray], step_pixels: float = 0.0) -> BaselineCollector:
    collector = BaselineCollector()
    for index, probabilities in enumerate(frames):
        collector.add(neutral(index, probabilities, index * step_pixels), index / 30)
    return collector


def baseline() -> Baseline:
    return collected([RESTING] * 40).result()


def test_a_resting_face_is_accepted_even_if_it_looks_sad() -> None:
    found = baseline()
    assert found.frames == 40
    assert found.duration_s == pytest.approx(39 / 30)
    assert np.allclose(np.array(found.probabilities, float)[:, :6], RESTING, atol=1e-6)
    assert np.isnan(np.array(found.probabilities, float)[:, 6]).all()
    assert (found.spread, found.drift, found.motion) == pytest.approx((0, 0, 0), abs=1e-6)


@pytest.mark.parametrize(
    ("frames", "step_pixels", "complaint"),
    [
        ([RESTING] * 10, 0, "only 10 usable frames and needs 20"),
        ([RESTING] * 40, 2, "head moved"),
    ],
)
def test_what_is_no_steady_neutral_face_is_refused(
    frames: list[np.ndarray], step_pixels: float, complaint: str
) -> None:
    with pytest.raises(FercoreError, match=complaint):
        collected(frames, step_pixels).result()


def shown(parts: tuple[int, ...], angles: tuple[HeadAngle, ...]) -> BaselineCollector:
    """Return what was collected of a face that shows parts for equal times, with noise."""
    collector, rng = BaselineCollector(), np.random.default_rng(4)
    faces = cv2.resize(rng.uniform(60, 200, (10, 6, 6)).transpose(1, 2, 0), (96, 96))
    for index in range(80):
        part, angle = parts[index * len(parts) // 80], angles[index * len(angles) // 80]
        # As far apart as a synthetic face and its expressions: 0.7 by the measure.
        face = 0.5 * faces[..., 0] + 0.5 * faces[..., part] + rng.normal(0, 3, (96, 96))
        rgb = np.repeat(face.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
        analysis = neutral(index, showing(EXPRESSIONS[index % 6], 0.8))
        assert analysis.pair is not None
        pair = replace(analysis.pair, rgb=rgb)
        collector.add(replace(analysis, pair=pair), index / 30, angle)
    return collector


AHEAD = HeadAngle(1.0, -2.0, 0.5)


def test_a_still_face_is_accepted_whatever_the_networks_say() -> None:
    found = shown((1,), (AHEAD,)).result()  # every frame is judged another expression
    assert found.spread > 0.5
    assert found.change is not None and found.change < 0.2
    smiling = collected([showing(Expression.HAPPINESS, 0.9)] * 40).result()
    assert smiling.frames == 40


def test_a_face_that_goes_through_expressions_is_refused() -> None:
    with pytest.raises(FercoreError, match="face changed"):
        shown((2, 1, 2, 3), (AHEAD,)).result()  # anger, rest, anger, disgust


def test_a_head_that_turns_is_refused() -> None:
    with pytest.raises(FercoreError, match="head turned"):
        shown((1,), (AHEAD, HeadAngle(18.0, -2.0, 0.5))).result()


def test_frames_without_a_face_are_no_baseline() -> None:
    collector = collected([RESTING] * 30)
    for index in range(30):
        collector.add(unseen(index), 1 + index / 30)
    with pytest.raises(FercoreError, match="Only 50 % of the baseline's frames"):
        collector.result()
    with pytest.raises(FercoreError, match="only 0 usable frames"):
        BaselineCollector().result()


def test_the_resting_face_becomes_even_and_what_differs_stands_out() -> None:
    found = baseline()
    assert np.allclose(found.correct(three(RESTING))[:, :6], evenly())
    corrected = found.correct(three(np.array([0.08, 0.08, 0.16, 0.22, 0.42, 0.04])))[:, :6]
    assert corrected.argmax(axis=1).tolist() == [Expression.HAPPINESS.position] * 3
    assert np.allclose(corrected.sum(axis=1), 1)


def test_a_silent_head_stays_silent() -> None:
    raw = three(RESTING)
    raw[1] = np.nan
    corrected = baseline().correct(raw)
    assert np.isnan(corrected[1]).all()
    assert np.isfinite(corrected[[0, 2], :6]).all()


def test_it_is_kept_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "ses-1" / "baseline.json"
    save_baseline(path, baseline())
    assert load_baseline(path) == baseline()
    old = json.loads(path.read_text())  # as it was before calm, and before it named the networks
    old |= {"format": 1, "probabilities": [row[:6] for row in old["probabilities"]]}
    del old["weights"]
    path.write_text(json.dumps(old))
    assert load_baseline(path).probabilities == baseline().probabilities
    path.write_text(json.dumps({**old, "weights": "5" * 64}))
    with pytest.raises(FercoreError, match=r"no readable baseline.*`weights` must be a list"):
        load_baseline(path)
    path.write_text('{"probabilities": [[1]], "frames": 3}')
    with pytest.raises(FercoreError, match="no readable baseline"):
        load_baseline(path)
    path.unlink()
    with pytest.raises(FercoreError, match="record the baseline first"):
        load_baseline(path)
