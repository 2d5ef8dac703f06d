"""How each RealSense model is best run at the distance of a face, and the SDK's depth filters.

Stereo noise grows with the square of the distance and falls with focal length and
baseline: each model has a resolution at which its matching works best, and a
nearest distance that follows from it. What is not listed runs like a D435.

Filters come in the order that stereo depth asks for: no decimation (a face has few pixels as it
is), threshold, to disparity (where stereo noise is even), spatial, temporal, back to depth. Holes
stay open: `fercore` fills those that a face encloses itself, and knows then what was measured.
Coded-light cameras measure no disparity, so theirs is smoothed as depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FARTHEST_M = 2.0  # a face further away fills too few pixels to be judged
_DENSITY = "Medium Density"  # the compromise of the D400 presets between fill and accuracy
SPATIAL_ALPHA = 0.5
SPATIAL_STEP = 20  # in 1/32 px of disparity; a larger step is an edge, and kept
SPATIAL_PASSES = 2
TEMPORAL_ALPHA = 0.6
"""Share of the new frame: 94 % of a movement is there after three frames, 0.1 s. At the
SDK's own 0.4 it is 78 %, which flattens the short peak of a surprise."""
TEMPORAL_STEP = 20
NO_PERSISTENCE = 0  # a pixel that is not measured is unknown, not what it was before
NO_HOLE_FILLING = 0


@dataclass(frozen=True, slots=True)
class Model:
    """One family of cameras."""

    name: str  # as it stands in the device's own name
    width: int  # pixels, of depth and of colour
    height: int  # pixels
    preset: str  # of the depth sensor, by the name that the SDK shows
    nearest_m: float  # below it nothing is measured at this resolution
    frame_rate_hz: int = 30


_MODELS = (
    Model("D405", 848, 480, _DENSITY, 0.07),
    Model("D415", 1280, 720, _DENSITY, 0.45),
    Model("D455", 848, 480, _DENSITY, 0.40),
    Model("D435", 848, 480, _DENSITY, 0.20),
    Model("SR300", 640, 480, "Face Analytics", 0.20),
    Model("SR305", 640, 480, "Face Analytics", 0.20),
)
_ANY = Model("", 848, 480, _DENSITY, 0.20)


def model_of(device_name: str) -> Model:
    """Return how to run a device, by its name, such as `Intel RealSense D435I`."""
    return next((model for model in _MODELS if model.name in device_name.upper()), _ANY)


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
