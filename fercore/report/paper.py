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


@dataclass(frozen=True, slots=True)
class OtherSystem:
    """A system that the paper compares itself with, or a yardstick of ours beside those."""

    slug: str  # of the rebuilt system in this project
    wording: str  # the paper's; of a yardstick ours
    after: str  # whose work it is built after
    accuracy_percent: float  # published on BU-3DFE; NaN: there is no such figure
    points: str  # that the published figure was reached with
    protocol: str  # what is known of it


TABLE_2 = (
    OtherSystem(
        "segments-svm",
        "Distances + slopes + SVM [19]",
        "Tang and Huang, FG 2008",
        87.10,
        "manual",
        "few repeats, as recalled",
    ),
    OtherSystem(
        "primitive-lda",
        "Geometric shape + LDA [17]",
        "Wang et al., CVPR 2006",
        83.60,
        "manual",
        "20 repeats of 54/6 subjects, as recalled",
    ),
    OtherSystem(
        "sfam-bbn",
        "Bayesian belief net [35]",
        "Zhao et al., ICPR 2010",
        82.30,
        "automatic",
        "not in the abstract",
    ),
    OtherSystem(
        "descriptors-svm",
        "2D + 3D features fusion + SVM [36]",
        "Li et al., CVIU 2015",
        86.32,
        "automatic",
        "not in the abstract",
    ),
    OtherSystem(
        "scattering-svm",
        "Geometric scattering representation [37]",
        "Yang et al., FG 2015",
        84.80,
        "automatic",
        "one of two protocols; the other gives 82.7 %",
    ),
    OtherSystem(
        "maps-vgg19-svm",
        "Geometric maps + VGG19 + SVM [38]",
        "Li et al., arXiv 2015",
        84.87,
        "automatic",
        "not in the abstract",
    ),
    OtherSystem(
        "huynh-cnn",
        "two networks on 2D and 3D [39], in the text",
        "Huynh et al., ICISA 2016",
        92.0,
        "none",
        "90 of 100 subjects train, 10 are tested once",
    ),
    OtherSystem("landmark-lda", "a yardstick of ours", "nobody", math.nan, "none", "none"),
    OtherSystem("maps-vit-svm", "a yardstick of ours", "nobody", math.nan, "none", "none"),
)
OTHERS = {row.slug: row for row in TABLE_2}

ORDER = (*BY_SLUG, *OTHERS)
"""The order of pipelines in tables and figures: Table 1's rows, then Table 2's."""

PUBLISHED = {row.slug: row.accuracy_percent for row in TABLE_1} | {
    row.slug: row.accuracy_percent for row in TABLE_2
}
"""Published accuracies in percent, by slug; NaN where there is none."""

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
