"""What `camera.json` beside a folder of pictures says of the camera; all of it optional.

{"fx": 615.0, "fy": 615.0, "cx": 319.5, "cy": 239.5,   pixels of the colour picture
 "width": 640, "height": 480,                          size of the pictures this holds for
 "depth_unit_m": 0.001,                                metres in one unit of depth
 "depth_scale": 1000,                                  or units in one metre, as Open3D says
 "frame_rate_hz": 30}
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.sources.base import SourceError
from fercore.geometry.plausibility import intrinsics_doubt
from fercore.io.files import one_line, read_bytes
from fercore.runtime.parsing import parsed_json
from fercore.structures import Intrinsics

if TYPE_CHECKING:
    from pathlib import Path

CAMERA_FILE = "camera.json"

_SCALE = "depth_scale"


@dataclass(frozen=True, slots=True)
class PictureCamera:
    """What `camera.json` says; None where it says nothing."""

    fx: float | None = None  # pixels, as the next three
    fy: float | None = None
    cx: float | None = None
    cy: float | None = None
    width: float | None = None  # pixels, as the next one; of the pictures that this holds for
    height: float | None = None
    depth_unit_m: float | None = None
    frame_rate_hz: float = 30.0

    def intrinsics(self, width: int, height: int) -> Intrinsics | None:
        """Return the pinhole camera of pictures of a size, None where it is not known.

        Raises:
            SourceError: what the file says cannot be of such pictures.
        """
        if self.fx is None or self.fy is None or self.cx is None or self.cy is None:
            return None
        for said, found in ((self.width, width), (self.height, height)):
            if said is not None and said != found:
                raise SourceError(
                    f"{CAMERA_FILE} is of pictures of another size than {width}×{height}."
                )
        camera = Intrinsics(self.fx, self.fy, self.cx, self.cy, width, height)
        doubt = intrinsics_doubt(camera)
        if doubt:
            raise SourceError(f"{CAMERA_FILE} cannot be used: {doubt}; correct it.")
        return camera


def read_camera(folder: Path) -> PictureCamera:
    """Read `camera.json`, if there is one.

    Raises:
        SourceError: it is no such file.
    """
    path = folder / CAMERA_FILE
    if not path.exists():
        return PictureCamera()
    known = (*PictureCamera.__dataclass_fields__, _SCALE)
    try:
        values = _numbers(parsed_json(read_bytes(path, SourceError)), known)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise SourceError(
            f"{path} cannot be used ({one_line(error)}); it holds {', '.join(known)}."
        ) from error
    return PictureCamera(**values)


def _numbers(content: Any, known: tuple[str, ...]) -> dict[str, float]:
    values = {str(key): float(value) for key, value in content.items()}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}")
    if not all(math.isfinite(value) and value > 0 for value in values.values()):
        raise ValueError("every number must be finite and above 0")
    scale = values.pop(_SCALE, None)
    if scale is not None:
        # Open3D's is units a metre, the RealSense SDK's metres a unit: one is above 1.
        values.setdefault("depth_unit_m", 1 / scale if scale > 1 else scale)
    return values
