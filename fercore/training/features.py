"""Faces, plain or augmented, already past the half of a network that is not trained.

What stays as it is need be run only once: its output is kept on disk in half precision,
and an epoch then costs only what is trained.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from tqdm import tqdm

from fercore.errors import FercoreError, cure
from fercore.networks.preprocessing import depth_input, normalise_rgb, resized
from fercore.runtime.files import whole_file, write_text_whole
from fercore.runtime.parsing import loaded_array, parsed_json
from fercore.training.augmentation import augment

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.networks.paper import Pipeline
    from fercore.networks.preprocessing import Preprocessing
    from fercore.training.faces import LabelledFaces

BATCH = 64
_SUMS = ".sums.json"


@dataclass(frozen=True, slots=True)
class FrozenFeatures:
    """What the trained part of a pipeline sees of N faces."""

    frozen: NDArray[np.float16]  # (N, ...), output of `Pipeline.frozen`
    depth: NDArray[np.float16]  # (N, 1, D, D), in -1..1

    def batch(
        self, rows: NDArray[np.int64], device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return frozen features and depth of the given rows, float32."""
        frozen = torch.from_numpy(self.frozen[rows]).to(device).float()
        return frozen, torch.from_numpy(self.depth[rows]).to(device).float()


def compute_features(
    network: Pipeline,
    faces: LabelledFaces,
    parameters: Preprocessing,
    path: Path,
    finetune: str,
    augmentation_seed: tuple[int, int] | None = None,
) -> FrozenFeatures:
    """Run the frozen half over all faces, or read what an earlier run left at `path`.

    `finetune` is one of `fercore.networks.backbones.FINETUNE` or `JOINT_LAYERS`.
    `augmentation_seed` (run, copy) draws the changes; None leaves the faces as they are. The
    files appear under their final names only when complete and on the disk, and their check
    sums after them.

    Raises:
        FercoreError: they cannot be written, or are not what was written.
    """
    paths = _files(path)
    if not all(file.exists() for file in (*paths, path.with_suffix(_SUMS))):
        _write(network, faces, parameters, paths, finetune, augmentation_seed)
        _write_sums(path)
    return open_features(path)


def open_features(path: Path) -> FrozenFeatures:
    """Open what `compute_features` left at `path`.

    Raises:
        FercoreError: it is not what was written.
    """
    try:
        expected = parsed_json(path.with_suffix(_SUMS).read_bytes())
        for file in _files(path):
            if _sum(file) != expected[file.name]:
                raise ValueError("its check sum is another")
        return FrozenFeatures(*(loaded_array(file) for file in _files(path)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FercoreError(
            f"{path}.*.npy are damaged ({error}); remove {path.name}.* in {path.parent} to have "
            "them computed anew."
        ) from error


def _files(path: Path) -> tuple[Path, Path]:
    return path.with_suffix(".frozen.npy"), path.with_suffix(".depth.npy")


def _write_sums(path: Path) -> None:
    try:
        sums = {file.name: _sum(file) for file in _files(path)}
        write_text_whole(path.with_suffix(_SUMS), json.dumps(sums) + "\n")
    except OSError as error:
        raise FercoreError(f"{path} cannot be written ({error}); {cure(error)}.") from error


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(
    network: Pipeline,
    faces: LabelledFaces,
    parameters: Preprocessing,
    paths: tuple[Path, Path],
    finetune: str,
    augmentation_seed: tuple[int, int] | None,
) -> None:
    files: list[NDArray[np.float16]] = []
    network.eval()
    device = next(network.parameters()).device
    with ExitStack() as held:
        unfinished = [held.enter_context(whole_file(path)) for path in paths]
        for start in tqdm(range(0, len(faces), BATCH), desc=paths[0].name, disable=None):
            rows = slice(start, start + BATCH)
            inputs = _inputs(faces, rows, parameters, augmentation_seed)
            with torch.inference_mode():
                rgb, depth = (x.to(device) for x in inputs)
                frozen = network.frozen(rgb, depth, finetune)
                outputs = (frozen, depth)
            if not files:
                files = [
                    _create(part, (len(faces), *output.shape[1:]))
                    for part, output in zip(unfinished, outputs, strict=True)
                ]
            for file, output in zip(files, outputs, strict=True):
                file[rows] = _half(output)


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
    rgb = resized(rgb, parameters.rgb_size)
    return normalise_rgb(rgb), depth_input(depth_m[:, 0].numpy(), parameters.depth_window_m)


def _generator(*entropy: int) -> torch.Generator:
    (seed,) = np.random.SeedSequence(entropy).generate_state(1)
    return torch.Generator().manual_seed(int(seed))


def _create(path: Path, shape: tuple[int, ...]) -> NDArray[np.float16]:
    """Create an array on disk with all its space, for a write into a full disk kills a process."""
    try:
        file: NDArray[np.float16] = np.lib.format.open_memmap(path, "w+", np.float16, shape)
        with path.open("r+b") as reserved:
            os.posix_fallocate(reserved.fileno(), 0, path.stat().st_size)
    except OSError as error:
        raise FercoreError(
            f"{path} cannot be written ({error.strerror}); {cure(error)} or choose another "
            "--output."
        ) from error
    return file


def _half(values: torch.Tensor) -> NDArray[np.float16]:
    halved: NDArray[np.float16] = values.half().cpu().numpy()
    if not np.isfinite(halved).all():
        raise FercoreError(
            "the backbone's features exceed half precision; its weights are not as expected."
        )
    return halved
