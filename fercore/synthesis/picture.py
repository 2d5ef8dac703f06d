"""Pictures of one synthetic scan: a lit surface, and views of it by ray casting.

The geometry work (normals, which light reaches which vertex) is done once per scan;
every view then only casts one ray per pixel and looks up colours. Light is only traced
to vertices that come into view.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import open3d as o3d

from fercore.geometry import vertex_normals
from fercore.geometry.cameras import FRAMING_MARGIN
from fercore.synthesis.canvas import canvas_for
from fercore.synthesis.lighting import (
    Hits,
    Shaded,
    develop,
    fan,
    glance,
    irradiance,
    sample_lighting,
    visible_light,
)
from fercore.synthesis.painting import paint
from fercore.synthesis.scanner import scanner_for, view_axes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array
    from fercore.synthesis.appearance import Skin
    from fercore.synthesis.lighting import Light, Lighting
    from fercore.synthesis.occluders import Solid
    from fercore.synthesis.scanner import Scanner
    from fercore.synthesis.subjects import FaceModel

PICTURE_SIZE = 512

_FAR_MM = 600.0
_FOLD = 512
# Strength and sharpness of the highlights of each material.
_GLOSS: dict[str, tuple[float, float]] = {
    "M_Face": (0.15, 13.0),
    "M_BackHead": (0.05, 10.0),
    "M_GumsTongue": (0.20, 30.0),
    "M_Teeth": (0.25, 40.0),
    "M_TeethBand": (0.25, 40.0),
    "M_ScleraLeft": (1.2, 220.0),
    "M_ScleraRight": (1.2, 220.0),
    "M_EyeballLeft": (1.0, 900.0),  # a plain ball: its highlight would hide the pupil
    "M_EyeballRight": (1.0, 900.0),
}
_CREASE_DARKNESS = 2.5  # per millimetre of hollow
_CALMING = 2  # rounds of averaging
_LINEAR = ((np.arange(256) / 255) ** 2.2).astype(np.float32)
# Red light travels farther in skin than blue: rounds of averaging over neighbours.
_SCATTERING = (3, 1, 1)


@dataclass(frozen=True, slots=True)
class Frame:
    """An orthographic picture: axes as rows right, up, back; pixel (0, 0) is top left."""

    axes: NDArray[np.float64]  # (3, 3)
    centre_mm: NDArray[np.float64]  # (3,), seen in the middle of the picture
    mm_per_pixel: float
    width: int
    height: int

    def project(self, points_mm: FloatArray) -> NDArray[np.float64]:
        """Return columns and rows (N, 2) of points (N, 3)."""
        seen = (points_mm - self.centre_mm) @ self.axes[:2].T / self.mm_per_pixel
        middle = np.array([(self.width - 1) / 2, (self.height - 1) / 2])
        return np.asarray(middle + seen * (1, -1))

    def rays(self) -> FloatArray:
        """Return one ray per pixel (H·W, 6), row by row."""
        columns = (np.arange(self.width) - (self.width - 1) / 2) * self.mm_per_pixel
        rows = ((self.height - 1) / 2 - np.arange(self.height)) * self.mm_per_pixel
        right, up, back = self.axes.astype(np.float32)
        rays = np.empty((self.height, self.width, 6), np.float32)
        start = (self.centre_mm + _FAR_MM * self.axes[2]).astype(np.float32)
        rays[..., :3] = columns.astype(np.float32)[None, :, None] * right
        rays[..., :3] += rows.astype(np.float32)[:, None, None] * up + start
        rays[..., 3:] = -back
        return rays.reshape(-1, 6)


@dataclass(frozen=True, slots=True)
class Looks:
    """What covers a subject's surface; rows pair with the scanner's opaque triangles."""

    palette: UInt8Array  # (1024, 1536, 4), as `paint` returns it
    corners: FloatArray  # (N, 3, 2), column and row in the palette
    gloss: FloatArray  # (N, 2), strength and sharpness of highlights


def looks_of(model: FaceModel, skin: Skin) -> Looks:
    """Paint a subject and return its looks."""
    canvas = canvas_for(model)
    opaque = scanner_for(model).opaque
    gloss = np.array([_GLOSS.get(name, (0.0, 1.0)) for name in model.material_names], np.float32)
    gloss = gloss[model.triangle_material[opaque]]
    skin_like = gloss[:, 0] <= _GLOSS["M_Face"][0]
    gloss[skin_like, 0] *= 0.4 + skin.oiliness
    photo = model.photos.read(skin.photo) if model.photos is not None and skin.photo else None
    return Looks(paint(canvas, skin, photo), canvas.corners[opaque], gloss)


class LitSurface:
    """One scan's geometry, ready to be lit and looked at any number of times.

    `others` stand around it: they hide it and throw shadows on it.
    """

    def __init__(
        self,
        vertices_mm: FloatArray,
        scanner: Scanner,
        looks: Looks,
        others: Solid | None = None,
    ) -> None:
        self._vertices_mm = vertices_mm
        self._scanner = scanner
        self._looks = looks
        self._triangles = scanner.opaque_triangles
        self._normals = _calm_normals(vertices_mm, scanner)
        self._scene = o3d.t.geometry.RaycastingScene(nthreads=1)
        self._add(vertices_mm, self._triangles)
        if others is not None:
            self._add(others.vertices_mm, others.triangles)
        self._crease_shade = self._creases(vertices_mm)
        self._visible = np.zeros((len(vertices_mm), len(fan())), np.float32)
        self._is_traced = np.zeros(len(vertices_mm), bool)

    def _add(self, vertices_mm: FloatArray, triangles: NDArray[np.int32]) -> None:
        self._scene.add_triangles(
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(vertices_mm, np.float32)),
            o3d.core.Tensor.from_numpy(triangles.astype(np.uint32)),
        )

    def picture(self, frame: Frame, lighting: Lighting, rng: np.random.Generator) -> UInt8Array:
        """Return the picture (H, W, 3) a camera takes under the given light."""
        # The back of the head is never looked at, so its shadows are not worth their rays.
        self._trace_light(self._scanner.lit)
        hits, _ = self.cast(frame.rays())
        shaded = self.shade(lighting, hits, frame.axes[2].astype(np.float32))
        covered = hits.rays.reshape(frame.height, frame.width)
        return develop(shaded.light, covered, lighting, rng)

    def cast(self, rays: FloatArray) -> tuple[Hits, Hits]:
        """Follow rays (R, 6); return where they meet the face, and where the others."""
        answer = self._scene.cast_rays(o3d.core.Tensor.from_numpy(rays), nthreads=1)
        met = answer["geometry_ids"].numpy()
        numbers, uvs = answer["primitive_ids"].numpy(), answer["primitive_uvs"].numpy()
        distance = answer["t_hit"].numpy()

        def hits(geometry: int) -> Hits:
            chosen = met == geometry
            second, third = uvs[chosen].T
            weights = np.stack([1 - second - third, second, third], axis=1)
            return Hits(chosen, distance[chosen], numbers[chosen].astype(np.int64), weights)

        return hits(0), hits(1)

    def visible_light(self, places_mm: FloatArray, normals: FloatArray) -> FloatArray:
        """Return the cosine (N, 30) at which places on any surface see each light, 0 in shadow."""
        return visible_light(self._scene, places_mm, normals)

    def trace_light_to(self, hits: Hits) -> None:
        """Find out which light reaches the vertices around hits that are to be shaded."""
        near = np.zeros(len(self._normals), np.float32)
        near[self._triangles[hits.numbers]] = 1
        for _ in range(max(_SCATTERING)):
            near = self._scanner.skin_average @ near
        self._trace_light(np.flatnonzero(near > 0))

    def _trace_light(self, vertices: NDArray[np.int64]) -> None:
        new = vertices[~self._is_traced[vertices]]
        if not len(new):
            return
        places_mm, normals = self._vertices_mm[new], self._normals[new]
        self._visible[new] = self.visible_light(places_mm, normals)
        self._is_traced[new] = True

    def shade(self, light: Light, hits: Hits, towards_eye: FloatArray) -> Shaded:
        """Return what is seen at the hits; `towards_eye` (3,) or (N, 3) are unit vectors."""
        table = np.hstack([self._scatter(irradiance(light, self._visible)), self._normals])
        mixed = np.einsum("nc,nck->nk", hits.weights, table[self._triangles[hits.numbers]])
        places = np.einsum("nc,nck->nk", hits.weights, self._looks.corners[hits.numbers])
        reflectance, gloss = self._colours(places)
        strength, sharpness = self._looks.gloss[hits.numbers].T
        facing = glance(mixed[:, 3:], towards_eye)
        half = light.key_direction + towards_eye
        half = half / np.linalg.norm(half, axis=-1, keepdims=True)
        shine = light.shine * gloss * strength * glance(mixed[:, 3:], half) ** sharpness
        return Shaded(
            light=np.asarray(mixed[:, :3] * (reflectance + shine[:, None] * light.key_colour)),
            facing=facing,
            # Skin of any tone is bright in infrared, black hair and pupils are not.
            infrared=np.sqrt(reflectance[:, 0]),
            glint=np.asarray(gloss * strength * facing**sharpness, np.float32),
        )

    def _scatter(self, light: FloatArray) -> FloatArray:
        """Let light travel in the skin, and creases finer than the mesh's shadows show."""
        spread = light * self._crease_shade[:, None]
        for channel, rounds in enumerate(_SCATTERING):
            for _ in range(rounds):
                spread[:, channel] = self._scanner.skin_average @ spread[:, channel]
        return spread

    def _creases(self, vertices_mm: FloatArray) -> FloatArray:
        """Return the share of light (V,) that hollows of a few millimetres let in."""
        inwards = self._scanner.skin_average @ vertices_mm - vertices_mm
        hollow_mm = np.einsum("vk,vk->v", inwards, self._normals)
        for _ in range(_CALMING):
            hollow_mm = self._scanner.skin_average @ hollow_mm
        darkness = np.clip(_CREASE_DARKNESS * hollow_mm, -0.12, 0.7)
        return np.asarray(np.exp(-darkness), np.float32)

    def _colours(self, places: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return reflectances (N, 3) and gloss (N,) at places (N, 2) of the palette."""
        # OpenCV refuses rows of more than 32767 pixels, so the list is folded.
        at = np.zeros((-(-len(places) // _FOLD) * _FOLD, 2), np.float32)
        at[: len(places)] = places
        columns, rows = np.ascontiguousarray(at.T).reshape(2, -1, _FOLD)
        coded = cv2.remap(self._looks.palette, columns, rows, cv2.INTER_LINEAR)
        coded = coded.reshape(-1, 4)[: len(places)]
        return _LINEAR[coded[:, :3]], coded[:, 3].astype(np.float32) / 128


def _calm_normals(vertices_mm: FloatArray, scanner: Scanner) -> FloatArray:
    """Return normals (V, 3) that do not show the scanner's noise."""
    normals = vertex_normals(vertices_mm, scanner.opaque_triangles)
    for _ in range(_CALMING):
        normals = scanner.average @ normals
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.maximum(lengths, 1e-6), np.float32)


def face_picture(surface: LitSurface, face_mm: FloatArray, rng: np.random.Generator) -> UInt8Array:
    """Return a frontal picture (512, 512, 3) as BU-3DFE's F2D, under its own light."""
    return surface.picture(frontal_frame(face_mm, rng), sample_lighting(rng), rng)


def frontal_frame(face_mm: FloatArray, rng: np.random.Generator) -> Frame:
    """Return a frontal frame (512, 512) as of BU-3DFE's F2D: the face moved a little.

    Against an exact view of `face_mm`, the vertices of F3D, it is scaled by up to 3 %,
    turned by up to 3° and shifted by up to 8 pixels.
    """
    low, high = face_mm.min(axis=0), face_mm.max(axis=0)
    mm_per_pixel = FRAMING_MARGIN * float(high[1] - low[1]) / PICTURE_SIZE
    axes = view_axes(0.0, float(rng.uniform(-3, 3)))
    shift = rng.uniform(-8, 8, 2) * mm_per_pixel
    return Frame(
        axes=axes,
        centre_mm=(low + high) / 2 + shift @ axes[:2],
        mm_per_pixel=mm_per_pixel * float(rng.uniform(0.97, 1.03)),
        width=PICTURE_SIZE,
        height=PICTURE_SIZE,
    )
