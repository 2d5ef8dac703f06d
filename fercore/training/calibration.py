"""Make probabilities mean what they say: one temperature for each head.

Guo et al., "On calibration of modern neural networks" (ICML 2017): dividing a head's logits
by one number, chosen for the lowest cross-entropy on held-out subjects, leaves every verdict
as it is. The number is worked into the head's last layer, so that whoever runs the network
need not know of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from fercore.networks.branches import Logits, Pipeline

_COOLEST, _HOTTEST = 0.05, 20.0
_ROUNDS = 60  # of the golden-section search; each leaves 62 % of the interval


def fit_temperatures(
    logits: Logits, labels: torch.Tensor, lacks_depth: torch.Tensor
) -> dict[str, float]:
    """Return each head's temperature from logits (N, 6) of subjects who did not train.

    Faces that lack depth, (N,) bool, do not count for the depth head; a head without any
    face keeps its logits.
    """
    temperatures = {}
    for name, head in logits._asdict().items():
        if head is None:
            continue
        chosen = ~lacks_depth if name == "depth" else torch.ones_like(lacks_depth)
        known = bool(chosen.any())
        temperatures[name] = _best_temperature(head[chosen], labels[chosen]) if known else 1.0
    return temperatures


def work_in(network: Pipeline, temperatures: dict[str, float]) -> None:
    """Divide the logits of the network's heads by their temperatures, for good."""
    for head, temperature in temperatures.items():
        layer = _last_layer(network, head)
        with torch.no_grad():
            layer.weight.div_(temperature)
            layer.bias.div_(temperature)


def _last_layer(network: Pipeline, head: str) -> nn.Linear:
    heads = network.heads
    return heads.get(head, next(iter(heads.values())))


def _best_temperature(head: torch.Tensor, labels: torch.Tensor) -> float:
    """Search the logarithm of the temperature, over which the loss has one minimum."""

    def loss(logarithm: float) -> float:
        scaled = head.double() / float(torch.tensor(logarithm).exp())
        return float(functional.cross_entropy(scaled, labels))

    low, high = torch.tensor([_COOLEST, _HOTTEST]).log().tolist()
    golden = (5**0.5 - 1) / 2
    for _ in range(_ROUNDS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return round(float(torch.tensor((low + high) / 2).exp()), 4)
