"""All pipelines by name: the paper's seven and fusions of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fercore.networks.backbones import BACKBONE_FEATURES
from fercore.networks.own_fusions import OWN_FUSIONS
from fercore.networks.paper import (
    PIPELINES,
    DepthPipeline,
    DepthPretrainedPipeline,
    FusionPipeline,
    RGBPipeline,
)

if TYPE_CHECKING:
    from fercore.networks.branches import Pipeline, TwoBranchPipeline

OWN_PIPELINES = tuple(
    f"{kind}-{backbone}" for backbone in BACKBONE_FEATURES for kind in OWN_FUSIONS
)
KNOWN_PIPELINES = PIPELINES + OWN_PIPELINES


def build(pipeline: str, variant: str = "v1.5") -> Pipeline:
    """Return the untrained network of a pipeline slug.

    `variant` is one of `VARIANTS`.

    Raises:
        ValueError: unknown slug or variant.
    """
    if pipeline not in KNOWN_PIPELINES:
        known = ", ".join(KNOWN_PIPELINES)
        raise ValueError(f"unknown pipeline {pipeline!r}; choose one of {known}")
    if pipeline == "depth":
        return DepthPipeline()
    kind, backbone = pipeline.rsplit("-", 1)
    classes: dict[str, type[RGBPipeline] | type[TwoBranchPipeline]] = {
        "rgb": RGBPipeline,
        "fusion": FusionPipeline,
        "depth-pretrained": DepthPretrainedPipeline,
        **OWN_FUSIONS,
    }
    return classes[kind](backbone, variant)
