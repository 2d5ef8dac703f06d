"""Which faces of FER2013 a backbone learns from, and which choose its epoch.

The data set holds many pictures twice. So that no picture is on both sides, all copies of
one go to the same side, and training pictures that the test holds as well are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import DatasetError
from fercore.io.fer2013 import CLASSES, Fer2013Faces

if TYPE_CHECKING:
    from numpy.typing import NDArray

VALIDATION_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class BackboneFaces:
    """The training split of FER2013, divided."""

    training: Fer2013Faces
    validation: Fer2013Faces
    left_out: int  # faces whose picture the test holds too

    def class_weights(self) -> NDArray[np.float32]:
        """Return the weight (7,) of each label in the loss; 1 on average over training faces.

        The weights go with the inverse square root of the labels' counts: the six
        expressions are equally frequent where the backbone is used, in FER2013 happiness
        is sixteen times as frequent as disgust.
        """
        counts = np.bincount(self.training.labels, minlength=len(CLASSES))
        weights = 1 / np.sqrt(counts)
        return np.asarray(weights * counts.sum() / (weights * counts).sum(), np.float32)


def divide(faces: Fer2013Faces, test: Fer2013Faces | None, seed: int) -> BackboneFaces:
    """Draw a tenth of every label's pictures for validation; drop what `test` holds too.

    Raises:
        DatasetError: a label has too few pictures to train and to validate on.
    """
    tested = set(_pictures(test)) if test is not None else set()
    pictures = _pictures(faces)
    held_out = _draw(pictures, faces.labels, tested, seed)
    tested_too = np.array([picture in tested for picture in pictures])
    validates = np.array([picture in held_out for picture in pictures])
    divided = BackboneFaces(
        faces.where(~tested_too & ~validates), faces.where(validates), int(tested_too.sum())
    )
    for position, name in enumerate(CLASSES):
        if not (divided.training.labels == position).any():
            raise DatasetError(f"there are too few pictures of {name}; give all training shards.")
    return divided


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


def _pictures(faces: Fer2013Faces) -> list[bytes]:
    return [image.tobytes() for image in faces.images]
