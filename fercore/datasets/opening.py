"""From a path to the data set that it holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.datasets import bosphorus, bu4dfe, fer2013
from fercore.datasets.bosphorus import Bosphorus
from fercore.datasets.bu3dfe import Bu3dfe
from fercore.datasets.bu4dfe import Bu4dfe
from fercore.datasets.fer2013 import Fer2013
from fercore.errors import DatasetError
from fercore.io import scan_names
from fercore.io.files import files_below

if TYPE_CHECKING:
    from collections.abc import Callable

    from fercore.datasets.dataset import MeshDataset

READERS: dict[str, Callable[[Path], MeshDataset | Fer2013]] = {
    "BU-3DFE": Bu3dfe,
    "BU-4DFE": Bu4dfe,
    "Bosphorus": Bosphorus,
    "FER2013": Fer2013,
}

_SIGNS: dict[str, Callable[[Path], bool]] = {
    "BU-3DFE": lambda path: scan_names.parse_file_name(path.name) is not None,
    "BU-4DFE": lambda path: bu4dfe.parse_path(path) is not None,
    "Bosphorus": lambda path: bosphorus.parse_file_name(path.name) is not None,
    "FER2013": fer2013.looks_like_fer2013,
}

_LOOKED_FOR = (
    f"BU-3DFE (files like {scan_names.EXAMPLE_NAME}), BU-4DFE ({bu4dfe.EXAMPLE_NAME}), "
    f"Bosphorus ({bosphorus.EXAMPLE_NAME}) and FER2013 ({fer2013.EXAMPLE})"
)


def open_dataset(path: Path | str) -> MeshDataset | Fer2013:
    """Open the data set that a folder tree, a part of it or a single file belongs to.

    Raises:
        DatasetError: the path does not exist, holds no data set or several, or one that
            cannot be read.
    """
    found = recognise(Path(path))
    if not found:
        raise DatasetError(
            f"{path} holds no data set that can be read; it was searched for {_LOOKED_FOR}"
        )
    if len(found) > 1:
        shown = ", ".join(f"{name} ({file})" for name, file in found.items())
        raise DatasetError(f"{path} holds several data sets: {shown}; give the folder of one")
    return READERS[next(iter(found))](Path(path))


def recognise(path: Path) -> dict[str, Path]:
    """Return, by name, each data set that shows itself at a path, and the first file that does.

    Raises:
        DatasetError: the path does not exist.
    """
    absolute = Path(os.path.abspath(path))
    if not absolute.exists():
        raise DatasetError(f"{path} does not exist; give a data set's folder or one of its files")
    found: dict[str, Path] = {}
    for file in files_below(absolute, []) if absolute.is_dir() else [absolute]:
        for name, shows in _SIGNS.items():
            if name not in found and shows(file):
                found[name] = file
    return found
