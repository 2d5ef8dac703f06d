"""Depth map to colour picture: a start, a refinement by mutual information, a judgement.

The start comes from facial landmarks found in the picture and in the rendered
textured mesh, else from the extents: rendering and picture are both framed by
the face's height. Landmarks that imply a motion far beyond any that scans have are
not believed. Mutual information refines the start within a few pixels, between the
picture's grey and the relit depth map. It can be higher at a wrong place; a
result that fails the plausibility check is dropped for the start. Both are said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.geometry import Similarity, fill_interior_holes
from fercore.registration.refinement import refine, relit

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array

# Eyes, brows, nose and lips among mediapipe's 468 points. The outline of the face and
# the smooth cheeks between are guessed by the landmark model more than they are seen.
FEATURES = np.array(
    [
        *(33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173),  # eye
        *(263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398),
        *(46, 53, 52, 65, 55, 70, 63, 105, 66, 107),  # brow
        *(276, 283, 282, 295, 285, 300, 293, 334, 296, 336),
        *(168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 97, 326, 327, 294, 278, 48, 64),  # nose
        *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269),  # lips
        *(270, 409, 78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13),
        *(312, 311, 310, 415),
    ]
)

# The landmark model's answer trembles by some pixels with the cut of the picture:
# small motions (scale, degrees, shift in shares of the picture) average that out.
_MOTIONS = (
    (1.0, 0.0, 0.0, 0.0),
    (0.93, 5.0, 0.02, -0.015),
    (0.97, -5.0, -0.015, 0.02),
    (0.9, -3.0, 0.0, 0.03),
    (1.04, 2.5, 0.01, -0.02),
)
LANDMARKS, EXTENTS = "landmarks", "extents"

# Twice the motion that the registration is measured with (`fercore bench registration`:
# 10 %, 8 degrees, 20 pixels in both directions), and more than twice the residuals met there.
MAX_START_SCALE_CHANGE = 0.2
MAX_START_TURN_DEG = 16.0
MAX_START_SHIFT_PX = 60.0  # of the landmarks' middle
MAX_START_RESIDUAL_PX = 8.0

MAX_SHIFT_PX = {LANDMARKS: 6.0, EXTENTS: 20.0}
MAX_SCALE_CHANGE = 0.04
MAX_TURN_DEG = 3.0
MAX_RESIDUAL_GROWTH_PX = 3.0
_LEAST_PIXELS = 1000


def steady_landmarks(
    landmarks: Callable[[UInt8Array], FloatArray | None],
    rgb: UInt8Array,
    wanted: NDArray[np.int64] = FEATURES,
) -> FloatArray | None:
    """Return columns and rows (N, 2) of the wanted points in a picture; None without a face.

    `landmarks` is a landmarker's method; the median of its answers to slightly
    moved copies of the picture is taken.
    """
    found = [
        points
        for motion in _MOTIONS
        if (points := _moved(landmarks, rgb, wanted, *motion)) is not None
    ]
    return np.median(found, axis=0).astype(np.float32) if found else None


def _moved(
    landmarks: Callable[[UInt8Array], FloatArray | None],
    rgb: UInt8Array,
    wanted: NDArray[np.int64],
    scale: float,
    angle_deg: float,
    right: float,
    down: float,
) -> FloatArray | None:
    height, width = rgb.shape[:2]
    centre = ((width - 1) / 2, (height - 1) / 2)
    motion = Similarity.about(centre, scale, angle_deg, (right * width, down * height))
    picture = cv2.warpAffine(rgb, motion.matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    points = landmarks(np.asarray(picture, np.uint8))
    return None if points is None else motion.inverse().apply(points[wanted]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Registration:
    """Where a depth map belongs in a picture, and how sure that is."""

    transform: Similarity  # from the depth map's pixels to the picture's; the one to use
    start: Similarity
    started_from: str  # landmarks or extents
    landmarks_doubt: str  # why landmarks that were found are not used; empty when they are
    fell_back: bool  # transform is the start, because the refinement was implausible
    reason: str  # why it fell back; empty when it did not
    mutual_information: float  # nats, at the refined place; 0 when there is none
    edge_shift_px: float  # mean motion of the face's outline from start to refinement
    start_residual_px: float  # median distance of the landmarks at the start; NaN without
    residual_px: float  # the same at the refined place

    @property
    def remark(self) -> str:
        """What was implausible, in short phrases; empty when nothing was."""
        return "; ".join(filter(None, (self.landmarks_doubt, self.reason)))


def register(
    picture_rgb: UInt8Array,
    depth_m: FloatArray,
    mm_per_pixel: float,
    picture_landmarks: FloatArray | None,
    rendering_landmarks: FloatArray | None,
    seed: int = 0,
) -> Registration:
    """Register an orthographic depth map (H, W) to a picture (H, W, 3) of the same size.

    The landmarks (N, 2) are the same points in the picture and in the rendering that the
    depth map belongs to, see `steady_landmarks`; None where no face was found.
    """
    points = (rendering_landmarks, picture_landmarks)
    start, started_from, doubt = _start(*points)
    if doubt:
        points = (None, None)
    filled = fill_interior_holes(depth_m)
    outline = face_outline(filled)
    if np.isfinite(filled).sum() < _LEAST_PIXELS:
        return _fallen_back(start, started_from, doubt, "too little depth to register")
    grey = cv2.cvtColor(picture_rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    relief = relit(filled, mm_per_pixel, grey, start)
    size = (grey.shape[1], grey.shape[0])
    explained = relief.explained.astype(np.uint8)
    mask = cv2.warpAffine(explained, start.matrix, size, flags=cv2.INTER_NEAREST) > 0
    try:
        refined, information = refine(grey, relief.grey, mask, start, seed)
    except RuntimeError:
        return _fallen_back(start, started_from, doubt, "no overlap with the picture")
    found = Registration(
        transform=refined,
        start=start,
        started_from=started_from,
        landmarks_doubt=doubt,
        fell_back=False,
        reason="",
        mutual_information=information,
        edge_shift_px=edge_distance(outline, start, refined),
        start_residual_px=_residual(start, *points),
        residual_px=_residual(refined, *points),
    )
    return _judged(found)


def warp_depth(depth_m: FloatArray, transform: Similarity) -> FloatArray:
    """Return the depth map (H, W) moved by the transform; unknown depth does not spread."""
    height, width = depth_m.shape
    valid = np.isfinite(depth_m)
    known = np.where(valid, depth_m, 0).astype(np.float32)
    weight = cv2.warpAffine(valid.astype(np.float32), transform.matrix, (width, height))
    total = cv2.warpAffine(known, transform.matrix, (width, height))
    moved: FloatArray = np.full_like(total, np.nan)
    np.divide(total, weight, out=moved, where=weight >= 0.5)
    return moved


def face_outline(depth_m: FloatArray) -> NDArray[np.float64]:
    """Return columns and rows (N, 2) of the outer outline of the known depth."""
    valid = np.isfinite(depth_m).astype(np.uint8)
    outlines, _ = cv2.findContours(valid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return np.zeros((0, 2))
    longest: NDArray[np.float64] = max(outlines, key=len)[:, 0, :].astype(np.float64)
    return longest


def edge_distance(outline: NDArray[np.float64], one: Similarity, other: Similarity) -> float:
    """Return the mean distance in pixels between the outlines that two transforms give."""
    return float(np.linalg.norm(one.apply(outline) - other.apply(outline), axis=1).mean())


def _start(rendering: FloatArray | None, picture: FloatArray | None) -> tuple[Similarity, str, str]:
    """Return the start, where it comes from, and why not from landmarks that were found."""
    if rendering is None or picture is None:
        return Similarity(), EXTENTS, ""
    fitted = Similarity.fitted(rendering, picture)
    doubt = _landmarks_doubt(fitted, rendering, picture)
    return (Similarity(), EXTENTS, doubt) if doubt else (fitted, LANDMARKS, "")


def _landmarks_doubt(fitted: Similarity, rendering: FloatArray, picture: FloatArray) -> str:
    """Return what speaks against a start from landmarks; empty when nothing does."""
    if abs(fitted.scale - 1) > MAX_START_SCALE_CHANGE:
        return f"the landmarks imply a scale of {fitted.scale:.2f}"
    if abs(fitted.angle_deg) > MAX_START_TURN_DEG:
        return f"the landmarks imply a turn by {fitted.angle_deg:+.1f} degrees"
    middle = rendering.mean(axis=0, keepdims=True)
    shift_px = float(np.linalg.norm(fitted.apply(middle) - middle))
    if shift_px > MAX_START_SHIFT_PX:
        return f"the landmarks imply a shift by {shift_px:.0f} px"
    residual_px = _residual(fitted, rendering, picture)
    if residual_px > MAX_START_RESIDUAL_PX:
        return f"the landmarks lie {residual_px:.1f} px apart at best"
    return ""


def _residual(
    transform: Similarity, rendering: FloatArray | None, picture: FloatArray | None
) -> float:
    if rendering is None or picture is None:
        return float("nan")
    return float(np.median(transform.residuals(rendering, picture)))


def _judged(found: Registration) -> Registration:
    reason = _implausibility(found)
    if not reason:
        return found
    return replace(found, transform=found.start, fell_back=True, reason=reason)


def _implausibility(found: Registration) -> str:
    """Return what speaks against a refinement, in a short phrase; empty when nothing does."""
    if found.edge_shift_px > MAX_SHIFT_PX[found.started_from]:
        return f"the face's edge moved by {found.edge_shift_px:.1f} px"
    if abs(found.transform.scale / found.start.scale - 1) > MAX_SCALE_CHANGE:
        return f"the scale changed by {found.transform.scale / found.start.scale - 1:+.1%}"
    if abs(found.transform.angle_deg - found.start.angle_deg) > MAX_TURN_DEG:
        return f"it turned by {found.transform.angle_deg - found.start.angle_deg:+.1f} degrees"
    growth = found.residual_px - found.start_residual_px
    if growth > MAX_RESIDUAL_GROWTH_PX:
        return f"the landmarks came apart by {growth:.1f} px"
    return ""


def _fallen_back(start: Similarity, started_from: str, doubt: str, reason: str) -> Registration:
    nan = float("nan")
    return Registration(start, start, started_from, doubt, True, reason, 0.0, 0.0, nan, nan)
