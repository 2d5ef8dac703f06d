"""`fercore train-backbone` from files of FER2013 to weights that `train` starts from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from fer2013_fixtures import striped_faces, write_csv, write_shard
from interrupting import interrupted_after
from safetensors.torch import load_file
from tiny_backbone import TinyBackbone

from fercore.cli import main
from fercore.networks.backbones import read_start
from fercore.training.backbones import network as backbone_network
from fercore.training.backbones import scoring as backbone_inference
from fercore.training.backbones.learner import BackboneLearner

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone_network, "Backbone", TinyBackbone)
    monkeypatch.setattr(backbone_network, "BACKBONE_FEATURES", {"resnet50": TinyBackbone.features})


@pytest.fixture
def shards(tmp_path: Path) -> list[str]:
    images, labels = striped_faces(140, seed=0)
    halves = (slice(0, 70), slice(70, 140))
    return [
        str(write_shard(tmp_path / f"train_{i}.npz", images[half], labels[half]))
        for i, half in enumerate(halves)
    ]


@pytest.fixture
def test_shard(tmp_path: Path) -> str:
    return str(write_shard(tmp_path / "public_test.npz", *striped_faces(35, seed=1)))


def train(data: list[str], output: Path, *more: str) -> int:
    options = ["--backbone=resnet50", "--backbone-weights=random", "--size=32", "--epochs=2"]
    options += ["--batch-size=16", "--output", str(output)]
    return main(["train-backbone", *options, "--data", *data, *more])


def card_in(folder: Path) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((folder / "resnet50.json").read_text(encoding="utf-8"))
    return card


def test_weights_and_card_come_out(
    shards: list[str], test_shard: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(shards, tmp_path / "out", "--test", test_shard) == 0
    shown = capsys.readouterr().out
    assert "public test: " in shown
    assert "resnet50.safetensors written (FER2013, from scratch)" in shown
    start = read_start("resnet50", str(tmp_path / "out" / "resnet50.safetensors"))
    assert start.description.startswith("FER2013, from scratch")
    assert start.state["conv1.weight"].shape == (12, 3, 5, 5)
    card = card_in(tmp_path / "out")
    assert card["measured"]["public test"]["faces"] == 35
    assert card["measured"]["public test"]["six_faces"] == 30
    assert card["measured"]["validation"]["faces"] == 14
    assert "chose epoch" in card["protocol"]
    assert "Kaggle" in card["terms"]
    assert str(tmp_path) not in card["command"]
    assert [record["epoch"] for record in card["history"]] == [1, 2]
    assert card["settings"]["precision"] == "float32"
    rule = card["selection"]
    assert (rule["figure"], rule["direction"]) == ("validation_merit", "highest")
    assert rule["sentence"] in card["protocol"]
    assert all(rule["figure"] in record for record in card["history"])


def test_the_stored_file_is_what_is_scored(
    shards: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    whole = backbone_inference.logits_of

    def noted(network: Any, *rest: Any) -> Any:
        seen.append(network.backbone.early.conv1.weight.detach().clone())
        return whole(network, *rest)

    monkeypatch.setattr(backbone_inference, "logits_of", noted)
    assert train(shards, tmp_path / "out") == 0
    stored = read_start("resnet50", str(tmp_path / "out" / "resnet50.safetensors"))
    assert torch.equal(seen[-1], stored.state["conv1.weight"].float())
    assert list(card_in(tmp_path / "out")["measured"]) == ["validation"]


def test_training_faces_of_the_test_are_left_out(tmp_path: Path) -> None:
    images, labels = striped_faces(140, seed=0)
    usages = ["PublicTest" if i < 14 else "Training" for i in range(140)]
    rows = list(zip(labels.tolist(), images, usages, strict=True))
    rows += [(int(labels[i]), images[i], "Training") for i in range(7)]
    csv = str(write_csv(tmp_path / "fer2013.csv", rows))
    assert train([csv], tmp_path / "out", "--test", csv) == 0
    card = card_in(tmp_path / "out")
    assert "7 faces left out because the public test has their picture" in card["protocol"]
    assert card["measured"]["public test"]["faces"] == 14


def test_given_again_the_command_ends_with_the_same_files(
    shards: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with interrupted_after(9, BackboneLearner):  # an epoch has seven
        assert train(shards, tmp_path / "parts") == 130
    assert not (tmp_path / "parts" / "resnet50.safetensors").exists()
    assert train(shards, tmp_path / "parts") == 0
    assert train(shards, tmp_path / "whole") == 0
    one, other = (card_in(tmp_path / name) for name in ("parts", "whole"))
    for name in ("measured", "history", "settings", "protocol"):
        assert one[name] == other[name], name
    resumed, at_once = (
        load_file(tmp_path / n / "resnet50.safetensors") for n in ("parts", "whole")
    )
    assert resumed.keys() == at_once.keys()
    assert all(torch.equal(resumed[name], at_once[name]) for name in at_once)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--epochs", "0"], "epochs is 0"),
        (["--backbone-weights", "no/such.pth"], "no/such.pth does not exist"),
        (["--test", "no/such.npz"], "no/such.npz is no file"),
    ],
)
def test_wrong_options_are_one_sentence(
    more: list[str],
    message: str,
    shards: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train(shards, tmp_path / "out", *more) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_missing_data_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(["no/such.csv"], tmp_path / "out") == 2
    assert "no/such.csv is no file" in capsys.readouterr().err


def test_nobody_trains_on_the_public_test(
    test_shard: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train([test_shard], tmp_path / "out") == 2
    assert "holds the public split by its name" in capsys.readouterr().err


def test_an_unwritable_output_is_one_sentence(
    shards: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert train(shards, tmp_path / "file" / "out") == 2
    assert "choose another --output" in capsys.readouterr().err
