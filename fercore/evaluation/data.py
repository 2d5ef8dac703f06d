"""The faces of an evaluation, who trains and tests in its experiments, and what its folds share.

Shared is the output of a pipeline's frozen half, computed once. It lies in the run's folder
under a name that tells weights, preprocessing and faces apart, so that a run that goes on,
another fold or another pipeline with the same backbone reads it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from fercore.errors import DatasetError
from fercore.training.config import training_device
from fercore.training.faces import take_faces
from fercore.training.features import FrozenFeatures, compute_features, open_features
from fercore.training.loop import digest, load_state, save_state
from fercore.training.stacked import FoldTask
from fercore.training.trainer import started

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.caches.records import CacheRow
    from fercore.evaluation.protocol import Fold
    from fercore.networks.paper import Pipeline
    from fercore.networks.preprocessing import Preprocessing
    from fercore.training.config import TrainingConfig
    from fercore.training.faces import LabelledFaces
    from fercore.training.trainer import Start

    State = dict[str, torch.Tensor]

_LABELS = "labels.pt"


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


@dataclass(frozen=True, slots=True)
class Inputs:
    """Features, labels and, where a backbone is fine-tuned, the weights it starts from."""

    features: FrozenFeatures
    labels: NDArray[np.int64]  # (N,)
    start: State | None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a pipeline's inputs lie, and what they come from."""

    path: Path  # without suffix
    variant: str  # of the backbone, see `fercore.networks.backbones.VARIANTS`
    backbone_start: str  # for headings

    @property
    def digest(self) -> str:
        """Tells different weights, preprocessing, faces and fine-tuning apart."""
        return self.path.name


def locate_inputs(config: TrainingConfig, data: ExperimentData, folder: Path) -> Source:
    """Say where in `folder` a pipeline's inputs lie, there or not.

    Raises:
        CheckpointError: the backbone's start cannot be had.
    """
    network, start = _started(config)
    return Source(folder / _name(network, config, data), start.variant, start.description)


def compute_inputs(config: TrainingConfig, data: ExperimentData, source: Source) -> None:
    """Compute a pipeline's inputs, unless they are there."""
    folder = source.path.parent
    folder.mkdir(parents=True, exist_ok=True)
    network, _ = _started(config)
    compute_features(
        network.to(training_device()), data.faces, data.parameters, source.path, config.finetune
    )
    backbone, start = network.cpu().backbone, source.path.with_suffix(".start.pt")
    if config.finetune != "none" and backbone is not None and not start.exists():
        save_state(start, backbone.state_dict())
    if not (folder / _LABELS).exists():
        save_state(folder / _LABELS, {"labels": torch.from_numpy(data.faces.labels)})


def load_inputs(source: Source) -> Inputs:
    """Open what `compute_inputs` left."""
    features = open_features(source.path)
    cpu = torch.device("cpu")
    stored = load_state(source.path.parent / _LABELS, cpu) or {}
    start = load_state(source.path.with_suffix(".start.pt"), cpu)
    return Inputs(features, stored["labels"].numpy(), start)


def _started(config: TrainingConfig) -> tuple[Pipeline, Start]:
    torch.manual_seed(config.seed)
    return started(config)


def _name(network: Pipeline, config: TrainingConfig, data: ExperimentData) -> str:
    """Return such as rgb-resnet50-none-0123456789abcdef."""
    kind = config.pipeline.replace("fusion-", "rgb-")
    digest = hashlib.sha256(json.dumps(asdict(data.parameters), sort_keys=True).encode())
    for name, tensor in sorted(network.state_dict().items()):
        if "backbone." in name:
            digest.update(tensor.numpy().tobytes())
    for array in (data.faces.rgb, data.faces.depth_m, data.faces.labels):
        digest.update(array.tobytes())
    return f"{kind}-{config.finetune}-{digest.hexdigest()[:16]}"
