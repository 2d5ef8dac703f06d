"""What records, as `session.json` will say it: source, its clock, its settings."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from app.sources.base import Adjustable
from app.study.equipment import Equipment
from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.sources.base import FrameSource
    from fercore.faces.detection import MediapipeFaceDetector
    from fercore.structures import FaceBox, UInt8Array
    from fercore.study.run_files import Weights


def equipment_of(source: FrameSource | None, weights: tuple[Weights, ...]) -> Equipment:
    """Return what records.

    Raises:
        FercoreError: no source is open.
    """
    if source is None:
        raise FercoreError("No camera is open; open one in the menu Source first.")
    facts = _facts(source)
    known = facts.get("depth_unit_m")
    return Equipment(
        source=source.name,
        synthetic=_is_synthetic(source),
        device_clock=_device_clock(source),
        weights=weights,
        # In the camera's own steps nothing of its depth is rounded.
        **({"depth_unit_m": known} if known else {}),
        camera={"name": source.name, **facts, **_settings(source)},
    )


class FaceFinder(threading.local):
    """A face detector for each thread that asks: a detector belongs to one thread only."""

    def __init__(self) -> None:
        self._detector: MediapipeFaceDetector | None = None

    def __call__(self, rgb: UInt8Array) -> Sequence[FaceBox]:
        """Return the faces in a picture (H, W, 3)."""
        if self._detector is None:
            from fercore.faces.detection import MediapipeFaceDetector

            self._detector = MediapipeFaceDetector()
        return self._detector.detect(rgb)


def _is_synthetic(source: FrameSource) -> bool:
    from app.sources.choice import SAMPLE
    from app.sources.scans.synthetic import SyntheticSource

    return isinstance(source, SyntheticSource) or source.name == SAMPLE


def _device_clock(source: FrameSource) -> str:
    from app.sources.realsense.camera import RealSenseSource
    from app.sources.webcam import WebcamSource

    if isinstance(source, RealSenseSource):
        return "camera"
    return "host" if isinstance(source, WebcamSource) else "source"


def _facts(source: FrameSource) -> dict[str, Any]:
    from app.sources.realsense.camera import RealSenseSource

    return source.facts if isinstance(source, RealSenseSource) else {}


def _settings(source: FrameSource) -> dict[str, dict[str, Any]]:
    """Return what can be set and how it is, a choice by its name, and the units."""
    if not isinstance(source, Adjustable):
        return {}
    controls = source.controls
    return {
        "settings": {c.name: dict(c.choices).get(c.value, c.value) for c in controls},
        "setting_units": {c.name: c.unit for c in controls if c.unit},
    }
