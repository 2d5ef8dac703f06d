"""Whether what is to be judged can be a face: its unit, where it looks, its width, its bulge.

VRML's own unit is the metre, scanners' is the millimetre, and exporters write what their program
counts in; the axes are as various. A face from ear to ear is about 200 mm in its largest
extent, a bust up to 700; decimal units are ten times apart, so that one at most fits.

Scans, depth maps and camera frames are all asked here before a verdict. A face is 110 to 180 mm
wide and has 20 to 60 mm of relief; `fercore.geometry.plausibility` tells which way a scan looks,
`fercore.faces.upright` how a face stands in its picture. The bounds below are wider, since a
detector's box is not the face, noise and hands change what is measured, and no face may be
refused: what they tell apart is a face from a wrong unit, a photograph, and a map that is inside
out. In 221 frames of synthetic people before five simulated depth cameras, half of them with
hands and things in front of the face, the box was 111 to 179 mm wide, the relief 8.7 to 82 mm and
the roundness -0.17 to 0.84. Of 238 further frames of 24 others none was called flat (the form was
at least 1.24 times what is asked of it), and two, half hidden by a hand, inside out. Of 396 tilted
or bent sheets before these cameras, at 0.3 to 1.5 m, 314 are called flat: all up to 0.6 m, 58 of 60
at 0.75 m, 50 at 0.9 m, 31 at 1.2 m and 19 at 1.5 m; of 396 faces of the samples there, none.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fercore.errors import MeshError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FaceBox, FloatArray, Int32Array, Intrinsics, Mesh

LEAST_EXTENT_MM, MOST_EXTENT_MM = 95.0, 949.0
"""Of a scan in its largest direction: from a child's tightly cut face to a bust."""

LEAST_THICKNESS = 0.08
"""Smallest extent over the largest; a flat picture has none, a mask 0.2."""

UNITS_MM = {
    "millimetres": 1.0,
    "centimetres": 10.0,
    "decimetres": 100.0,
    "metres": 1000.0,
    "micrometres": 0.001,
}

_OPEN = 0.3  # an open mask's area vector over its area is 0.4; a closed head has none
_AWAY = 0.5  # cosine: a scan turned by less than 60 degrees is left as it is
_ALONG = 0.8  # cosine: within 37 degrees of an axis
_HOLLOW = -0.02  # of the width: how much deeper the middle of a mould is than its rim
LEAST_WIDTH_MM, MOST_WIDTH_MM = 80.0, 240.0
"""Of a detector's box around a face."""

SURE_LEAST_WIDTH_MM, SURE_MOST_WIDTH_MM = 115.0, 170.0
"""Of such a box when its width is to tell in which unit depth counts."""

LEAST_FORM_MM, FORM_OVER_NOISE, MOST_RELIEF_MM = 3.5, 1.5, 110.0
"""Of the middle of a face about its own best plane, see `measure_face`. Further off, the noise of a
depth camera alone has the relief of a face; its means over a twelfth of the face have less."""

LEAST_ROUNDNESS = -0.25
"""Correlation of the relief with a bowl turned upside down; a mould of a face has about -0.6."""

LEAST_FOCAL_WIDTHS, MOST_FOCAL_WIDTHS = 0.2, 20.0
"""Focal length in widths of the picture: fish eyes to the longest lenses."""

_MARGIN = 0.25  # of a box on each side, in which there are hair, ears and background
_NEAR_MIDDLE = 0.05  # cameras' optical axes are so near the middle of their pictures
_BLOCKS = 12  # along each side of the rest; medians within them leave no noise
_PER_BLOCK = 5  # pixels along each side that are looked at
_JOINED = 3  # blocks along each side whose mean is taken for a face's form
_MEDIAN_OF_NORMAL = 0.6745  # of the size of normally distributed values, over their deviation
_LEAST_KNOWN = 0.25  # share of the blocks
_LEAST_IN_BLOCK = 0.3  # share of a block's pixels
_TAIL = 5.0  # per cent of the blocks on either side of the relief


class Standing(NamedTuple):
    """How a scan's own coordinates are to be read."""

    unit: str  # of UNITS_MM
    away: NDArray[np.float64] | None  # (3,), the axis it looks along; None: the camera, or unknown


def standing_of(mesh: Mesh, name: str) -> Standing:
    """Return how a connected scan of a face stands; `name` is its file's, for messages.

    Raises:
        MeshError: its size is a face's in no unit, it is flat, inside out, or askew.
    """
    extents = np.ptp(mesh.vertices_mm.astype(np.float64), axis=0)
    unit = _unit(extents)
    if unit is None:
        size = " × ".join(f"{extent:.4g}" for extent in extents)
        raise MeshError(
            f"The scan {name} is {size} in its own unit, which is a face's size in none of "
            f"{', '.join(UNITS_MM)}; write it again in millimetres."
        )
    if extents.min() < LEAST_THICKNESS * extents.max():
        raise MeshError(f"The scan {name} is flat; a face of some relief is needed.")
    return Standing(unit, _looks_away(mesh, name))


def _unit(extents: NDArray[np.float64]) -> str | None:
    largest = float(extents.max())
    fits = (u for u, mm in UNITS_MM.items() if LEAST_EXTENT_MM <= largest * mm <= MOST_EXTENT_MM)
    return next(fits, None)


def _looks_away(mesh: Mesh, name: str) -> NDArray[np.float64] | None:
    """Return the axis that an open mask looks along, None for the camera's or where unknown.

    Which way the corners of triangles run tells the outside, and so does the bulge.
    """
    area = _area_vectors(mesh.vertices_mm, mesh.triangles)
    whole = area.sum(axis=0)
    length = float(np.linalg.norm(whole))
    if length < _OPEN * np.linalg.norm(area, axis=1).sum():
        return None
    looks = whole / length
    if looks[2] > _AWAY:
        if _bulge(mesh, np.array([0.0, 0.0, 1.0])) < _HOLLOW:
            raise MeshError(_mirrored(name))
        return None
    axis = np.zeros(3)
    axis[np.abs(looks).argmax()] = np.sign(looks[np.abs(looks).argmax()])
    if _bulge(mesh, axis) < _HOLLOW:
        if axis[2] < 0:
            return None  # it bulges at the camera; only its triangles run the other way
        raise MeshError(_mirrored(name))
    if looks @ axis < _ALONG:
        raise MeshError(
            f"The scan {name} looks {np.degrees(np.arccos(looks[2])):.0f}° away from the camera; "
            "turn it to look along +z."
        )
    return axis


def _mirrored(name: str) -> str:
    return (
        f"The scan {name} is inside out: its middle lies deeper than its rim; "
        "one of its axes is mirrored, write it again with x right, y up, z to the camera."
    )


def _bulge(mesh: Mesh, axis: NDArray[np.float64]) -> float:
    """Return by how much the middle stands out over the rim along an axis, in widths."""
    points = mesh.vertices_mm.astype(np.float64)
    heights = points @ axis
    across = points - np.outer(heights, axis)
    distances = np.linalg.norm(across - (across.min(axis=0) + across.max(axis=0)) / 2, axis=1)
    farthest = float(distances.max())
    middle, rim = distances < 0.35 * farthest, distances > 0.75 * farthest
    if not (middle.any() and rim.any()):
        return 0.0
    return float(heights[middle].mean() - heights[rim].mean()) / (2 * farthest)


def _area_vectors(vertices: FloatArray, triangles: Int32Array) -> NDArray[np.float64]:
    corners = vertices[triangles].astype(np.float64)
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


class FaceMeasures(NamedTuple):
    """What depth says of a face; None where it says too little."""

    width_mm: float | None  # of the box, at the face's own distance; None without a camera too
    relief_mm: float | None  # spread of the depth about its own best plane
    form_mm: float | None  # the same of means over neighbours, which leave little of the noise
    noise_mm: float | None  # standard deviation of what no smooth surface has
    roundness: float | None  # -1 hollow to 1 bulging; near 0 it tells nothing


def measure_face(depth_m: FloatArray, box: FaceBox, fx: float | None) -> FaceMeasures:
    """Measure the face in a detector's box.

    `depth_m` (H, W) is the whole map in metres, NaN where unknown; `fx` is the focal length of
    its camera in pixels, None where there is none or it is not known. The best plane is taken
    off the relief, so that a picture on a tilted sheet has none.
    """
    middle = _middle(depth_m, box)
    known_m = middle[np.isfinite(middle)]
    width_mm = None
    if fx is not None and known_m.size:
        width_mm = float(np.median(known_m)) * box.width / fx * 1000
    return FaceMeasures(width_mm, *_relief(_block_medians(middle)))


def depth_doubt(measures: FaceMeasures) -> str:
    """Return why depth cannot be a face's, in a short phrase; empty where it can."""
    width_mm, relief_mm, form_mm, noise_mm, roundness = measures
    if width_mm is not None and not LEAST_WIDTH_MM <= width_mm <= MOST_WIDTH_MM:
        return f"by its depth the face would be {length_text(width_mm)} wide: wrong unit or camera"
    if relief_mm is None or form_mm is None or noise_mm is None or roundness is None:
        return ""
    if form_mm < LEAST_FORM_MM + FORM_OVER_NOISE * noise_mm:
        return "depth is flat, as of a photograph"
    if relief_mm > MOST_RELIEF_MM:
        return f"by its depth the face would bulge by {length_text(relief_mm)}: wrong unit"
    return "depth is inside out" if roundness < LEAST_ROUNDNESS else ""


def intrinsics_doubt(camera: Intrinsics) -> str:
    """Return why a camera cannot have taken pictures of its size, in a phrase; empty: it can."""
    size = f"the {camera.width}×{camera.height} picture"
    if not all(math.isfinite(v) for v in (camera.fx, camera.fy, camera.cx, camera.cy)):
        return "fx, fy, cx and cy must be finite numbers"
    for name, focal, side in (("fx", camera.fx, camera.width), ("fy", camera.fy, camera.height)):
        if not LEAST_FOCAL_WIDTHS * side <= focal <= MOST_FOCAL_WIDTHS * side:
            return f"{name} = {focal:g} pixels is no focal length for {size}"
    if not (0 <= camera.cx <= camera.width and 0 <= camera.cy <= camera.height):
        return f"the optical axis ({camera.cx:g}, {camera.cy:g}) lies outside {size}"
    across, down = camera.width / 2, camera.height / 2
    if _are_near(camera.cx, down) and _are_near(camera.cy, across) and across != down:
        return f"cx = {camera.cx:g} and cy = {camera.cy:g} are swapped for {size}"
    return ""


def _are_near(found: float, middle: float) -> bool:
    return abs(found - middle) < _NEAR_MIDDLE * middle


def length_text(millimetres: float) -> str:
    """Return a length for people to read, of whatever size."""
    if millimetres >= 1000:
        return f"{millimetres / 1000:.3g} m"
    return f"{millimetres:.3g} mm"


def _middle(depth_m: FloatArray, box: FaceBox) -> FloatArray:
    across, down = _MARGIN * box.width, _MARGIN * box.height
    rows = slice(max(0, round(box.y0 + down)), max(0, round(box.y1 - down)))
    columns = slice(max(0, round(box.x0 + across)), max(0, round(box.x1 - across)))
    return depth_m[rows, columns]


def _block_medians(depth_m: FloatArray) -> NDArray[np.float64]:
    """Return the median of each block (12, 12), NaN where there are too few known pixels."""
    side = min(depth_m.shape) // _BLOCKS
    if side < 1:
        return np.full((_BLOCKS, _BLOCKS), np.nan)
    each = min(side, _PER_BLOCK)  # a few pixels of each block do; more would only take longer
    places = (np.arange(_BLOCKS * each) + 0.5) / (_BLOCKS * each)
    rows, columns = ((places * length).astype(int) for length in depth_m.shape)
    sampled = depth_m[np.ix_(rows, columns)].reshape(_BLOCKS, -1, _BLOCKS, each)
    ordered = np.sort(sampled.swapaxes(1, 2).reshape(_BLOCKS, _BLOCKS, -1), axis=2)
    count = np.isfinite(ordered).sum(axis=2, keepdims=True)
    medians = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=2)
    enough = count > _LEAST_IN_BLOCK * ordered.shape[2]
    return np.where(enough, medians, np.nan)[..., 0].astype(np.float64)


def _relief(
    medians_m: NDArray[np.float64],
) -> tuple[float | None, float | None, float | None, float | None]:
    """Return relief, form and noise in millimetres, and roundness, of block medians (12, 12)."""
    known = np.isfinite(medians_m)
    if known.mean() < _LEAST_KNOWN:
        return None, None, None, None
    rows, columns = (axis - (_BLOCKS - 1) / 2 for axis in np.nonzero(known))
    plane = np.column_stack([rows, columns, np.ones(len(rows))])
    nearer, bowl = _above(plane, -medians_m[known]), _above(plane, -(rows**2 + columns**2))
    lengths = float(np.linalg.norm(nearer) * np.linalg.norm(bowl))
    roundness = float(nearer @ bowl) / lengths if lengths > 0 else 0.0
    return (
        _spread_mm(nearer),
        _spread_mm(_joined(known, nearer)),
        _noise_mm(medians_m),
        roundness,
    )


def _joined(known: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of neighbouring blocks, of which those known (12, 12) have values (N,)."""
    sums = np.zeros(known.shape)
    sums[known] = values
    side = _BLOCKS // _JOINED
    total, count = (
        of_blocks.reshape(side, _JOINED, side, _JOINED).sum(axis=(1, 3))
        for of_blocks in (sums, known)
    )
    found: NDArray[np.float64] = total[count > 0] / count[count > 0]
    return found


def _noise_mm(medians_m: NDArray[np.float64]) -> float:
    """Return the noise of block medians (12, 12): what bends one way and the other at once."""
    twisted = np.abs(np.diff(np.diff(medians_m, axis=0), axis=1))
    twisted = twisted[np.isfinite(twisted)]
    # Four blocks' noise adds up in each; the median overlooks the edges of a hand.
    return float(np.median(twisted)) / (2 * _MEDIAN_OF_NORMAL) * 1000 if twisted.size else 0.0


def _spread_mm(values_m: NDArray[np.float64]) -> float:
    low, high = np.percentile(values_m, (_TAIL, 100 - _TAIL))
    return float(high - low) * 1000


def _above(plane: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the best combination of the plane's columns leaves of values (N,)."""
    left: NDArray[np.float64] = values - plane @ np.linalg.lstsq(plane, values, rcond=None)[0]
    return left
