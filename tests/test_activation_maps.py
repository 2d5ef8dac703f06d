"""Where networks look, on networks of which that is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
import torch
from app_doubles import analysis_of, prediction, sample_frame
from tiny_backbone import TinyBackbone
from torch import nn

from fercore.errors import CheckpointError, FercoreError
from fercore.expressions import CALM, EXPRESSIONS, Expression
from fercore.inference.activation_maps import (
    ActivationExplainer,
    Head,
    activation_maps,
    leading_head,
)
from fercore.networks.checkpoints import ModelCard
from fercore.networks.paper import PIPELINES, DepthPipeline, RGBPipeline, build
from fercore.networks.preprocessing import Preprocessing
from fercore.structures import FacePair, Verdicts

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.networks.paper import Pipeline

SIZE = 64
RGB = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
DEPTH = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1
FEAR = Expression.FEAR
HEADS: tuple[Head, ...] = ("fusion", "rgb", "depth")


@pytest.fixture(autouse=True)
def tiny_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercore.networks.paper.Backbone", TinyBackbone)


def network_of(pipeline: str) -> Pipeline:
    torch.manual_seed(3)
    return build(pipeline).eval()


def card() -> ModelCard:
    parts = dict.fromkeys(("backbone_start", "training_data", "terms", "protocol", "command"), "")
    return ModelCard("depth", "v1.5", Preprocessing(rgb_size=SIZE), **parts, seed=0, versions={})


def corner_network() -> DepthPipeline:
    """Return a depth network that says fear by the upper right corner of the face alone.

    All convolutions hand their first map on; one FC unit reads one of its 4x4 places.
    """
    network = DepthPipeline().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.weight.fill_(1.0)
            elif isinstance(module, nn.Conv2d):
                module.weight[0, 0, 2, 2] = 1.0
        first, second = (part for part in network.branch.fc if isinstance(part, nn.Linear))
        first.weight[0, 3] = 1.0  # map 0, row 0, column 3
        second.weight[0, 0] = 1.0
        network.classifier.weight[FEAR.position, 0] = 1.0
    return network


def test_only_the_corner_that_the_score_depends_on_lights_up() -> None:
    maps = activation_maps(corner_network(), RGB, torch.ones(1, 1, 64, 64), "depth", FEAR)
    assert maps.rgb is None and maps.depth is not None
    expected = np.zeros((4, 4))
    expected[0, 3] = 1.0
    assert maps.depth == pytest.approx(expected, abs=1e-4)


def test_the_corner_says_nothing_for_another_expression() -> None:
    maps = activation_maps(
        corner_network(), RGB, torch.ones(1, 1, 64, 64), "depth", Expression.ANGER
    )
    assert maps.depth is not None and not maps.depth.any()


def test_what_speaks_against_is_cut_off() -> None:
    network = corner_network()
    with torch.no_grad():
        network.classifier.weight.neg_()
    maps = activation_maps(network, RGB, torch.ones(1, 1, 64, 64), "depth", FEAR)
    assert maps.depth is not None and not maps.depth.any()


def test_what_speaks_for_calm_is_shown_where_a_network_knows_it() -> None:
    network = corner_network()
    with pytest.raises(ValueError, match="does not know 'calm'"):
        activation_maps(network, RGB, torch.ones(1, 1, 64, 64), "depth", CALM)
    network.teach_calm()
    calm = network.classifier.calm
    assert calm is not None
    with torch.no_grad():
        calm.weight[0, 0] = 1.0
    maps = activation_maps(network, RGB, torch.ones(1, 1, 64, 64), "depth", CALM)
    assert maps.depth is not None
    assert np.flatnonzero(maps.depth > 1e-4).tolist() == [3]  # the same corner


def test_before_global_pooling_it_is_grad_cam_but_for_a_factor() -> None:
    network = cast("RGBPipeline", network_of("rgb-resnet50"))
    maps = network.backbone.last_stage(network.backbone.early(RGB)).detach().requires_grad_()
    score = network.classifier(network.branch.fc(maps.mean((2, 3))))[0, FEAR.position]
    weights = torch.autograd.grad(score, maps)[0].sum((2, 3))[0]  # Grad-CAM's, not divided
    grad_cam = torch.einsum("c,chw->hw", weights, maps[0]).clamp(min=0) / maps[0, 0].numel()
    found = activation_maps(network, RGB, None, "rgb", FEAR).rgb
    assert found is not None and found.max() > 0
    assert found == pytest.approx(grad_cam.detach().numpy(), abs=1e-6)


@pytest.mark.parametrize("pipeline", [p for p in PIPELINES if p.endswith("resnet50")])
def test_each_pipeline_shows_what_its_leading_head_looks_at(pipeline: str) -> None:
    network = network_of(pipeline)
    logits = network(RGB, DEPTH)
    leading = next(head for head in HEADS if getattr(logits, head) is not None)
    maps = activation_maps(network, RGB, DEPTH, leading, FEAR)
    looks_at_colour = not pipeline.startswith("depth")
    looks_at_depth = not pipeline.startswith("rgb")
    assert (maps.rgb is not None) is looks_at_colour
    assert (maps.depth is not None) is looks_at_depth
    for heat in maps:
        assert heat is None or (heat.dtype == np.float32 and heat.min() >= 0)


def test_a_branchs_own_head_is_explained_though_it_learns_cut_off() -> None:
    network = network_of("fusion-resnet50")
    colour = [activation_maps(network, RGB, DEPTH, "rgb", e) for e in EXPRESSIONS]
    depth = [activation_maps(network, RGB, DEPTH, "depth", e) for e in EXPRESSIONS]
    assert all(maps.depth is None for maps in colour) and all(maps.rgb is None for maps in depth)
    assert any(maps.rgb is not None and maps.rgb.any() for maps in colour)
    assert any(maps.depth is not None and maps.depth.any() for maps in depth)


def test_the_network_is_left_as_it_was() -> None:
    network = network_of("fusion-resnet50")
    before = network(RGB, DEPTH)
    activation_maps(network, RGB, DEPTH, "fusion", FEAR)
    after = network(RGB, DEPTH)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(not module._forward_hooks for module in network.modules())
    gradients = torch.autograd.grad(
        after.rgb.sum(), list(network.rgb_branch.parameters()), allow_unused=True
    )
    assert all(gradient is None for gradient in gradients)  # training still cuts them off


def test_absent_depth_has_no_map() -> None:
    network = network_of("fusion-resnet50")
    for head in HEADS[:2]:
        maps = activation_maps(network, RGB, None, head, FEAR)
        assert maps.depth is None and maps.rgb is not None


def test_a_head_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no head 'fusion'"):
        activation_maps(network_of("depth"), RGB, DEPTH, "fusion", FEAR)


def test_a_foreign_network_is_refused_in_a_sentence() -> None:
    with pytest.raises(FercoreError, match="Nobody can tell where a Linear looks"):
        ActivationExplainer(cast("Pipeline", nn.Linear(2, 2)), card())


def face(depth_m: float | None = 0.5) -> FacePair:
    pair = analysis_of(sample_frame()).pair
    assert pair is not None
    depth = None if depth_m is None else np.full((64, 64), depth_m, np.float32)
    return replace(pair, rgb=np.full((SIZE, SIZE, 3), 120, np.uint8), depth_m=depth)


def test_the_leading_heads_own_expression_is_explained() -> None:
    explainer = ActivationExplainer(network_of("fusion-resnet50"), card())
    fear, anger = prediction(FEAR), prediction(Expression.ANGER)
    first = explainer.explain(face(), Verdicts(fear, anger, anger))
    second = explainer.explain(face(), Verdicts(anger, fear, fear))
    assert first.rgb is not None and second.rgb is not None
    assert not np.array_equal(first.rgb, second.rgb)
    again = explainer.explain(face(), Verdicts(fear, None, anger))
    assert np.array_equal(first.rgb, cast("np.ndarray", again.rgb))


def test_depth_that_was_not_judged_by_is_not_explained() -> None:
    explainer = ActivationExplainer(network_of("fusion-resnet50"), card())
    verdicts = Verdicts(None, prediction(FEAR), None)
    with_bad_depth, without = (explainer.explain(face(d), verdicts) for d in (0.5, None))
    assert with_bad_depth.depth is None and without.depth is None
    assert np.array_equal(cast("np.ndarray", with_bad_depth.rgb), cast("np.ndarray", without.rgb))


def test_leading_is_fusion_then_colour_then_depth() -> None:
    one = prediction(FEAR)
    assert leading_head(Verdicts(one, one, one)) == ("fusion", one)
    assert leading_head(Verdicts(None, one, one)) == ("rgb", one)
    assert leading_head(Verdicts(None, None, one)) == ("depth", one)
    assert leading_head(Verdicts(None, None, None)) is None


def test_where_nobody_spoke_there_is_nothing_to_explain() -> None:
    explainer = ActivationExplainer(network_of("depth"), card())
    with pytest.raises(ValueError, match="no verdict"):
        explainer.explain(face(), Verdicts(None, None, None))


def test_a_missing_checkpoint_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"missing\.json does not exist"):
        ActivationExplainer.from_checkpoint(tmp_path / "missing.safetensors")
