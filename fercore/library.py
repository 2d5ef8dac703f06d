"""What a script of one's own needs in one call each: judge a folder, prepare, evaluate.

`import fercore` offers these functions, and the few types they speak of, under `fercore`;
`docs/library.md` shows them at work. Each does what the command of its name does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fercore.caches.reading import Cache
    from fercore.datasets.dataset import Sample
    from fercore.evaluation.protocol import Protocol
    from fercore.inference.predictor import Predictor
    from fercore.report.run_records import Evaluation
    from fercore.structures import Analysis


@dataclass(frozen=True, slots=True)
class JudgedSample:
    """A sample of a data set, and what was said of it."""

    sample: Sample
    analysis: Analysis | None  # None: its files cannot be read
    problem: str  # why not; empty: they can


def judge_dataset(predictor: Predictor, path: Path | str) -> Iterator[JudgedSample]:
    """Yield the verdicts on every sample of a data set that can be read, in its order.

    Raises:
        DatasetError: the path holds no data set, or several.
    """
    from fercore.datasets.opening import open_dataset

    dataset = open_dataset(path)
    try:
        for sample in dataset.samples():
            try:
                yield JudgedSample(sample, predictor.analyse(dataset.frame(sample)), "")
            except FercoreError as error:
                yield JudgedSample(sample, None, str(error))
    finally:
        dataset.close()


def prepare(
    path: Path | str, output: Path | str, *, views: int = 0, seed: int = 0, workers: int = 1
) -> Cache:
    """Cut the faces out of a data set of scans; go on where an earlier call stopped.

    `views` are rendered for each scan beside its frontal picture; `workers` are processes.

    Raises:
        DatasetError: there are no scans at the path, or the output holds something else.
        FercoreError: the output cannot be written.
    """
    from fercore.caches.reading import open_cache
    from fercore.caches.scans import Recipe
    from fercore.caches.scans import prepare as prepared
    from fercore.datasets.fer2013 import Fer2013
    from fercore.datasets.opening import open_dataset
    from fercore.networks.preprocessing import Preprocessing

    dataset = open_dataset(path)
    if isinstance(dataset, Fer2013):
        raise FercoreError(f"{path} holds single pictures; use `fercore prepare fer2013`.")
    for _ in prepared(dataset, Path(output), Recipe(views, seed, Preprocessing()), workers):
        pass
    return open_cache(Path(output))


def evaluate(
    cache: Path | str, output: Path | str, pipeline: str, protocol: Protocol, **recipe: object
) -> Evaluation:
    """Train and test one pipeline by a protocol; go on where an earlier call stopped.

    `recipe` replaces settings of the pipeline's shipped recipe, such as `epochs=5`. The run can
    be given to `fercore report` afterwards; further pipelines may be added to it.

    Raises:
        FercoreError: the cache, the folder or a setting cannot be used.
    """
    from fercore.evaluation import run
    from fercore.report.reading import read_run
    from fercore.training.config import read_config, shipped_config

    config = read_config(shipped_config(pipeline), pipeline=pipeline, **recipe)
    wanted = run.EvaluationPlan(Path(cache), protocol, (config,), Path(output), "fercore.evaluate")
    run.evaluate(wanted, run.Executor())
    evaluation = read_run(Path(output)).evaluation
    assert evaluation is not None
    return evaluation
