"""The sample subjects that travel with the package.

Two synthetic subjects (neutral and the six expressions at level 4) in BU-3DFE's
layout, one of each face model, without RAW meshes, packed by
`packaging/bundle_samples.py`. They are unpacked once into the user's cache directory,
beside older versions' copies, because readers want files in a folder. In the archive
pictures are JPEG, a tenth of the size; unpacked they are BMP, as BU-3DFE has them.
"""

from __future__ import annotations

import hashlib
import lzma
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import IO

from PIL import Image

from fercore.errors import DatasetError

ARCHIVE = Path(__file__).parent / "sample_subjects.tar.xz"


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
