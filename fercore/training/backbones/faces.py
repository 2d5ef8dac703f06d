"""Which faces of FER2013 a backbone learns from, what they teach, and which choose its epoch.

Where people's votes are known (FER+) they are the target. FER2013's own label has a small say
in which expression an expressive face shows: fear and disgust are rare among the votes. The
data set holds many pictures twice. So that no picture is on both sides, all copies of
one go to the same side, and training pictures that the test holds as well are left out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import DatasetError
from fercore.expressions import EXPRESSIONS
from fercore.io.fer2013 import CLASSES, Fer2013Faces
from fercore.io.ferplus import agreed_labels, vote_targets

if TYPE_CHECKING:
    from numpy.typing import NDArray

VALIDATION_SHARE = 0.1
OWN_LABEL_SHARE = 0.15
"""What FER2013's own label counts beside the votes, of faces that most people find expressive."""

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
        counts = targets_of(self.training)[:, :SIX].sum(0)
        weights = 1 / np.sqrt(counts)
        return np.asarray(weights * counts.sum() / (weights * counts).sum(), np.float32)


def targets_of(faces: Fer2013Faces) -> NDArray[np.float32]:
    """Return the target distributions (N, 7) over six expressions and calm; all 0: no target."""
    labelled = np.eye(len(CLASSES) + 1, len(CLASSES), dtype=np.float32)[faces.labels]  # -1: all 0
    if faces.votes is None:
        return labelled
    targets = vote_targets(faces.votes).targets
    expressive = targets[:, :SIX].sum(1, keepdims=True)
    own = labelled[:, :SIX] * expressive * (expressive > 0.5)
    share = OWN_LABEL_SHARE * (own.sum(1, keepdims=True) > 0)
    six = (1 - share) * targets[:, :SIX] + share * own
    voted = np.concatenate((six, targets[:, SIX:]), 1)
    return np.asarray(np.where(faces.votes.any(1)[:, None], voted, labelled), np.float32)


def labels_for_scoring(faces: Fer2013Faces) -> NDArray[np.int64]:
    """Return the label (N,) that each face is scored against, -1 where it is not scored.

    It is what `fercore.io.ferplus.AGREEMENT` people agree on where there are votes.
    """
    return faces.labels if faces.votes is None else agreed_labels(faces.votes)


def divide(faces: Fer2013Faces, test: Fer2013Faces | None, seed: int) -> BackboneFaces:
    """Draw a tenth of every label's pictures for validation; drop what `test` holds too.

    Faces without a target are left out of both.

    Raises:
        DatasetError: a label has too few pictures to train and to validate on.
    """
    votes = None if faces.votes is None else vote_targets(faces.votes)
    contempt, unclear = (0, 0) if votes is None else (votes.contempt.sum(), votes.unclear.sum())
    faces = faces.where(targets_of(faces).any(1))
    tested = set(_pictures(test)) if test is not None else set()
    pictures, labels = _pictures(faces), targets_of(faces).argmax(1)
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


def _pictures(faces: Fer2013Faces) -> list[bytes]:
    """Return a digest of each picture; copies of one have the same."""
    return [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in faces.images]
