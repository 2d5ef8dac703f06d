"""Which faces of FER2013 a backbone learns from, which choose its epoch, and how they are varied.

The data set holds many pictures twice. So that no picture is on both sides, all copies of
one go to the same side, and training pictures that the test holds as well are left out.

What varies is what cameras, their compression and a face's place in its box vary, so that a
verdict does not hang on them.

All draws come from the generator that is passed in and are made on the CPU, so that a
step's faces depend neither on the device nor on what was trained before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from fercore.errors import DatasetError
from fercore.expressions import EXPRESSIONS
from fercore.io.fer2013 import CLASSES, Fer2013Faces
from fercore.io.fer2013_csv import vote_targets
from fercore.networks.preprocessing import normalise_rgb
from fercore.training.augmentation import through_jpeg
from fercore.training.faces import picture_digests

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from fercore.structures import FloatArray

VALIDATION_SHARE = 0.1
SIX = len(EXPRESSIONS)
ROTATION_RAD = math.radians(15)  # largest in-plane turn
SCALE = 0.2  # largest relative change of size: cuts into the picture or leaves a margin
SHIFT = 0.1  # largest shift, share of the picture's side
GAMMA = 0.4  # largest logarithm of the exponent
CONTRAST = 0.4  # largest relative change
BRIGHTNESS = 0.15  # largest change, share of white
EXPOSURE = (-0.9, 0.2)  # logarithm of the gain: down to 0.4 of the light
TINT = 0.15  # largest logarithm of a channel's gain; faces met later are in colour
COMPRESSED_SHARE = 0.3  # of the faces, by JPEG
QUALITY = (12, 60)  # of JPEG
BLURRED_SHARE = 0.25  # of the faces
NOISE = 0.025  # largest standard deviation, share of white
ERASED_SHARE = 0.3  # of the faces
ERASED_SIDE = (0.15, 0.45)  # of the rectangle, share of the picture's side


@dataclass(frozen=True, slots=True)
class BackboneFaces:
    """The training split of FER2013, divided."""

    training: Fer2013Faces
    validation: Fer2013Faces
    left_out: int  # faces whose picture the test holds too
    unclear: int  # faces whose votes teach nothing, see `fercore.io.fer2013_csv`
    contempt: int  # faces in which most people see contempt

    def expression_weights(self) -> NDArray[np.float32]:
        """Return the weight (6,) of each expression in the loss; 1 on average over faces.

        The weights go with the inverse square root of the expressions' counts: the six
        expressions are equally frequent where the backbone is used, in FER2013 happiness
        is many times as frequent as disgust.
        """
        counts = self.training.targets()[:, :SIX].sum(0)
        weights = 1 / np.sqrt(counts)
        return np.asarray(weights * counts.sum() / (weights * counts).sum(), np.float32)


def divide(faces: Fer2013Faces, test: Fer2013Faces | None, seed: int) -> BackboneFaces:
    """Draw a tenth of every label's pictures for validation; drop what `test` holds too.

    Faces without a target are left out of both.

    Raises:
        DatasetError: a label has too few pictures to train and to validate on.
    """
    votes = None if faces.votes is None else vote_targets(faces.votes)
    contempt, unclear = (0, 0) if votes is None else (votes.contempt.sum(), votes.unclear.sum())
    faces = faces.where(faces.targets().any(1))
    tested = set(picture_digests(test.images)) if test is not None else set()
    pictures, labels = picture_digests(faces.images), faces.targets().argmax(1)
    held_out = _draw(pictures, labels, tested, seed)
    tested_too = np.array([picture in tested for picture in pictures])
    validates = np.array([picture in held_out for picture in pictures])
    trains = ~tested_too & ~validates
    for position, name in enumerate(CLASSES):
        if not (labels[trains] == position).any():
            raise DatasetError(f"there are too few pictures of {name}; give all training shards.")
    return BackboneFaces(
        faces.where(trains),
        faces.where(validates),
        int(tested_too.sum()),
        int(unclear),
        int(contempt),
    )


def _draw(
    pictures: list[bytes], labels: NDArray[np.int64], tested: set[bytes], seed: int
) -> set[bytes]:
    by_label: dict[int, list[bytes]] = {position: [] for position in range(len(CLASSES))}
    seen = set(tested)
    for picture, label in zip(pictures, labels.tolist(), strict=True):
        if picture not in seen:  # a picture counts once, with the first of its labels
            seen.add(picture)
            by_label[label].append(picture)
    rng = np.random.default_rng(seed)
    drawn: set[bytes] = set()
    for candidates in by_label.values():
        count = max(1, round(VALIDATION_SHARE * len(candidates))) if len(candidates) > 1 else 0
        drawn.update(candidates[i] for i in rng.choice(len(candidates), count, replace=False))
    return drawn


def plain(images: torch.Tensor, size: int) -> torch.Tensor:
    """Return grey faces (N, 48, 48) uint8 as input (N, 3, size, size) of a backbone."""
    identity = torch.eye(2, 3, device=images.device).expand(len(images), 2, 3)
    return normalise_rgb(_resample(images, identity, size).expand(-1, 3, -1, -1))


def varied(images: torch.Tensor, size: int, rng: Generator) -> torch.Tensor:
    """Return randomly changed faces, in the form of `plain`."""
    motions = torch.from_numpy(_motions(len(images), rng)).to(images.device)
    moved = _resample(_compress(images, rng), motions, size)
    grey = _add_noise(_relight(_blur(moved, rng), rng), rng)
    tint = np.exp(rng.uniform(-TINT, TINT, (len(images), 3)))
    coloured = grey * _per_face(tint, grey).view(-1, 3, 1, 1)
    return normalise_rgb(_erase(coloured.clamp(0, 1), rng))


def _resample(images: torch.Tensor, motions: torch.Tensor, size: int) -> torch.Tensor:
    """Move and enlarge in one go, which blurs once only: (N, 1, size, size) in 0..1."""
    grid = functional.affine_grid(motions, [len(images), 1, size, size], align_corners=False)
    grey = images[:, None].float() / 255
    return functional.grid_sample(grey, grid, padding_mode="border", align_corners=False)


def _motions(count: int, rng: Generator) -> FloatArray:
    """Draw affine matrices (N, 2, 3): mirror, turn, scale, shift."""
    angle = rng.uniform(-ROTATION_RAD, ROTATION_RAD, count)
    scale = rng.uniform(1 - SCALE, 1 + SCALE, count)
    mirror = rng.choice((-1.0, 1.0), count)
    shift_x, shift_y = rng.uniform(-2 * SHIFT, 2 * SHIFT, (2, count))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    rows = (cos * mirror, -sin, shift_x, sin * mirror, cos, shift_y)
    return np.asarray(np.stack(rows, 1).reshape(count, 2, 3), np.float32)


def _compress(images: torch.Tensor, rng: Generator) -> torch.Tensor:
    """Let JPEG's artefacts into some of the faces (N, 48, 48) uint8."""
    chosen = np.flatnonzero(rng.uniform(size=len(images)) < COMPRESSED_SHARE)
    qualities = rng.integers(QUALITY[0], QUALITY[1] + 1, len(chosen)).tolist()
    compressed = images.cpu().numpy().copy()
    for face, quality in zip(chosen.tolist(), qualities, strict=True):
        compressed[face] = through_jpeg(compressed[face], quality)
    return torch.from_numpy(compressed).to(images.device)


def _blur(grey: torch.Tensor, rng: Generator) -> torch.Tensor:
    chosen = _per_face(rng.uniform(size=len(grey)) < BLURRED_SHARE, grey) > 0
    blurred = functional.avg_pool2d(grey, 3, 1, 1, count_include_pad=False)
    return torch.where(chosen, blurred, grey)


def _add_noise(grey: torch.Tensor, rng: Generator) -> torch.Tensor:
    deviation = _per_face(rng.uniform(0, NOISE, len(grey)), grey)
    noise = torch.from_numpy(rng.standard_normal(grey.shape, np.float32)).to(grey.device)
    return grey + deviation * noise


def _relight(grey: torch.Tensor, rng: Generator) -> torch.Tensor:
    count = len(grey)
    gamma = _per_face(np.exp(rng.uniform(-GAMMA, GAMMA, count)), grey)
    contrast = _per_face(rng.uniform(1 - CONTRAST, 1 + CONTRAST, count), grey)
    brightness = _per_face(rng.uniform(-BRIGHTNESS, BRIGHTNESS, count), grey)
    gain = _per_face(np.exp(rng.uniform(*EXPOSURE, count)), grey)
    bent = grey.clamp(0, 1) ** gamma
    mean = bent.mean((2, 3), keepdim=True)
    return (((bent - mean) * contrast + mean + brightness) * gain).clamp(0, 1)


def _erase(rgb: torch.Tensor, rng: Generator) -> torch.Tensor:
    """Paint a rectangle of some faces in the face's mean: expressions show in several places."""
    count, size = len(rgb), rgb.shape[-1]
    chosen = _per_face(rng.uniform(size=count) < ERASED_SHARE, rgb)
    place = (torch.arange(size, device=rgb.device) + 0.5) / size
    inside = []
    for _ in range(2):
        centre = _per_face(rng.uniform(0, 1, count), rgb)
        half = _per_face(rng.uniform(*ERASED_SIDE, count) / 2, rgb)
        inside.append((place - centre).abs() < half)  # N, 1, 1, size
    erased = inside[0].transpose(2, 3) & inside[1] & (chosen > 0)
    return torch.where(erased, rgb.mean((2, 3), keepdim=True), rgb)


def _per_face(values: NDArray[np.generic], like: torch.Tensor) -> torch.Tensor:
    drawn = torch.from_numpy(np.asarray(values, np.float32)).to(like.device)
    return drawn.view(-1, 1, 1, 1)
