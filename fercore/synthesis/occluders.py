"""What stands around a synthetic face or before it: shoulders, glasses, a hand, a held thing.

Simple geometry with colours of its own; being solid, it is there in colour and in depth,
and throws shadows. Everything is placed by the face's 68 landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.synthesis.solids import Material, Solid, ellipsoid, joined, sheet, tube

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray

_EYES = ((36, 39), (42, 45))  # outer and inner corners, the image's left eye first
_FINGERS_MM = (68.0, 76.0, 70.0, 54.0)
_CLOTHES_INFRARED = (0.2, 0.9)  # dyes that look dark are mostly bright in infrared


@dataclass(frozen=True, slots=True)
class FaceFrame:
    """Where a face is and which way it looks."""

    landmarks_mm: NDArray[np.float64]  # (68, 3)
    right: NDArray[np.float64]  # unit vectors (3,): to the image's right,
    up: NDArray[np.float64]
    forward: NDArray[np.float64]  # out of the face

    @classmethod
    def of(cls, landmarks_mm: FloatArray) -> FaceFrame:
        """Find the axes of a face from its landmarks (68, 3)."""
        points = np.asarray(landmarks_mm, np.float64)
        right = _unit(points[42:48].mean(axis=0) - points[36:42].mean(axis=0))
        between = points[36:48].mean(axis=0)
        up = between - points[48:60].mean(axis=0)
        up = _unit(up - up @ right * right)
        return cls(points, right, up, np.cross(right, up))

    def moved(
        self, start: NDArray[np.float64], right: float, up: float, forward: float
    ) -> NDArray[np.float64]:
        """Return the point (3,) that many millimetres from another, along the face's axes."""
        return np.asarray(start + right * self.right + up * self.up + forward * self.forward)


def shoulders(neck_mm: FloatArray, rng: np.random.Generator) -> Solid:
    """Return a dressed torso around a neck whose middle is at `neck_mm` (3,), under the chin."""
    cloth = _cloth(rng)
    parts = [Solid.of(*_torso(neck_mm, rng), cloth)]
    if rng.random() < 0.5:
        thickness = float(rng.uniform(5, 11))
        ring = _ring(neck_mm, 72.0, 70.0, -float(rng.uniform(30, 44)))
        collar = tube(ring, thickness, closed=True)
        parts.append(Solid.of(*collar, cloth if rng.random() < 0.6 else _cloth(rng)))
    return joined(parts)


def _torso(neck_mm: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, NDArray[np.int32]]:
    """Return rounded shoulders on a trunk of oval section."""
    half = np.array([rng.uniform(185, 235), rng.uniform(100, 122)])
    slope, below = float(rng.uniform(80, 130)), float(rng.uniform(6, 30))
    angle = np.linspace(0.05, np.pi / 2, 12)
    width = np.append(np.sin(angle), 0.93)
    drop = np.append(slope * (1 - np.cos(angle)), 900.0) + below
    around = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    rings = np.stack(
        [
            np.outer(width, half[0] * np.cos(around)),
            np.repeat(-drop[:, None], len(around), axis=1),
            np.outer(width, half[1] * np.sin(around)),
        ],
        axis=-1,
    )
    return (rings.reshape(-1, 3) + neck_mm).astype(np.float32), sheet(*rings.shape[:2])


def glasses(face: FaceFrame, rng: np.random.Generator) -> Solid:
    """Return a frame with temples around both eyes; lenses are as good as not there."""
    material = Material(_frame_colour(rng), float(rng.uniform(0.05, 0.6)), 0.6)
    thickness = float(rng.uniform(0.8, 2.6))
    squareness = float(rng.uniform(2.0, 4.5))
    half = np.array([rng.uniform(22, 28), rng.uniform(15, 22)])
    eyes = [face.landmarks_mm[list(corners)].mean(axis=0) for corners in _EYES]
    ahead, lower = float(rng.uniform(11, 17)), float(rng.uniform(-5, 1))
    middles = [face.moved(eye, 0.0, lower, ahead) for eye in eyes]
    parts = [tube(_rim(face, m, half, squareness), thickness, closed=True) for m in middles]
    inner = [face.moved(middles[0], half[0], 3, 0), face.moved(middles[1], -half[0], 3, 0)]
    top = face.moved((inner[0] + inner[1]) / 2, 0, 3, 3)
    parts.append(tube(np.stack([inner[0], top, inner[1]]), thickness))
    for side, middle in ((-1, middles[0]), (1, middles[1])):
        hinge = face.moved(middle, side * half[0], 5, -1)
        ear = face.landmarks_mm[0 if side < 0 else 16]
        wide = face.moved(ear, side * 4.0, 0, 0)
        wide += (hinge - wide) @ face.up * face.up
        parts.append(tube(np.stack([hinge, wide, face.moved(wide, 0, -4, -45)]), thickness))
    return joined([Solid.of(*part, material) for part in parts])


def lens_outlines(face: FaceFrame, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Return the outlines (N, 3) of two lenses, for what they mirror."""
    eyes = [face.landmarks_mm[list(corners)].mean(axis=0) for corners in _EYES]
    half = np.array([rng.uniform(21, 26), rng.uniform(14, 20)])
    return [_rim(face, face.moved(eye, 0, -2, 14), half, 2.5) for eye in eyes]


def hand(face: FaceFrame, skin_colour: FloatArray, rng: np.random.Generator) -> Solid:
    """Return a hand of linear RGB (3,) on chin, mouth, cheek or brow, with its forearm."""
    target, side = _touched(face, rng)
    size = float(rng.uniform(0.85, 1.1))
    angle = float(np.radians(rng.uniform(-35, 60)))
    along = _unit(np.cos(angle) * face.up - side * np.sin(angle) * face.right)
    across = np.cross(along, face.forward)
    palm = target - 78 * size * along + rng.uniform(8, 22) * face.forward
    material = Material(skin_colour, 0.65, 0.1)
    shape = np.stack([38 * size * across, 46 * size * along, 13 * size * face.forward])
    parts = [ellipsoid(palm, shape)]
    spread = float(rng.uniform(0.0, 0.16))
    for finger, length in enumerate(_FINGERS_MM):
        place = finger - 1.5
        root = palm + size * (38 * along + 17 * place * across)
        parts.append(_finger(root, along + spread * place * across, face, size * length, size, rng))
    thumb = palm + size * (2 * along - side * 34 * across)
    parts.append(_finger(thumb, _unit(along - side * 0.9 * across), face, 55 * size, size, rng))
    wrist = palm - 50 * size * along
    elbow = wrist - 200 * along - np.array([0.0, 60.0, 20.0])
    parts.append(tube(np.stack([palm - 20 * along, wrist, elbow]), size * 27))
    return joined([Solid.of(*part, material) for part in parts])


def held_thing(face: FaceFrame, rng: np.random.Generator) -> Solid:
    """Return a cup or a telephone before the lower half of the face, or beside it."""
    mouth = face.landmarks_mm[48:60].mean(axis=0)
    place = face.moved(mouth, rng.normal(0, 35), rng.uniform(-60, 5), rng.uniform(35, 90))
    tall, wide = float(rng.uniform(40, 70)), float(rng.uniform(28, 42))
    axes = np.stack([wide * face.right, tall * face.up, rng.uniform(5, wide) * face.forward])
    # Half axes of a box are those of the ellipsoid's cube: a rounded block is enough.
    vertices, triangles = ellipsoid(np.zeros(3), np.eye(3), 16, 24)
    block = np.sign(vertices) * np.abs(vertices) ** 0.35
    return Solid.of(block @ axes + place, triangles, _cloth(rng))


def _finger(
    root: NDArray[np.float64],
    direction: NDArray[np.float64],
    face: FaceFrame,
    length_mm: float,
    size: float,
    rng: np.random.Generator,
) -> tuple[FloatArray, NDArray[np.int32]]:
    """Return a finger of two joints, bent a little towards the face."""
    ahead = _unit(direction)
    bend = float(rng.uniform(0.05, 0.45))
    middle = root + 0.5 * length_mm * ahead
    tip = middle + 0.5 * length_mm * _unit(ahead - bend * face.forward)
    return tube(np.stack([root, middle, tip]), size * np.array([9.5, 8.5, 7.0]))


def _touched(face: FaceFrame, rng: np.random.Generator) -> tuple[NDArray[np.float64], int]:
    """Draw where the fingertips lie, and from which side the hand comes."""
    side = 1 if rng.random() < 0.5 else -1
    corner, jaw, brow = ((54, 12, 24), (48, 4, 19))[side < 0]
    points = face.landmarks_mm
    cheek = 0.5 * (points[corner] + points[jaw])
    places = (points[8], points[57], points[corner], cheek, points[jaw], points[brow])
    place = places[int(rng.choice(len(places), p=(0.25, 0.15, 0.15, 0.2, 0.15, 0.1)))]
    return place + rng.normal(0, 8, 3), side


def _rim(
    face: FaceFrame, middle: NDArray[np.float64], half: NDArray[np.float64], squareness: float
) -> NDArray[np.float64]:
    """Return the outline (28, 3) of a lens: a superellipse."""
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    round_ = np.stack([np.cos(angle), np.sin(angle)])
    across, upwards = np.sign(round_) * np.abs(round_) ** (2 / squareness) * half[:, None]
    return np.asarray(middle + across[:, None] * face.right + upwards[:, None] * face.up)


def _ring(
    centre_mm: FloatArray, across_mm: float, deep_mm: float, height_mm: float
) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.stack(
        [across_mm * np.cos(angle), np.full(24, height_mm), deep_mm * np.sin(angle)], axis=1
    )
    return np.asarray(ring + centre_mm)


def _cloth(rng: np.random.Generator) -> Material:
    grey = float(np.exp(rng.uniform(np.log(0.02), np.log(0.7))))
    spread = 0.1 if rng.random() < 0.5 else 0.7
    colour = np.clip(grey * np.exp(rng.normal(0, spread, 3)), 0.01, 0.85).astype(np.float32)
    return Material(colour, float(rng.uniform(*_CLOTHES_INFRARED)), 0.03)


def _frame_colour(rng: np.random.Generator) -> FloatArray:
    if rng.random() < 0.6:
        return np.full(3, rng.uniform(0.005, 0.03), np.float32)
    return rng.uniform(0.02, 0.5, 3).astype(np.float32)


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9))
