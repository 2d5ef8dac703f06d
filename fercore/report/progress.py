"""How much of a run is finished, and what its results may be called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.report.description import NO_BACKBONE
from fercore.report.statistics import in_paper_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fercore.evaluation.protocol import Protocol
    from fercore.report.description import PipelineStart, RunDescription
    from fercore.report.run_records import Evaluation

BACKBONES = {"resnet50": "ResNet50", "vgg19": "VGG19"}


@dataclass(frozen=True, slots=True)
class Progress:
    """How many experiments of each pipeline are there."""

    finished: Mapping[str, int]  # by slug, of all pipelines that the run was started with
    total: int  # of each
    subjects_left_out: int  # test subjects of finished experiments without any prediction

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return all(number >= self.total for number in self.finished.values())

    @property
    def sentence(self) -> str:
        """What is there and what is missing."""
        there, wanted = sum(self.finished.values()), self.total * len(self.finished)
        if self.complete:
            return f"Complete: {self.total} experiments of each of {len(self.finished)} pipelines."
        missing = "; ".join(
            f"{slug} {number} of {self.total}"
            for slug, number in self.finished.items()
            if number < self.total
        )
        return f"Unfinished: {there} of {wanted} experiments are there ({missing})."


def progress(evaluation: Evaluation) -> Progress:
    """Compare the predictions with what the run set out to do."""
    predictions, protocol = evaluation.predictions, evaluation.description.protocol
    pairs = set(zip(predictions.pipelines.tolist(), predictions.experiments.tolist(), strict=True))
    slugs = in_paper_order(list(evaluation.description.pipelines))
    finished = {slug: sum(pipeline == slug for pipeline, _ in pairs) for slug in slugs}
    tested = {experiment for _, experiment in pairs}
    expected = {s for number in tested for s in evaluation.splits[number].test}
    seen = set(np.unique(predictions.subjects).tolist())
    return Progress(finished, protocol.count, len(expected - seen))


def setting(description: RunDescription) -> str:
    """Return data set, protocol, levels and backbone start in one line, for every caption."""
    parts = [
        data_name(description.dataset, description.synthetic),
        protocol_words(description.protocol),
        level_words(description.protocol.levels),
        backbone_words(description.pipelines),
        *landmark_words(description.pipelines),
    ]
    return " · ".join(parts)


def landmark_words(pipelines: Mapping[str, PipelineStart]) -> list[str]:
    """Return where the points of the baselines come from; nothing where no pipeline has any."""
    return sorted({start.landmarks for start in pipelines.values() if start.landmarks})


def data_name(dataset: str, synthetic: bool) -> str:
    """Return the data set's sentence, marked where it is synthetic."""
    return f"SYNTHETIC DATA: {dataset}" if synthetic else dataset


def protocol_words(protocol: Protocol) -> str:
    """Such as `fixed60, 10 folds`."""
    if protocol.folds:
        return f"{protocol.name}, {protocol.folds} folds"
    noun = "random split" if protocol.count == 1 else "random splits"
    return f"{protocol.name}, {protocol.count} {noun}"


def level_words(levels: Sequence[int]) -> str:
    """Such as `levels 3 and 4`; none are those of data sets that know no levels."""
    names = [str(level) for level in levels]
    if not names:
        return "data without levels"
    if len(names) == 1:
        return f"level {names[0]}"
    return f"levels {', '.join(names[:-1])} and {names[-1]}"


def backbone_words(pipelines: Mapping[str, PipelineStart]) -> str:
    """Return what each backbone started from; pipelines that differ are named."""
    starts = {
        slug: start.backbone_start
        for slug, start in pipelines.items()
        if start.backbone_start != NO_BACKBONE
    }
    if not starts:
        return "no backbone"
    words: list[str] = []
    for backbone, title in BACKBONES.items():
        slugs = [slug for slug in in_paper_order(list(starts)) if slug.endswith(backbone)]
        words += _started(title, slugs, starts)
    others = [slug for slug in in_paper_order(list(starts)) if not slug.endswith(tuple(BACKBONES))]
    return "; ".join(words + [f"{slug} from {starts[slug]}" for slug in others])


def _started(title: str, slugs: Sequence[str], starts: Mapping[str, str]) -> Iterable[str]:
    different = {starts[slug] for slug in slugs}
    if len(different) == 1:
        return [f"{title} from {different.pop()}"]
    return [f"{title} of {slug} from {starts[slug]}" for slug in slugs]
