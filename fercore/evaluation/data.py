"""The faces of an evaluation, and who trains and tests in each of its experiments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import DatasetError
from fercore.training.faces import take_faces
from fercore.training.folder import digest
from fercore.training.stacked import FoldTask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.caches.records import CacheRow
    from fercore.evaluation.protocol import Fold
    from fercore.networks.preprocessing import Preprocessing
    from fercore.training.faces import LabelledFaces


@dataclass(frozen=True, slots=True)
class ExperimentData:
    """The scans of a cache at the protocol's levels: frontal views, if it has such."""

    faces: LabelledFaces
    rows: NDArray[np.int64]  # (N,), the faces' rows in the cache
    missed: tuple[CacheRow, ...]  # scans in which no face was found: a test counts them as wrong
    parameters: Preprocessing
    description: str  # of the cache
    terms: str
    is_synthetic: bool

    @property
    def subjects(self) -> tuple[str, ...]:
        """Everyone with a scan, face found or not; sorted."""
        return tuple(sorted({*self.faces.subject_names, *(row.subject for row in self.missed)}))

    @property
    def sha256(self) -> str:
        """Checksum of all that results depend on."""
        faces = self.faces
        numbers = (faces.rgb, faces.depth_m, faces.labels, faces.levels, self.rows)
        missed = [row.scan for row in self.missed]
        names = "\n".join([*faces.subjects.tolist(), *faces.views.tolist(), *missed])
        return digest(*(array.tobytes() for array in numbers), names.encode())


def read_data(path: Path, levels: tuple[int, ...]) -> ExperimentData:
    """Read what an evaluation needs from a prepared cache.

    Raises:
        DatasetError: the cache is damaged or holds no face of these levels.
    """
    from fercore.caches.reading import open_cache
    from fercore.caches.records import FRONTAL_VIEWS

    cache = open_cache(path)
    scans = cache.select(levels=levels, views=FRONTAL_VIEWS, expressive=True, usable=False)
    # Samples of cameras have no frontal view, so all are taken.
    scans = scans or cache.select(levels=levels, expressive=True, usable=False)
    rows = [row for row in scans if row.usable]
    if not rows:
        shown = ", ".join(map(str, levels))
        raise DatasetError(f"{path} holds no face of levels {shown}; prepare more scans.")
    return ExperimentData(
        take_faces(cache, rows),
        np.array([row.row for row in rows]),
        tuple(row for row in scans if not row.usable),
        cache.preprocessing,
        cache.description,
        cache.terms,
        cache.is_synthetic,
    )


@dataclass(frozen=True, slots=True)
class Roles:
    """Who does what in one experiment; the validation subjects chose the epoch."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def assign_roles(fold: Fold, validation_subjects: int, training_seed: int) -> Roles:
    """Draw the validation subjects from a fold's training subjects, never from its test.

    Raises:
        DatasetError: none would be left to train on.
    """
    training = sorted(fold.train_subjects)
    if len(training) <= validation_subjects:
        raise DatasetError(
            f"{validation_subjects} validation subjects of {len(training)} leave none to train "
            "on; prepare more subjects or set fewer."
        )
    rng = np.random.default_rng((training_seed, fold.index))
    validation = sorted(rng.choice(training, validation_subjects, replace=False).tolist())
    rest = tuple(subject for subject in training if subject not in set(validation))
    return Roles(rest, tuple(validation), tuple(sorted(fold.test_subjects)))


def fold_tasks(data: ExperimentData, roles: Sequence[Roles]) -> list[FoldTask]:
    """Turn the subjects of all experiments into rows of the faces.

    An epoch has as many faces in every experiment: those of the one with the fewest. Scans
    without a face would else make an experiment depend on which others train with it.
    """

    def rows(subjects: tuple[str, ...]) -> NDArray[np.int64]:
        return np.flatnonzero(np.isin(data.faces.subjects, subjects))

    train = [rows(one.train) for one in roles]
    fewest = min(len(own) for own in train)
    return [
        FoldTask(k, own, rows(one.validation), rows(one.test), fewest)
        for k, (own, one) in enumerate(zip(train, roles, strict=True))
    ]
