"""All engines give the same probabilities; OpenVINO keeps what it compiled and calls nobody."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from fercore.errors import CheckpointError, FercoreError
from fercore.inference.engines import TorchEngine, choice, load_engine
from fercore.inference.engines.base import DEPTH_NET, FUSION, RGB_NET
from fercore.inference.engines.openvino_engine import OpenVINOEngine, compile_network
from fercore.networks.checkpoints import ModelCard, save_checkpoint
from fercore.networks.paper import PIPELINES, Absent, Logits, build, verdict_probabilities
from fercore.networks.preprocessing import Preprocessing

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.networks.paper import Pipeline

SIZE = 32  # pixels, side of the colour crop
HEADS = {"rgb": (False, True, False), "depth": (False, False, True)}
ALL_HEADS = (True, True, True)


def untrained(pipeline: str) -> Pipeline:
    """Return a network whose probabilities are neither all alike nor all 0 and 1."""
    torch.manual_seed(3)
    network = build(pipeline).eval()
    with torch.inference_mode():
        logits = network(*inputs(8))
    scores = {"fusion_classifier": logits.fusion, "rgb_classifier": logits.rgb}
    alone = logits.depth if logits.rgb is None else logits.rgb
    scores |= {"depth_classifier": logits.depth, "classifier": alone}
    for name, given in scores.items():
        layer = getattr(network, name, None)
        if given is not None and isinstance(layer, nn.Linear):
            layer.weight.data /= given.std()
    return network


def inputs(faces: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(5)
    rgb = torch.randn(faces, 3, SIZE, SIZE, generator=draws)
    return rgb, torch.randn(faces, 1, 64, 64, generator=draws).clamp(-1, 1)


def assert_same(one: Logits, other: Logits) -> None:
    for mine, theirs in zip(one, other, strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None and theirs is not None:
            difference = (mine.softmax(1) - theirs.softmax(1)).abs().max()
            assert float(difference) < 1e-3


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_openvino_gives_torchs_probabilities(pipeline: str) -> None:
    network = untrained(pipeline)
    reference = TorchEngine(network)
    engine = OpenVINOEngine(compile_network(network, SIZE))
    rgb, depth = inputs()
    expected = reference.logits(rgb, depth)
    assert_same(engine.logits(rgb, depth), expected)
    kind = pipeline.split("-")[0]
    assert tuple(scores is not None for scores in expected) == HEADS.get(kind, ALL_HEADS)
    for scores in expected:
        if scores is not None:
            assert 0.17 < float(scores.softmax(1).max()) < 0.999
    assert_same(engine.logits(rgb, None), reference.logits(rgb, None))


def test_openvino_gives_torchs_calm() -> None:
    network = untrained("fusion-vgg19")
    network.teach_calm()
    for head in network.heads.values():
        assert head.calm is not None
        nn.init.normal_(head.calm.weight, std=head.weight.std().item())
    reference, engine = TorchEngine(network), OpenVINOEngine(compile_network(network, SIZE))
    rgb, depth = inputs()
    for given in (depth, None):
        for mine, expected in zip(
            engine.logits(rgb, given), reference.logits(rgb, given), strict=True
        ):
            assert (mine is None) == (expected is None)
            if mine is not None and expected is not None:
                assert mine.shape == (2, 7)
                found = verdict_probabilities(mine) - verdict_probabilities(expected)
                assert float(found.abs().max()) < 1e-3


@pytest.mark.gpu
@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device is here, with which the CPU is compared"
)
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_cuda_gives_the_cpus_probabilities(pipeline: str) -> None:
    rgb, depth = inputs()
    expected = TorchEngine(untrained(pipeline)).logits(rgb, depth)
    engine = TorchEngine(untrained(pipeline), "cuda")
    assert_same(engine.logits(rgb, depth), expected)
    assert "torch" in engine.description


def test_without_depth_only_colour_is_judged_and_the_same_as_with_it() -> None:
    engine = TorchEngine(untrained("fusion-resnet50"))
    rgb, depth = inputs()
    alone, both = engine.logits(rgb, None), engine.logits(rgb, depth)
    assert alone.fusion is alone.depth is None
    assert alone.rgb is not None and both.rgb is not None
    assert torch.allclose(alone.rgb, both.rgb, atol=1e-5)


def test_without_depth_colour_alone_speaks_alike_in_all_engines() -> None:
    network = untrained("fusion-resnet50")
    rgb, depth = inputs()
    alone = TorchEngine(network).logits(rgb, None)
    with torch.inference_mode():
        told = network(rgb, depth, Absent(torch.zeros(2, dtype=torch.bool), torch.ones(2) > 0))
    assert_same(alone, Logits(None, told.rgb, None))
    compiled = OpenVINOEngine(compile_network(network, SIZE))
    assert_same(compiled.logits(rgb, None), alone)
    assert_same(compiled.logits(rgb, depth), TorchEngine(network).logits(rgb, depth))


def test_engines_that_measure_tell_the_parts_of_a_pass() -> None:
    network = untrained("fusion-resnet50")
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERF_COUNT": True}
    for engine in (
        TorchEngine(network, measured=True),
        OpenVINOEngine(compile_network(network, SIZE, settings), measured=True),
    ):
        engine.logits(*inputs(1))
        parts = engine.last_pass_s
        assert set(parts) == {RGB_NET, DEPTH_NET, FUSION}
        assert min(parts.values()) > 0
    assert TorchEngine(network).last_pass_s == {}


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a small checkpoint; compiled models are kept in a folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(choice, "_has_gpu", lambda: False)
    path = tmp_path / "mine.safetensors"
    words = ("random", "none", "none", "untrained", "none")
    card = ModelCard("depth", "v1.5", Preprocessing(rgb_size=SIZE), *words, 0, {})
    save_checkpoint(path, untrained("depth"), card)
    return path


def kept(path: Path) -> list[Path]:
    return sorted((path.parent / "cache").rglob("*.compiled"))


def test_the_second_start_neither_converts_nor_loads_the_network(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first, card = load_engine(checkpoint)
    assert "First start of these weights on this machine" in caplog.text
    assert len(kept(checkpoint)) == 1
    caplog.clear()
    monkeypatch.setattr(choice, "load_checkpoint", lambda _: pytest.fail("the network was loaded"))
    second, _ = load_engine(checkpoint)
    assert caplog.text == ""
    assert "OpenVINO" in second.description
    assert card.pipeline == "depth"
    assert_same(second.logits(*inputs()), first.logits(*inputs()))


def test_a_damaged_compiled_model_is_made_anew(
    checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = load_engine(checkpoint)[0].logits(*inputs())
    (path,) = kept(checkpoint)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", whole[:-100] + bytes(100)):
        path.write_bytes(damaged)
        caplog.clear()
        engine, _ = load_engine(checkpoint)
        assert "is damaged and will be made anew" in caplog.text
        assert_same(engine.logits(*inputs()), expected)
        assert path.read_bytes()[:1000] == whole[:1000]


def test_a_cache_that_cannot_be_written_is_no_obstacle(
    checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (checkpoint.parent / "cache").write_text("a file where the folder should be")
    engine, _ = load_engine(checkpoint)
    assert engine.logits(*inputs()).depth is not None
    assert "cannot be kept" in caplog.text


def test_few_compiled_models_are_kept(checkpoint: Path) -> None:
    load_engine(checkpoint)
    folder = kept(checkpoint)[0].parent
    for number in range(6):
        (folder / f"old-{number}.compiled").write_bytes(b"x")
    kept(checkpoint)[0].unlink()
    load_engine(checkpoint)
    assert len(kept(checkpoint)) == 4
    assert any(path.name.startswith("depth-") for path in kept(checkpoint))


def test_damaged_weights_are_refused_even_with_a_compiled_model(checkpoint: Path) -> None:
    load_engine(checkpoint)
    content = bytearray(checkpoint.read_bytes())
    content[-1] ^= 1
    checkpoint.write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged"):
        load_engine(checkpoint)
    checkpoint.unlink()
    with pytest.raises(CheckpointError, match="does not exist"):
        load_engine(checkpoint)


def broken(*_: object) -> None:
    raise RuntimeError("no such instruction")


def test_where_openvino_does_not_work_torch_judges_and_the_log_says_why(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(choice, "_openvino", broken)
    engine, _ = load_engine(checkpoint)
    assert engine.description.startswith("torch")
    assert "OpenVINO does not work here (no such instruction); torch judges" in caplog.text
    with pytest.raises(FercoreError, match="choose torch"):
        load_engine(checkpoint, "openvino")


def test_a_gpu_is_preferred(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[str] = []

    def noted(path: Path, device: str, measured: bool) -> None:
        chosen.append(device)

    monkeypatch.setattr(choice, "_has_gpu", lambda: True)
    monkeypatch.setattr(choice, "_torch", noted)
    load_engine(checkpoint)
    load_engine(checkpoint, "cuda")
    load_engine(checkpoint, "torch")
    assert chosen == ["cuda", "cuda", "cpu"]


@pytest.mark.parametrize(
    ("engine", "words"),
    [("tpu", "choose one of cuda, openvino, torch"), ("cuda", "no CUDA device")],
)
def test_engines_that_are_not_there_are_refused(checkpoint: Path, engine: str, words: str) -> None:
    with pytest.raises(FercoreError, match=words):
        load_engine(checkpoint, engine)


def test_a_closed_engine_says_so(checkpoint: Path) -> None:
    for name in ("torch", "openvino"):
        engine, _ = load_engine(checkpoint, name)
        engine.close()
        engine.close()
        with pytest.raises(ValueError, match="has been closed"):
            engine.logits(*inputs())


OFFLINE = """
import socket, sys
from pathlib import Path

def forbidden(*arguments, **_):
    print("outgoing:", arguments, file=sys.stderr, flush=True)
    raise SystemExit(3)

for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"):
    setattr(socket, name, forbidden)
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, forbidden)

import torch
from fercore.inference.engines import load_engine

for _ in range(2):  # converted, then loaded
    engine, _ = load_engine(Path(sys.argv[1]), "openvino")
    engine.logits(torch.zeros(1, 3, 32, 32), torch.zeros(1, 1, 64, 64))
assert sys.modules["openvino_telemetry"] is None
"""


def test_openvino_looks_no_host_up_and_connects_to_none(checkpoint: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(checkpoint)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "outgoing" not in done.stderr
