"""The SDK's depth filters, in the order that stereo depth asks for.

No decimation (a face has few pixels as it is), threshold, to disparity (where stereo
noise is even), spatial, temporal, back to depth. Holes stay open: `fercore` fills
those that a face encloses itself, and knows then what was measured. Coded-light
cameras measure no disparity, so theirs is smoothed as depth.
"""

from __future__ import annotations

from typing import Any

from app.sources.realsense.models import FARTHEST_M

SPATIAL_ALPHA = 0.5
SPATIAL_STEP = 20  # in 1/32 px of disparity; a larger step is an edge, and kept
SPATIAL_PASSES = 2
TEMPORAL_ALPHA = 0.6
"""Share of the new frame: 94 % of a movement is there after three frames, 0.1 s. At the
SDK's own 0.4 it is 78 %, which flattens the short peak of a surprise."""
TEMPORAL_STEP = 20
NO_PERSISTENCE = 0  # a pixel that is not measured is unknown, not what it was before
NO_HOLE_FILLING = 0


class DepthFilters:
    """Smooths depth as the frames come; keeps the past of one stream, so one for each."""

    def __init__(self, is_stereo: bool, nearest_m: float) -> None:
        import pyrealsense2 as rs

        self.spatial = True
        self.temporal = True
        self._is_stereo, self._nearest_m = is_stereo, nearest_m
        self._threshold = rs.threshold_filter(nearest_m, FARTHEST_M)
        self._to_disparity = rs.disparity_transform(True)
        self._spatial = rs.spatial_filter(
            SPATIAL_ALPHA, SPATIAL_STEP, SPATIAL_PASSES, NO_HOLE_FILLING
        )
        self._temporal = rs.temporal_filter(TEMPORAL_ALPHA, TEMPORAL_STEP, NO_PERSISTENCE)
        self._to_depth = rs.disparity_transform(False)

    @property
    def facts(self) -> dict[str, Any]:
        """What is done to depth at present; lengths in metres, steps in the SDK's own unit."""
        spatial = {"alpha": SPATIAL_ALPHA, "step": SPATIAL_STEP, "passes": SPATIAL_PASSES}
        temporal = {"alpha": TEMPORAL_ALPHA, "step": TEMPORAL_STEP}
        return {
            "decimation": False,
            "nearest_m": self._nearest_m,
            "farthest_m": FARTHEST_M,
            "in_disparity": self._is_stereo,
            "spatial": spatial if self.spatial else False,
            "temporal": temporal if self.temporal else False,
            "hole_filling": False,
        }

    def process(self, frames: Any) -> Any:
        """Return a frameset whose depth is smoothed."""
        for step in self._chain():
            frames = step.process(frames).as_frameset()
        return frames

    def _chain(self) -> list[Any]:
        smoothing = [self._spatial] * self.spatial + [self._temporal] * self.temporal
        if self._is_stereo and smoothing:
            smoothing = [self._to_disparity, *smoothing, self._to_depth]
        return [self._threshold, *smoothing]
