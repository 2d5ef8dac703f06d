"""Folders as `fercore evaluate` and `fercore stress` write them, with made-up results."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.expressions import EXPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAMES = [expression.value for expression in EXPRESSIONS]
HEADS = ("fusion", "rgb", "depth")


@dataclass(frozen=True)
class MadeUp:
    """What to make up; accuracies are expected ones, as subjects and levels differ."""

    accuracies: Mapping[str, float]  # by slug
    subjects: int = 20
    folds: int | None = 10
    experiments: int | None = None
    test_subjects: int = 3
    levels: tuple[int, ...] = (3, 4)
    epochs: int = 6
    synthetic: bool = True
    data: str = "no/such/cache"
    seed: int = 0

    @property
    def names(self) -> list[str]:
        return [f"{'FM'[k % 2]}9{k + 1:03d}" for k in range(self.subjects)]


def write_run(folder: Path, made_up: MadeUp) -> Path:
    """Write a complete evaluation."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(made_up.seed)
    tests = _tests(made_up, rng)
    write_json(folder / "run.json", run_json(made_up))
    splits = [
        (str(number), name, _role(name, test, made_up))
        for number, test in enumerate(tests)
        for name in made_up.names
    ]
    write_table(folder / "splits.tsv", ("experiment", "subject", "role"), splits)
    columns = ("pipeline", "experiment", "subject", "expression", "level", "view", "row")
    predictions = _predictions(made_up, tests, rng)
    header = (*columns, *(f"p_{name}" for name in NAMES))
    write_table(folder / "predictions.tsv", header, predictions)
    _write_curves(folder, made_up, len(tests), rng)
    _write_timings(folder, made_up, len(tests))
    return folder


def run_json(made_up: MadeUp) -> dict[str, object]:
    kind = "synthetic" if made_up.synthetic else "BU-3DFE"
    scans = made_up.subjects * 6 * len(made_up.levels)
    return {
        "format": 1,
        "dataset": f"faces: {made_up.subjects} {kind} subjects, {scans} scans",
        "synthetic": made_up.synthetic,
        "terms": f"{kind}, made up for a test",
        "data": made_up.data,
        "protocol": {
            "name": "fixed60",
            "folds": made_up.folds,
            "experiments": made_up.experiments,
            "levels": list(made_up.levels),
            "split_seed": 0,
            "training_seed": 1,
        },
        "pipelines": {slug: _pipeline(slug) for slug in made_up.accuracies},
        "preprocessing": {"rgb_size": 96, "depth_window_m": 0.04},
        "versions": {"python": "3.11.9", "torch": "2.15.0"},
        "hardware": "2 CPU cores, one thread a fold",
        "command": "fercore evaluate --data cache --output RUN",
    }


def _pipeline(slug: str) -> dict[str, object]:
    starts = {"resnet50": "FER2013, ImageNet layers 1–3", "vgg19": "FER2013, from scratch"}
    start = starts.get(slug.rsplit("-", 1)[-1], "none")
    config = {"learning_rate": 0.003, "batch_size": 32}
    finetune = "none" if start == "none" else "last-stage"
    return {"backbone_start": start, "finetune": finetune, "config": config}


def _tests(made_up: MadeUp, rng: np.random.Generator) -> list[set[str]]:
    names = np.array(made_up.names)
    if made_up.folds:
        parts = np.array_split(rng.permutation(names), made_up.folds)
        return [set(part.tolist()) for part in parts]
    draws = range(made_up.experiments or 1)
    return [set(rng.choice(names, made_up.test_subjects, replace=False).tolist()) for _ in draws]


def _role(name: str, test: set[str], made_up: MadeUp) -> str:
    others = [other for other in made_up.names if other not in test]
    return "test" if name in test else "validation" if name == others[0] else "train"


def _predictions(
    made_up: MadeUp, tests: list[set[str]], rng: np.random.Generator
) -> list[tuple[str, ...]]:
    ease = dict(zip(made_up.names, rng.normal(0, 0.12, made_up.subjects), strict=True))
    per_subject = 6 * len(made_up.levels)
    rows = []
    for slug, accuracy in made_up.accuracies.items():
        for number, test in enumerate(tests):
            for place, name in enumerate(made_up.names):
                if name not in test:
                    continue
                for k in range(per_subject):
                    level = made_up.levels[k // 6]
                    chance = np.clip(accuracy + ease[name] + 0.08 * (level - 3), 0.02, 0.98)
                    p = _probabilities(k % 6, bool(rng.random() < chance), rng)
                    cells = (slug, str(number), name, NAMES[k % 6], str(level), "f2d")
                    rows.append((*cells, str(place * per_subject + k), *(f"{x:.6f}" for x in p)))
    return rows


def _probabilities(truth: int, right: bool, rng: np.random.Generator) -> np.ndarray:
    # Fear for surprise, anger for sadness: mistakes are not spread evenly.
    other = {0: 4, 2: 5, 4: 0}.get(truth) if rng.random() < 0.6 else None
    if other is None:
        other = int(rng.choice([k for k in range(6) if k != truth]))
    logits = rng.normal(0, 0.7, 6)
    logits[truth if right else other] = logits.max() + rng.gamma(2.0, 1.0 if right else 0.6)
    p = np.exp(logits - logits.max())
    return p / p.sum()


def _write_curves(folder: Path, made_up: MadeUp, count: int, rng: np.random.Generator) -> None:
    rows = []
    for slug, accuracy in made_up.accuracies.items():
        for number in range(count):
            epochs = made_up.epochs - int(rng.integers(0, max(1, made_up.epochs // 2)))
            best = max(1, epochs - 2)
            for epoch in range(1, epochs + 1):
                fall = np.exp(-epoch / (0.25 * made_up.epochs))
                loss = 0.2 + 1.5 * fall + 0.05 * rng.random()
                validation = 0.6 + 1.2 * fall + 0.1 * rng.random()
                reached = accuracy * (1 - 0.7 * fall) + 0.04 * rng.random()
                figures = (f"{loss:.6f}", f"{validation:.6f}", f"{reached:.6f}")
                rows.append((slug, str(number), str(epoch), *figures, str(int(epoch == best))))
    columns = ("pipeline", "experiment", "epoch", "train_loss", "validation_loss")
    write_table(folder / "curves.tsv", (*columns, "validation_accuracy", "best"), rows)


def _write_timings(folder: Path, made_up: MadeUp, count: int) -> None:
    rows = [
        (slug, f"{slug}-{number:03}-{number:03}", "1", f"{10.5 + place}", f"{900 + 100 * place}")
        for place, slug in enumerate(made_up.accuracies)
        for number in range(count)
    ]
    columns = ("pipeline", "chunk", "experiments", "seconds", "peak_rss_mb")
    write_table(folder / "timings.tsv", columns, rows)


def write_stress(
    folder: Path,
    curves: Mapping[tuple[str, str], Mapping[float, tuple[float, float, float]]],
    weights: tuple[str, ...] = ("fusion-resnet50",),
    subjects: int = 12,
    samples: int = 12,
    heads: tuple[str, ...] = HEADS,
    spread: float = 0.0,
) -> Path:
    """Write a stress test: `curves[name, unit][severity]` are the heads' accuracies.

    With `spread` 0 every subject has the same share right, so intervals have no width.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    names = [f"F9{k + 1:03d}" for k in range(subjects)]
    rows = []
    for checkpoint in weights:
        for (perturbation, unit), points in curves.items():
            for severity, accuracies in points.items():
                for head, accuracy in zip(heads, accuracies, strict=True):
                    for name in names:
                        share = np.clip(accuracy + spread * rng.normal(), 0, 1)
                        cell = (checkpoint, perturbation, unit, f"{severity:g}", head, name)
                        rows.append((*cell, str(samples), str(round(samples * share))))
    columns = ("weights", "perturbation", "unit", "severity", "head", "subject")
    write_table(folder / "stress.tsv", (*columns, "samples", "correct"), rows)
    write_json(folder / "stress.json", stress_json(weights))
    return folder


def stress_json(weights: tuple[str, ...]) -> dict[str, object]:
    return {
        "format": 1,
        "weights": [
            {"name": name, "pipeline": name, "sha256": "ab12" * 16, "backbone_start": "FER2013"}
            for name in weights
        ],
        "dataset": "others: 12 synthetic subjects, 144 scans",
        "synthetic": True,
        "levels": [3, 4],
        "view": "f2d",
        "seed": 0,
        "versions": {"python": "3.11.9"},
        "command": "fercore stress --weights w.safetensors --data others --output RUN",
    }


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_table(path: Path, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    lines = ["\t".join(cells) + "\n" for cells in (columns, *rows)]
    path.write_text("".join(lines), encoding="utf-8")


def write_cache(folder: Path, made_up: MadeUp) -> Path:
    """Write a prepared cache whose rows are those that `write_run` predicts."""
    from fercore.caches.records import FORMAT_VERSION, CacheRow, Manifest
    from fercore.caches.writer import CacheWriter
    from fercore.networks.preprocessing import Preprocessing
    from fercore.structures import FaceBox

    parameters = Preprocessing(rgb_size=16)
    scans = [
        (name, NAMES[k % 6], made_up.levels[k // 6])
        for name in made_up.names
        for k in range(6 * len(made_up.levels))
    ]
    manifest = Manifest(
        FORMAT_VERSION, folder.name, "0" * 64, len(scans), 0, 0, parameters, {"python": "3"}
    )
    depth_m = np.linspace(0.4, 0.5, 64 * 64, dtype=np.float32).reshape(64, 64)
    depth_m[:8] = np.nan
    with CacheWriter(folder, manifest) as writer:
        for row, (name, expression, level) in enumerate(scans):
            record = CacheRow(
                *(row, f"{name}_{row}", name, expression, level, "WH", "f2d", "ok", ""),
                *(0.9, FaceBox(0, 0, 9, 9, 0.9), False, 0.5),
            )
            writer.append([(record, np.full((16, 16, 3), row % 256, np.uint8), depth_m)])
    return folder


def page_of(run: Path) -> str:
    """Return the report's page of a run."""
    return (run / "report" / "report.html").read_text(encoding="utf-8")


def table_of(run: Path, name: str) -> list[dict[str, str]]:
    """Return a table of a run's report, a row each."""
    header, *lines = (run / "report" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
