"""Baselines among the pipelines of an evaluation: their inputs and their folds.

A baseline's inputs are the rows of its geometry store that the run's scans have, brought together
in one file of the run's folder, past a frozen network where it has one. From there on it is a
pipeline like any other: chunks, resuming, Ray, tables and statistics do not tell it apart.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from fercore.baselines.fitting import EMBEDDERS, FoldRows, fold_probabilities, require_sklearn
from fercore.baselines.recipes import BASELINES, BaselineRecipe
from fercore.baselines.store import BaselineStore, StoredFeatures
from fercore.errors import FercoreError, cure
from fercore.evaluation.data import Inputs, Source, compute_inputs, load_inputs, locate_inputs
from fercore.networks.huynh import HUYNH, NETWORKS
from fercore.networks.paper import PIPELINES
from fercore.runtime.files import whole_file
from fercore.runtime.parsing import loaded_archive
from fercore.runtime.processes import blas_threads
from fercore.training.folds import FoldResult, TrainedFolds
from fercore.training.selection import lowest_own_loss

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.evaluation.data import ExperimentData
    from fercore.training.config import TrainingConfig
    from fercore.training.stacked import FoldTask

EVALUABLE = (*NETWORKS, *BASELINES)
"""Slugs of all that `fercore evaluate` knows, in the order of its tables."""

GROUPS_OF_PIPELINES = {
    "all": PIPELINES,
    "table2": (*BASELINES[:6], "fusion-resnet50", "fusion-vgg19"),
    "table2+": (*BASELINES, HUYNH, "fusion-resnet50", "fusion-vgg19"),
}
"""Words for several pipelines: Table 1's rows, Table 2's, and Table 2's with ours beside them."""

SELECTION = {
    "name": "highest validation accuracy",
    "sentence": "hyper-parameters of which the recipe names several by the accuracy on validation "
    "subjects, the temperature by their cross-entropy; then fitted once more on training and "
    "validation subjects together",
}
"""How a baseline is chosen: there is no epoch."""

NO_SELECTION = {
    "name": "the recipe's first",
    "sentence": "the first hyper-parameters that the recipe names, on all training subjects; "
    "probabilities are not calibrated",
}
"""The same where nobody is held out."""

_NO_BACKBONE = "none"
_KNOWN, _LABELS = "known", "labels"


@dataclass(frozen=True, slots=True)
class FeatureSource:
    """Where a baseline's inputs lie; the counterpart of `Source`."""

    path: Path  # of the `.npz` file
    backbone_start: str  # for headings; none where no network sees the features

    @property
    def digest(self) -> str:
        """Tells different features, scans and frozen weights apart."""
        return self.path.stem


@dataclass(frozen=True, slots=True)
class DescribedInputs:
    """A baseline's features of all scans of a run."""

    features: StoredFeatures
    labels: NDArray[np.int64]  # (N,)


def locate(
    config: TrainingConfig | BaselineRecipe, data: ExperimentData, cache: Path, folder: Path
) -> Source | FeatureSource:
    """Say where in `folder` a pipeline's inputs lie, there or not.

    Raises:
        FercoreError: what they are made of is not there.
    """
    if not isinstance(config, BaselineRecipe):
        return locate_inputs(config, data, folder)
    require_sklearn()
    store = BaselineStore.readable(cache, config.landmarking, config.pipeline)
    embedder = EMBEDDERS.get(config.pipeline)
    start = _NO_BACKBONE if embedder is None else embedder.start(config)
    told = hashlib.sha256(store.digest(data.rows.tolist()).encode() + data.faces.labels.tobytes())
    told.update(start.encode())
    path = folder / f"{config.pipeline}-{told.hexdigest()[:16]}.npz"
    return FeatureSource(path, start)


def compute(
    config: TrainingConfig | BaselineRecipe,
    data: ExperimentData,
    cache: Path,
    source: Source | FeatureSource,
) -> None:
    """Make a pipeline's inputs, unless they are there.

    Raises:
        FercoreError: they cannot be written, or what they are made of is damaged.
    """
    if isinstance(config, BaselineRecipe):
        assert isinstance(source, FeatureSource)
        if not source.path.exists():
            _gather(config, data, cache, source)
    else:
        assert isinstance(source, Source)
        compute_inputs(config, data, source)


def load(source: Source | FeatureSource) -> Inputs | DescribedInputs:
    """Open what `compute` left.

    Raises:
        FercoreError: it is damaged.
    """
    if isinstance(source, Source):
        return load_inputs(source)
    try:
        arrays: dict[str, Any] = loaded_archive(source.path)
        known, labels = arrays.pop(_KNOWN), arrays.pop(_LABELS)
    except (OSError, ValueError, KeyError) as error:
        raise FercoreError(
            f"{source.path} is damaged ({error}); remove it to have it made anew."
        ) from error
    return DescribedInputs(StoredFeatures(arrays, known), labels)


def _gather(
    config: BaselineRecipe, data: ExperimentData, cache: Path, source: FeatureSource
) -> None:
    store = BaselineStore.readable(cache, config.landmarking, config.pipeline)
    stored = store.read(data.rows.tolist())
    embedder = EMBEDDERS.get(config.pipeline)
    arrays = stored.arrays if embedder is None else embedder.embed(stored.arrays, config)
    labelled = {_KNOWN: stored.known, _LABELS: data.faces.labels}
    try:
        source.path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(source.path) as unfinished, unfinished.open("wb") as file:
            np.savez(file, **arrays, **labelled)
    except OSError as error:
        raise FercoreError(
            f"{source.path} cannot be written ({error.strerror}); {cure(error)}."
        ) from error


def fit_folds(
    config: BaselineRecipe, inputs: DescribedInputs, tasks: Sequence[FoldTask]
) -> TrainedFolds:
    """Fit and test a baseline on some experiments, in one thread.

    Raises:
        FercoreError: scikit-learn is not installed, or a fold has nobody to train on.
    """
    require_sklearn()
    import_module("scipy.linalg")  # only algebra that is loaded can be limited

    started = time.perf_counter()
    with blas_threads(1):
        folds = tuple(_fit_fold(config, inputs, task) for task in tasks)
    return TrainedFolds(folds, time.perf_counter() - started)


def _fit_fold(config: BaselineRecipe, inputs: DescribedInputs, task: FoldTask) -> FoldResult:
    features = inputs.features
    rows = FoldRows(task.train, task.validation, task.test)
    found = fold_probabilities(config, features.arrays, features.known, inputs.labels, rows)
    return FoldResult(task.experiment, found, (), 0)


def record_entry(
    config: TrainingConfig | BaselineRecipe, source: Source | FeatureSource
) -> dict[str, object]:
    """Return what `run.json` says of a pipeline."""
    settings = asdict(config)
    del settings["backbone_source"]  # a path; `inputs` and `backbone_start` say what it held
    lists = {name: list(value) for name, value in settings.items() if isinstance(value, tuple)}
    entry: dict[str, object] = {
        "backbone_start": source.backbone_start,
        "finetune": getattr(config, "finetune", "none"),
        "inputs": source.digest,
        "config": {**settings, **lists},
    }
    if isinstance(config, BaselineRecipe):
        selection = SELECTION if config.validation_subjects else NO_SELECTION
        return entry | {"selection": selection, "landmarks": config.landmarking.words}
    return entry | {"selection": asdict(lowest_own_loss(config))}
