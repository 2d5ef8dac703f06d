import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from fercore.errors import CheckpointError
from fercore.networks.checkpoints import (
    Measure,
    ModelCard,
    card_path,
    load_card,
    load_checkpoint,
    save_checkpoint,
    shipped_checkpoint,
    weights_folder,
    write_card,
)
from fercore.networks.paper import Pipeline, build
from fercore.networks.preprocessing import Preprocessing

CARD = ModelCard(
    pipeline="depth",
    variant="v1.5",
    preprocessing=Preprocessing(rgb_size=48),
    backbone_start="none",
    training_data="nothing",
    terms="none",
    protocol="untrained",
    command="fercore train",
    seed=3,
    versions={"torch": torch.__version__},
    measures=(Measure("depth", "synthetic", 0.5, 0.4, 0.6, 72, 6),),
)


@pytest.fixture(scope="module")
def network() -> Pipeline:
    torch.manual_seed(0)
    return build("depth").eval()


@pytest.fixture
def checkpoint(tmp_path: Path, network: Pipeline) -> Path:
    path = tmp_path / "depth.safetensors"
    save_checkpoint(path, network, CARD)
    return path


def test_card_comes_back_as_written(checkpoint: Path) -> None:
    _, card = load_checkpoint(checkpoint)
    assert card == replace(CARD, sha256=card.sha256)
    assert len(card.sha256) == 64


def test_a_failed_write_keeps_the_earlier_checkpoint(
    checkpoint: Path, network: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fercore.networks.checkpoints.save_file", full)
    with pytest.raises(CheckpointError, match=r"depth\.safetensors cannot be written"):
        save_checkpoint(checkpoint, network, replace(CARD, seed=9))
    assert load_checkpoint(checkpoint)[1].seed == CARD.seed


def test_int8_storage_changes_probabilities_little(checkpoint: Path, network: Pipeline) -> None:
    loaded, _ = load_checkpoint(checkpoint)
    inputs = torch.zeros(8, 3, 8, 8), torch.randn(8, 1, 64, 64)
    with torch.inference_mode():
        before = torch.softmax(network(*inputs).depth, 1)
        after = torch.softmax(loaded(*inputs).depth, 1)
    assert float((before - after).abs().max()) < 0.05
    assert checkpoint.stat().st_size < 0.3 * 4 * 478_416


def test_one_dimensional_tensors_keep_three_digits_and_any_size(checkpoint: Path) -> None:
    network = build("depth").eval()
    state = network.state_dict()
    changed = {name: value for name, value in state.items() if value.is_floating_point()}
    for name, value in changed.items():
        if value.ndim == 1:
            value.copy_(torch.rand_like(value) * (1e5 if name.endswith("0.bias") else 1) + 1e-3)
    save_checkpoint(checkpoint, network, CARD)
    loaded = load_checkpoint(checkpoint)[0].state_dict()
    for name, before in changed.items():
        if before.ndim == 1:
            assert torch.allclose(before, loaded[name], rtol=1e-3, atol=0), name
            assert loaded[name].dtype == torch.float32
    assert any(before.max() > 65504 for before in changed.values())


def refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_damaged_file_is_refused(checkpoint: Path) -> None:
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)
    assert "damaged" in refused(checkpoint)


def test_a_truncated_file_is_refused(checkpoint: Path) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert "damaged" in refused(checkpoint)


def test_missing_companions_are_named(checkpoint: Path, tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "other.safetensors")
    checkpoint.unlink()
    assert str(checkpoint) in refused(checkpoint)


def test_an_unreadable_card_is_refused(checkpoint: Path) -> None:
    card_path(checkpoint).write_text('{"pipeline": ')
    assert "no readable model card" in refused(checkpoint)
    card_path(checkpoint).write_text('{"pipeline": "depth"}')
    assert "no readable model card" in refused(checkpoint)
    card_path(checkpoint).write_bytes(b"\xff\xfe\x00")
    assert "no readable model card" in refused(checkpoint)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("format", 99, "format 99"),
        ("pipeline", "fusion-alexnet", "unknown pipeline 'fusion-alexnet'"),
        ("expressions", ["surprise"], "orders its labels otherwise"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    checkpoint: Path, field: str, value: object, words: str
) -> None:
    raw = json.loads(card_path(checkpoint).read_text())
    card_path(checkpoint).write_text(json.dumps({**raw, field: value}))
    assert words in refused(checkpoint)


def test_tensors_of_another_network_are_refused(checkpoint: Path) -> None:
    save_file({"weight": torch.zeros(2, 2)}, checkpoint)
    card = load_card(checkpoint)
    import hashlib

    write_card(
        checkpoint, replace(card, sha256=hashlib.sha256(checkpoint.read_bytes()).hexdigest())
    )
    assert "does not hold a depth" in refused(checkpoint)


def test_an_unshipped_pipeline_is_named_with_those_that_are() -> None:
    with pytest.raises(CheckpointError, match="no weights of 'depth-pretrained-vgg19'"):
        shipped_checkpoint("depth-pretrained-vgg19")


def test_every_shipped_checkpoint_has_a_complete_card() -> None:
    paths = sorted(weights_folder().glob("*.safetensors"))
    assert paths
    for path in paths:
        card = load_card(path)
        assert card.pipeline == path.stem
        assert {m.head for m in card.measures} == {"fusion", "rgb", "depth"}
        assert all(m.low <= m.accuracy <= m.high for m in card.measures)
        assert all("synthetic" in m.test_set or "real faces" in m.test_set for m in card.measures)
        assert card.terms
        assert path.stat().st_size <= 30e6


def test_a_card_lists_validation_subjects_cache_by_cache(tmp_path: Path) -> None:
    subjects = ("cache-a/F0001", "cache-a/F0002", "cache-b/fer00034c2f53c0")
    card = replace(CARD, validation_subjects=subjects)
    path = tmp_path / "depth.safetensors"
    save_checkpoint(path, build("depth"), card)
    stored = json.loads(path.with_suffix(".json").read_text())["validation_subjects"]
    assert stored == {"cache-a/": "F0001 F0002", "cache-b/": "fer00034c2f53c0"}
    assert load_card(path).validation_subjects == subjects
