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

import numpy as np

from fercore.faces.cropping import turned_around
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
    """A face, and how it is cut out upright."""

    box: FaceBox
    roll_deg: float  # by which it is turned clockwise about the middle of its box; 0: not at all
    remark: str  # empty: it stands upright as it is


def best_quarters(rgb: UInt8Array, detector: FaceDetector) -> tuple[int, list[FaceBox]]:
    """Return by how many quarter turns counter-clockwise a picture shows a face best, 0 to 3.

    With them come the faces that the detector finds in the picture so turned, the best first.
    """
    faces = [detector.detect(rgb)]
    first = next(iter(faces[0]), None)
    if first is not None and first.score >= SURE_SCORE and abs(tilt_deg(first) or 0) <= _HALF_WAY:
        return 0, faces[0]
    turned = (np.ascontiguousarray(np.rot90(rgb, turns)) for turns in range(1, _QUARTERS))
    faces += map(detector.detect, turned)
    scores = [found[0].score if found else 0.0 for found in faces]
    best = int(np.argmax(scores))
    best = best if scores[best] > max(scores[0] + _CLEARLY, SURE_SCORE) else 0
    return best, faces[best]


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
    """Return where a face is, and how far it is to be turned where it is tilted too far.

    `roll_deg` is its tilt, counter-clockwise, None where it is not known. Where the detector does
    not find the turned face again, it is left as it is and the remark says how far it is tilted.
    """
    if roll_deg is None or abs(roll_deg) <= MAX_TILT_DEG:
        return UprightFace(box, 0.0, "")
    roll_deg = round(roll_deg, 1)  # as recordings keep it
    side = round(_ROOM * max(box.width, box.height))
    found = next(iter(detector.detect(turned_around(frame, box, roll_deg, side).rgb)), None)
    tilt = None if found is None else tilt_deg(found)
    if found is None or tilt is None or abs(tilt) > MAX_TILT_DEG:
        return UprightFace(box, 0.0, f"face tilted by {abs(roll_deg):.0f}°")
    right, below = (place - side / 2 for place in _centre(found))
    angle, middle = np.radians(roll_deg), _centre(box)
    x = float(middle[0] + np.cos(angle) * right + np.sin(angle) * below)
    y = float(middle[1] - np.sin(angle) * right + np.cos(angle) * below)
    half = max(found.width, found.height) / 2
    shown = FaceBox(x - half, y - half, x + half, y + half, found.score)
    return UprightFace(shown, roll_deg, f"face tilted by {abs(roll_deg):.0f}°, set upright")


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
