"""What a face scanner would bring home of the model: which triangles, seen from where, joined.

Scanners deliver one surface, and readers of their files drop what is not connected to it.

A real scan holds only the surface its two cameras and the picture in between saw, and
it holds it as one piece. Here that surface is chosen once per model, by casting rays at
the neutral face and at a few wide-open expressions, so that every scan of every subject
has the same topology.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import open3d as o3d
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from fercore.geometry import vertex_normals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, Int32Array
    from fercore.synthesis.subjects import FaceModel

T = TypeVar("T")

VIEW_YAW_DEG = 32.0
"""How far the scanner's two cameras stand to the left and to the right of the face."""

FROM_LEFT, FROM_RIGHT, FROM_FRONT = range(3)
"""Cameras, by the image's sides; the front one serves mouth and nostrils alone."""

RAW_HEIGHT_FACTOR = 1.22
"""Height of the uncropped scan over the height of the cropped face."""

_HIDDEN_MATERIALS = ("Iris", "EyeBlend", "EyeLashes", "EyeOcclusion", "LacrimalFluid")
"""The sclera's mesh encloses the iris, which is painted on it; the rest is transparent."""

_PROBE_PIXELS = 500


def bridges(poses: list[FloatArray], triangles: Int32Array) -> Int32Array:
    """Return triangles (B, 3) that join the separate meshes where they always lie closest.

    `poses` are the vertices (V, 3) in several expressions; `triangles` index them.
    """
    places = np.hstack(poses)
    slivers = []
    joined, rest = _split_components(len(places), triangles)
    while rest:
        tree = cKDTree(places[joined])
        reached = [tree.query(places[part]) for part in rest]
        nearest = int(np.argmin([distances.min() for distances, _ in reached]))
        distances, indices = reached[nearest]
        part = rest.pop(nearest)
        closest = int(distances.argmin())
        slivers.append(_sliver(triangles, int(part[closest]), int(joined[indices[closest]])))
        joined = np.concatenate([joined, part])
    return np.array(slivers, np.int32).reshape(-1, 3)


def _split_components(
    count: int, triangles: Int32Array
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    used = np.unique(triangles).astype(np.int64)
    rows, columns = triangles[:, [0, 1]].ravel(), triangles[:, [1, 2]].ravel()
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(count, count))
    labels = connected_components(graph, directed=False)[1][used]
    sizes = np.bincount(labels)
    order = [label for label in np.argsort(-sizes) if sizes[label]]
    return used[labels == order[0]], [used[labels == label] for label in order[1:]]


def _sliver(triangles: Int32Array, vertex: int, target: int) -> tuple[int, int, int]:
    around = triangles[(triangles == vertex).any(axis=1)][0]
    neighbour = int(around[around != vertex][0])
    return vertex, neighbour, target


@dataclass(frozen=True, slots=True)
class ScanSurface:
    """One fixed topology, cropped or not, in its own vertex numbers.

    A texture coordinate is a (vertex, view) pair: a vertex on the seam has one in either view.
    """

    vertices: NDArray[np.int64]  # (V,), the model's vertex behind each vertex of the scan
    triangles: Int32Array  # (T, 3), indices into `vertices`
    uv_vertices: Int32Array  # (U,), indices into `vertices`
    uv_views: Int32Array  # (U,), one of FROM_LEFT, FROM_RIGHT and FROM_FRONT
    uv_triangles: Int32Array  # (T, 3), indices into the texture coordinates


@dataclass(frozen=True, slots=True)
class Scanner:
    """The model as the scanner sees it, shared by all its scans."""

    opaque: NDArray[np.int64]  # (N,), the model's triangles that stop light
    opaque_triangles: Int32Array  # (N, 3), indices into the model's vertices
    cropped: ScanSurface  # F3D
    uncropped: ScanSurface  # RAW
    lit: NDArray[np.int64]  # (L,), the model's vertices that may come into view
    average: csr_array[Any]  # (M, M), mean over a vertex of the model and its neighbours
    skin_average: csr_array[Any]  # (M, M), the same on the skin only


def view_axes(yaw_deg: float, roll_deg: float = 0.0) -> NDArray[np.float64]:
    """Return a camera's right, up and backward axes (3, 3) as rows; yaw > 0: from +x."""
    yaw, roll = np.radians(yaw_deg), np.radians(roll_deg)
    right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
    up = np.array([0.0, 1.0, 0.0])
    back = np.array([np.sin(yaw), 0.0, np.cos(yaw)])
    rolled_right = np.cos(roll) * right + np.sin(roll) * up
    return np.stack([rolled_right, np.cross(back, rolled_right), back])


def scanner_for(model: FaceModel) -> Scanner:
    """Return the model's scanner, worked out once per model and process."""
    return _scanner(ByIdentity(model))


class ByIdentity(Generic[T]):
    """Lets `lru_cache` tell things made of arrays apart by what they are, not by value."""

    def __init__(self, value: T) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByIdentity) and other.value is self.value


@lru_cache(maxsize=2)
def _scanner(key: ByIdentity[FaceModel]) -> Scanner:
    model = key.value
    opaque = np.flatnonzero(~_hidden(model))
    triangles = np.ascontiguousarray(model.triangles[opaque], dtype=np.int32)
    poses = [_posed(model, probe) for probe in model.probes]
    seen = _seen_pixels(poses, triangles)
    visible = _grow(triangles, seen.sum(axis=1) > 0)
    views = _better_views(model, triangles, seen)
    outside = _outside(model, triangles)
    narrow = ~outside | (triangles < model.regions["face_narrow"][1]).all(axis=1)
    framed = visible & _in_frame(model, triangles)
    return Scanner(
        opaque=opaque,
        opaque_triangles=triangles,
        cropped=_surface(poses, triangles, views, visible & narrow),
        uncropped=_surface(poses, triangles, views, framed),
        lit=np.unique(triangles[visible]).astype(np.int64),
        average=_averaging(len(model.neutral_mm), triangles),
        skin_average=_averaging(len(model.neutral_mm), triangles[outside]),
    )


def _averaging(count: int, triangles: Int32Array) -> csr_array[Any]:
    rows = np.concatenate([triangles[:, [0, 1, 2]].ravel(), np.arange(count)])
    columns = np.concatenate([triangles[:, [1, 2, 0]].ravel(), np.arange(count)])
    sums = csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=(count, count))
    sums = sums + sums.T
    return csr_array(sums.multiply(1 / sums.sum(axis=1)[:, None])).astype(np.float32)


def _hidden(model: FaceModel) -> NDArray[np.bool_]:
    hidden = [any(part in name for part in _HIDDEN_MATERIALS) for name in model.material_names]
    return np.asarray(hidden)[model.triangle_material]


def _posed(model: FaceModel, probe: dict[str, float]) -> FloatArray:
    vertices = model.neutral_mm.copy()
    for name, weight in probe.items():
        for shape in (name, f"{name}_L", f"{name}_R"):
            if shape in model.expression_mm:
                vertices += np.float32(weight) * model.expression_mm[shape]
    return vertices


def _seen_pixels(poses: list[FloatArray], triangles: Int32Array) -> NDArray[np.int64]:
    """Count the pixels (T, 3) each triangle covers from the left, the right and the front."""
    counts = np.zeros((len(triangles), 3), np.int64)
    indices = o3d.core.Tensor.from_numpy(triangles.astype(np.uint32))
    for vertices in poses:
        scene = o3d.t.geometry.RaycastingScene(nthreads=1)
        scene.add_triangles(o3d.core.Tensor.from_numpy(vertices), indices)
        for view, yaw in enumerate((-VIEW_YAW_DEG, VIEW_YAW_DEG, 0.0)):
            rays = o3d.core.Tensor.from_numpy(_probe_rays(vertices, yaw))
            numbers = scene.cast_rays(rays, nthreads=1)["primitive_ids"].numpy().astype(np.int64)
            inside = numbers[numbers < len(triangles)]
            counts[:, view] += np.bincount(inside, minlength=len(triangles))
    return counts


def _probe_rays(vertices: FloatArray, yaw_deg: float) -> FloatArray:
    axes = view_axes(yaw_deg)
    reach = float(np.abs(vertices).max()) * 1.1
    line = np.linspace(-reach, reach, _PROBE_PIXELS)
    across, along = (grid.reshape(-1, 1) for grid in np.meshgrid(line, line))
    origins = across * axes[0] + along * axes[1] + 2 * reach * axes[2]
    return np.hstack([origins, np.broadcast_to(-axes[2], origins.shape)]).astype(np.float32)


def _grow(triangles: Int32Array, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Add the ring around the chosen triangles: other faces show a little more."""
    touched = np.zeros(int(triangles.max()) + 1, bool)
    touched[triangles[chosen]] = True
    return np.asarray(touched[triangles].any(axis=1))


def _better_views(
    model: FaceModel, triangles: Int32Array, seen: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Choose by the normal, and by what was really seen where that view is blocked."""
    sideways = vertex_normals(model.neutral_mm, triangles)[triangles].mean(axis=1)[:, 0]
    views = np.where(sideways > 0, FROM_RIGHT, FROM_LEFT)
    left, right, front = seen.T
    views[left > 3 * right + 2] = FROM_LEFT
    views[right > 3 * left + 2] = FROM_RIGHT
    blocked = front > 4 * np.maximum(left, right) + 2
    blocked &= _lower_middle(model, triangles)
    blocked |= _under_nose(model, triangles) | _in_mouth(model, triangles)
    views[blocked] = FROM_FRONT
    return views


def _in_mouth(model: FaceModel, triangles: Int32Array) -> NDArray[np.bool_]:
    inside = np.zeros(len(model.neutral_mm), bool)
    for name in ("mouth_socket", "gums_tongue", "teeth"):
        inside[model.region(name)] = True
    return np.asarray(inside[triangles].any(axis=1))


def _under_nose(model: FaceModel, triangles: Int32Array) -> NDArray[np.bool_]:
    tip, base, wing = model.neutral_mm[model.landmarks68[[30, 33, 35]]]
    aside, height, depth = np.moveaxis(model.neutral_mm[triangles].mean(axis=1), 1, 0)
    between = (height > base[1] - 3) & (height < tip[1] - 4) & (np.abs(aside) < wing[0] + 1)
    return np.asarray(between & (depth > base[2] - 25))


def _lower_middle(model: FaceModel, triangles: Int32Array) -> NDArray[np.bool_]:
    """Tell what lies between nose tip and chin and between the lip corners."""
    landmarks = model.neutral_mm[model.landmarks68]
    low, high = landmarks[8, 1], landmarks[30, 1]
    centres = model.neutral_mm[triangles].mean(axis=1)
    inside = (centres[:, 1] > low) & (centres[:, 1] < high)
    return np.asarray(inside & (np.abs(centres[:, 0]) < landmarks[54, 0]))


def _outside(model: FaceModel, triangles: Int32Array) -> NDArray[np.bool_]:
    """Tell skin of face, head and neck from eyes and mouth, which the crop keeps."""
    stop = max(model.regions[name][1] for name in ("face", "head_neck"))
    return np.asarray((triangles < stop).any(axis=1))


def _in_frame(model: FaceModel, triangles: Int32Array) -> NDArray[np.bool_]:
    face = model.neutral_mm[slice(*model.regions["face_narrow"])]
    low, high = face[:, 1].min(), face[:, 1].max()
    reach = RAW_HEIGHT_FACTOR * (high - low) / 2
    inside = np.abs(model.neutral_mm[:, 1] - (low + high) / 2) < reach
    return np.asarray(inside[triangles].all(axis=1))


def _surface(
    poses: list[FloatArray],
    triangles: Int32Array,
    views: NDArray[np.int64],
    chosen: NDArray[np.bool_],
) -> ScanSurface:
    slivers = bridges(poses, triangles[chosen])
    corners = np.concatenate([triangles[chosen], slivers]).astype(np.int64)
    corner_views = np.concatenate([views[chosen], np.zeros(len(slivers), np.int64)])
    vertices, local = np.unique(corners, return_inverse=True)
    local = local.reshape(-1, 3)
    pairs, uv_triangles = np.unique(3 * local + corner_views[:, None], return_inverse=True)
    return ScanSurface(
        vertices=vertices,
        triangles=local.astype(np.int32),
        uv_vertices=(pairs // 3).astype(np.int32),
        uv_views=(pairs % 3).astype(np.int32),
        uv_triangles=uv_triangles.reshape(-1, 3).astype(np.int32),
    )
