import pytest
import torch
from torch import nn

from fercore.networks.paper import PIPELINES, Logits, Pipeline, build

NEW_PARAMETERS = {  # without the backbone; the first three stand in the design
    "depth": 478_416,
    "rgb-resnet50": 2_757_306,
    "rgb-vgg19": 512_006,
    "depth-pretrained-resnet50": 2_757_306,
    "depth-pretrained-vgg19": 512_006,
    # Both branches with their heads, FC 500, FC 300, softmax on 1000 or 800 latents, and what
    # stands in for absent latents.
    "fusion-resnet50": 478_416 + 2_757_306 + 654_206 + 1000,
    "fusion-vgg19": 478_416 + 512_006 + 554_206 + 800,
}
HEADS = {"depth": "depth", "rgb": "rgb", "depth-pretrained": "depth"}


def shape_only(pipeline: str, variant: str = "v1.5") -> Pipeline:
    """Build on the meta device: shapes and counts without the arithmetic."""
    with torch.device("meta"):
        return build(pipeline, variant)


def run(network: Pipeline) -> Logits:
    rgb, depth = torch.empty(2, 3, 64, 64, device="meta"), torch.empty(2, 1, 64, 64, device="meta")
    logits: Logits = network(rgb, depth)
    return logits


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_parameter_counts_and_heads(pipeline: str) -> None:
    network = shape_only(pipeline)
    backbone = network.backbone.parameters() if network.backbone is not None else ()
    new = sum(p.numel() for p in network.parameters()) - sum(p.numel() for p in backbone)
    assert new == NEW_PARAMETERS[pipeline]
    present = {head: x.shape for head, x in run(network)._asdict().items() if x is not None}
    kind = pipeline.rsplit("-", 1)[0]
    heads = ("fusion", "rgb", "depth") if kind == "fusion" else (HEADS[kind],)
    assert present == dict.fromkeys(heads, (2, 6))


def shapes(network: Pipeline, kinds: tuple[type[nn.Module], ...]) -> list[tuple[int, ...]]:
    seen: list[tuple[int, ...]] = []
    for module in network.modules():
        if isinstance(module, kinds):
            module.register_forward_hook(lambda _m, _i, out: seen.append(tuple(out.shape[1:])))
    run(network)
    return seen


def test_depth_network_has_the_papers_layers() -> None:
    kinds = (nn.Conv2d, nn.MaxPool2d, nn.Linear)
    assert shapes(shape_only("depth"), kinds) == [
        *[(10, 64, 64), (20, 64, 64), (20, 32, 32)],
        *[(30, 32, 32), (40, 32, 32), (40, 16, 16)],
        *[(50, 16, 16), (50, 4, 4), (300,), (300,), (6,)],
    ]


@pytest.mark.parametrize(
    ("pipeline", "widths"),
    [
        ("rgb-resnet50", [(1000,), (700,), (6,)]),
        ("rgb-vgg19", [(500,), (500,), (6,)]),
        ("depth-pretrained-resnet50", [(1000,), (700,), (6,)]),
        ("depth-pretrained-vgg19", [(500,), (500,), (6,)]),
    ],
)
def test_rgb_heads_have_the_papers_widths(pipeline: str, widths: list[tuple[int, ...]]) -> None:
    assert shapes(shape_only(pipeline), (nn.Linear,)) == widths


@pytest.mark.parametrize(("backbone", "latent"), [("resnet50", 700), ("vgg19", 500)])
def test_fusion_joins_both_latents(backbone: str, latent: int) -> None:
    widths = shapes(shape_only(f"fusion-{backbone}"), (nn.Linear,))
    assert widths[:2] == [(1000,) if backbone == "resnet50" else (500,), (latent,)]
    assert widths[2:4] == [(300,), (300,)]  # depth
    assert widths[4:] == [(500,), (300,), (6,), (6,), (6,)]  # joint, then the three heads


def test_branch_heads_do_not_shape_their_branches() -> None:
    network = build("fusion-resnet50").eval()
    logits: Logits = network(torch.randn(2, 3, 64, 64), torch.randn(2, 1, 64, 64))
    assert logits.rgb is not None
    assert logits.depth is not None
    torch.autograd.backward(logits.rgb.sum() + logits.depth.sum())
    with_gradient = {n.split(".")[0] for n, p in network.named_parameters() if p.grad is not None}
    assert with_gradient == {"rgb_classifier", "depth_classifier"}


@pytest.mark.parametrize("pipeline", ["depth", "rgb-resnet50"])
def test_new_layers_are_normalised_and_never_dropped_out(pipeline: str) -> None:
    network = build(pipeline)
    assert not any(isinstance(m, nn.Dropout) for m in network.modules())
    linear = [m for m in network.modules() if isinstance(m, nn.Linear)]
    assert len([m for m in network.modules() if isinstance(m, nn.BatchNorm1d)]) == len(linear) - 1
    assert all(m.bias is not None and not m.bias.any() for m in linear)
    # He et al.: standard deviation sqrt(2 / inputs).
    first = linear[0].weight
    assert float(first.detach().std()) == pytest.approx((2 / first.shape[1]) ** 0.5, rel=0.03)


def test_variant_v1_moves_the_stride_and_keeps_the_parameters() -> None:
    original, torchvision = (shape_only("rgb-resnet50", v) for v in ("v1", "v1.5"))
    assert original.state_dict().keys() == torchvision.state_dict().keys()
    strides = {name: m.stride for name, m in original.named_modules() if isinstance(m, nn.Conv2d)}
    assert strides["branch.backbone.early.layer2.0.conv1"] == (2, 2)
    assert strides["branch.backbone.early.layer2.0.conv2"] == (1, 1)


@pytest.mark.parametrize(("slug", "variant"), [("fusion-alexnet", "v1.5"), ("rgb-resnet50", "v2")])
def test_unknown_names_are_refused(slug: str, variant: str) -> None:
    with pytest.raises(ValueError, match="unknown"):
        build(slug, variant)
