"""The openings of a scanned face: what lies in them, and a dark hollow behind an open mouth.

Left alone, the hole's depth would be filled flush with the lips, and its colour be that of the
background; a camera sees a dark mouth that is deeper than the lips.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from scipy.spatial import KDTree

from fercore.geometry.cameras import NOMINAL_DISTANCE_M, OrthographicCamera
from fercore.geometry.rendering import MeshRenderer
from fercore.geometry.repairs import component_labels, enclosed, kept_triangles, largest_label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, Mesh

_BEFORE_MM = 6.0  # a cornea stands so far before the lids around it, and no more
_BEHIND_MM = 60.0  # the gums' far end
_AROUND = 20  # nearest points of the skin, that tell how deep it is there
_NEAR_MM = 40.0  # from the middle of an eyeball or of the teeth to the nearest skin
RIM_MM, FLOOR_MM = 8.0, 32.0
"""How far behind the lips the hollow begins at its rim, and how deep it is in the middle."""

_LEAST_MM2, _CRUMB_MM2 = 60.0, 10.0  # of the largest hole, and of others beside it
_WIDEST_MM = 95.0
_OFF_MIDDLE_MM = 18.0  # of the hole from the nose's tip
_LEAST_BELOW_MM, _MOST_BELOW_MM = 8.0, 95.0  # of the hole, below the nose's tip
_UNDER_SKIN_MM = 4.0
_BEHIND_LIPS_MM = 6.0  # the hollow is so much wider than the hole on every side
_LOOK_SIZE = 256  # pixels of the picture in which the hole is looked for
_DARK = (38, 20, 18)
"""Colour of a mouth's inside where hardly any light comes."""


def without_strays(mesh: Mesh) -> tuple[Mesh, int]:
    """Return the skin of a face with the eyes, teeth and tongue in it, and the triangles left out.

    The skin is the connected part with the largest surface; `mesh` stands before the camera, in
    millimetres. Other parts stay where they lie within the skin's outline and not before it.

    Raises:
        MeshError: the mesh has no triangles or a vertex is not finite.
    """
    labels = component_labels(mesh)
    skin = largest_label(mesh, labels)
    of_triangles = labels[mesh.triangles[:, 0]]
    others = np.setdiff1d(of_triangles, [skin])
    inside = _inside(mesh, labels, skin, others) if len(others) else others
    kept = np.isin(of_triangles, [skin, *inside])
    return kept_triangles(mesh, kept), int((~kept).sum())


def _inside(
    mesh: Mesh, labels: NDArray[np.int32], skin: int, others: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Return those of the other parts that lie inside the face."""
    points = mesh.vertices_mm.astype(np.float64)
    on_skin = points[labels == skin]
    numbers = np.searchsorted(others, labels)
    numbers[numbers == len(others)] = 0
    belongs = others[numbers] == labels
    places, members = points[belongs], numbers[belongs]
    count = np.bincount(members, minlength=len(others))
    sums = [np.bincount(members, places[:, axis], len(others)) for axis in range(3)]
    centres = np.stack(sums, axis=1) / count[:, None]
    front = np.full(len(others), -np.inf)
    np.maximum.at(front, members, places[:, 2])
    low, high = on_skin[:, :2].min(axis=0), on_skin[:, :2].max(axis=0)
    distances, nearest = KDTree(on_skin[:, :2]).query(centres[:, :2], k=min(_AROUND, len(on_skin)))
    depth = on_skin[nearest.reshape(len(others), -1), 2].max(axis=1)
    near = distances.reshape(len(others), -1)[:, 0] < _NEAR_MM
    framed = ((centres[:, :2] > low) & (centres[:, :2] < high)).all(axis=1)
    behind = (front < depth + _BEFORE_MM) & (centres[:, 2] > depth - _BEHIND_MM)
    return np.asarray(others[framed & near & behind], np.int32)


class _Hole(NamedTuple):
    """The hole at a mouth, as seen from the front."""

    outline_mm: NDArray[np.float64]  # (N, 3), in order, wider than the hole, behind the skin
    lips_mm: float  # z of what is around it


def with_open_mouth(mesh: Mesh) -> Mesh:
    """Return a face before the camera with a hollow behind a hole at its mouth, if it has one."""
    hole = _mouth_hole(mesh)
    return mesh if hole is None else _with_hollow(mesh, hole)


def _mouth_hole(mesh: Mesh) -> _Hole | None:
    camera = OrthographicCamera.framing(mesh.vertices_mm, _LOOK_SIZE)
    depth_m = MeshRenderer(mesh, 1).orthographic(camera).depth_m
    holes = enclosed(~np.isfinite(depth_m))
    if not holes.any():
        return None
    at_mouth = _at_mouth(holes, depth_m, camera.mm_per_pixel)
    if at_mouth is None:
        return None
    wider = round(_BEHIND_LIPS_MM / camera.mm_per_pixel)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * wider + 1, 2 * wider + 1))
    around = np.asarray(cv2.dilate(at_mouth.view(np.uint8), disc), bool)
    lips_m = float(np.median(depth_m[around & np.isfinite(depth_m)]))
    points = np.argwhere(around)[:, ::-1].astype(np.int32)
    pixels = cv2.convexHull(points)[:, 0].astype(np.float64)
    middle = (camera.size - 1) / 2
    outline = (pixels - middle) * np.array([1, -1]) * camera.mm_per_pixel
    outline += np.array([camera.centre_x_mm, camera.centre_y_mm])
    skin_m = depth_m[pixels[:, 1].astype(int), pixels[:, 0].astype(int)]
    # The skin runs back beside the mouth; nothing of the hollow may come through it.
    rim_m = np.fmax(skin_m, lips_m + (RIM_MM - _UNDER_SKIN_MM) / 1000) + _UNDER_SKIN_MM / 1000
    rim_mm = 1000 * (NOMINAL_DISTANCE_M - rim_m)
    return _Hole(np.column_stack([outline, rim_mm]), 1000 * (NOMINAL_DISTANCE_M - lips_m))


def _at_mouth(
    holes: NDArray[np.bool_], depth_m: FloatArray, mm_per_pixel: float
) -> NDArray[np.bool_] | None:
    """Return those of the holes (H, W) that are the mouth's, None where there is none."""
    tip_row, tip_column = _nose_tip(depth_m)
    count, labels, stats, centres = cv2.connectedComponentsWithStats(holes.view(np.uint8))
    areas_mm2 = stats[:, cv2.CC_STAT_AREA] * mm_per_pixel**2
    widths_mm = stats[:, cv2.CC_STAT_WIDTH] * mm_per_pixel
    off_mm = np.abs(centres[:, 0] - tip_column) * mm_per_pixel
    below_mm = (centres[:, 1] - tip_row) * mm_per_pixel
    of_mouth = (off_mm < _OFF_MIDDLE_MM) & (widths_mm < _WIDEST_MM) & (areas_mm2 > _CRUMB_MM2)
    of_mouth &= (below_mm > _LEAST_BELOW_MM) & (below_mm < _MOST_BELOW_MM)
    chosen = [label for label in range(1, count) if of_mouth[label]]
    if not chosen or areas_mm2[chosen].max() < _LEAST_MM2:
        return None
    return np.isin(labels, chosen)


def _nose_tip(depth_m: FloatArray) -> tuple[int, int]:
    """Return the row and column of what is nearest in the middle of a face's depth map."""
    rows, columns = np.nonzero(np.isfinite(depth_m))
    top, left = np.percentile(rows, 25), np.percentile(columns, 25)
    bottom, right = np.percentile(rows, 75), np.percentile(columns, 75)
    central = (rows > top) & (rows < bottom) & (columns > left) & (columns < right)
    nearest = depth_m[rows[central], columns[central]].argmin()
    return int(rows[central][nearest]), int(columns[central][nearest])


def _with_hollow(mesh: Mesh, hole: _Hole) -> Mesh:
    """Return the mesh with a dark bowl behind the hole, a fan of triangles around its floor."""
    count, first = len(hole.outline_mm), len(mesh.vertices_mm)
    floor = [*hole.outline_mm[:, :2].mean(axis=0), hole.lips_mm - FLOOR_MM]
    here = np.arange(count)
    fan = first + np.stack([here, np.roll(here, -1), np.full(count, count)], axis=1)
    if _runs_clockwise(hole.outline_mm):
        fan = fan[:, ::-1]
    new_vertices = np.concatenate([mesh.vertices_mm, hole.outline_mm, [floor]])
    hollow = replace(
        mesh,
        vertices_mm=new_vertices.astype(np.float32),
        triangles=np.concatenate([mesh.triangles, fan]).astype(np.int32),
        uv=None,
        uv_triangles=None,
        vertex_rgb=_dark_vertices(mesh, count + 1),
    )
    return _dark_texture(mesh, hollow, count)


def _runs_clockwise(outline: NDArray[np.float64]) -> bool:
    after = np.roll(outline, -1, axis=0)
    return float((outline[:, 0] * after[:, 1] - outline[:, 1] * after[:, 0]).sum()) < 0


def _dark_vertices(mesh: Mesh, count: int) -> NDArray[np.uint8] | None:
    if mesh.vertex_rgb is None:
        return None
    dark = np.tile(np.array(_DARK, np.uint8), (count, 1))
    return np.asarray(np.concatenate([mesh.vertex_rgb, dark]), np.uint8)


def _dark_texture(mesh: Mesh, hollow: Mesh, added: int) -> Mesh:
    """Return the hollow painted with the place of the face's texture that is most like a mouth."""
    if mesh.uv is None or mesh.uv_triangles is None:
        return hollow
    place = np.array([[0.5, 0.5]], np.float32)
    if mesh.texture_rgb is not None:
        place = _place_like(mesh.texture_rgb, _DARK)
    new = np.full((added, 3), len(mesh.uv), np.int32)
    return replace(
        hollow,
        uv=np.concatenate([mesh.uv, place]).astype(np.float32),
        uv_triangles=np.concatenate([mesh.uv_triangles, new]).astype(np.int32),
    )


def _place_like(texture: NDArray[np.uint8], colour: tuple[int, int, int]) -> FloatArray:
    """Return the place (1, 2) of a texture, in its coordinates, whose colour is most alike."""
    soft = cv2.blur(texture, (3, 3), borderType=cv2.BORDER_REPLICATE).astype(np.int32)
    unlike = np.abs(soft - np.array(colour)).sum(axis=2)
    row, column = np.unravel_index(int(unlike.argmin()), unlike.shape)
    height, width = unlike.shape
    return np.array([[(column + 0.5) / width, 1 - (row + 0.5) / height]], np.float32)
