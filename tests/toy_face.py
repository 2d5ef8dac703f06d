"""A face model small and simple enough for tests: a bulging sheet with eyes and teeth."""

from __future__ import annotations

import numpy as np

from fercore.synthesis.ict_model import IctModel

MATERIALS = (
    "M_BackHead",
    "M_Face",
    "M_GumsTongue",
    "M_IrisLeft",
    "M_IrisRight",
    "M_ScleraLeft",
    "M_ScleraRight",
    "M_Teeth",
)
_TILE = {"M_BackHead": 1, "M_GumsTongue": 2, "M_Teeth": 3}
_EYES = {"Left": (31.0, 15.0), "Right": (-31.0, 15.0)}

# The right half (image left) of the 68 landmarks as (x, y); the other half is its mirror.
_JAW = [(-73, 15), (-72, -6), (-69, -25), (-65, -44)]
_JAW += [(-57, -66), (-43, -83), (-30, -90), (-15, -93)]
_BROW = [(-58, 31), (-49, 39), (-38, 42), (-24, 41), (-12, 38)]
_LID = [(-44, 13), (-38, 18), (-27, 18), (-18, 12), (-27, 10), (-38, 10)]
_RIDGE = [(0, 17), (0, 5), (0, -5), (0, -17)]
_NOSTRILS = [(-12, -32), (-6, -32), (0, -33)]
_UPPER_LIP = [(-25, -56), (-17, -49), (-7, -45), (0, -46)]
_LOWER_LIP = [(0, -65), (-10, -64), (-18, -61)]
_INNER_LIP = [(-22, -56), (-10, -54), (0, -54)]


def toy_face_model() -> IctModel:
    """Return a model with every region and material the synthesiser knows, 3,000 vertices."""
    parts = _Parts()
    face = parts.add("M_Face", _sheet(46, 52, 78, 100, _bulge))
    parts.add("M_BackHead", _sheet(12, 12, 110, 130, lambda x, y: 0 * x - 60))
    socket = parts.add("M_BackHead", _sheet(8, 8, 20, 8, lambda x, y: 0 * x - 10, middle_y=-55))
    gums = parts.add("M_GumsTongue", _sheet(8, 6, 20, 6, lambda x, y: 0 * x - 6, middle_y=-55))
    teeth = parts.add("M_Teeth", _sheet(8, 6, 20, 6, lambda x, y: 0 * x - 3, middle_y=-55))
    regions = {
        "face": face,
        "face_narrow": face,
        "head_neck": (face[1], socket[0]),
        "mouth_socket": socket,
        "gums_tongue": gums,
        "teeth": teeth,
    }
    for side, (x, y) in _EYES.items():
        regions[f"sclera_{side.lower()}"] = parts.add(f"M_Sclera{side}", _eyeball(x, y, 12.0))
        regions[f"iris_{side.lower()}"] = parts.add(f"M_Iris{side}", _eyeball(x, y, 11.0))
    vertices = np.concatenate(parts.vertices).astype(np.float32)
    opened = np.zeros_like(vertices)
    opened[:, 1] = -20.0 * (vertices[:, 1] < -57)
    points = np.array(_landmarks(), np.float32)
    skin = vertices[: face[1], :2]
    nearest = [int(np.square(skin - point).sum(axis=1).argmin()) for point in points]
    return IctModel(
        neutral_mm=vertices,
        identity_mm=np.zeros((100, len(vertices), 3), np.float32),
        expression_mm={"jawOpen": opened},
        triangles=np.concatenate(parts.triangles).astype(np.int32),
        triangle_material=np.concatenate(parts.materials).astype(np.uint8),
        material_names=MATERIALS,
        uv=np.concatenate(parts.uv).astype(np.float32),
        uv_triangles=np.concatenate(parts.triangles).astype(np.int32),
        regions=regions,
        landmarks68=np.array(nearest, np.int32),
    )


class _Parts:
    """Collects sheets into one vertex list; texture coordinates run along with vertices."""

    def __init__(self) -> None:
        self.vertices: list[np.ndarray] = []
        self.uv: list[np.ndarray] = []
        self.triangles: list[np.ndarray] = []
        self.materials: list[np.ndarray] = []
        self._count = 0

    def add(self, material: str, sheet: tuple[np.ndarray, np.ndarray]) -> tuple[int, int]:
        vertices, uv = sheet
        rows, columns, _ = vertices.shape
        numbers = self._count + np.arange(rows * columns).reshape(rows, columns)
        a, b, c, d = numbers[:-1, :-1], numbers[:-1, 1:], numbers[1:, 1:], numbers[1:, :-1]
        halves = np.stack([a, b, c], axis=-1), np.stack([a, c, d], axis=-1)
        triangles = np.concatenate([half.reshape(-1, 3) for half in halves])
        self.vertices.append(vertices.reshape(-1, 3))
        self.uv.append(uv.reshape(-1, 2) + np.array((_TILE.get(material, 0), 0)))
        self.triangles.append(triangles)
        self.materials.append(np.full(len(triangles), MATERIALS.index(material)))
        self._count += rows * columns
        return self._count - rows * columns, self._count


def _sheet(columns, rows, half_width, half_height, depth, middle_y=-12.0):
    """Return a grid (rows, columns) seen from the front, from bottom to top, with its uv."""
    u, v = np.meshgrid(np.linspace(0.02, 0.98, columns), np.linspace(0.02, 0.98, rows))
    x = (2 * u - 1) * half_width
    y = (2 * v - 1) * half_height + middle_y
    return np.stack([x, y, depth(x, y)], axis=-1), np.stack([u, v], axis=-1)


def _eyeball(x, y, radius):
    u, v = np.meshgrid(np.linspace(0.02, 0.98, 12), np.linspace(0.02, 0.98, 12))
    across, along = (2 * u - 1) * 0.69, (2 * v - 1) * 0.69
    toward = np.sqrt(1 - across**2 - along**2)
    middle = np.array([x, y, _bulge(x, y) - radius + 3.0])
    return middle + radius * np.stack([across, along, toward], axis=-1), np.stack([u, v], axis=-1)


def _bulge(x, y):
    """Return the depth of the face: a rounded sheet with a nose, mm."""
    nose = 22 * np.exp(-((x / 9) ** 2) - ((y + 15) / 16) ** 2)
    return 10 - (x / 12) ** 2 - ((y + 12) / 20) ** 2 + nose


def _landmarks() -> list[tuple[float, float]]:
    def mirror(points):
        return [(-x, y) for x, y in reversed(points)]

    left_lid = [(-x, y) for x, y in (_LID[i] for i in (3, 2, 1, 0, 5, 4))]
    lower = [(-x, y) for x, y in reversed(_LOWER_LIP[1:])] + _LOWER_LIP
    return [
        *_JAW,
        (0, -96),
        *mirror(_JAW),
        *(_BROW + mirror(_BROW)),
        *_RIDGE,
        *(_NOSTRILS + mirror(_NOSTRILS[:2])),
        *(_LID + left_lid),
        *(_UPPER_LIP + mirror(_UPPER_LIP[:3]) + lower),
        *(_INNER_LIP + mirror(_INNER_LIP[:2]) + [(10, -57), (0, -57), (-10, -57)]),
    ]
