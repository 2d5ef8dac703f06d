"""Training backbones on made-up faces: folding, augmentation, division, resuming."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from fer2013_fixtures import striped_faces
from interrupting import interrupted_after
from safetensors import safe_open
from tiny_backbone import TinyBackbone
from torch import nn

from fercore.errors import CheckpointError, FercoreError
from fercore.io.fer2013 import Fer2013Faces
from fercore.networks.backbones import Backbone, BackboneStart, apply_start, read_start
from fercore.training.backbones import network as backbone_files
from fercore.training.backbones import network as backbone_network
from fercore.training.backbones.faces import (
    BackboneFaces,
    divide,
)
from fercore.training.backbones.learner import (
    BackboneLearner,
    BackboneSettings,
    rate,
    train_backbone,
)
from fercore.training.backbones.network import (
    BackboneCard,
    LabelledBackbone,
    description_of,
    folded,
    parameter_groups,
    save_backbone,
)
from fercore.training.backbones.scoring import figures, logits_of

if TYPE_CHECKING:
    from pathlib import Path

SCRATCH = BackboneStart("v1.5", "random (He)", {})
SETTINGS = BackboneSettings(
    "resnet50", "float32", size=32, epochs=3, batch_size=16, learning_rate=0.02
)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone_network, "Backbone", TinyBackbone)
    monkeypatch.setattr(backbone_network, "BACKBONE_FEATURES", {"resnet50": TinyBackbone.features})


def faces_of(count: int, seed: int = 0) -> Fer2013Faces:
    return Fer2013Faces(*striped_faces(count, seed))


def divided(count: int = 70) -> BackboneFaces:
    return divide(faces_of(count), None, seed=0)


def randomise_statistics(network: nn.Module) -> None:
    """Give normalisation the statistics and weights it might have after training."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            for tensor in (module.bias.data, module.running_mean):
                tensor.copy_(0.2 * torch.randn(tensor.shape, generator=generator))


def card_of(backbone: str, description: str = "FER2013, from scratch") -> BackboneCard:
    return BackboneCard(
        *(backbone, "v1.5", description, "made up", "none", "none", {}, (), "none", 0, {}),
        *("none", 0.0, {}),
    )


def test_a_folded_vgg19_computes_the_same_and_is_torchvisions() -> None:
    from torchvision.models.vgg import vgg19

    torch.manual_seed(0)
    network = LabelledBackbone("vgg19", SCRATCH).eval()
    randomise_statistics(network)
    fold = folded(network.backbone)
    rgb = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = network.backbone.last_stage(network.backbone.early(rgb))
        result = fold.last_stage(fold.early(rgb))
    assert torch.allclose(result, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
    names = {f"features.{n}" for stage in (fold.early, fold.last_stage) for n in stage.state_dict()}
    with torch.device("meta"):
        assert names == {n for n in vgg19().state_dict() if n.startswith("features.")}
    assert sum(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == 16


def test_a_pretrained_vgg19_gets_no_normalisation() -> None:
    state = {**Backbone("vgg19", "v1.5").early.state_dict()}
    network = LabelledBackbone("vgg19", BackboneStart("v1.5", "ImageNet", state))
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())


@pytest.mark.parametrize("variant", ["v1", "v1.5"])
def test_a_stored_resnet50_is_read_as_it_was_trained(variant: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = LabelledBackbone("resnet50", replace(SCRATCH, variant=variant))
    network(torch.randn(4, 3, 32, 32)).sum().backward()
    path = tmp_path / "resnet50.safetensors"
    card = replace(card_of("resnet50", "FER2013, ImageNet layers 1-3"), variant=variant)
    card = save_backbone(path, folded(network.backbone), card)
    start = read_start("resnet50", str(path))
    assert (start.variant, start.description) == (variant, "FER2013, ImageNet layers 1-3")
    backbone = Backbone("resnet50", variant)
    apply_start(backbone, start)
    for stage in ("early", "last_stage"):
        own = getattr(network.backbone, stage).state_dict()
        for name, value in getattr(backbone, stage).state_dict().items():
            assert torch.allclose(value, own[name], rtol=1e-3, atol=1e-6), name
    assert json.loads(path.with_suffix(".json").read_text())["sha256"] == card.sha256
    with safe_open(path, "pt") as file:
        assert {str(file.get_tensor(n).dtype) for n in ("conv1.weight", "bn1.running_var")} == {
            "torch.float16",
            "torch.float32",
        }


def test_a_resnet50_learns_from_what_its_start_lacks_fastest() -> None:
    state = Backbone("resnet50", "v1.5").early.state_dict()
    start = BackboneStart("v1.5", "resnet50_imagenet; layer4 random (He)", state)
    network = LabelledBackbone("resnet50", start)
    groups = parameter_groups(network, start, 0.3, 0.05)
    sizes = {(g["share"], g["weight_decay"]): len(g["params"]) for g in groups}
    assert sum(sizes.values()) == len(list(network.parameters()))
    of_layer4 = len(list(network.backbone.last_stage.parameters()))
    assert sizes[1.0, 0.05] + sizes[1.0, 0.0] == of_layer4 + 2
    assert all(p.ndim > 1 for g in groups if g["weight_decay"] for p in g["params"])


@pytest.mark.parametrize(
    ("held", "description", "expected"),
    [
        ((), "random (He)", "FER2013, from scratch"),
        ("123", "resnet50_v1_imagenet_conv1_to_layer3; …", "FER2013, ImageNet layers 1-3"),
        ("1234", "ImageNet (torchvision)", "FER2013, ImageNet"),
        ("1234", "FER2013, ImageNet layers 1-3", "FER2013, ImageNet layers 1-3"),
        ("1234", "resnet50-0676ba61", "FER2013, resnet50-0676ba61"),
    ],
)
def test_a_table_tells_what_a_backbone_started_from(
    held: str, description: str, expected: str
) -> None:
    state = {f"layer{stage}.0.conv1.weight": torch.zeros(1) for stage in held}
    assert description_of(BackboneStart("v1", description, state)) == expected


def test_a_plain_vgg19_from_imagenet_is_named_so() -> None:
    start = BackboneStart("v1.5", "ImageNet (torchvision)", {"0.weight": torch.zeros(1)})
    assert description_of(start) == "FER2013, ImageNet"


def test_the_rate_warms_up_and_decays_to_nothing() -> None:
    shares = [rate(done, 0.1) for done in np.linspace(0, 1, 21)]
    assert shares[0] == 0
    assert shares[2] == 1
    assert shares[2:] == sorted(shares[2:], reverse=True)
    assert shares[-1] == pytest.approx(0)


def test_a_backbone_learns(tiny: None, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=8)
    result = train_backbone(divided(210), SCRATCH, settings, tmp_path)
    unseen = faces_of(70, seed=9)
    assert figures(logits_of(result.network, unseen, 32), unseen.labels).accuracy > 0.6
    merits = [record[result.rule.figure] for record in result.history]
    assert result.best_epoch == merits.index(max(merits)) + 1
    assert [record["epoch"] for record in result.history] == list(range(1, 9))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("steps", [0, 2, 4, 6])  # an epoch has four
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    steps: int, tiny: None, tmp_path: Path
) -> None:
    whole = train_backbone(divided(), SCRATCH, SETTINGS, tmp_path / "whole")
    with interrupted_after(steps, BackboneLearner), pytest.raises(KeyboardInterrupt):
        train_backbone(divided(), SCRATCH, SETTINGS, tmp_path / "parts")
    torch.rand(3)  # what the process drew before does not matter
    resumed = train_backbone(divided(), SCRATCH, SETTINGS, tmp_path / "parts")
    assert same(resumed.network.state_dict(), whole.network.state_dict())
    states = [torch.load(tmp_path / name / "state.pt")["learner"] for name in ("whole", "parts")]
    assert same(states[0]["network"], states[1]["network"])
    assert same(states[0]["average"], states[1]["average"])
    assert (resumed.history, resumed.best_epoch) == (whole.history, whole.best_epoch)


def test_a_finished_run_is_not_trained_again(
    tiny: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_backbone(divided(), SCRATCH, SETTINGS, tmp_path)
    monkeypatch.delattr(BackboneLearner, "step")
    again = train_backbone(divided(), SCRATCH, SETTINGS, tmp_path)
    assert same(again.network.state_dict(), whole.network.state_dict())


def test_another_run_in_the_same_folder_is_refused(tiny: None, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1)
    train_backbone(divided(), SCRATCH, settings, tmp_path)
    with pytest.raises(FercoreError, match="holds a run with other size, seed;"):
        train_backbone(divided(), SCRATCH, replace(settings, size=40, seed=2), tmp_path)
    with pytest.raises(FercoreError, match="holds a run with other faces;"):
        train_backbone(divided(77), SCRATCH, settings, tmp_path)


def test_a_damaged_state_is_one_sentence(tiny: None, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1)
    train_backbone(divided(), SCRATCH, settings, tmp_path)
    content = (tmp_path / "state.pt").read_bytes()
    (tmp_path / "state.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(FercoreError, match=r"state\.pt is damaged .*remove it"):
        train_backbone(divided(), SCRATCH, settings, tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(FercoreError, match="cannot be used"):
        train_backbone(divided(), SCRATCH, settings, tmp_path)


def test_a_full_disk_is_one_sentence(
    tiny: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(FercoreError, match=r"state\.pt cannot be written .*free some space"):
            train_backbone(divided(), SCRATCH, replace(SETTINGS, epochs=1), tmp_path)
    monkeypatch.setattr(backbone_files, "save_file", full)
    with pytest.raises(CheckpointError, match=r"x\.safetensors cannot be written"):
        save_backbone(tmp_path / "x.safetensors", Backbone("resnet50", "v1.5"), card_of("resnet50"))


def test_a_run_that_diverges_stops(tiny: None, tmp_path: Path) -> None:
    with pytest.raises(FercoreError, match=r"diverged in epoch 1; .* lower --learning-rate"):
        train_backbone(divided(), SCRATCH, replace(SETTINGS, learning_rate=1e30), tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"epochs": 0}, {"size": 31}, {"batch_size": 1}, {"seed": -1}),
        *({"learning_rate": 0.0}, {"learning_rate": float("nan")}),
    ],
)
def test_senseless_settings_are_refused(wrong: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(FercoreError, match=next(iter(wrong))):
        train_backbone(divided(), SCRATCH, replace(SETTINGS, **wrong), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_bfloat16_stays_close_to_float32(tiny: None) -> None:
    torch.manual_seed(0)
    network = LabelledBackbone("resnet50", SCRATCH)
    faces = faces_of(14)
    single, half = (logits_of(network, faces, 32, p) for p in ("float32", "bfloat16"))
    assert np.allclose(single, half, atol=0.02 * np.abs(single).max() + 1e-3)
    assert not np.array_equal(single, half)
