"""Points of the face by name, found by where they lie, and the pose that they give.

Nobody documents where a group of BU-3DFE's 83 points starts and which way round it goes, and
other sources have other points. So a point gets its name by geometry: the outer corner of an
eye is the point of the eye that lies farthest out, the upper lid the highest near its middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import MeshError
from fercore.io.bu3dfe_files import GROUPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray

SIDES = {"right": -1.0, "left": 1.0}
"""The subject's own sides, and where they lie in x."""

POINT_NAMES = (
    *(f"{side} eye {place}" for side in SIDES for place in ("outer", "inner", "upper", "lower")),
    *(f"{side} brow {place}" for side in SIDES for place in ("outer", "middle", "inner")),
    *("right nostril", "left nostril", "nose root", "nose base"),
    *(f"mouth {place}" for place in ("right", "left", "upper", "lower")),
    *(f"inner mouth {place}" for place in ("right", "left", "upper", "lower")),
    "chin",
)
"""All names that `named_points` gives."""

# Where points that expressions hardly move lie on a head that looks along z: the mean head of
# ICT-FaceKit, made symmetric. Nothing of a data set that is evaluated is in them.
_RIGID_MM = {
    "right eye outer": (-44.6, 16.2, -11.5),
    "right eye inner": (-18.4, 14.4, -5.6),
    "left eye outer": (44.6, 16.2, -11.5),
    "left eye inner": (18.4, 14.4, -5.6),
    "right nostril": (-17.5, -24.5, 9.2),
    "left nostril": (17.5, -24.5, 9.2),
    "nose root": (0.0, 17.3, 4.8),
    "nose base": (0.0, -29.5, 11.2),
}

_NEAR = 0.35  # of the width of an eye or mouth, around its middle
_ROUNDS = 3  # names depend on the pose, and the pose on the names
_FARTHEST_MM = 15.0  # from the places above, on average; people differ by 2 to 5 mm


@dataclass(frozen=True, slots=True)
class RigidMotion:
    """Turns and shifts points in millimetres; keeps their size."""

    rotation: NDArray[np.float64]  # (3, 3), a proper rotation
    shift_mm: NDArray[np.float64]  # (3,)

    @classmethod
    def fitted(cls, source_mm: NDArray[np.float64], target_mm: NDArray[np.float64]) -> RigidMotion:
        """Return the least-squares motion of points (N, 3) onto points (N, 3) (Kabsch)."""
        source_mean, target_mean = source_mm.mean(axis=0), target_mm.mean(axis=0)
        u, _, vt = np.linalg.svd((source_mm - source_mean).T @ (target_mm - target_mean))
        upright = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        rotation = vt.T @ upright @ u.T
        return cls(rotation, target_mean - rotation @ source_mean)

    def apply(self, points_mm: FloatArray) -> FloatArray:
        """Return where points (N, 3) go."""
        return np.asarray(points_mm @ self.rotation.T + self.shift_mm, np.float32)


def named_points(points_mm: FloatArray) -> dict[str, FloatArray]:
    """Return `POINT_NAMES` with their places (3,), of points as `ScanGeometry.points_mm` has them.

    The face looks roughly along z and stands roughly upright.
    """
    named: dict[str, FloatArray] = {}
    for side, sign in SIDES.items():
        named |= _eye(side, sign, points_mm[GROUPS[f"{side} eye"]])
        named |= _brow(side, sign, points_mm[GROUPS[f"{side} brow"]])
    named |= _nose(points_mm[GROUPS["nose"]])
    named |= _mouth("mouth", points_mm[GROUPS["outer lips"]])
    named |= _mouth("inner mouth", points_mm[GROUPS["inner lips"]])
    contour = points_mm[GROUPS["contour"].start :]
    named["chin"] = contour[contour[:, 1].argmin()]
    return named


def frontal_motion(points_mm: FloatArray, name: str) -> RigidMotion:
    """Return the motion that brings a scan's points into the head's own frame.

    `name` is the scan's, for the message.

    Raises:
        MeshError: the points are no face's.
    """
    target = np.array(list(_RIGID_MM.values()))
    motion = RigidMotion(np.eye(3), -points_mm.mean(axis=0).astype(np.float64))
    for _ in range(_ROUNDS):
        named = named_points(motion.apply(points_mm))
        here = np.array([named[key] for key in _RIGID_MM], np.float64)
        step = RigidMotion.fitted(here, target)
        motion = RigidMotion(
            step.rotation @ motion.rotation, step.rotation @ motion.shift_mm + step.shift_mm
        )
    residual_mm = np.linalg.norm(step.apply(here.astype(np.float32)) - target, axis=1).mean()
    if not residual_mm < _FARTHEST_MM:
        raise MeshError(
            f"The points of {name} are {residual_mm:.0f} mm away from where a face has them; "
            "check its .bnd, or take --landmarks mediapipe."
        )
    return motion


def _eye(side: str, sign: float, eye: FloatArray) -> dict[str, FloatArray]:
    outer, inner = eye[(sign * eye[:, 0]).argmax()], eye[(sign * eye[:, 0]).argmin()]
    upper, lower = _middles(eye, outer, inner)
    places = {"outer": outer, "inner": inner, "upper": upper, "lower": lower}
    return {f"{side} eye {place}": point for place, point in places.items()}


def _brow(side: str, sign: float, brow: FloatArray) -> dict[str, FloatArray]:
    outer, inner = brow[(sign * brow[:, 0]).argmax()], brow[(sign * brow[:, 0]).argmin()]
    middle = np.mean(_middles(brow, outer, inner), axis=0)
    places = {"outer": outer, "middle": middle, "inner": inner}
    return {f"{side} brow {place}": point for place, point in places.items()}


def _nose(nose: FloatArray) -> dict[str, FloatArray]:
    upwards = nose[nose[:, 1].argsort()]
    low = upwards[: len(nose) // 2]
    below = low[np.abs(low[:, 0] - np.median(nose[:, 0])).argsort()]
    # The wings lie low: a point of the bridge that is as far out is no nostril.
    outwards = {side: sign * nose[:, 0] - 0.2 * nose[:, 1] for side, sign in SIDES.items()}
    return {
        "right nostril": nose[outwards["right"].argmax()],
        "left nostril": nose[outwards["left"].argmax()],
        "nose root": upwards[-2:].mean(axis=0),
        "nose base": below[:2].mean(axis=0),
    }


def _mouth(name: str, lips: FloatArray) -> dict[str, FloatArray]:
    right, left = lips[lips[:, 0].argmin()], lips[lips[:, 0].argmax()]
    upper, lower = _middles(lips, right, left)
    places = {"right": right, "left": left, "upper": upper, "lower": lower}
    return {f"{name} {place}": point for place, point in places.items()}


def _middles(
    points: FloatArray, one: FloatArray, other: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the upper and the lower point nearest the middle between two corners."""
    away = np.abs(points[:, 0] - (one[0] + other[0]) / 2)
    near = away < max(_NEAR * abs(float(one[0] - other[0])), np.partition(away, 1)[1] + 1e-6)
    height = points[near, 1].mean()
    upper, lower = near & (points[:, 1] >= height), near & (points[:, 1] < height)
    if not lower.any():  # all are as high
        lower = upper
    nearest = [points[np.where(part, away, np.inf).argmin()] for part in (upper, lower)]
    return nearest[0], nearest[1]
