"""`fercore train` from a prepared cache to a checkpoint that other commands load."""

from dataclasses import replace
from pathlib import Path

import pytest
from made_up_faces import PARAMETERS, make_cache

from fercore.cli import main
from fercore.networks.checkpoints import load_checkpoint
from fercore.networks.preprocessing import Preprocessing


def train(data: Path, test: Path, output: Path) -> int:
    options = ["--pipeline=depth", "--epochs=1", "--copies=1", "--validation-subjects=1"]
    paths = ["--data", str(data), "--test", str(test), "--output", str(output)]
    return main(["train", *options, *paths])


def test_a_checkpoint_with_figures_comes_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, test = make_cache(tmp_path / "data", 3, 0), make_cache(tmp_path / "test", 2, 1)
    assert train(data, test, tmp_path / "out") == 0
    _, card = load_checkpoint(tmp_path / "out" / "depth.safetensors")
    (measure,) = card.measures
    assert (measure.head, measure.samples, measure.subjects) == ("depth", 24, 2)
    assert "synthetic" in measure.test_set
    assert card.preprocessing == PARAMETERS
    assert "3 subjects, of which 1 chose the epoch" in card.protocol
    assert card.selection["sentence"] in card.protocol
    assert (card.selection["figure"], card.precision) == ("summed_validation_loss", "float32")
    assert str(tmp_path) not in card.command
    assert "depth.safetensors written" in capsys.readouterr().out


def test_all_subjects_can_train_for_a_fixed_number_of_epochs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "--pipeline=depth", "--data", str(make_cache(tmp_path / "data", 3, 0))]
    command += ["--output", str(tmp_path / "out"), "--validation-subjects=0"]
    assert main(command) == 2
    assert "fix it by --epochs N" in capsys.readouterr().err
    assert main([*command, "--epochs=2"]) == 0
    _, card = load_checkpoint(tmp_path / "out" / "depth.safetensors")
    assert card.protocol.startswith("3 subjects, epoch 2, the last of a number of epochs fixed")
    assert "not calibrated" in card.protocol
    assert (card.validation_subjects, card.temperatures) == ((), {})


def test_branches_that_know_the_validation_subjects_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_cache(tmp_path / "data", 4, 0, Preprocessing(rgb_size=32))
    options = ["--data", str(data), "--epochs=1", "--validation-subjects=1"]
    alone = tmp_path / "alone"
    assert main(["train", "--pipeline=depth", "--output", str(alone), *options]) == 0
    fusion = ["train", "--pipeline=fusion-resnet50", "--backbone-weights=random", *options]
    branch = ["--branches", str(alone / "depth.safetensors")]
    other = ["--output", str(tmp_path / "other"), "--seed=1"]
    assert main([*fusion, *branch, *other]) == 2
    assert "train it with the same --seed and --validation-subjects" in capsys.readouterr().err
    assert main([*fusion, *branch, "--output", str(tmp_path / "same")]) == 0


def test_a_test_on_training_faces_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_cache(tmp_path / "data", 3, 0)
    assert train(data, data, tmp_path / "out") == 2
    assert "shares 36 faces with the training data" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_test_prepared_otherwise_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_cache(tmp_path / "data", 3, 0)
    test = make_cache(tmp_path / "test", 2, 1, replace(PARAMETERS, box_scale=1.5))
    assert train(data, test, tmp_path / "out") == 2
    assert "other parameters" in capsys.readouterr().err


def test_an_unknown_pipeline_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--pipeline", "fusion-alexnet", "--data", str(tmp_path), "--output", str(tmp_path)]
    assert main(["train", *arguments]) == 2
    assert "pipeline is 'fusion-alexnet'; choose one of: depth" in capsys.readouterr().err
