"""`fercore stress` from checkpoints and a prepared cache to its two files."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from made_up_faces import PARAMETERS, make_cache

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.networks.preprocessing import Preprocessing

from fercore.cli import main
from fercore.evaluation.stress import perturbations, poses
from fercore.networks.checkpoints import ModelCard, save_checkpoint
from fercore.networks.paper import build

FEW = tuple(
    replace(kind, severities=kind.severities[:2])
    for kind in perturbations.PERTURBATIONS
    if kind.name in ("gain", "depth-noise")
)


@pytest.fixture(autouse=True)
def few_perturbations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perturbations, "PERTURBATIONS", FEW)


def make_weights(
    path: Path, seed: int = 0, parameters: Preprocessing = PARAMETERS, data: str = "other data"
) -> Path:
    torch.manual_seed(seed)
    card = ModelCard(
        pipeline="depth",
        variant="v1.5",
        preprocessing=parameters,
        backbone_start="none",
        training_data=data,
        terms="synthetic",
        protocol="",
        command="",
        seed=seed,
        versions={},
    )
    save_checkpoint(path, build("depth"), card)
    return path


def stress(data: Path, output: Path, *weights: Path, options: tuple[str, ...] = ()) -> int:
    paths = ["--data", str(data), "--output", str(output)]
    return main(["stress", "--weights", *map(str, weights), *paths, *options])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_cache(tmp_path / "data", 2, 0)


def test_two_checkpoints_are_measured_and_shown(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = [make_weights(tmp_path / f"{seed}.safetensors", seed) for seed in (0, 1)]
    assert stress(data, tmp_path / "run", *weights, weights[0]) == 0
    header, *rows = (tmp_path / "run" / "stress.tsv").read_text().splitlines()
    assert header.split("\t")[:3] == ["weights", "perturbation", "unit"]
    assert len(rows) == 2 * 2 * 3 * 2  # weights, perturbations, severities with 0, subjects
    content = json.loads((tmp_path / "run" / "stress.json").read_text())
    first, second = content["weights"]
    assert (first["name"], first["backbone_start"]) == ("depth", "none")
    assert second["name"] == f"depth@{second['sha256'][:8]}"
    assert content["synthetic"] is True
    assert str(tmp_path) not in content["command"]
    shown = capsys.readouterr()
    assert "Yaw and pitch are left out" in shown.out
    assert shown.out.count("gain") == 2
    assert "2 synthetic subjects" in shown.out
    assert shown.err == ""


def test_a_second_time_nothing_is_left_to_do(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = make_weights(tmp_path / "depth.safetensors")
    assert stress(data, tmp_path / "run", weights) == 0
    once = (tmp_path / "run" / "stress.tsv").read_bytes()
    shown = capsys.readouterr().out
    monkeypatch.setattr("fercore.evaluation.stress.running.logits_of", None)
    assert stress(data, tmp_path / "run", weights) == 0
    assert (tmp_path / "run" / "stress.tsv").read_bytes() == once
    assert capsys.readouterr().out == shown


def test_another_seed_is_refused(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = make_weights(tmp_path / "depth.safetensors")
    assert stress(data, tmp_path / "run", weights) == 0
    assert stress(data, tmp_path / "run", weights, options=("--seed", "1")) == 2
    assert "holds a stress run with other seed" in capsys.readouterr().err


def test_faces_cut_otherwise_are_refused(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(PARAMETERS, box_scale=1.5)
    weights = make_weights(tmp_path / "depth.safetensors", parameters=other)
    assert stress(data, tmp_path / "run", weights) == 2
    assert "trained on faces cut out with other parameters" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_faces_of_the_training_are_warned_of(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = make_weights(
        tmp_path / "depth.safetensors", data="data: 2 synthetic subjects, 24 scans"
    )
    assert stress(data, tmp_path / "run", weights) == 0
    assert "trained on data of the same description" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--seed", "-1"), "--seed -1 makes no sense"),
        (("--workers", "0"), "--workers 0 makes no sense"),
        (("--view", "camera"), "no usable face of levels 3,4 in view camera"),
        (("--scans", "no/such/tree"), "no/such/tree does not exist"),
    ],
)
def test_wrong_options_are_one_sentence(
    options: tuple[str, ...],
    words: str,
    tmp_path: Path,
    data: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights = make_weights(tmp_path / "depth.safetensors")
    assert stress(data, tmp_path / "run", weights, options=options) == 2
    shown = capsys.readouterr().err
    assert words in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_missing_files_are_one_sentence(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stress(data, tmp_path / "run", tmp_path / "none.safetensors") == 2
    assert "none.json does not exist" in capsys.readouterr().err
    assert stress(tmp_path / "none", tmp_path / "run", tmp_path / "none.safetensors") == 2
    assert "none is no prepared cache" in capsys.readouterr().err


def test_faces_that_were_not_found_are_shown(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(poses, "TURNS", (poses.Turn("yaw", "degrees", (0, 45)),))
    monkeypatch.setattr(poses, "find_scans", lambda root, names: list(names))
    monkeypatch.setattr(
        "fercore.evaluation.stress.running.find_scans", lambda root, names: list(names)
    )
    nothing = [
        poses.View(None, None, "S1 has no texture to render" if i < 2 else "") for i in range(24)
    ]
    monkeypatch.setattr(
        "fercore.evaluation.stress.running.render", lambda *_: (v for v in nothing + nothing)
    )
    weights = make_weights(tmp_path / "depth.safetensors")
    assert stress(data, tmp_path / "run", weights, options=("--scans", "tree")) == 0
    shown = capsys.readouterr().out
    assert "2 scans are left out of yaw and pitch, such as: S1 has no texture" in shown
    found = next(line for line in shown.splitlines() if "faces not found" in line)
    assert found.split()[-2:] == ["22", "22"]
    content = json.loads((tmp_path / "run" / "stress.json").read_text())
    assert [entry["faces"] for entry in content["faces_not_found"]] == [22, 22]
