"""A head in the format of `makehuman_head.npz`, made of sheets: 2,800 vertices, no person."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np

from fercore.synthesis import photographed_skin
from fercore.synthesis.makehuman_model import LANDMARKS
from fercore.synthesis.makehuman_people import ANCESTRIES, average_weights, needed_shapes
from fercore.synthesis.photographed_skin import atlas_of_tile, tile_of_atlas

GROUPS = (
    "body",
    "helper-l-eye",
    "helper-r-eye",
    "helper-l-eyelashes-1",
    "helper-tongue",
    "helper-upper-teeth",
    "helper-lower-teeth",
)
DETAILS = (
    "nose/nose-hump-decr",
    "nose/nose-hump-incr",
    "ears/l-ear-lobe-decr",
    "ears/l-ear-lobe-incr",
    "ears/r-ear-lobe-decr",
    "ears/r-ear-lobe-incr",
)
WHOLE_TARGETS = ("mouth-corner-puller", "mouth-elevation", "mouth-depression")
WHOLE_TARGETS += ("mouth-eversion", "mouth-retraction", "mouth-pursing")
WHOLE_TARGETS += ("mouth-depression-retraction",)
EYES_DM = {"l": (0.31, 0.15), "r": (-0.31, 0.15)}


def arrays():
    """Return the content of a `makehuman_head.npz`."""
    parts = _Parts()
    _add_skin(parts)
    parts.add("body", *_sheet((0.2, 0.1), -0.55, -0.1, (0.72, 0.02, 0.92, 0.13)))  # mouth
    parts.add("body", *_sheet((0.1, 0.1), 0.15, -0.2, (0.02, 0.55, 0.07, 0.63)))  # socket
    parts.add("helper-l-eyelashes-1", *_sheet((0.1, 0.02), 0.2, 0.1, (0.7, 0.96, 0.75, 0.98)))
    parts.add("helper-tongue", *_sheet((0.15, 0.05), -0.55, -0.05, (0.63, 0.93, 0.64, 0.98)))
    parts.add("helper-upper-teeth", *_arch(-0.50))
    parts.add("helper-lower-teeth", *_arch(-0.60))
    for side, middle in EYES_DM.items():
        parts.add(f"helper-{side}-eye", *_eyeball(*middle))
    base = np.concatenate(parts.vertices).astype(np.float32)
    uv = np.concatenate(parts.uv).astype(np.float32)
    quads = np.concatenate(parts.quads).astype(np.int32)
    target_names, targets = _targets(base)
    unit_names = _unit_names()
    return {
        "base": base,
        "faces": quads,
        "uv": uv,
        "faces_uv": quads,
        "face_group": np.concatenate(parts.groups).astype(np.uint8),
        "group_names": np.array(GROUPS),
        "target_names": np.array(target_names),
        "targets": targets,
        "unit_names": np.array(unit_names),
        "unit_deltas": _displacements(base, unit_names),
        "orig_vertex_index": _numbers(uv),
    }


def write_head(path, **changes):
    """Write the head, with some arrays replaced, or left out where the value is None."""
    content = {key: value for key, value in (arrays() | changes).items() if value is not None}
    np.savez(path, **content)
    return path


def write_skin(path, colour):
    """Write an atlas of one sRGB colour."""
    path.parent.mkdir(exist_ok=True)
    picture = np.full((128, 128, 3), colour[::-1], np.uint8)
    cv2.imwrite(str(path), picture)
    return path


class _Parts:
    def __init__(self):
        self.vertices, self.uv, self.quads, self.groups = [], [], [], []
        self._count = 0

    def add(self, group, places, uv):
        rows, columns, _ = places.shape
        numbers = self._count + np.arange(rows * columns).reshape(rows, columns)
        quads = np.stack(
            [numbers[:-1, :-1], numbers[:-1, 1:], numbers[1:, 1:], numbers[1:, :-1]], axis=-1
        ).reshape(-1, 4)
        self.vertices.append(places.reshape(-1, 3))
        self.uv.append(uv.reshape(-1, 2))
        self.quads.append(quads)
        self.groups.append(np.full(len(quads), GROUPS.index(group)))
        self._count += rows * columns


def _add_skin(parts):
    """Add a bulging sheet whose texture coordinates unfold onto the face's tile and beyond."""
    u, v = np.meshgrid(np.linspace(-0.08, 1.08, 47), np.linspace(-0.08, 1.08, 51))
    x, y = (2 * u - 1) * 0.85, (2 * v - 1) * 1.15 - 0.18
    nose = 0.22 * np.exp(-((x / 0.09) ** 2) - ((y + 0.15) / 0.16) ** 2)
    z = 0.1 - 0.7 * x**2 - 0.25 * (y + 0.12) ** 2 + nose
    tile = np.stack([u, v], axis=-1).reshape(-1, 2)
    atlas = atlas_of_tile(tile).reshape(*u.shape, 2)
    parts.add("body", np.stack([x, y, z], axis=-1), atlas)


def _sheet(half, middle_y, depth, box):
    u, v = np.meshgrid(np.linspace(0, 1, 6), np.linspace(0, 1, 5))
    places = np.stack([(2 * u - 1) * half[0], (2 * v - 1) * half[1] + middle_y, 0 * u + depth], -1)
    return places, np.stack([box[0] + u * (box[2] - box[0]), box[1] + v * (box[3] - box[1])], -1)


def _arch(middle_y):
    angle, v = np.meshgrid(np.linspace(-1.4, 1.4, 13), np.linspace(-1, 1, 3))
    places = np.stack([0.28 * np.sin(angle), middle_y + 0.06 * v, 0.3 * np.cos(angle) - 0.35], -1)
    return places, np.stack([0.7 + 0.02 * angle, 0.89 + 0.01 * v], axis=-1)


def _eyeball(x, y):
    across, along = np.meshgrid(np.linspace(-0.69, 0.69, 8), np.linspace(-0.69, 0.69, 8))
    toward = np.sqrt(1 - across**2 - along**2)
    places = np.array((x, y, -0.1)) + 0.13 * np.stack([across, along, toward], axis=-1)
    return places, np.stack([0.77 + 0.01 * across, 0.94 + 0.01 * along], axis=-1)


def _numbers(uv):
    """Give the vertices numbers as in MakeHuman's base.obj: landmarks where the layout has them."""
    numbers = 20000 + np.arange(len(uv))
    skin = tile_of_atlas(uv[: 47 * 51])
    free = np.ones(len(skin), bool)
    for number, place in zip(LANDMARKS, layout(), strict=True):
        nearest = np.where(free, np.square(skin - place).sum(axis=1), np.inf).argmin()
        numbers[nearest], free[nearest] = number, False
    return numbers.astype(np.int32)


def layout():
    """Return where the 68 landmarks lie on the unit square of the face's tile."""
    return np.array(photographed_skin._LAYOUT) / 1023 * (1, -1) + (0, 1)


def _unit_names():
    names = []
    for shape in sorted(needed_shapes()):
        if "-" in shape:
            continue
        plain = shape.rstrip("_")
        if plain == shape:
            names.append(shape)
        elif plain.startswith("Mouth"):
            names += [f"Mouth{side}{plain[5:]}" for side in ("Left", "Right")]
        else:
            names += [f"{side}{plain}" for side in ("Left", "Right")]
    return names


def _targets(base):
    names = [*average_weights(), *DETAILS]
    for shape in sorted(needed_shapes()):
        plain = shape.rstrip("_")
        if "-" not in shape:
            continue
        first, _, rest = plain.partition("-")
        sided = [plain] if plain in WHOLE_TARGETS else [f"{first}-{s}-{rest}" for s in _SIDES]
        names += [f"expression/units/{a}/{name}" for a, name in product(ANCESTRIES, sided)]
    return names, _displacements(base, names)


_SIDES = ("left", "right")


def _displacements(base, names):
    """Return a gentle wave for each name; sided ones act on their own side only."""
    deltas = np.zeros((len(names), len(base), 3), np.float16)
    for index, name in enumerate(names):
        phase = np.random.default_rng(index).uniform(0, 6)
        wave = 0.03 * np.cos(4 * base[:, 1] + phase)
        if "left" in name.lower():
            wave = wave * (base[:, 0] > 0.05)
        if "right" in name.lower():
            wave = wave * (base[:, 0] < -0.05)
        deltas[index, :, index % 3] = wave
    return deltas
