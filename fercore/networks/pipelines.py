"""All pipelines by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fercore.networks.paper import (
    PIPELINES,
    DepthPipeline,
    DepthPretrainedPipeline,
    FusionPipeline,
    RGBPipeline,
)

if TYPE_CHECKING:
    from fercore.networks.branches import Pipeline


def build(pipeline: str, variant: str = "v1.5") -> Pipeline:
    """Return the untrained network of a pipeline slug.

    `variant` is one of `VARIANTS`.

    Raises:
        ValueError: unknown slug or variant.
    """
    if pipeline not in PIPELINES:
        known = ", ".join(PIPELINES)
        raise ValueError(f"unknown pipeline {pipeline!r}; choose one of {known}")
    if pipeline == "depth":
        return DepthPipeline()
    kind, backbone = pipeline.rsplit("-", 1)
    classes: dict[str, type[RGBPipeline] | type[FusionPipeline]] = {
        "rgb": RGBPipeline,
        "fusion": FusionPipeline,
        "depth-pretrained": DepthPretrainedPipeline,
    }
    return classes[kind](backbone, variant)
