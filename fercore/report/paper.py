"""Table 1 of the paper, its claims, and what its figures say about its protocol.

Source: Oyedotun et al., Facial Expression Recognition via Joint Deep Learning of
RGB-Depth Map Latent Representations, ICCV Workshops 2017.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

DATASET = "BU-3DFE"
SUBJECTS, SCANS_PER_SUBJECT, EXPERIMENTS = 60, 12, 200  # section 5.2
FOLD_SUBJECTS = 6
ONE_PASS = SUBJECTS * SCANS_PER_SUBJECT  # predictions of 10 folds: 720
ALL_DRAWS = EXPERIMENTS * FOLD_SUBJECTS * SCANS_PER_SUBJECT  # predictions of 200 draws: 14,400


@dataclass(frozen=True, slots=True)
class PaperRow:
    """A row of Table 1."""

    slug: str  # of the pipeline in this project
    approach: str  # the paper's wording
    accuracy_percent: float  # on BU-3DFE, as printed


TABLE_1 = (
    PaperRow("depth-pretrained-resnet50", "Depth map + pre-trained ResNet50*", 61.11),
    PaperRow("depth-pretrained-vgg19", "Depth map + pre-trained VGG19*", 28.06),
    PaperRow("depth", "Depth map: PL-depth map", 84.72),
    PaperRow("rgb-resnet50", "RGB + pre-trained ResNet50: PL-RGB-ResNet50", 82.92),
    PaperRow("rgb-vgg19", "RGB + pre-trained VGG19: PL-RGB-VGG19", 81.25),
    PaperRow("fusion-resnet50", "Depth map + RGB: PL-fusion-ResNet50", 87.08),
    PaperRow("fusion-vgg19", "Depth map + RGB: PL-fusion-VGG19", 89.31),
)
BY_SLUG = {row.slug: row for row in TABLE_1}

CLAIMS = (
    ("depth beats RGB", "depth", "rgb-resnet50"),
    ("depth beats RGB", "depth", "rgb-vgg19"),
    ("fusion beats depth", "fusion-resnet50", "depth"),
    ("fusion beats depth", "fusion-vgg19", "depth"),
    ("fusion beats RGB", "fusion-resnet50", "rgb-resnet50"),
    ("fusion beats RGB", "fusion-vgg19", "rgb-vgg19"),
    ("from scratch beats pretrained on depth", "depth", "depth-pretrained-resnet50"),
    ("from scratch beats pretrained on depth", "depth", "depth-pretrained-vgg19"),
)
"""What section 5.3 concludes: claim, the pipeline said to be better, the other."""


def agrees_with_multiple(percent: float, predictions: int) -> bool:
    """Whether a percentage with two decimals is a rounded multiple of 1/`predictions`."""
    nearest = round(percent / 100 * predictions)
    return abs(100 * nearest / predictions - percent) <= 0.005 + 1e-9


def fitting_share(predictions: int) -> float:
    """Return which share of all percentages with two decimals agrees with such a multiple."""
    fitting = sum(agrees_with_multiple(cents / 100, predictions) for cents in range(10001))
    return fitting / 10001


def smallest_denominator() -> int:
    """Return the smallest number of predictions that could have given all of Table 1."""
    return next(
        number
        for number in range(1, ALL_DRAWS)
        if all(agrees_with_multiple(row.accuracy_percent, number) for row in TABLE_1)
    )


def standard_error_points(percent: float, predictions: int = ONE_PASS) -> float:
    """Return the binomial standard error in percentage points, as if samples were independent."""
    share = percent / 100
    return 100 * math.sqrt(share * (1 - share) / predictions)
