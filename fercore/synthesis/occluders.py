"""What stands around a synthetic face or before it: shoulders, glasses, a hand, a held thing.

A solid is a mesh with a colour at each vertex; several are joined into one, so that one
ray a pixel finds whatever is nearest.

Simple geometry with colours of its own; being solid, it is there in colour and in depth,
and throws shadows. Everything is placed by the face's 68 landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fercore.structures import FloatArray, Int32Array

    Points = FloatArray | NDArray[np.float64]

_ROUND = 10  # corners of a tube's section
_TURN = np.linspace(0, 2 * np.pi, _ROUND, endpoint=False)
_EYES = ((36, 39), (42, 45))  # outer and inner corners, the image's left eye first
_FINGERS_MM = (68.0, 76.0, 70.0, 54.0)
_CLOTHES_INFRARED = (0.2, 0.9)  # dyes that look dark are mostly bright in infrared


@dataclass(frozen=True, slots=True)
class Material:
    """What a solid is made of."""

    reflectance: FloatArray  # (3,), linear RGB
    infrared: float  # reflectance near 850 nm, 0..1
    gloss: float  # strength of highlights


@dataclass(frozen=True, slots=True)
class Solid:
    """A coloured mesh in millimetres, in the axes of the face."""

    vertices_mm: FloatArray  # (V, 3)
    triangles: Int32Array  # (T, 3), indices into vertices_mm
    reflectance: FloatArray  # (V, 3), linear RGB
    infrared: FloatArray  # (V,), reflectance near 850 nm, 0..1
    gloss: FloatArray  # (V,), strength of highlights

    @classmethod
    def of(cls, vertices_mm: FloatArray, triangles: Int32Array, material: Material) -> Solid:
        """Return a mesh made of one material."""
        count = len(vertices_mm)
        return cls(
            np.ascontiguousarray(vertices_mm, np.float32),
            np.ascontiguousarray(triangles, np.int32),
            np.tile(material.reflectance.astype(np.float32), (count, 1)),
            np.full(count, material.infrared, np.float32),
            np.full(count, material.gloss, np.float32),
        )


def joined(solids: Sequence[Solid]) -> Solid:
    """Return several solids as one."""
    starts = np.cumsum([0, *(len(solid.vertices_mm) for solid in solids)])
    moved = [solid.triangles + start for solid, start in zip(solids, starts[:-1], strict=True)]
    return Solid(
        np.concatenate([solid.vertices_mm for solid in solids]),
        np.concatenate(moved).astype(np.int32),
        np.concatenate([solid.reflectance for solid in solids]),
        np.concatenate([solid.infrared for solid in solids]),
        np.concatenate([solid.gloss for solid in solids]),
    )


def ellipsoid(
    centre_mm: Points, axes_mm: Points, rows: int = 12, columns: int = 18
) -> tuple[FloatArray, Int32Array]:
    """Return the mesh of an ellipsoid; the rows of `axes_mm` (3, 3) are its half axes."""
    height = np.linspace(-np.pi / 2, np.pi / 2, rows)
    angle = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    up, around = np.meshgrid(height, angle, indexing="ij")
    sphere = np.stack([np.cos(up) * np.cos(around), np.sin(up), np.cos(up) * np.sin(around)], -1)
    vertices = sphere.reshape(-1, 3) @ np.asarray(axes_mm) + centre_mm
    # Around the y axis in this order the surface would look inwards.
    return vertices.astype(np.float32), sheet(rows, columns)[:, ::-1]


def tube(
    points_mm: Points, radii_mm: Points | float, closed: bool = False
) -> tuple[FloatArray, Int32Array]:
    """Return the mesh of a tube along points (N, 3), with round ends unless it is closed."""
    line = np.asarray(points_mm, np.float64)
    radii = np.broadcast_to(np.asarray(radii_mm, np.float64), len(line))
    if closed:
        line, radii = np.vstack([line, line[:1]]), np.append(radii, radii[0])
    else:
        line, radii = _with_caps(line, radii)
    forward = np.gradient(line, axis=0)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True).clip(1e-9)
    across, upwards = _sections(forward)
    circle = np.cos(_TURN)[:, None, None] * across + np.sin(_TURN)[:, None, None] * upwards
    vertices = line[:, None] + np.moveaxis(circle, 0, 1) * radii[:, None, None]
    return vertices.reshape(-1, 3).astype(np.float32), sheet(len(line), _ROUND)


def _with_caps(
    line: NDArray[np.float64], radii: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Let the tube end in half spheres of three rings."""
    angles = np.radians([90.0, 60.0, 30.0])
    first, last = _unit(line[1] - line[0]), _unit(line[-1] - line[-2])
    before = line[0] - radii[0] * np.sin(angles)[:, None] * first
    after = line[-1] + radii[-1] * np.sin(angles[::-1])[:, None] * last
    tips = np.cos(angles).clip(1e-3)
    return (
        np.vstack([before, line, after]),
        np.concatenate([radii[0] * tips, radii, radii[-1] * tips[::-1]]),
    )


def _sections(
    forward: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two unit vectors (N, 3) across each direction, without a twist along the tube."""
    reference = np.eye(3)[np.abs(forward).max(axis=0).argmin()]
    across = np.cross(forward, reference)
    across /= np.linalg.norm(across, axis=1, keepdims=True).clip(1e-9)
    return across, np.cross(forward, across)


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9))


def sheet(rows: int, columns: int) -> Int32Array:
    """Return the triangles of a grid of vertices whose columns close to a ring."""
    low = np.arange((rows - 1) * columns).reshape(rows - 1, columns)
    right = np.roll(low, -1, axis=1)
    first = np.stack([low, right, low + columns], -1)
    second = np.stack([right, right + columns, low + columns], -1)
    return np.asarray(np.concatenate([first, second]).reshape(-1, 3), np.int32)


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
