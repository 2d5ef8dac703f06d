"""Which faces of FER2013 a backbone learns from, and which choose its epoch.

The data set holds many pictures twice. So that no picture is on both sides, all copies of
one go to the same side, and training pictures that the test holds as well are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import DatasetError
from fercore.expressions import EXPRESSIONS
from fercore.io.fer2013 import CLASSES, Fer2013Faces
from fercore.io.ferplus import vote_targets
from fercore.training.faces import picture_digests

if TYPE_CHECKING:
    from numpy.typing import NDArray

VALIDATION_SHARE = 0.1
SIX = len(EXPRESSIONS)


@dataclass(frozen=True, slots=True)
class BackboneFaces:
    """The training split of FER2013, divided."""

    training: Fer2013Faces
    validation: Fer2013Faces
    left_out: int  # faces whose picture the test holds too
    unclear: int  # faces whose votes teach nothing, see `fercore.io.ferplus`
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
