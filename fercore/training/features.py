"""Augmented copies of the training faces, already past the backbone's early stages.

The early stages are never trained, so each copy passes them once and is kept on
disk in half precision: an epoch then costs only what is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from tqdm import tqdm

from fercore.preprocessing import depth_input, normalise_rgb
from fercore.training.augmentation import augment

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.models import Pipeline
    from fercore.preprocessing import Preprocessing
    from fercore.training.faces import LabelledFaces

BATCH = 64


@dataclass(frozen=True, slots=True)
class EarlyFeatures:
    """What the trained part of a pipeline sees of N faces."""

    early: NDArray[np.float16]  # (N, C, H, W), output of `Pipeline.early`
    depth: NDArray[np.float16]  # (N, 1, D, D), in -1..1

    def batch(
        self, rows: NDArray[np.int64], device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return early features and depth of the given rows, float32."""
        early = torch.from_numpy(self.early[rows]).to(device).float()
        return early, torch.from_numpy(self.depth[rows]).to(device).float()


def compute_features(
    network: Pipeline,
    faces: LabelledFaces,
    parameters: Preprocessing,
    path: Path,
    augmentation_seed: tuple[int, int] | None,
) -> EarlyFeatures:
    """Run the early stages over all faces, or read what an earlier run left at `path`.

    `augmentation_seed` (run, copy) draws the changes; None leaves the faces as they are. The
    files appear under their final names only when complete.
    """
    early_path, depth_path = path.with_suffix(".early.npy"), path.with_suffix(".depth.npy")
    if not (early_path.exists() and depth_path.exists()):
        _write(network, faces, parameters, (early_path, depth_path), augmentation_seed)
    return EarlyFeatures(np.load(early_path, mmap_mode="r"), np.load(depth_path, mmap_mode="r"))


def _write(
    network: Pipeline,
    faces: LabelledFaces,
    parameters: Preprocessing,
    paths: tuple[Path, Path],
    augmentation_seed: tuple[int, int] | None,
) -> None:
    unfinished = [path.with_suffix(".part") for path in paths]
    files: list[NDArray[np.float16]] = []
    network.eval()
    device = next(network.parameters()).device
    for start in tqdm(range(0, len(faces), BATCH), desc=paths[0].name, disable=None):
        rows = slice(start, start + BATCH)
        inputs = _inputs(faces, rows, parameters, augmentation_seed)
        with torch.inference_mode():
            outputs = (network.early(*(x.to(device) for x in inputs)), inputs[1])
        if not files:
            files = [
                _create(part, (len(faces), *output.shape[1:]))
                for part, output in zip(unfinished, outputs, strict=True)
            ]
        for file, output in zip(files, outputs, strict=True):
            file[rows] = output.half().cpu().numpy()
    for part, path in zip(unfinished, paths, strict=True):
        part.replace(path)


def _inputs(
    faces: LabelledFaces,
    rows: slice,
    parameters: Preprocessing,
    augmentation_seed: tuple[int, int] | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    rgb = torch.from_numpy(faces.rgb[rows]).permute(0, 3, 1, 2).float() / 255
    depth_m = torch.from_numpy(faces.depth_m[rows])[:, None]
    if augmentation_seed is not None:
        generator = _generator(*augmentation_seed, rows.start)
        rgb, depth_m = augment(rgb, depth_m, generator)
    return normalise_rgb(rgb), depth_input(depth_m[:, 0].numpy(), parameters.depth_window_m)


def _generator(*entropy: int) -> torch.Generator:
    (seed,) = np.random.SeedSequence(entropy).generate_state(1)
    return torch.Generator().manual_seed(int(seed))


def _create(path: Path, shape: tuple[int, ...]) -> NDArray[np.float16]:
    file: NDArray[np.float16] = np.lib.format.open_memmap(path, "w+", np.float16, shape)
    return file
