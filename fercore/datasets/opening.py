"""From a path, or the sample subjects of the package, to the data set that it holds.

Two synthetic subjects (neutral and the six expressions at level 4) in BU-3DFE's
layout, one of each face model, without RAW meshes, packed by
`packaging/bundle_samples.py`. They are unpacked once into the user's cache directory,
beside older versions' copies, because readers want files in a folder. In the archive
pictures are JPEG, a tenth of the size; unpacked they are BMP, as BU-3DFE has them.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from PIL import Image

from fercore.datasets import bosphorus, bu4dfe, fer2013
from fercore.datasets.bosphorus import Bosphorus
from fercore.datasets.bu3dfe import Bu3dfe
from fercore.datasets.bu4dfe import Bu4dfe
from fercore.datasets.fer2013 import Fer2013
from fercore.errors import DatasetError
from fercore.io import bu3dfe_files
from fercore.io.files import files_below

if TYPE_CHECKING:
    from collections.abc import Callable

    from fercore.datasets.dataset import MeshDataset

ARCHIVE = Path(__file__).parent / "sample_subjects.tar.xz"
READERS: dict[str, Callable[[Path], MeshDataset | Fer2013]] = {
    "BU-3DFE": Bu3dfe,
    "BU-4DFE": Bu4dfe,
    "Bosphorus": Bosphorus,
    "FER2013": Fer2013,
}

_SIGNS: dict[str, Callable[[Path], bool]] = {
    "BU-3DFE": lambda path: bu3dfe_files.parse_file_name(path.name) is not None,
    "BU-4DFE": lambda path: bu4dfe.parse_path(path) is not None,
    "Bosphorus": lambda path: bosphorus.parse_file_name(path.name) is not None,
    "FER2013": fer2013.looks_like_fer2013,
}

_LOOKED_FOR = (
    f"BU-3DFE (files like {bu3dfe_files.EXAMPLE_NAME}), BU-4DFE ({bu4dfe.EXAMPLE_NAME}), "
    f"Bosphorus ({bosphorus.EXAMPLE_NAME}) and FER2013 ({fer2013.EXAMPLE})"
)


def sample_root() -> Path:
    """Return the folder of the unpacked sample subjects, a BU-3DFE root.

    Raises:
        DatasetError: the archive is missing or damaged, or the cache directory
            cannot be written.
    """
    import platformdirs

    try:
        checksum = hashlib.sha256(ARCHIVE.read_bytes()).hexdigest()[:12]
        root = Path(platformdirs.user_cache_dir("fercore", appauthor=False)) / f"samples-{checksum}"
        if not root.is_dir():
            _unpack(root)
    except (OSError, EOFError, lzma.LZMAError, tarfile.TarError) as error:
        raise DatasetError(f"the sample subjects cannot be unpacked ({error}).") from error
    return root


def _unpack(root: Path) -> None:
    """Unpack beside `root` and rename, so that a folder of that name is complete."""
    root.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=root.parent, prefix="samples-part-"))
    try:
        with tarfile.open(ARCHIVE) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None:  # a folder has none
                    _write(content, unfinished / member.name)
        try:
            unfinished.replace(root)
        except OSError:
            # Another process may have been faster: then its copy stands.
            if not root.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write(content: IO[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jpg":
        Image.open(content).save(path.with_suffix(".bmp"))
    else:
        path.write_bytes(content.read())


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
