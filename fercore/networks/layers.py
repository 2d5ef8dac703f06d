"""The layers that are new in the paper's networks, beside a pretrained backbone.

Every new convolution and FC has a bias, batch normalisation and ReLU, starts from He
initialisation and goes without dropout (paper, section 5.1).
"""

from __future__ import annotations

import torch
from torch import nn

from fercore.expressions import EXPRESSIONS

CLASSES = len(EXPRESSIONS)
DEPTH_KERNEL = 6


def redraw_new_layers(network: nn.Module) -> None:
    """Draw all layers outside the backbone anew, from torch's global random numbers."""
    for name, module in network.named_modules():
        if ".backbone." in name:
            continue
        if isinstance(module, nn.Conv2d | nn.Linear):
            he_initialise(module)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.reset_parameters()


def convolution(maps_in: int, maps_out: int) -> nn.Sequential:
    """Return a convolution of the depth network, which keeps the size."""
    # An even kernel needs one more pixel on one side to keep the size.
    before, after = (DEPTH_KERNEL - 1) // 2, DEPTH_KERNEL // 2
    convolution = nn.Conv2d(maps_in, maps_out, DEPTH_KERNEL)
    he_initialise(convolution)
    return nn.Sequential(
        nn.ZeroPad2d((before, after, before, after)),
        convolution,
        nn.BatchNorm2d(maps_out),
        nn.ReLU(),
    )


def fully_connected(width_in: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Return FC layers of the given widths."""
    layers: list[nn.Module] = []
    for width in widths:
        linear = nn.Linear(width_in, width)
        he_initialise(linear)
        layers += [linear, nn.BatchNorm1d(width), nn.ReLU()]
        width_in = width
    return nn.Sequential(*layers)


class Classifier(nn.Linear):
    """The last layer of a head: a latent to scores (N, 6), or (N, 7) once it is taught calm.

    Calm is a layer of its own on the same latent, not a seventh class: the six scores, and with
    them the paper's softmax, are the same with it and without.
    """

    def __init__(self, latent: int) -> None:
        super().__init__(latent, CLASSES)
        he_initialise(self)
        self.calm: nn.Linear | None = None

    def teach_calm(self) -> None:
        """Add the layer that says how calm a face is; it starts undecided."""
        self.calm = nn.Linear(self.in_features, 1)
        nn.init.zeros_(self.calm.weight)
        nn.init.zeros_(self.calm.bias)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Return the scores."""
        six = super().forward(latent)
        return six if self.calm is None else torch.cat((six, self.calm(latent)), 1)


def he_initialise(layer: nn.Conv2d | nn.Linear) -> None:
    """Draw weights as He et al. do for ReLU; biases are 0."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
