"""Meshes, depth maps, and how a camera sees them; millimetres in, metres out."""

from fercore.geometry.cameras import NOMINAL_DISTANCE_M, OrthographicCamera, Pose, Similarity
from fercore.geometry.rendering import BACKGROUND_GREY, MeshRenderer, Rendering
from fercore.geometry.repairs import (
    component_labels,
    fill_interior_holes,
    largest_component,
    median3,
    vertex_normals,
)

__all__ = [
    "BACKGROUND_GREY",
    "NOMINAL_DISTANCE_M",
    "MeshRenderer",
    "OrthographicCamera",
    "Pose",
    "Rendering",
    "Similarity",
    "component_labels",
    "fill_interior_holes",
    "largest_component",
    "median3",
    "vertex_normals",
]
