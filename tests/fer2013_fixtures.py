"""Small made-up data sets in the two forms of FER2013."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from fercore.io.fer2013 import CLASSES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def striped_faces(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return pictures (N, 48, 48) whose number of stripes tells the label, in turn 0..6."""
    labels = np.arange(count) % len(CLASSES)
    rows = np.arange(48) / 48
    waves = 128 + 100 * np.sin(2 * np.pi * (labels[:, None] + 1) * rows)  # N, 48
    noise = np.random.default_rng(seed).normal(0, 8, (count, 48, 48))
    return (waves[:, :, None] + noise).clip(0, 255).astype(np.uint8), labels


def write_shard(
    path: Path,
    images: NDArray[np.generic],
    labels: NDArray[np.generic],
    names: tuple[str, ...] = CLASSES,
) -> Path:
    np.savez(path, images=images, labels=labels, label_names=np.array(names))
    return path


def write_csv(path: Path, rows: list[tuple[int, NDArray[np.uint8], str]]) -> Path:
    """Write label, picture and usage of every face as Kaggle distributes them."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("emotion", "pixels", "Usage"))
        for label, image, usage in rows:
            writer.writerow((label, " ".join(map(str, image.reshape(-1).tolist())), usage))
    return path
