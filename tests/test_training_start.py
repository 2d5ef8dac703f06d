"""What a fusion starts from, its branches, and how its joint layers learn."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from made_up_faces import CONFIG, made_up_faces
from made_up_faces import IN_MEMORY as PARAMETERS

from fercore.errors import CheckpointError
from fercore.networks.backbones import FINETUNE, JOINT_LAYERS
from fercore.networks.checkpoints import ModelCard, load_checkpoint, save_checkpoint
from fercore.networks.paper import build
from fercore.training.trainer import started, train


@pytest.mark.parametrize("finetune", (*FINETUNE, JOINT_LAYERS))
def test_both_halves_together_are_the_network(finetune: str) -> None:
    torch.manual_seed(0)
    network = build("fusion-resnet50").eval()
    rgb, depth = torch.randn(2, 3, 32, 32), torch.randn(2, 1, 64, 64)
    with torch.inference_mode():
        frozen = network.frozen(rgb, depth, finetune)
        halves, whole = network.trained(frozen, depth, finetune), network(rgb, depth)
    for one, other in zip(halves, whole, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


@pytest.fixture(scope="module")
def branches(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Store untrained single pipelines, as if they had been trained alone."""
    folder = tmp_path_factory.mktemp("branches")
    paths = folder / "depth.safetensors", folder / "rgb-vgg19.safetensors"
    for path in paths:
        torch.manual_seed(7)
        card = ModelCard(
            *(path.stem, "v1.5", PARAMETERS, "FER2013", "none", "none", "none", "none", 0, {})
        )
        save_checkpoint(path, build(path.stem), card)
    return paths


def test_a_fusion_starts_from_its_branches(branches: tuple[Path, Path]) -> None:
    config = replace(CONFIG, pipeline="fusion-vgg19", branches=tuple(map(str, branches)))
    fusion, start = started(config)
    depth, rgb = (load_checkpoint(path)[0].state_dict() for path in branches)
    for name, value in fusion.state_dict().items():
        part, _, rest = name.partition(".")
        kind, _, what = part.partition("_")
        if kind in ("depth", "rgb"):
            expected = (depth if kind == "depth" else rgb)[f"{what}.{rest}"]
            assert torch.equal(value, expected), name
    assert start.description == "FER2013; then trained alone on colour"


def test_joint_layers_learn_while_their_branches_stay(
    branches: tuple[Path, Path], tmp_path: Path
) -> None:
    paths = tuple(map(str, branches))
    config = replace(
        CONFIG, pipeline="fusion-vgg19", branches=paths, finetune=JOINT_LAYERS, epochs=1
    )
    before = started(config)[0].state_dict()
    after = train(made_up_faces(subjects=4), PARAMETERS, config, tmp_path).network.state_dict()
    temperate = ("rgb_classifier", "depth_classifier")  # worked in after training
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    learned = {name for name in changed if not name.startswith(temperate)}
    assert learned
    assert all(name.startswith(("joint_fc", "fusion_classifier")) for name in learned)


@pytest.mark.parametrize("pipeline", ["fusion-resnet50", "rgb-resnet50", "depth"])
def test_a_branch_that_does_not_fit_is_refused(pipeline: str, branches: tuple[Path, Path]) -> None:
    config = replace(CONFIG, pipeline=pipeline, branches=(str(branches[1]),))
    with pytest.raises(CheckpointError, match="a rgb-vgg19 is no branch of this pipeline"):
        started(config)
