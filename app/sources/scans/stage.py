"""The meshes of a clip, ready to be rendered: loaded, blended where they allow it.

Scans of BU-3DFE have a topology each; only meshes with the same triangles (the
registered re-release, synthetic subjects) have a meaningful half-way. All others
change over at the middle of a move. Textures are photographs, each with texture
coordinates of its own: the half-way is rendered with both and cross-faded.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from app.sources.scans.performance import Clip, Shot, storyboard
from fercore.datasets.scan_face import ScanFace, scan_face
from fercore.errors import FercoreError
from fercore.geometry import MeshRenderer, Pose, Rendering
from fercore.structures import Intrinsics

if TYPE_CHECKING:
    from fercore.datasets.bu3dfe import Scan
    from fercore.structures import Mesh, UInt8Array

_ONE_PIXEL = Intrinsics(fx=1.0, fy=1.0, cx=0.0, cy=0.0, width=1, height=1)

logger = logging.getLogger(__name__)


class EmptyClipError(FercoreError):
    """None of a clip's scans that show its expression can be read; the message is the reason."""


class ClipStage:
    """Renders the shots of one clip; a broken scan is replaced by its neighbour.

    Everything slow happens here, in the loader's thread, so that playing does not stall.

    Raises:
        EmptyClipError: there is nothing to show.
    """

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self._faces = _load(clip)
        self._stand_ins = _stand_ins(len(clip.scans), list(self._faces))
        keys = {self._key(shot) for shot in storyboard(len(clip.scans))}
        self._renderers = {key: self._build(*key) for key in keys}

    def scan_shown(self, shot: Shot) -> Scan:
        """Return the scan that a shot shows more than half of."""
        return self.clip.scans[self._stand_ins[shot.nearest]]

    def face_shown(self, shot: Shot) -> ScanFace:
        """Return that scan's face, with what was done to it."""
        return self._faces[self._stand_ins[shot.nearest]]

    def render(
        self, shot: Shot, intrinsics: Intrinsics, pose: Pose, distance_mm: float
    ) -> Rendering:
        """Return what a camera sees; the head's centre is `distance_mm` away."""
        key = self._key(shot)
        views = [r.pinhole(intrinsics, pose, distance_mm) for r in self._renderers[key]]
        return views[0] if len(views) == 1 else _cross_fade(views[0], views[1], key[2])

    def _build(self, low: int, high: int, weight: float) -> tuple[MeshRenderer, ...]:
        one, other = self._faces[low].mesh, self._faces[high].mesh
        if low == high:
            return (_warm_renderer(one),)
        mix = np.float32(weight)
        half_way = (1 - mix) * one.vertices_mm + mix * other.vertices_mm
        return tuple(_warm_renderer(replace(mesh, vertices_mm=half_way)) for mesh in (one, other))

    def _key(self, shot: Shot) -> tuple[int, int, float]:
        """Return the two scans in rising order, so that the way down reuses the way up."""
        start, end = self._stand_ins[shot.start], self._stand_ins[shot.end]
        weight = shot.weight
        if start > end:
            start, end, weight = end, start, round(1 - weight, 4)
        if start == end or weight == 0:
            return start, start, 0.0
        if not _can_blend(self._faces[start].mesh, self._faces[end].mesh):
            nearest = end if weight >= 0.5 else start
            return nearest, nearest, 0.0
        return start, end, weight


def _warm_renderer(mesh: Mesh) -> MeshRenderer:
    """Return a renderer that has cast its first ray, which is when its search tree is built."""
    renderer = MeshRenderer(mesh)
    renderer.pinhole(_ONE_PIXEL, Pose.frontal(), 1000.0)
    return renderer


def _load(clip: Clip) -> dict[int, ScanFace]:
    faces: dict[int, ScanFace] = {}
    problems: list[str] = []
    for index, scan in enumerate(clip.scans):
        try:
            faces[index] = scan_face(scan.mesh(), scan.name)
        except (FercoreError, OSError) as error:
            problems.append(str(error))
    if not any(clip.scans[index].id.expression is clip.expression for index in faces):
        raise EmptyClipError(problems[-1])
    for problem in problems:
        logger.warning("A scan is skipped: %s", problem)
    return faces


def _stand_ins(count: int, loaded: list[int]) -> list[int]:
    return [min(loaded, key=lambda index: abs(index - wanted)) for wanted in range(count)]


def _can_blend(one: Mesh, other: Mesh) -> bool:
    return len(one.vertices_mm) == len(other.vertices_mm) and np.array_equal(
        one.triangles, other.triangles
    )


def _cross_fade(one: Rendering, other: Rendering, weight: float) -> Rendering:
    rgb: UInt8Array = cv2.addWeighted(one.rgb, 1 - weight, other.rgb, weight, 0)
    return Rendering(rgb, one.depth_m)
