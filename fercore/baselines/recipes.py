"""How a baseline is fitted: read from TOML files, one for each row of the paper's Table 2.

The files lie in `configs/` beside this module. Each opens with its row and the published
accuracy, and marks what is stated, what is recalled and what is our choice.
"""

from __future__ import annotations

from dataclasses import dataclass

BASELINES = (
    *("segments-svm", "primitive-lda", "sfam-bbn", "descriptors-svm", "scattering-svm"),
    *("maps-vgg19-svm", "landmark-lda", "maps-vit-svm"),
)
"""Slugs of the baselines with features of their own, those of Table 2 first."""


@dataclass(frozen=True, slots=True)
class BaselineRecipe:
    """How to fit a baseline; each takes what concerns it."""

    pipeline: str  # one of `BASELINES`
    c: tuple[float, ...] = (1.0, 10.0, 100.0)  # of SVMs: candidates
    gamma: tuple[float, ...] = ()  # of RBF kernels: candidates; none: 1 / (features * variance)
    components: int = 0  # of a PCA before the classifier; 0: no PCA
    fusion: tuple[str, ...] = ()  # candidates: "scores", "features"; none: only one set of features
    backbone: str = ""  # frozen network of the maps, where there is one
    backbone_source: str = "imagenet"  # see `fercore.networks.backbones.read_start`
    validation_subjects: int = 6  # of the training subjects; 0: the first candidates, uncalibrated
    seed: int = 0
