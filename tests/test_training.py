"""Training: whom it holds out, what it learns, and runs that go on or are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from interrupting import interrupted_after
from made_up_faces import CONFIG, made_up_faces, make_cache
from made_up_faces import IN_MEMORY as PARAMETERS
from tiny_backbone import TinyBackbone

from fercore.errors import DatasetError, FercoreError
from fercore.networks.paper import DepthPipeline, build
from fercore.training.augmentation import augment
from fercore.training.config import TrainingConfig, learning_rate
from fercore.training.faces import LabelledFaces, join_faces, read_all_faces, subjects_of
from fercore.training.features import compute_features, open_features
from fercore.training.learner import PipelineLearner
from fercore.training.scoring import logits_of, measure
from fercore.training.trainer import train


def test_validation_subjects_are_apart_from_training_subjects() -> None:
    trained_on, held_out = made_up_faces().hold_out(3, seed=5)
    assert len(held_out.subject_names) == 3
    assert not set(trained_on.subject_names) & set(held_out.subject_names)
    assert len(trained_on) + len(held_out) == len(made_up_faces())
    with pytest.raises(DatasetError, match="leave none to train on"):
        made_up_faces().hold_out(8, seed=5)


def test_joined_caches_keep_their_subjects_apart_and_hold_out_alike() -> None:
    joined = join_faces([("b", made_up_faces(subjects=4)), ("a", made_up_faces(subjects=8))])
    assert len(joined.subject_names) == 12
    trained_on, held_out = joined.hold_out(1, seed=0)  # one of b's four, two of a's eight
    assert sorted(name[0] for name in held_out.subject_names) == ["a", "a", "b"]
    assert len(trained_on.subject_names) == 9
    with pytest.raises(DatasetError, match="4 validation subjects of 4 leave none"):
        joined.hold_out(4, seed=0)


def test_people_of_two_caches_never_train_and_validate_alike(tmp_path: Path) -> None:
    paths = [
        make_cache(tmp_path / name, 6, seed, dataset="BU-3DFE")
        for seed, name in enumerate(("frontal", "cameras"))
    ]
    faces, _ = read_all_faces(paths, (3, 4))
    assert faces.subject_names == tuple(f"BU-3DFE/F{9001 + k}" for k in range(6))
    trained_on, held_out = faces.hold_out(2, seed=0)
    assert len(held_out.subject_names) == 2
    assert not set(trained_on.subject_names) & set(held_out.subject_names)
    for path in paths:
        assert subjects_of(path, held_out.subject_names) == {
            name.removeprefix("BU-3DFE/") for name in held_out.subject_names
        }


def test_subjects_of_caches_that_name_no_data_set_are_told_by_the_folder(tmp_path: Path) -> None:
    paths = [make_cache(tmp_path / name, 3, seed) for seed, name in enumerate("ab")]
    faces, _ = read_all_faces(paths, (3, 4))
    assert len(faces.subject_names) == 6
    assert subjects_of(paths[0], ["a/F9001", "b/F9002"]) == {"F9001"}


def test_a_fusion_learns_to_do_without_colour_or_depth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fercore.networks.paper.Backbone", TinyBackbone)
    faces = made_up_faces()
    faces.depth_m[::4] = np.nan  # a quarter was taken by plain cameras
    config = replace(
        CONFIG, pipeline="fusion-resnet50", backbone_source="random", modality_dropout=0.3
    )
    result = train(faces, PARAMETERS, config, tmp_path)
    assert result.temperatures.keys() == {"fusion", "rgb", "depth"}
    learnt = {name: p.detach() for name, p in result.network.named_parameters()}
    assert float(learnt["no_rgb"].abs().sum()) > 0
    assert float(learnt["no_depth"].abs().sum()) > 0
    assert all(torch.isfinite(parameter).all() for parameter in learnt.values())


def test_levels_are_told_in_words() -> None:
    faces = made_up_faces(subjects=1)
    assert faces.level_words == "levels 4"
    assert replace(faces, levels=np.array([3, 4, 4, 1, 3, 3])).level_words == "levels 1, 3 and 4"
    assert replace(faces, levels=np.zeros(6, np.int64)).level_words == "data without levels"


def test_a_network_learns_and_is_scored_on_unseen_subjects(tmp_path: Path) -> None:
    # Mirroring and turning would move the bumps onto each other's places.
    config = replace(CONFIG, epochs=6, patience=6)
    network = train_without_augmentation(made_up_faces(), config, tmp_path)
    unseen = made_up_faces(subjects=4)
    (result,) = measure(logits_of(network, unseen, PARAMETERS), unseen, "made up")
    assert result.accuracy > 0.7
    assert (result.head, result.samples, result.subjects) == ("depth", 24, 4)
    assert result.low <= result.accuracy <= result.high


def train_without_augmentation(
    faces: LabelledFaces, config: TrainingConfig, folder: Path
) -> torch.nn.Module:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fercore.training.features.augment", lambda rgb, depth_m, _: (rgb, depth_m))
        return train(faces, PARAMETERS, config, folder).network


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    tensors = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(*pair) for pair in tensors)


@pytest.mark.parametrize("steps", [0, 2, 5])  # an epoch has two
def test_an_interrupted_run_ends_as_an_uninterrupted_one(steps: int, tmp_path: Path) -> None:
    faces = made_up_faces(subjects=5)
    whole = train(faces, PARAMETERS, CONFIG, tmp_path / "whole")
    with interrupted_after(steps, PipelineLearner), pytest.raises(KeyboardInterrupt):
        train(faces, PARAMETERS, CONFIG, tmp_path / "parts")
    torch.rand(3)  # what the process drew before does not matter
    resumed = train(faces, PARAMETERS, CONFIG, tmp_path / "parts")
    assert (resumed.best_epoch, resumed.validation_loss) == (
        whole.best_epoch,
        whole.validation_loss,
    )
    assert resumed.temperatures == whole.temperatures
    assert same(resumed.network, whole.network)


def test_more_epochs_go_on_from_the_last(tmp_path: Path) -> None:
    faces = made_up_faces(subjects=5)
    whole = train(faces, PARAMETERS, CONFIG, tmp_path / "whole")
    train(faces, PARAMETERS, replace(CONFIG, epochs=1), tmp_path / "parts")
    assert same(train(faces, PARAMETERS, CONFIG, tmp_path / "parts").network, whole.network)


def test_the_epoch_is_chosen_by_the_summed_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([1.0, 0.5, 0.7, 0.6, 0.8, 0.1])
    told = {"validation_accuracy": 0.0}
    monkeypatch.setattr(
        PipelineLearner, "validate", lambda _: [{"summed_validation_loss": next(losses), **told}]
    )
    config = replace(CONFIG, epochs=6, patience=3)
    result = train(made_up_faces(subjects=4), PARAMETERS, config, tmp_path)
    assert (result.best_epoch, result.validation_loss) == (2, 0.5)
    assert result.rule.figure == "summed_validation_loss"


def test_all_subjects_can_train_for_a_fixed_number_of_epochs(tmp_path: Path) -> None:
    config = replace(CONFIG, validation_subjects=0, epochs=2, patience=1)
    result = train(made_up_faces(subjects=4), PARAMETERS, config, tmp_path)
    assert (result.rule.name, result.best_epoch) == ("last epoch", 2)
    assert np.isnan(result.validation_loss)
    assert (result.validation_subjects, result.temperatures) == ((), {})


def test_features_left_by_an_earlier_run_are_read(tmp_path: Path) -> None:
    faces, network = made_up_faces(subjects=2), build("depth")
    first = compute_features(network, faces, PARAMETERS, tmp_path / "copy0", "none", (0, 0))
    stamp = (tmp_path / "copy0.frozen.npy").stat().st_mtime_ns
    again = compute_features(network, faces, PARAMETERS, tmp_path / "copy0", "none", (0, 0))
    assert (tmp_path / "copy0.frozen.npy").stat().st_mtime_ns == stamp
    assert np.array_equal(first.depth, again.depth)
    assert first.frozen.shape == (12, 1, 64, 64)


def test_features_that_changed_on_the_disk_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "features"
    kept = compute_features(build("depth"), made_up_faces(subjects=1), PARAMETERS, path, "none")
    assert np.array_equal(open_features(path).frozen, kept.frozen)
    file = tmp_path / "features.frozen.npy"
    whole = file.read_bytes()
    zeroed = whole[:4096] + bytes(len(whole) - 4096)
    for damaged in (zeroed, whole[:-100], b"", b"x"):
        file.write_bytes(damaged)
        with pytest.raises(FercoreError, match=r"remove features\.\*"):
            open_features(path)
    file.write_bytes(whole)
    (tmp_path / "features.sums.json").write_text("[" * 100_000)
    with pytest.raises(FercoreError, match="damaged"):
        open_features(path)


@pytest.mark.parametrize(
    ("finetune", "moved"),
    [("none", (False, False)), ("last-stage", (False, True)), ("all", (True, True))],
)
def test_only_what_is_fine_tuned_changes(
    finetune: str, moved: tuple[bool, bool], tmp_path: Path
) -> None:
    config = replace(
        CONFIG, pipeline="rgb-resnet50", backbone_source="random", epochs=1, finetune=finetune
    )
    torch.manual_seed(config.seed)
    network = train(made_up_faces(subjects=4), PARAMETERS, config, tmp_path).network
    assert not isinstance(network, DepthPipeline)
    assert network.backbone is not None
    early, last = network.backbone.early.state_dict(), network.backbone.last_stage.state_dict()
    statistics = (early["bn1.running_mean"], last["layer4.0.bn1.running_mean"])
    assert tuple(bool(mean.any()) for mean in statistics) == moved


def test_a_falling_learning_rate_starts_at_the_configured_one_and_nears_zero() -> None:
    falling = replace(CONFIG, schedule="cosine", epochs=10, learning_rate=0.1)
    rates = [learning_rate(falling, epoch) for epoch in range(10)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[5] == pytest.approx(0.05)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.003
    assert learning_rate(CONFIG, 7) == CONFIG.learning_rate


def test_a_falling_learning_rate_does_not_go_on_towards_another_end(tmp_path: Path) -> None:
    faces, config = made_up_faces(subjects=4), replace(CONFIG, schedule="cosine", epochs=1)
    train(faces, PARAMETERS, config, tmp_path)
    with pytest.raises(FercoreError, match="holds a run with other epochs"):
        train(faces, PARAMETERS, replace(config, epochs=2), tmp_path)


def test_another_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    faces = made_up_faces(subjects=4)
    config = replace(CONFIG, epochs=1, copies=1)
    train(faces, PARAMETERS, config, tmp_path)
    with pytest.raises(FercoreError, match="holds a run with other seed, starting weights;"):
        train(faces, PARAMETERS, replace(config, seed=2), tmp_path)
    with pytest.raises(FercoreError, match="holds a run with other faces;"):
        train(made_up_faces(subjects=3), PARAMETERS, config, tmp_path)


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    faces, config = made_up_faces(subjects=4), replace(CONFIG, epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr("os.posix_fallocate", full)
        broken = r"copy0\.frozen\.npy\.part cannot be written .*No space"
        with pytest.raises(FercoreError, match=broken):
            train(faces, PARAMETERS, config, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(FercoreError, match=r"state\.pt cannot be written .*free some space"):
            train(faces, PARAMETERS, config, tmp_path)
    assert train(faces, PARAMETERS, config, tmp_path).best_epoch == 1


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    faces, config = made_up_faces(subjects=4), replace(CONFIG, epochs=1)
    train(faces, PARAMETERS, config, tmp_path)
    state = tmp_path / "state.pt"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(FercoreError, match=r"state\.pt is damaged .*remove it to start the run"):
        train(faces, PARAMETERS, config, tmp_path)


def test_a_run_that_diverges_leaves_no_network(tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=3, copies=0, learning_rate=1e30)
    with pytest.raises(FercoreError, match="diverged"):
        train(made_up_faces(subjects=4), PARAMETERS, config, tmp_path)


def test_the_features_of_training_are_those_of_live_use(tmp_path: Path) -> None:
    faces, network = made_up_faces(subjects=1), build("depth").eval()
    features = compute_features(network, faces, PARAMETERS, tmp_path / "plain", "none")
    with torch.inference_mode():
        inputs = features.batch(np.arange(6), torch.device("cpu"))
        trained = network.trained(*inputs, "none").depth
    live = logits_of(network, faces, PARAMETERS).depth
    assert trained is not None
    assert live is not None
    assert torch.allclose(trained, live, atol=0.02)  # features are kept in half precision


def test_augmentation_is_seeded_and_keeps_ranges() -> None:
    rgb, depth_m = torch.rand(6, 3, 32, 32), 0.5 + 0.05 * torch.rand(6, 1, 64, 64)
    depth_m[:, :, :8] = torch.nan
    one = augment(rgb, depth_m, torch.Generator().manual_seed(3))
    same = augment(rgb, depth_m, torch.Generator().manual_seed(3))
    other = augment(rgb, depth_m, torch.Generator().manual_seed(4))
    assert torch.equal(one[0], same[0])
    assert torch.equal(one[1].isnan(), same[1].isnan())
    assert not torch.equal(one[0], other[0])
    assert float(one[0].min()) >= 0
    assert float(one[0].max()) <= 1
    known = one[1][one[1].isfinite()]
    assert 0.48 < float(known.min()) < float(known.max()) < 0.57
    assert one[1].isnan().any()
