"""Measures checkpoints on the perturbed faces of a cache, going on where it stopped."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import DatasetError
from fercore.evaluation.stress.crops import Crops
from fercore.evaluation.stress.poses import find_scans, render
from fercore.evaluation.stress.records import StressRow
from fercore.training.faces import LabelledFaces, take_faces
from fercore.training.loop import digest
from fercore.training.scoring import logits_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.caches.reading import Cache
    from fercore.evaluation.stress.perturbations import Perturbation
    from fercore.evaluation.stress.poses import Turn, View
    from fercore.evaluation.stress.records import StressRecords
    from fercore.networks.paper import Pipeline
    from fercore.networks.preprocessing import Preprocessing

    Hits = dict[str, NDArray[np.bool_]]  # for each head whether it is right, (N,)
    Change = Callable[[LabelledFaces], LabelledFaces]

BATCH = 64


@dataclass(frozen=True, slots=True)
class StressedFaces:
    """Faces, the scans they come from, and how they were cut out."""

    faces: LabelledFaces
    scans: tuple[str, ...]  # names, one for each face
    parameters: Preprocessing

    def __len__(self) -> int:
        return len(self.scans)

    @property
    def sha256(self) -> str:
        """Checksum of crops and labels."""
        arrays = (self.faces.rgb, self.faces.depth_m, self.faces.labels)
        return digest(*(array.tobytes() for array in arrays))


def read_face_set(cache: Cache, levels: Sequence[int], views: Collection[str]) -> StressedFaces:
    """Read the usable faces of an expression at `levels`, seen in one of `views`.

    Raises:
        DatasetError: there is none.
    """
    rows = cache.select(levels=levels, views=views, expressive=True)
    if not rows:
        shown = ",".join(map(str, levels))
        raise DatasetError(
            f"{cache.path} holds no usable face of levels {shown} in view {' or '.join(views)}; "
            "choose others or prepare more."
        )
    scans = tuple(row.scan for row in rows)
    return StressedFaces(take_faces(cache, rows), scans, cache.preprocessing)


@dataclass(frozen=True, slots=True)
class Contender:
    """A checkpoint under test."""

    name: str  # as in the records
    network: Pipeline
    parameters: Preprocessing


class StressRun:
    """Measures what the records lack.

    `advance` is called with the number of faces that checkpoints have judged since.
    """

    def __init__(
        self,
        faces: StressedFaces,
        contenders: Sequence[Contender],
        records: StressRecords,
        seed: int,
        advance: Callable[[int], object],
    ) -> None:
        self._set = faces
        self._contenders = contenders
        self._records = records
        self._seed = seed
        self._advance = advance

    def perturb(self, perturbations: Sequence[Perturbation]) -> None:
        """Measure the faces as they are, which is severity 0 of all, then each severity."""
        for contender in self._contenders:
            lacking = [k for k in perturbations if contender in self._missing(k, 0)]
            if lacking:
                (hits,) = self._judge([contender], lambda batch: batch)
                self._records.add(
                    row for kind in lacking for row in self._rows(contender, kind, 0, hits)
                )
        for kind in perturbations:
            for severity in kind.severities:
                self._perturb(kind, severity)

    def turn(self, root: Path, turns: Sequence[Turn], workers: int) -> tuple[str, ...]:
        """Measure turned heads, rendered from the scans below `root`.

        Returns why scans were left out, a sentence each; they are so at every angle.

        Raises:
            DatasetError: the tree lacks a scan, or none can be rendered.
        """
        scans = find_scans(root, self._set.scans)
        cells = [(t, s) for t in turns for s in t.severities if self._missing(t, s)]
        angles = [turn.angles_deg(severity) for turn, severity in cells]
        left_out: tuple[str, ...] = ()
        with contextlib.closing(render(scans, angles, self._set.parameters, workers)) as views:
            for turn, severity in cells:
                seen = [next(views) for _ in self._counted(scans, turn, severity)]
                left_out = tuple(view.unusable for view in seen if view.unusable)
                self._turn(turn, severity, seen)
        return left_out

    def outstanding(self, perturbations: Sequence[Perturbation], turns: Sequence[Turn]) -> int:
        """Return how many faces checkpoints have yet to judge."""
        kinds: list[Perturbation | Turn] = [*perturbations, *turns]
        cells = len({c.name for kind in perturbations for c in self._missing(kind, 0)})
        cells += sum(len(self._missing(kind, s)) for kind in kinds for s in kind.severities)
        return cells * len(self._set)

    def _missing(self, kind: Perturbation | Turn, severity: float) -> list[Contender]:
        return [c for c in self._contenders if not self._records.has(c.name, kind.name, severity)]

    def _perturb(self, kind: Perturbation, severity: float) -> None:
        contenders = self._missing(kind, severity)
        if not contenders:
            return

        def change(batch: LabelledFaces) -> LabelledFaces:
            crops = kind.apply(Crops(batch.rgb, batch.depth_m), severity, self._seed)
            return replace(batch, rgb=crops.rgb, depth_m=crops.depth_m)

        judged = zip(contenders, self._judge(contenders, change), strict=True)
        self._records.add(
            row for contender, hits in judged for row in self._rows(contender, kind, severity, hits)
        )

    def _judge(self, contenders: Sequence[Contender], change: Change) -> list[Hits]:
        """Show every contender the same changed faces, a batch at a time."""
        parts: list[list[Hits]] = [[] for _ in contenders]
        for start in range(0, len(self._set), BATCH):
            rows = np.arange(len(self._set)) // BATCH == start // BATCH
            batch = change(self._set.faces.where(rows))
            for contender, part in zip(contenders, parts, strict=True):
                part.append(hits_of(contender, batch))
                self._advance(len(batch))
        return [{h: np.concatenate([p[h] for p in part]) for h in part[0]} for part in parts]

    def _turn(self, turn: Turn, severity: float, views: Sequence[View]) -> None:
        usable = np.array([not view.unusable for view in views])
        found = np.array([view.found for view in views])
        if not usable.any():
            raise DatasetError(f"no scan of the cache can be rendered: {views[0].unusable}.")
        faces = _seen(self._set.faces, views, found)
        rows: list[StressRow] = []
        for contender in self._missing(turn, severity):
            hits = {head: right & found for head, right in hits_of(contender, faces).items()}
            rows += self._rows(contender, turn, severity, hits, usable)
        self._records.miss(turn.name, severity, int((usable & ~found).sum()))
        self._records.add(rows)

    def _counted(self, scans: Sequence[object], turn: Turn, severity: float) -> Iterable[object]:
        """Yield the scans and tell of the faces that are done with each."""
        contenders = len(self._missing(turn, severity))
        for scan in scans:
            yield scan
            self._advance(contenders)

    def _rows(
        self,
        contender: Contender,
        kind: Perturbation | Turn,
        severity: float,
        hits: Hits,
        chosen: NDArray[np.bool_] | bool = True,
    ) -> list[StressRow]:
        cell = (contender.name, kind.name, kind.unit, float(severity))
        rows = []
        for subject in self._set.faces.subject_names:
            theirs = (self._set.faces.subjects == subject) & chosen
            if theirs.any():
                samples = int(theirs.sum())
                rows += [
                    StressRow(*cell, h, subject, samples, int(hits[h][theirs].sum())) for h in hits
                ]
        return rows


def hits_of(contender: Contender, faces: LabelledFaces) -> Hits:
    """Return for each head of a contender whether it is right about `faces`."""
    logits = logits_of(contender.network, faces, contender.parameters)
    return {
        head: scores.argmax(1).cpu().numpy() == faces.labels
        for head, scores in logits._asdict().items()
        if scores is not None
    }


def _seen(faces: LabelledFaces, views: Sequence[View], found: NDArray[np.bool_]) -> LabelledFaces:
    """Return `faces` with the views in their place; where none was found, as they were."""
    rgb, depth_m = faces.rgb.copy(), faces.depth_m.copy()
    for row in np.flatnonzero(found):
        rgb[row], depth_m[row] = views[row].rgb, views[row].depth_m
    return replace(faces, rgb=rgb, depth_m=depth_m)
