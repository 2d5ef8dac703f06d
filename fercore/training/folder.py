"""A training run's folder: which run it belongs to, and the state it goes on from."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import torch

from fercore.errors import FercoreError, cure
from fercore.runtime.files import whole_file, write_text_whole
from fercore.runtime.parsing import parsed_json

if TYPE_CHECKING:
    from pathlib import Path

RUN_FILE, STATE_FILE = "run.json", "state.pt"


def claim_folder(folder: Path, identity: dict[str, Any]) -> None:
    """Note in `folder` which run it belongs to, or check that it is the one noted earlier.

    Raises:
        FercoreError: the folder holds another run, or cannot be used.
    """
    path = folder / RUN_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_text_whole(path, json.dumps(identity, indent=2) + "\n")
        earlier = parsed_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise FercoreError(
            f"{folder} cannot be used ({error}); choose another --output."
        ) from error
    differing = [name for name in identity if earlier.get(name) != identity[name]]
    if differing:
        raise FercoreError(
            f"{folder} holds a run with other {', '.join(differing)}; "
            "choose another --output or remove that folder."
        )


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a run's state so that a crash leaves the earlier one or the new one.

    Raises:
        FercoreError: it cannot be written.
    """
    try:
        with whole_file(path) as unfinished:
            torch.save(state, unfinished)
    except (OSError, RuntimeError) as error:
        raise FercoreError(f"{path} cannot be written ({error}); {cure(error)}.") from error


def load_state(path: Path, device: torch.device) -> dict[str, Any] | None:
    """Return the state an earlier run left at `path`, None where there is none.

    Raises:
        FercoreError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, device, weights_only=True)
    except Exception as error:  # torch raises a dozen kinds for damaged files
        raise FercoreError(
            f"{path} is damaged ({type(error).__name__}); remove it to start the run anew."
        ) from error
    return state


def digest(*parts: bytes) -> str:
    """Return the SHA-256 of all parts together."""
    joined = hashlib.sha256()
    for part in parts:
        joined.update(part)
    return joined.hexdigest()
