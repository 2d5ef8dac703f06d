"""The one mesh that a VRML 2.0 scene shows: its triangles, where it stands, how it is painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from fercore.io.vrml_text import FACE_SET

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.io.vrml_nodes import Node
    from fercore.structures import Int32Array, UInt8Array

CLOSED = -1
"""The index that ends a polygon."""
_MOST_VISITS = 100_000
"""A node may be used again and again; a few lines could otherwise make a billion of them."""

_FLAT = 1e-12  # a determinant that leaves no volume


def polygons(
    values: NDArray[np.float64] | NDArray[np.int64] | NDArray[np.int32], count: int, name: str
) -> NDArray[np.int32]:
    """Check a list of polygons and return it with every polygon closed.

    `values` are the numbers of the file, (N,), each an index below `count` or -1; the
    last -1 may be missing. `name` is that of the list, for the error message.

    Raises:
        ValueError: no polygon, one with fewer than 3 corners, or a wrong index.
    """
    if not values.size:
        raise ValueError(f"{name} is empty")
    wrong = values[(values < CLOSED) | (values >= count) | (values % 1 != 0)]
    if wrong.size:
        raise ValueError(f"{name} refers to number {wrong[0]:g} of {count}, counted from 0")
    corners = values.astype(np.int32)
    if corners[-1] != CLOSED:
        corners = np.append(corners, np.int32(CLOSED))
    sizes = polygon_sizes(corners)
    if sizes.min() < 3:
        polygon = int(sizes.argmin())
        raise ValueError(f"polygon {polygon} of {name} has {sizes[polygon]} corners, fewer than 3")
    return corners


def polygon_sizes(corners: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the number of corners of each polygon, (P,), of (N,) closed polygons."""
    ends = np.flatnonzero(corners == CLOSED)
    return np.diff(ends, prepend=-1) - 1


def fan_triangles(corners: NDArray[np.int32]) -> Int32Array:
    """Cut closed polygons into triangles that share each polygon's first corner, (T, 3)."""
    sizes = polygon_sizes(corners)
    fans = sizes - 2
    first = np.repeat(np.cumsum(sizes + 1) - sizes - 1, fans)
    step = np.arange(fans.sum()) - np.repeat(np.cumsum(fans) - fans, fans)
    positions = np.stack([first, first + step + 1, first + step + 2], axis=1)
    triangles: Int32Array = corners[positions]
    return triangles


def vertex_colours(face_set: Node, corners: NDArray[np.int32], count: int) -> UInt8Array | None:
    """Return the colour of each of `count` vertices, (count, 3), None where it has none.

    `corners` are the closed polygons of its coordIndex. Where a polygon has one colour, each of
    its vertices gets it.

    Raises:
        ValueError: the colours are no colours, or not as many as they must be.
    """
    node = face_set.node("color")
    block = None if node is None else node.block("color")
    if block is None:
        return None
    values = block.numbers()
    if values.size % 3 or not values.size or values.min() < 0 or values.max() > 1:
        raise ValueError("its colours are no triples of numbers from 0 to 1")
    palette = np.rint(values.reshape(-1, 3) * 255).astype(np.uint8)
    vertices = corners[corners != CLOSED]
    chosen = _chosen(face_set, corners)
    if chosen.max() >= len(palette):
        raise ValueError(f"it uses colour {chosen.max()} of {len(palette)}, counted from 0")
    colours = np.zeros((count, 3), np.uint8)
    colours[vertices] = palette[chosen]
    return colours


def _chosen(face_set: Node, corners: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return which colour each corner has, (C,), in the order of the polygons."""
    block = face_set.block("colorIndex")
    indices = None if block is None else block.indices().astype(np.int64)
    sizes = polygon_sizes(corners)
    if face_set.word("colorPerVertex") == b"FALSE":
        each = np.arange(len(sizes)) if indices is None else indices[indices != CLOSED]
        if len(each) != len(sizes):
            raise ValueError("its colours are not as many as its polygons")
        return _required(np.asarray(np.repeat(each, sizes), np.int64))
    if indices is None:
        return np.asarray(corners[corners != CLOSED], np.int64)
    each = indices[indices != CLOSED]
    if len(each) != sizes.sum():
        raise ValueError("the polygons of colorIndex do not match those of coordIndex")
    return _required(each)


def _required(chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    if chosen.min() < 0:
        raise ValueError("colorIndex holds a negative number other than -1")
    return chosen


@dataclass(frozen=True, slots=True)
class ShownMesh:
    """The face set of a scene."""

    face_set: Node
    appearance: Node | None
    placement: NDArray[np.float64]  # (4, 4), from its own coordinates to the scene's


def shown_mesh(scene: Node) -> ShownMesh:
    """Return the one face set that the scene shows.

    Switch shows the child that it chooses, LOD its first level.

    Raises:
        ValueError: there is none or more than one, or a transform is no numbers.
    """
    found = _found(scene)
    if not found:
        raise ValueError(f"it shows no mesh, for no {FACE_SET} in it is switched on")
    if len(found) > 1:
        line = found[1].face_set.line
        raise ValueError(f"it holds more than one mesh: {FACE_SET} again in line {line}")
    mesh = found[0]
    if mesh.appearance is None:
        return ShownMesh(mesh.face_set, _first(scene, "Appearance"), mesh.placement)
    return mesh


def texture_names(appearance: Node | None, scene: Node) -> tuple[str, ...]:
    """Return the addresses of the texture's picture, the best first; empty where there is none."""
    texture = None if appearance is None else appearance.node("texture")
    if texture is None or texture.kind != "ImageTexture":
        texture = _first(scene, "ImageTexture")
    return () if texture is None else tuple(texture.texts("url"))


def placed(points: NDArray[np.float64], placement: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points (N, 3) where the scene has them; the very same where it leaves them."""
    if np.array_equal(placement, np.eye(4)):
        return points
    moved: NDArray[np.float64] = points @ placement[:3, :3].T + placement[:3, 3]
    return moved


def turned_texture(uv: NDArray[np.float64], appearance: Node | None) -> NDArray[np.float64]:
    """Return texture coordinates (N, 2) as the appearance's `TextureTransform` moves them.

    Raises:
        ValueError: it is no numbers.
    """
    node = None if appearance is None else appearance.node("textureTransform")
    if node is None:
        return uv
    centre = np.array(node.numbers("center", (0.0, 0.0)))
    (angle,) = node.numbers("rotation", (0.0,))
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    # In the standard's order, which is the reverse of what its names suggest.
    moved = (uv + node.numbers("translation", (0.0, 0.0)) + centre) @ turn.T
    result: NDArray[np.float64] = moved * node.numbers("scale", (1.0, 1.0)) - centre
    return result


def _found(scene: Node) -> list[ShownMesh]:
    found: list[ShownMesh] = []
    waiting: list[tuple[Node, Node | None, NDArray[np.float64]]] = [(scene, None, np.eye(4))]
    for _ in range(_MOST_VISITS):
        if not waiting:
            return found
        node, appearance, placement = waiting.pop()
        if node.kind == FACE_SET:
            found.append(ShownMesh(node, appearance, placement))
            continue
        if node.kind == "Shape":
            appearance = node.node("appearance")
        if node.kind == "Transform":
            placement = placement @ _placement(node)
        # The last one that is put down is taken up first.
        waiting += [(child, appearance, placement) for child in reversed(_shown_children(node))]
    raise ValueError(f"it uses its nodes again more than {_MOST_VISITS} times")


def _shown_children(node: Node) -> list[Node]:
    if node.kind == "Switch":
        (choice,) = node.numbers("whichChoice", (-1.0,))
        children = node.nodes("choice") or node.nodes("children")
        return children[int(choice) : int(choice) + 1] if choice >= 0 else []
    if node.kind == "LOD":
        return (node.nodes("level") or node.nodes("children"))[:1]
    return [child for name in node.fields for child in node.nodes(name)]


def _placement(node: Node) -> NDArray[np.float64]:
    """Return the matrix (4, 4) of a `Transform`."""
    centre = np.array(node.numbers("center", (0.0, 0.0, 0.0)))
    scale = np.array(node.numbers("scale", (1.0, 1.0, 1.0)))
    turn, skew = (_rotation(node, name) for name in ("rotation", "scaleOrientation"))
    linear = turn @ skew @ np.diag(scale) @ skew.T
    if abs(np.linalg.det(linear)) < _FLAT:
        raise ValueError(f"its Transform in line {node.line} leaves no volume")
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = node.numbers("translation", (0.0, 0.0, 0.0)) + centre - linear @ centre
    return matrix


def _rotation(node: Node, name: str) -> NDArray[np.float64]:
    x, y, z, angle = node.numbers(name, (0.0, 0.0, 1.0, 0.0))
    axis = np.array([x, y, z])
    length = float(np.linalg.norm(axis))
    if length == 0 or angle == 0:
        return np.eye(3)
    return np.asarray(Rotation.from_rotvec(axis / length * angle).as_matrix(), np.float64)


def _first(scene: Node, kind: str) -> Node | None:
    """Return the first node of a kind anywhere in the scene."""
    waiting, seen = [scene], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.kind == kind:
            return node
        waiting += reversed([child for name in node.fields for child in node.nodes(name)])
    return None
