"""The two networks from scratch: as large as their paper's, and trainable as a stack of folds."""

import torch

from fercore.networks.huynh import HUYNH, NETWORKS, build_network
from fercore.networks.paper import PIPELINES
from fercore.training.config import read_config, shipped_config


def test_it_has_the_size_that_its_paper_gives() -> None:
    network = build_network(HUYNH)
    assert sum(weights.numel() for weights in network.parameters()) == 26_601_654
    assert network.backbone is None and (*PIPELINES, HUYNH) == NETWORKS


def test_it_sees_both_pictures() -> None:
    torch.manual_seed(0)
    network = build_network(HUYNH)
    rgb, depth = torch.randn(2, 3, 96, 96), torch.randn(2, 1, 64, 64)
    frozen = network.frozen(rgb, depth, "none")
    assert frozen.shape == (2, 3, 64, 64)
    plain = network.trained(frozen, depth, "none").fusion
    assert plain is not None and plain.shape == (2, 6)
    for changed in (network(rgb + 1, depth), network(rgb, depth + 1)):
        assert changed.fusion is not None and not torch.allclose(changed.fusion, plain)


def test_its_recipe_is_read_like_the_papers() -> None:
    assert read_config(shipped_config(HUYNH)).learning_rate == 0.001
