"""`fercore train` from a prepared cache to a checkpoint that other commands load."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fercore.checkpoints import load_checkpoint
from fercore.cli import main
from fercore.datasets.cache_records import FORMAT_VERSION, CacheRow, Manifest
from fercore.datasets.cache_writer import CacheWriter
from fercore.expressions import EXPRESSIONS
from fercore.preprocessing import Preprocessing
from fercore.structures import FaceBox

PARAMETERS = Preprocessing(rgb_size=16)


def make_cache(
    folder: Path, subjects: int, seed: int, parameters: Preprocessing = PARAMETERS
) -> Path:
    """Write a cache of random faces, levels 3 and 4."""
    scans = [
        (f"F{9001 + subject}", expression.value, level)
        for subject in range(subjects)
        for expression in EXPRESSIONS
        for level in (3, 4)
    ]
    manifest = Manifest(
        FORMAT_VERSION, folder.name, "0" * 64, len(scans), 0, seed, parameters, {"python": "3"}
    )
    rng = np.random.default_rng(seed)
    with CacheWriter(folder, manifest) as writer:
        for row, (subject, expression, level) in enumerate(scans):
            record = CacheRow(
                *(row, f"{subject}_{row}", subject, expression, level, "WH", "f2d", "ok", ""),
                *(0.9, FaceBox(0, 0, 9, 9, 0.9), False, 0.5),
            )
            size = parameters.rgb_size
            rgb = rng.integers(0, 255, (size, size, 3), np.uint8)
            depth_m = rng.uniform(0.4, 0.5, (64, 64)).astype(np.float32)
            writer.append([(record, rgb, depth_m)])
    return folder


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
    assert str(tmp_path) not in card.command
    assert "depth.safetensors written" in capsys.readouterr().out


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
