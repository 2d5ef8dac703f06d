"""Faces that stand askew in the picture, set upright before they are cut out.

The networks have learned from upright heads, and the detector finds upright ones best: of 51
pictures of synthetic people turned by 75 to 180 degrees, its score was highest in the quarter turn
nearest to upright 49 times, and there its points tell the rest of the turn to 3 degrees (median).
Of 60 frontal pictures turned by 45 degrees, colour alone judged 39 rightly so, 17 as they were, and
40 of the upright ones. A picture whose face is tilted by less than the networks know is never
touched.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from fercore.faces.head_angle import tilt_deg
from fercore.faces.quality import MAX_TILT_DEG
from fercore.structures import FaceBox, Intrinsics, RGBDFrame

if TYPE_CHECKING:
    from fercore.faces.detection import FaceDetector
    from fercore.structures import UInt8Array

SURE_SCORE = 0.8
"""Upright faces score higher; 21 frontal pictures 0.86 and more, turned ones 0.54 to 0.82."""

_CLEARLY = 0.05  # by which a quarter turn must score higher than the picture as it is
_ROOM = 2.2  # side of what is turned, over the longer side of the face's box
_QUARTERS = 4
_HALF_WAY = 45.0  # degrees, to the next quarter


class UprightFace(NamedTuple):
    """A frame in which the face stands upright."""

    frame: RGBDFrame
    box: FaceBox  # in that frame
    shown: FaceBox | None  # the same in the frame it was turned from; None: it was not turned
    remark: str  # empty: it was not turned


def best_quarters(rgb: UInt8Array, detector: FaceDetector) -> int:
    """Return by how many quarter turns counter-clockwise a picture shows a face best, 0 to 3."""
    found = next(iter(detector.detect(rgb)), None)
    if found is not None and found.score >= SURE_SCORE and abs(tilt_deg(found) or 0) <= _HALF_WAY:
        return 0
    scores = [found.score if found else 0.0]
    scores += [_score(np.rot90(rgb, turns), detector) for turns in range(1, _QUARTERS)]
    best = int(np.argmax(scores))
    return best if scores[best] > max(scores[0] + _CLEARLY, SURE_SCORE) else 0


def quarter_turned(frame: RGBDFrame, quarters: int) -> RGBDFrame:
    """Return a frame turned counter-clockwise by quarters, and a remark that it was."""
    if quarters % _QUARTERS == 0:
        return frame
    said = f"picture lay on its side, turned by {90 * quarters}°"
    said = said if quarters != 2 else "picture stood on its head, turned by 180°"
    return replace(
        frame,
        rgb=np.ascontiguousarray(np.rot90(frame.rgb, quarters)),
        depth_m=None
        if frame.depth_m is None
        else np.ascontiguousarray(np.rot90(frame.depth_m, quarters)),
        intrinsics=_turned_camera(frame.intrinsics, quarters),
        remark="; ".join(filter(None, (frame.remark, said))),
    )


def upright_face(
    frame: RGBDFrame, box: FaceBox, roll_deg: float | None, detector: FaceDetector
) -> UprightFace:
    """Return the face with its surroundings turned upright where it is tilted too far.

    `roll_deg` is its tilt, counter-clockwise, None where it is not known. Where the detector does
    not find the turned face again, it is left as it is and the remark says how far it is tilted.
    """
    if roll_deg is None or abs(roll_deg) <= MAX_TILT_DEG:
        return UprightFace(frame, box, None, "")
    side = round(_ROOM * max(box.width, box.height))
    turned = _turned_around(frame, box, roll_deg, side)
    found = next(iter(detector.detect(turned.rgb)), None)
    tilt = None if found is None else tilt_deg(found)
    if found is None or tilt is None or abs(tilt) > MAX_TILT_DEG:
        return UprightFace(frame, box, None, f"face tilted by {abs(roll_deg):.0f}°")
    across, down = _centre(found)
    angle = np.radians(roll_deg)
    right, below = across - (side - 1) / 2, down - (side - 1) / 2
    middle = _centre(box)
    x = middle[0] + np.cos(angle) * right + np.sin(angle) * below
    y = middle[1] - np.sin(angle) * right + np.cos(angle) * below
    half = max(found.width, found.height) / 2
    shown = FaceBox(float(x - half), float(y - half), float(x + half), float(y + half), found.score)
    return UprightFace(turned, found, shown, f"face tilted by {abs(roll_deg):.0f}°, set upright")


def _score(rgb: UInt8Array, detector: FaceDetector) -> float:
    found = detector.detect(np.ascontiguousarray(rgb))
    return found[0].score if found else 0.0


def _turned_around(frame: RGBDFrame, box: FaceBox, roll_deg: float, side: int) -> RGBDFrame:
    """Return the square (side, side) around a box, turned clockwise by its face's roll."""
    middle = _centre(box)
    matrix = cv2.getRotationMatrix2D(middle, -roll_deg, 1.0)
    matrix[:, 2] += (side - 1) / 2 - np.array(middle)
    size = (side, side)
    rgb = cv2.warpAffine(
        frame.rgb, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    depth_m = None
    if frame.depth_m is not None:
        depth_m = cv2.warpAffine(
            frame.depth_m,
            matrix,
            size,
            flags=cv2.INTER_NEAREST,  # between a face and the wall there is nothing
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(np.nan,),
        )
    return replace(frame, rgb=np.asarray(rgb, np.uint8), depth_m=depth_m)


def _turned_camera(camera: Intrinsics | None, quarters: int) -> Intrinsics | None:
    for _ in range(quarters if camera is not None else 0):
        assert camera is not None
        camera = Intrinsics(
            fx=camera.fy,
            fy=camera.fx,
            cx=camera.cy,
            cy=camera.width - 1 - camera.cx,
            width=camera.height,
            height=camera.width,
        )
    return camera


def _centre(box: FaceBox) -> tuple[float, float]:
    return (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
