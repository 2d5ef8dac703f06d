import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from interrupting import interrupted_after
from made_up_faces import made_up_faces

from fercore.errors import FercoreError
from fercore.networks.paper import Pipeline, build
from fercore.networks.preprocessing import depth_input
from fercore.training.config import TrainingConfig
from fercore.training.features import FrozenFeatures
from fercore.training.folds import FoldResult, train_folds
from fercore.training.stacked import FoldTask, StackedFolds

FACES = made_up_faces(subjects=9)
DEPTH = depth_input(FACES.depth_m, 0.04).half().numpy()
HEAD = TrainingConfig("rgb-vgg19", epochs=4, batch_size=9, patience=4)


def features(separable: bool = True) -> FrozenFeatures:
    """Return pooled features of VGG19's width; the label is easy to see in them, or absent."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.3, (len(FACES), 512))
    signal = 3.0 * np.eye(512)[FACES.labels] if separable else 0.0
    return FrozenFeatures((noise + signal).astype(np.float16), DEPTH)


def task(experiment: int) -> FoldTask:
    rows = np.roll(np.arange(len(FACES)), 6 * experiment)
    return FoldTask(experiment, rows[:36], rows[36:45], rows[45:], 36)


def train(
    tasks: list[FoldTask],
    config: TrainingConfig = HEAD,
    inputs: FrozenFeatures | None = None,
    network: Pipeline | None = None,
    path: Path | None = None,
) -> Sequence[FoldResult]:
    network = network or build(config.pipeline)
    return train_folds(network, inputs or features(), FACES.labels, tasks, config, path).folds


def test_folds_learn_and_predict_their_own_test_faces() -> None:
    results = train([task(0), task(1)])
    for one, own in zip(results, (task(0), task(1)), strict=True):
        assert one.probabilities.shape == (9, 6)
        assert np.allclose(one.probabilities.sum(1), 1, atol=1e-5)
        assert (one.probabilities.argmax(1) == FACES.labels[own.test]).mean() == 1
        assert 1 <= one.best_epoch <= len(one.curve) == 4
        best = one.curve[one.best_epoch - 1].validation_loss
        assert best == min(epoch.validation_loss for epoch in one.curve)


@pytest.mark.parametrize("pipeline", ["rgb-vgg19", "depth", "fusion-vgg19"])
def test_a_fold_does_as_well_in_company_as_alone(pipeline: str) -> None:
    config = TrainingConfig(pipeline, learning_rate=1e-4, epochs=1, batch_size=18)
    inputs = features() if "vgg" in pipeline else FrozenFeatures(DEPTH, DEPTH)
    together = train([task(0), task(1)], config, inputs)
    alone = [train([task(k)], config, inputs)[0] for k in (0, 1)]
    for one, other in zip(together, alone, strict=True):
        assert one.experiment == other.experiment
        assert np.allclose(one.probabilities, other.probabilities, atol=2e-3)
    assert not np.allclose(together[0].probabilities, together[1].probabilities, atol=2e-2)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("steps", [0, 3, 8])  # an epoch has four
def test_interrupted_folds_end_as_uninterrupted_ones(
    steps: int, count: int, tmp_path: Path
) -> None:
    tasks, path = [task(k) for k in range(count)], tmp_path / "state.pt"
    whole = train(tasks)
    with interrupted_after(steps, StackedFolds), pytest.raises(KeyboardInterrupt):
        train(tasks, path=path)
    assert path.exists() == (steps > 0)
    for one, other in zip(train(tasks, path=path), whole, strict=True):
        assert np.array_equal(one.probabilities, other.probabilities)
        assert (one.curve, one.best_epoch) == (other.curve, other.best_epoch)


def test_the_same_seed_gives_the_same_result_and_another_does_not() -> None:
    first, again = train([task(0)])[0], train([task(0)])[0]
    other = train([task(0)], TrainingConfig("rgb-vgg19", epochs=4, batch_size=9, seed=1))[0]
    assert np.array_equal(first.probabilities, again.probabilities)
    assert first.curve == again.curve
    assert not np.array_equal(first.probabilities, other.probabilities)


def test_a_fold_stops_by_its_own_patience() -> None:
    config = TrainingConfig("rgb-vgg19", epochs=30, batch_size=9, patience=2)
    results = train([task(k) for k in range(3)], config, features(separable=False))
    lengths = [len(one.curve) for one in results]
    assert max(lengths) < 30
    for one in results:
        assert len(one.curve) == one.best_epoch + 2


def test_without_validation_faces_the_last_epoch_is_kept() -> None:
    rows = np.arange(len(FACES))
    alone = FoldTask(0, rows[:36], rows[:0], rows[45:], 36)
    config = TrainingConfig("rgb-vgg19", epochs=4, batch_size=9, patience=1, validation_subjects=0)
    (one,) = train([alone], config)
    assert one.best_epoch == len(one.curve) == 4
    assert all(math.isnan(epoch.validation_loss) for epoch in one.curve)
    with_validation = train([task(0)])[0]
    assert [e.train_loss for e in one.curve] == [e.train_loss for e in with_validation.curve]


def test_test_faces_never_choose_the_epoch() -> None:
    """Changing the test faces alone changes nothing but the predictions."""
    changed = features()
    changed.frozen[task(0).test] = 0
    one, other = train([task(0)])[0], train([task(0)], inputs=changed)[0]
    assert one.curve == other.curve
    assert not np.array_equal(one.probabilities, other.probabilities)


def test_a_fine_tuned_backbone_starts_from_the_given_weights() -> None:
    config = TrainingConfig(
        "rgb-resnet50", learning_rate=1e-12, epochs=1, batch_size=18, finetune="last-stage"
    )
    rng = np.random.default_rng(0)
    early = rng.normal(0, 1, (len(FACES), 1024, 2, 2)).astype(np.float16)
    network = build("rgb-resnet50")
    (one,) = train([task(0)], config, FrozenFeatures(early, DEPTH), network)
    assert network.backbone is not None
    for parameter in network.backbone.last_stage.parameters():
        parameter.data *= 1.5
    (other,) = train([task(0)], config, FrozenFeatures(early, DEPTH), network)
    assert not np.allclose(one.probabilities, other.probabilities, atol=1e-4)


def test_too_small_a_fold_is_refused() -> None:
    small = FoldTask(0, np.arange(8), np.arange(9), np.arange(9), 8)
    with pytest.raises(FercoreError, match="fewer training faces than one batch of 9"):
        train([small])


def test_divergence_is_reported() -> None:
    broken = features()
    broken.frozen[:] = np.nan
    with pytest.raises(FercoreError, match="diverged"):
        train([task(0)], inputs=broken)
