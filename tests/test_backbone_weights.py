from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import load_file, save_file

from fercore.errors import CheckpointError
from fercore.networks.backbones import Backbone, apply_start, backbone_of, read_start


@pytest.fixture(scope="module")
def partial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ResNet50's first stages, in half precision, as an original release stores them."""
    state = Backbone("resnet50", "v1").early.state_dict()
    path = tmp_path_factory.mktemp("weights") / "resnet50_conv1_to_layer3.safetensors"
    halves = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    save_file(halves, path, {"architecture": "ResNet-50 v1 (He et al. 2015), conv1..layer3"})
    return path


def test_a_partial_file_fills_what_it_holds(partial: Path) -> None:
    start = read_start("resnet50", str(partial))
    assert start.variant == "v1"
    assert start.description == "resnet50_conv1_to_layer3; layer4 random (He)"
    backbone = Backbone("resnet50", start.variant)
    before = backbone.last_stage.state_dict()["layer4.0.conv1.weight"].clone()
    apply_start(backbone, start)
    first = backbone.early.state_dict()["conv1.weight"]
    assert torch.equal(first, start.state["conv1.weight"].float())
    drawn = backbone.last_stage.state_dict()["layer4.0.conv1.weight"]
    assert not torch.equal(drawn, before)
    assert float(drawn.std()) == pytest.approx((2 / 1024) ** 0.5, rel=0.02)


def test_without_a_word_on_it_a_file_counts_as_torchvisions(partial: Path, tmp_path: Path) -> None:
    unlabelled = tmp_path / "weights.safetensors"
    save_file(load_file(partial), unlabelled)
    assert read_start("resnet50", str(unlabelled)).variant == "v1.5"


def test_torchvisions_own_file_fits(tmp_path: Path) -> None:
    from torchvision.models import vgg

    # All of torchvision's network but its classifier, which takes seconds to draw.
    features = vgg.make_layers(vgg.cfgs["E"])
    state = {f"features.{name}": torch.rand_like(v) for name, v in features.state_dict().items()}
    with torch.device("meta"):
        assert state.keys() == {k for k in vgg.vgg19().state_dict() if k.startswith("features.")}
    torch.save(state | {"classifier.0.bias": torch.zeros(4096)}, tmp_path / "vgg19.pth")
    start = read_start("vgg19", str(tmp_path / "vgg19.pth"))
    backbone = Backbone("vgg19", start.variant)
    apply_start(backbone, start)
    assert start.description == "vgg19"
    loaded = backbone.last_stage.state_dict()["28.weight"]
    assert torch.equal(loaded, state["features.28.weight"])


def test_no_download_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import ResNet50_Weights

    def offline(*_: object, **__: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr(ResNet50_Weights, "get_state_dict", offline)
    with pytest.raises(CheckpointError, match=r"cannot be downloaded .* pass a file"):
        read_start("resnet50", "imagenet")


def test_missing_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        read_start("resnet50", str(tmp_path / "none.pth"))
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"not weights")
    with pytest.raises(CheckpointError, match="no readable file of weights"):
        read_start("resnet50", str(damaged))
    foreign = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(1)}, foreign)
    with pytest.raises(CheckpointError, match="no weights of resnet50"):
        read_start("resnet50", str(foreign))


def test_a_tensor_of_another_shape_is_refused() -> None:
    start = read_start("resnet50", "random")
    start.state["conv1.weight"] = torch.zeros(1)
    with pytest.raises(CheckpointError, match=r"conv1\.weight"):
        apply_start(Backbone("resnet50", "v1.5"), start)


def test_a_files_own_description_is_what_it_is_known_by(partial: Path, tmp_path: Path) -> None:
    described, blank = tmp_path / "resnet50.safetensors", tmp_path / "blank.safetensors"
    save_file(load_file(partial), described, {"description": "FER2013,\n from scratch "})
    save_file(load_file(partial), blank, {"description": "\n"})
    start = read_start("resnet50", str(described))
    assert start.description == "FER2013, from scratch; layer4 random (He)"
    assert start.variant == "v1.5"
    assert read_start("resnet50", str(blank)).description == "blank; layer4 random (He)"


def test_a_file_tells_which_backbone_it_holds(partial: Path, tmp_path: Path) -> None:
    assert backbone_of(partial) == "resnet50"
    path = tmp_path / "vgg.pth"
    torch.save({"features.0.weight": torch.zeros(1)}, path)
    assert backbone_of(path) == "vgg19"
    torch.save({"weight": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="neither ResNet50 nor VGG19"):
        backbone_of(path)
