"""How each RealSense model is best run at the distance of a face.

Stereo noise grows with the square of the distance and falls with focal length and
baseline: each model has a resolution at which its matching works best, and a
nearest distance that follows from it. What is not listed runs like a D435.
"""

from __future__ import annotations

from dataclasses import dataclass

FARTHEST_M = 2.0  # a face further away fills too few pixels to be judged


@dataclass(frozen=True, slots=True)
class Model:
    """One family of cameras."""

    name: str  # as it stands in the device's own name
    width: int  # pixels, of depth and of colour
    height: int  # pixels
    preset: str  # of the depth sensor, by the name that the SDK shows
    nearest_m: float  # below it nothing is measured at this resolution
    frame_rate_hz: int = 30


_DENSITY = "Medium Density"  # the compromise of the D400 presets between fill and accuracy
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
