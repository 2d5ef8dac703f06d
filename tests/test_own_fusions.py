import pytest
import torch
from tiny_backbone import TinyBackbone
from torch.func import functional_call, stack_module_state

from fercore.networks.branches import Absent, Logits, Pipeline, TwoBranchPipeline
from fercore.networks.pipelines import OWN_PIPELINES, build

FUSIONS = ("fusion-resnet50", *(slug for slug in OWN_PIPELINES if slug.endswith("resnet50")))
WITH_DEPTH = torch.tensor([False, False])


@pytest.fixture(params=FUSIONS)
def network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> TwoBranchPipeline:
    monkeypatch.setattr("fercore.networks.branches.Backbone", TinyBackbone)
    torch.manual_seed(0)
    network = build(request.param).eval()
    assert isinstance(network, TwoBranchPipeline)
    for name, parameter in network.named_parameters():
        if name in ("no_rgb", "no_depth"):
            torch.nn.init.normal_(parameter)
    return network


def inputs(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    rgb = torch.randn(2, 3, 64, 64, generator=generator)
    return rgb, torch.rand(2, 1, 64, 64, generator=generator)


def logits_of(network: Pipeline, *values: torch.Tensor | Absent) -> Logits:
    with torch.inference_mode():
        logits: Logits = network(*values)
    return logits


def test_all_three_heads_speak(network: TwoBranchPipeline) -> None:
    logits = logits_of(network, *inputs())
    assert [None if head is None else tuple(head.shape) for head in logits] == [(2, 6)] * 3


@pytest.mark.parametrize("missing", ["rgb", "depth"])
def test_the_fusion_ignores_an_absent_input(network: TwoBranchPipeline, missing: str) -> None:
    rgb, depth = inputs()
    other_rgb, other_depth = inputs(1)
    first = torch.tensor([True, False])
    absent = Absent(first, WITH_DEPTH) if missing == "rgb" else Absent(WITH_DEPTH, first)
    changed = (other_rgb, depth) if missing == "rgb" else (rgb, other_depth)
    before, after = logits_of(network, rgb, depth, absent), logits_of(network, *changed, absent)
    assert before.fusion is not None
    assert after.fusion is not None
    torch.testing.assert_close(before.fusion[0], after.fusion[0])
    assert not torch.allclose(before.fusion[1], after.fusion[1])


def test_nothing_absent_is_as_good_as_not_saying_so(network: TwoBranchPipeline) -> None:
    plain = logits_of(network, *inputs())
    told = logits_of(network, *inputs(), Absent(WITH_DEPTH, WITH_DEPTH))
    assert plain.fusion is not None
    assert told.fusion is not None
    torch.testing.assert_close(plain.fusion, told.fusion)


@pytest.mark.parametrize("finetune", ["none", "last-stage", "all"])
def test_the_halves_make_the_whole(network: TwoBranchPipeline, finetune: str) -> None:
    rgb, depth = inputs()
    with torch.inference_mode():
        halves = network.trained(network.frozen(rgb, depth, finetune), depth, finetune)
    for half, whole in zip(halves, logits_of(network, rgb, depth), strict=True):
        assert half is not None
        assert whole is not None
        torch.testing.assert_close(half, whole, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["supervised", "gated", "attention", "fusion"])
def test_which_losses_shape_the_branches(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercore.networks.branches.Backbone", TinyBackbone)
    network = build(f"{kind}-resnet50")
    rgb, depth = inputs()
    logits = network.trained(network.frozen(rgb, depth, "none"), depth, "none")
    assert logits.depth is not None
    torch.autograd.backward(logits.depth.sum())
    kernel = network.get_parameter("depth_branch.convolutions.0.1.weight")
    assert (kernel.grad is not None) == (kind == "supervised")


class _Fusion(torch.nn.Module):
    def __init__(self, network: TwoBranchPipeline) -> None:
        super().__init__()
        self.network = network

    def forward(self, frozen: torch.Tensor, depth: torch.Tensor) -> torch.Tensor:
        scores = self.network.trained(frozen, depth, "none").fusion
        assert scores is not None
        return scores


def test_folds_can_be_stacked(network: TwoBranchPipeline) -> None:
    """Training several folds at once runs the network under `torch.vmap`."""
    rgb, depth = inputs()
    fusion = _Fusion(network)
    with torch.inference_mode():
        frozen = network.frozen(rgb, depth, "none")
        stacked = torch.vmap(lambda *state: functional_call(fusion, state, (frozen, depth)))(
            *stack_module_state([fusion, fusion])
        )
        torch.testing.assert_close(stacked[1], fusion(frozen, depth), atol=1e-4, rtol=1e-4)
