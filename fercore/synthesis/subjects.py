"""Face models of either kind, their synthetic subjects, and the geometry of the scans.

Subject k of a seed is always the same person, however many are made and in whatever
order. The letter of a code is the person's sex where the face model knows one.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import FaceModelError
from fercore.synthesis.appearance import sample_skin
from fercore.synthesis.ict_model import load_ict_model
from fercore.synthesis.makehuman_model import load_makehuman_model
from fercore.synthesis.morphable_face import FaceModel
from fercore.synthesis.person import Style, act, sample_style

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.expressions import Expression
    from fercore.structures import FloatArray
    from fercore.synthesis.appearance import Skin
    from fercore.synthesis.person import Traits

__all__ = ["FaceModel", "load_face_model"]

_OF_MAKEHUMAN = {"targets.npy", "unit_deltas.npy", "target_names.npy"}
MOST_SUBJECTS = 999

_PITCH_DEG, _YAW_DEG, _ROLL_DEG = 3.0, 3.5, 2.0  # standard deviations of the head pose
_SHIFT_MM = (5.0, 5.0, 8.0)
_PIVOT_MM = np.array([0.0, -60.0, -110.0], np.float32)  # top of the neck, in the model's frame

_WHITE_NOISE_MM = 0.06
_SMOOTH_NOISE_MM = 0.30
_SMOOTH_WAVES = 16
_SHORTEST_WAVE_MM, _LONGEST_WAVE_MM = 25.0, 120.0


def load_face_model(path: Path, skins: Path | None = None) -> FaceModel:
    """Read `ict_face_model.npz`, ICT-FaceKit's folder `FaceXModel/` or `makehuman_head.npz`.

    `skins` is a folder of MakeHuman skin textures. The MakeHuman head finds `makehuman_skins`
    beside its own file; ICT-FaceKit uses photographs only where they are given.

    Raises:
        FaceModelError: nothing is there, or it is not a complete face model.
    """
    if not path.exists():
        raise FaceModelError(
            f"no face model at {path}: give ict_face_model.npz, makehuman_head.npz "
            "or ICT-FaceKit's folder FaceXModel"
        )
    if _is_makehuman(path):
        return load_makehuman_model(path, skins)
    return load_ict_model(path, skins)


def _is_makehuman(path: Path) -> bool:
    """Tell by the names in the archive; what is no archive is refused by the reader of ICT."""
    try:
        with zipfile.ZipFile(path) as archive:
            return bool(_OF_MAKEHUMAN & set(archive.namelist()))
    except (OSError, zipfile.BadZipFile):
        return False


@dataclass(frozen=True, slots=True)
class Subject:
    """A synthetic person: a face at rest and a way of acting."""

    code: str  # such as F9001
    face_mm: FloatArray  # (V, 3), without any expression, in the model's frame
    style: Style
    traits: Traits | None = None  # None: the face model knows none


def subject_code(number: int) -> str:
    """Return the code of subject `number`, from 1: F9001, M9002, F9003 and so on.

    Raises:
        ValueError: there are no codes beyond 9999.
    """
    if not 1 <= number <= MOST_SUBJECTS:
        raise ValueError(f"subject numbers run from 1 to {MOST_SUBJECTS}, got {number}")
    return f"{'FM'[(number - 1) % 2]}{9000 + number}"


def random_stream(seed: int, *key: int) -> np.random.Generator:
    """Return the random numbers for one purpose, independent of all other keys."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def sample_subject(model: FaceModel, number: int, rng: np.random.Generator) -> Subject:
    """Draw a person: a face as the face model describes them, and a style of acting."""
    person = model.sample_person(number, rng)
    return Subject(subject_code(number), person.face_mm, sample_style(rng), person.traits)


def subject_skin(model: FaceModel, subject: Subject, rng: np.random.Generator) -> Skin:
    """Draw the looks of a subject of the given model."""
    return sample_skin(rng, subject.traits, () if model.photos is None else model.photos.names)


def scan_vertices(
    model: FaceModel,
    subject: Subject,
    expression: Expression | None,
    level: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Scan a person once: the face model's vertices (V, 3) in the scan's own frame, mm.

    `expression` None is the neutral face, whose level is 0. Head pose and scanner noise
    are those of this one scan.

    Raises:
        ValueError: an expression needs a level from 1 to 4.
    """
    vertices = subject.face_mm.copy()
    for name, weight in model.shape_weights(act(subject.style, expression, level, rng)).items():
        vertices += np.float32(weight) * model.expression_mm[name]
    return _posed(vertices, rng) + _scan_noise(vertices, rng)


def _posed(vertices: FloatArray, rng: np.random.Generator) -> FloatArray:
    spread = np.radians([_PITCH_DEG, _YAW_DEG, _ROLL_DEG])
    rotation = _rotation(*rng.normal(0.0, spread)).astype(np.float32)
    shift = rng.normal(0.0, _SHIFT_MM).astype(np.float32)
    posed: FloatArray = (vertices - _PIVOT_MM) @ rotation.T + (_PIVOT_MM + shift)
    return posed


def _rotation(pitch: float, yaw: float, roll: float) -> FloatArray:
    about_x = _plane_rotation(pitch, 1, 2)
    about_y = _plane_rotation(yaw, 2, 0)
    about_z = _plane_rotation(roll, 0, 1)
    return about_z @ about_y @ about_x


def _plane_rotation(angle: float, first: int, second: int) -> FloatArray:
    matrix = np.eye(3, dtype=np.float32)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[first, second], matrix[second, first] = -np.sin(angle), np.sin(angle)
    return matrix


def _scan_noise(vertices: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Add what a stereo scanner adds: waves over the surface and a little white noise."""
    directions = rng.standard_normal((_SMOOTH_WAVES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths = rng.uniform(_SHORTEST_WAVE_MM, _LONGEST_WAVE_MM, (_SMOOTH_WAVES, 1))
    waves = (2 * np.pi * directions / lengths).astype(np.float32)  # (W, 3), radians per mm
    phases = rng.uniform(0.0, 2 * np.pi, _SMOOTH_WAVES).astype(np.float32)
    amplitudes = rng.standard_normal((_SMOOTH_WAVES, 3)) * _SMOOTH_NOISE_MM
    amplitudes *= np.sqrt(2.0 / _SMOOTH_WAVES)
    smooth = np.cos(vertices @ waves.T + phases) @ amplitudes.astype(np.float32)
    white = rng.standard_normal(vertices.shape, dtype=np.float32) * np.float32(_WHITE_NOISE_MM)
    noise: FloatArray = smooth + white
    return noise
