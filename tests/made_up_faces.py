"""Made-up faces to train on: as a cache on the disk, or in memory and easy to learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fercore.caches.records import FORMAT_VERSION, CacheRow, Manifest
from fercore.caches.writer import CacheWriter
from fercore.expressions import EXPRESSIONS
from fercore.networks.preprocessing import Preprocessing
from fercore.structures import FaceBox
from fercore.training.config import TrainingConfig
from fercore.training.faces import LabelledFaces, certain_targets

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

PARAMETERS = Preprocessing(rgb_size=16)

# Of the faces in memory, and of a short training on them.
IN_MEMORY = Preprocessing(rgb_size=32)
CONFIG = TrainingConfig(
    "depth", "imagenet", epochs=3, batch_size=9, copies=2, validation_subjects=2, seed=1
)


def make_cache(
    folder: Path,
    subjects: int,
    seed: int,
    parameters: Preprocessing = PARAMETERS,
    faceless: Container[int] = (),
    dataset: str = "",
) -> Path:
    """Write a cache of random faces, levels 3 and 4; no face is found in `faceless` rows."""
    scans = [
        (f"F{9001 + subject}", expression.value, level)
        for subject in range(subjects)
        for expression in EXPRESSIONS
        for level in (3, 4)
    ]
    manifest = Manifest(
        FORMAT_VERSION,
        folder.name,
        "0" * 64,
        len(scans),
        0,
        seed,
        parameters,
        {"python": "3"},
        dataset,
    )
    rng = np.random.default_rng(seed)
    with CacheWriter(folder, manifest) as writer:
        for row, (subject, expression, level) in enumerate(scans):
            status = "no face" if row in faceless else "ok"
            record = CacheRow(
                *(row, f"{subject}_{row}", subject, expression, level, "WH", "f2d", status, ""),
                *(0.9, FaceBox(0, 0, 9, 9, 0.9), False, 0.5),
            )
            size = parameters.rgb_size
            rgb = rng.integers(0, 255, (size, size, 3), np.uint8)
            depth_m = rng.uniform(0.4, 0.5, (64, 64)).astype(np.float32)
            writer.append([(record, rgb, depth_m)])
    return folder


def made_up_faces(subjects: int = 8, per_subject: int = 6) -> LabelledFaces:
    """Return bumps whose place tells the label: easy to learn, the same for every subject."""
    rng = np.random.default_rng(0)
    count = subjects * per_subject
    labels = np.tile(np.arange(6), count // 6)
    row, column = np.mgrid[:64, :64]
    angle = labels[:, None, None] * np.pi / 3
    distance = np.hypot(row - 32 - 16 * np.sin(angle), column - 32 - 16 * np.cos(angle))
    depth_m = 0.6 - 0.03 * np.exp(-((distance / 6) ** 2)) + rng.normal(0, 5e-4, distance.shape)
    return LabelledFaces(
        rgb=rng.integers(0, 255, (count, 32, 32, 3), np.uint8),
        depth_m=depth_m.astype(np.float32),
        labels=labels,
        subjects=np.repeat([f"F{9001 + i}" for i in range(subjects)], per_subject),
        levels=np.full(count, 4),
        views=np.full(count, "f2d"),
        targets=certain_targets(labels),
    )
