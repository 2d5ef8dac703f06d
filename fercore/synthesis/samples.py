"""Samples as depth cameras and face scanners deliver them of synthetic people.

This is BU-3DFE's kind of depth, orthographic and nearly without noise; the picture agrees
with it as well as a registration does.

Sample `index` of subject `number` is always the same for a recipe: all that is drawn for it
comes from random numbers keyed by seed, subject, sample and purpose, so that neither other
samples nor workers nor interruptions matter. Subjects are those of `fercore synthesize` with
the same seed and face model; with several face models they take turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from fercore.expressions import EXPRESSIONS, NEUTRAL, Expression
from fercore.geometry import NOMINAL_DISTANCE_M
from fercore.structures import FloatArray, RGBDFrame
from fercore.synthesis.exposure import expose, sample_exposure
from fercore.synthesis.lighting import room_light, sample_lighting
from fercore.synthesis.picture import LitSurface, frontal_frame, looks_of
from fercore.synthesis.scanner import scanner_for
from fercore.synthesis.sensors import CAMERAS, SCANNER, aged, measure, shifted
from fercore.synthesis.sights import look, project
from fercore.synthesis.staging import HEIGHT, WIDTH, mirror_lenses, room, set_stage
from fercore.synthesis.subjects import (
    Subject,
    load_face_model,
    random_stream,
    sample_subject,
    scan_vertices,
    subject_code,
    subject_skin,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.structures import FaceBox, UInt8Array
    from fercore.synthesis.picture import Frame, Looks
    from fercore.synthesis.subjects import FaceModel

_MISREGISTRATION_PX = 0.7  # standard deviation
SAMPLER = 2
"""Version of what a seed means; raise it when the same seed gives other samples."""

# What a stream of random numbers is for; part of its key. 0 and 1 are those of `generation`.
_PERSON, _SKIN = 0, 1
_LABELS, _CAMERAS, _GEOMETRY, _STAGE, _LIGHT, _PICTURE, _DEPTH = range(10, 17)

_AT_REST = 4  # neutral samples for each turn of all expressions and levels
_MOST_MODELS = 4  # kept in memory
_LARGEST_BOX = 2.5  # width of a detector's box over the extent of the landmarks


@dataclass(frozen=True, slots=True)
class ScanSample:
    """A scan's frontal picture and depth map."""

    rgb: UInt8Array  # (512, 512, 3)
    depth_m: FloatArray  # (512, 512), metres, NaN off the face
    landmarks_px: NDArray[np.float64]  # (68, 2), columns and rows


def scanned(
    model: FaceModel, vertices_mm: FloatArray, looks: Looks, rng: np.random.Generator
) -> ScanSample:
    """Return a scan of the face model's vertices (V, 3)."""
    scanner = scanner_for(model)
    surface = LitSurface(vertices_mm, scanner, looks)
    frame = frontal_frame(vertices_mm[scanner.cropped.vertices], rng)
    rgb = surface.picture(frame, sample_lighting(rng), rng)
    is_scanned = np.isin(scanner.opaque_triangles, scanner.cropped.vertices).all(axis=1)
    depth_m = _depth(surface, frame, is_scanned)
    right_px, down_px = rng.normal(0, _MISREGISTRATION_PX, 2).tolist()
    landmarks_px = frame.project(vertices_mm[model.landmarks68])
    return ScanSample(rgb, shifted(depth_m, right_px, down_px, 1.0), landmarks_px)


def _depth(surface: LitSurface, frame: Frame, is_scanned: NDArray[np.bool_]) -> FloatArray:
    """Return the depth map (H, W) of the scanned triangles, as orthographic ones are given."""
    rays = frame.rays()
    hits, _ = surface.cast(rays)
    depth_m = np.full(len(rays), np.nan, np.float32)
    towards = rays[hits.rays, :3] + hits.distance[:, None] * rays[hits.rays, 3:]
    height_mm = (towards - frame.centre_mm) @ frame.axes[2]
    seen = np.where(is_scanned[hits.numbers], NOMINAL_DISTANCE_M - height_mm / 1000, np.nan)
    depth_m[hits.rays] = seen
    return depth_m.reshape(frame.height, frame.width)


@dataclass(frozen=True, slots=True)
class SampleRecipe:
    """What decides every sample."""

    face_models: tuple[Path, ...]
    seed: int
    cameras: tuple[str, ...]  # names of CAMERAS, or SCANNER
    levels: tuple[int, ...] = (1, 2, 3, 4)
    occluded: bool = True  # whether glasses, hands and held things occur
    skins: Path | None = None  # folder of photographed skins; None: what lies beside the model

    def model_of(self, number: int) -> Path:
        """Return the face model of subject `number`, from 1."""
        # In pairs: where a model knows sexes, subjects alternate between them.
        return self.face_models[(number - 1) // 2 % len(self.face_models)]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one sample shows."""

    number: int  # of the subject, from 1
    index: int  # of the sample, from 0
    expression: Expression | None  # None: neutral
    level: int  # 1 to 4; 0 for neutral
    camera: str

    @property
    def subject(self) -> str:
        """The subject's code, such as F9001."""
        return subject_code(self.number)

    @property
    def name(self) -> str:
        """A name that no other sample of the recipe has, such as F9001_AN03_0012."""
        code = "NE" if self.expression is None else self.expression.bu3dfe_code
        return f"{self.subject}_{code}{self.level:02d}_{self.index:04d}"

    @property
    def label(self) -> str:
        """The expression's name, or neutral."""
        return NEUTRAL if self.expression is None else self.expression.value


def plan_sample(recipe: SampleRecipe, number: int, index: int) -> Plan:
    """Return what a sample shows.

    Among the first 28 samples of a subject, the second and so on, each expression at each level
    comes once and neutral four times, in an order of their own; cameras take turns in the same
    way.
    """
    labels: list[tuple[Expression | None, int]] = [(None, 0)] * _AT_REST
    labels += [(expression, level) for expression in EXPRESSIONS for level in recipe.levels]
    label = _turn(recipe.seed, number, _LABELS, index, len(labels))
    camera = _turn(recipe.seed, number, _CAMERAS, index, len(recipe.cameras))
    return Plan(number, index, *labels[label], recipe.cameras[camera])


def _turn(seed: int, number: int, purpose: int, index: int, count: int) -> int:
    order = random_stream(seed, number, purpose, index // count).permutation(count)
    return int(order[index % count])


@dataclass(frozen=True, slots=True)
class CameraSample:
    """A frame as a camera delivers it, and where its face really is."""

    frame: RGBDFrame  # (480, 640), or (512, 512) of the scanner
    landmarks_px: NDArray[np.float64]  # (68, 2), columns and rows

    def shows_face_in(self, box: FaceBox) -> bool:
        """Tell whether a box that a detector found is around this face and not something else."""
        columns, rows = self.landmarks_px.T
        inside = (columns > box.x0) & (columns < box.x1) & (rows > box.y0) & (rows < box.y1)
        across = max(float(np.ptp(columns)), float(np.ptp(rows)))
        return bool(inside.mean() > 0.5 and box.width < _LARGEST_BOX * across)


def render_sample(recipe: SampleRecipe, plan: Plan) -> CameraSample:
    """Return a sample as its camera delivers it.

    Raises:
        FaceModelError: the face model cannot be read.
    """
    person = _person(recipe.model_of(plan.number), recipe.skins, recipe.seed, plan.number)
    draws = _Draws(recipe.seed, plan)
    vertices_mm = scan_vertices(
        person.model, person.subject, plan.expression, plan.level, draws.of(_GEOMETRY)
    )
    if plan.camera == SCANNER:
        found = scanned(person.model, vertices_mm, person.looks, draws.of(_PICTURE))
        frame = RGBDFrame(
            found.rgb, found.depth_m, None, 0.0, plan.index, plan.expression, plan.name
        )
        return CameraSample(frame, found.landmarks_px)
    return _photographed(recipe, plan, person, vertices_mm, draws)


@dataclass(frozen=True, slots=True)
class _Draws:
    seed: int
    plan: Plan

    def of(self, purpose: int) -> np.random.Generator:
        return random_stream(self.seed, self.plan.number, purpose, self.plan.index)


def _photographed(
    recipe: SampleRecipe, plan: Plan, person: _Actor, vertices_mm: FloatArray, draws: _Draws
) -> CameraSample:
    camera = CAMERAS[plan.camera]
    stage_draws, light_draws, picture_draws = (
        draws.of(purpose) for purpose in (_STAGE, _LIGHT, _PICTURE)
    )
    landmarks = person.model.landmarks68
    stage = set_stage(vertices_mm, landmarks, camera, person.colour, stage_draws, recipe.occluded)
    light = room_light(light_draws)
    surface = LitSurface(stage.vertices_mm, scanner_for(person.model), person.looks, stage.solid)
    farthest_m = -float(stage.vertices_mm[:, 2].min()) / 1000
    sight = room(HEIGHT, WIDTH, farthest_m, light, light_draws)
    nearby = np.concatenate([stage.vertices_mm, stage.solid.vertices_mm])
    look(sight, stage.intrinsics, surface, stage.solid, nearby, light)
    mirror_lenses(stage, sight, stage_draws)
    rgb = expose(sight.light, sight.face, sample_exposure(picture_draws), picture_draws)
    depth_draws = draws.of(_DEPTH)
    sensor = aged(camera.sensor, depth_draws)
    depth_m = measure(sensor, sight, stage.intrinsics.fx, depth_draws)
    frame = RGBDFrame(rgb, depth_m, stage.intrinsics, 0.0, plan.index, plan.expression, plan.name)
    return CameraSample(frame, project(stage.vertices_mm[landmarks], stage.intrinsics))


@dataclass(frozen=True, slots=True)
class _Actor:
    """A subject with all that is worked out once for all of their samples."""

    model: FaceModel
    subject: Subject
    looks: Looks
    colour: FloatArray  # (3,), linear RGB of the skin


@lru_cache(maxsize=_MOST_MODELS)
def _face_model(path: Path, skins: Path | None) -> FaceModel:
    return load_face_model(path, skins)


@lru_cache(maxsize=2)
def _person(path: Path, skins: Path | None, seed: int, number: int) -> _Actor:
    model = _face_model(path, skins)
    subject = sample_subject(model, number, random_stream(seed, number, _PERSON))
    looks = looks_of(model, subject_skin(model, subject, random_stream(seed, number, _SKIN)))
    return _Actor(model, subject, looks, _skin_colour(model, looks))


def _skin_colour(model: FaceModel, looks: Looks) -> FloatArray:
    """Return the linear RGB (3,) around the nose."""
    triangles = scanner_for(model).opaque_triangles
    around = np.isin(triangles, model.landmarks68[27:36]).any(axis=1)
    columns, rows = np.round(looks.corners[around]).astype(int).reshape(-1, 2).T
    coded = looks.palette[rows, columns, :3]
    return np.asarray((np.median(coded, axis=0) / 255) ** 2.2, np.float32)
