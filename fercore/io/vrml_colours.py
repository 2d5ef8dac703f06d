"""Colours that a VRML 2.0 mesh carries at its vertices instead of in a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fercore.io.polygons import CLOSED, polygon_sizes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.io.vrml_nodes import Node
    from fercore.structures import UInt8Array


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
