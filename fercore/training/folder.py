"""Which run a training folder belongs to, so that two runs never mix."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fercore.errors import FercoreError
from fercore.training.config import COSINE

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.models import Pipeline
    from fercore.preprocessing import Preprocessing
    from fercore.training.config import TrainingConfig
    from fercore.training.faces import LabelledFaces

RUN_FILE = "run.json"
FREE_TO_CHANGE = ("epochs", "patience", "backbone_source", "branches")
"""Settings that may differ when a run goes on; what it starts from is compared by its tensors."""


def claim_folder(
    folder: Path,
    config: TrainingConfig,
    network: Pipeline,
    faces: LabelledFaces,
    parameters: Preprocessing,
) -> None:
    """Note in `folder` what is trained there, or check that it is what an earlier run noted.

    Raises:
        FercoreError: the folder holds another run, or cannot be written.
    """
    run = _identity(config, network, faces, parameters)
    path = folder / RUN_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _require_same(json.loads(path.read_text(encoding="utf-8")), run, folder)
        path.write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        raise FercoreError(
            f"{folder} cannot be used ({error}); choose another --output."
        ) from error


def _require_same(earlier: dict[str, Any], run: dict[str, Any], folder: Path) -> None:
    differing = [name for name in run if earlier.get(name) != run[name]]
    if differing:
        raise FercoreError(
            f"{folder} holds a run with other {', '.join(differing)}; "
            "choose another --output or remove that folder."
        )


def _identity(
    config: TrainingConfig, network: Pipeline, faces: LabelledFaces, parameters: Preprocessing
) -> dict[str, Any]:
    settings = {k: v for k, v in asdict(config).items() if k not in FREE_TO_CHANGE}
    if config.schedule == COSINE:
        settings["epochs"] = config.epochs  # the learning rate of every epoch depends on them
    weights = (tensor.numpy().tobytes() for tensor in network.state_dict().values())
    return {
        **settings,
        "preprocessing": asdict(parameters),
        "starting weights": _digest(*weights),
        "faces": _digest(faces.rgb.tobytes(), faces.depth_m.tobytes(), faces.labels.tobytes()),
    }


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
