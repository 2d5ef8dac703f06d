"""The parts that pipelines are put together from: branches, new layers, what a pipeline is.

Every new convolution and FC has a bias, batch normalisation and ReLU, starts from He
initialisation and goes without dropout (paper, section 5.1).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import nn

from fercore.expressions import EXPRESSIONS
from fercore.networks.backbones import Backbone

CLASSES = len(EXPRESSIONS)
DEPTH_SIZE = 64  # pixels, side of the depth network's input
DEPTH_MAPS = (10, 20, 30, 40, 50)  # feature maps of its five convolutions
DEPTH_KERNEL = 6
DEPTH_FC = (300, 300)
RGB_FC = {"resnet50": (1000, 700), "vgg19": (500, 500)}


class Absent(NamedTuple):
    """Which inputs of a batch are missing and must not count: (N,) bool each."""

    rgb: torch.Tensor
    depth: torch.Tensor


class Logits(NamedTuple):
    """Scores of each head; None where the pipeline has no such head.

    (N, 6) for the six expressions; of a network that was taught calm (N, 7), the last saying
    how calm the face is. `verdict_probabilities` turns them into what users see.
    """

    fusion: torch.Tensor | None
    rgb: torch.Tensor | None
    depth: torch.Tensor | None


def verdict_probabilities(scores: torch.Tensor) -> torch.Tensor:
    """Return probabilities (N, 6 or 7) of a head's scores (N, 6 or 7); each row sums to 1.

    Two questions are answered apart: is there an expression (the seventh score, through a
    sigmoid), and which of the six (their softmax). The product of the answers is returned:
    six expressions, then calm.
    """
    six = scores[:, :CLASSES].softmax(1)
    if scores.shape[1] == CLASSES:
        return six
    calm = scores[:, CLASSES:].sigmoid()
    return torch.cat(((1 - calm) * six, calm), 1)


class DepthBranch(nn.Module):
    """The depth network up to its last FC: (N, 1, 64, 64) to a latent (N, 300)."""

    latent = DEPTH_FC[-1]

    def __init__(self) -> None:
        super().__init__()
        m = DEPTH_MAPS
        self.convolutions = nn.Sequential(  # 1, 64, 64
            convolution(1, m[0]),
            convolution(m[0], m[1]),
            nn.MaxPool2d(2),  # 20, 32, 32
            convolution(m[1], m[2]),
            convolution(m[2], m[3]),
            nn.MaxPool2d(2),  # 40, 16, 16
            convolution(m[3], m[4]),
            nn.MaxPool2d(4),  # 50, 4, 4
        )
        self.fc = fully_connected(m[-1] * (DEPTH_SIZE // 16) ** 2, DEPTH_FC)

    def forward(self, depth: torch.Tensor) -> torch.Tensor:
        """Return the latent (N, 300)."""
        features = self.convolutions(depth).flatten(1)  # N, 800
        return _tensor(self.fc(features))


class RGBBranch(nn.Module):
    """A backbone and two FC: (N, 3, S, S) to a latent (N, 700) or (N, 500)."""

    def __init__(self, backbone: str, variant: str) -> None:
        super().__init__()
        self.name = backbone
        self.latent = RGB_FC[backbone][-1]
        self.backbone = Backbone(backbone, variant)
        self.fc = fully_connected(self.backbone.features, RGB_FC[backbone])

    def forward(self, frozen: torch.Tensor, finetune: str) -> torch.Tensor:
        """Map the output of the backbone's frozen half to the latent."""
        return _tensor(self.fc(self.backbone.trained(frozen, finetune)))


class Pipeline(nn.Module, ABC):
    """Base of all pipelines: inputs RGB (N, 3, S, S) and depth (N, 1, 64, 64), output `Logits`.

    RGB is standardised by ImageNet's mean and deviation, depth lies in -1..1
    (`fercore.networks.preprocessing`); a pipeline ignores the input it does not use. Where an input
    is absent, a fusion goes by the other; what the absent one's own head says means nothing.
    """

    @property
    def backbone(self) -> Backbone | None:
        """The pretrained network inside, None where there is none."""
        return None

    @property
    def heads(self) -> dict[str, Classifier]:
        """The last layers of the heads, by the names of `Logits`' fields or "classifier"."""
        return {
            name.removesuffix("_classifier"): module
            for name, module in self.named_children()
            if isinstance(module, Classifier)
        }

    @property
    def knows_calm(self) -> bool:
        """Whether the heads say how calm a face is."""
        return all(head.calm is not None for head in self.heads.values())

    def teach_calm(self) -> None:
        """Let every head say how calm a face is; a head that does so already stays as it is."""
        for head in self.heads.values():
            if head.calm is None:
                head.teach_calm()

    def frozen_modules(self, finetune: str) -> dict[str, nn.Module]:
        """Return the modules of the frozen half by their names, which end in a dot."""
        stages = {"none": ("early", "last_stage"), "last-stage": ("early",), "all": ()}[finetune]
        return {
            f"{name}.": module
            for name, module in self.named_modules()
            if name.endswith(tuple(f"backbone.{stage}" for stage in stages))
        }

    def forward(
        self, rgb: torch.Tensor, depth: torch.Tensor, absent: Absent | None = None
    ) -> Logits:
        """Run the whole network."""
        return self.trained(self.frozen(rgb, depth, "all"), depth, "all", absent)

    @abstractmethod
    def frozen(self, rgb: torch.Tensor, depth: torch.Tensor, finetune: str) -> torch.Tensor:
        """Run the backbone's frozen half (see `Backbone`); without one, pass depth on."""

    @abstractmethod
    def trained(
        self,
        frozen: torch.Tensor,
        depth: torch.Tensor,
        finetune: str,
        absent: Absent | None = None,
    ) -> Logits:
        """Run all that follows."""


class TwoBranchPipeline(Pipeline):
    """Base of all fusions: a colour and a depth branch with a head each."""

    def __init__(self, backbone: str, variant: str) -> None:
        super().__init__()
        self.rgb_branch = RGBBranch(backbone, variant)
        self.depth_branch = DepthBranch()
        self.rgb_classifier = Classifier(self.rgb_branch.latent)
        self.depth_classifier = Classifier(self.depth_branch.latent)

    @property
    def backbone(self) -> Backbone:
        """The pretrained network inside."""
        return self.rgb_branch.backbone

    def frozen(self, rgb: torch.Tensor, depth: torch.Tensor, finetune: str) -> torch.Tensor:
        """Run the backbone's frozen half on colour."""
        return self.rgb_branch.backbone.frozen(rgb, finetune)


class LateFusion(TwoBranchPipeline):
    """Base of the fusions that join the branches' latents.

    The branches' own heads read the **detached** latents: they do not shape the branches, and
    one pass still yields three verdicts.
    """

    def trained(
        self,
        frozen: torch.Tensor,
        depth: torch.Tensor,
        finetune: str,
        absent: Absent | None = None,
    ) -> Logits:
        """Classify both latents together, and each by itself."""
        rgb_latent, depth_latent = self.rgb_branch(frozen, finetune), self.depth_branch(depth)
        fusion = self.fused(rgb_latent, depth_latent, absent)
        return Logits(
            fusion,
            self.rgb_classifier(rgb_latent.detach()),
            self.depth_classifier(depth_latent.detach()),
        )

    @abstractmethod
    def fused(
        self, rgb_latent: torch.Tensor, depth_latent: torch.Tensor, absent: Absent | None
    ) -> torch.Tensor:
        """Return the fusion's scores (N, 6) from both latents."""


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


def _tensor(value: torch.Tensor) -> torch.Tensor:
    """Give `nn.Module.__call__`'s untyped result its type."""
    return value
