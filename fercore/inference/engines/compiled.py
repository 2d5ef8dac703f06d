"""Compiled models, kept in the user's cache folder: converting takes seconds, loading does not.

A file is good for one checkpoint, one version of OpenVINO, one kind of CPU and one version of
this project's conversion. It ends in a checksum, since OpenVINO trusts what it loads.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.runtime.files import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = 4
"""Models kept: each takes as much disk as the network's float32 weights, about 100 MB."""

_CONVERSION = "3"  # counted up whenever `fercore.inference.engines.conversion` gives another model
_DIGEST_BYTES = hashlib.sha256().digest_size
_SUFFIX = ".compiled"

logger = logging.getLogger(__name__)


def compiled_path(pipeline: str, *traits: str) -> Path:
    """Return where the compiled model with these traits (checksum, version, CPU) lies."""
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("fercore", appauthor=False)) / "compiled"
    key = hashlib.sha256("\n".join((_CONVERSION, *traits)).encode()).hexdigest()[:16]
    return folder / f"{pipeline}-{key}{_SUFFIX}"


def read_compiled(path: Path) -> bytes | None:
    """Return a compiled model, None if there is none or it is damaged."""
    try:
        content = path.read_bytes()
        path.touch()
    except OSError:
        return None
    blob, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if hashlib.sha256(blob).digest() != digest:
        logger.warning("%s is damaged and will be made anew.", path)
        return None
    return blob


def keep_compiled(path: Path, blob: bytes) -> None:
    """Store a compiled model; where that fails, the next start takes seconds again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as unfinished:
            unfinished.write_bytes(blob + hashlib.sha256(blob).digest())
    except OSError as error:
        logger.warning("%s cannot be kept (%s); the next start converts again.", path, error)
    for old in _oldest(path.parent):
        with contextlib.suppress(OSError):
            old.unlink()


def _oldest(folder: Path) -> Iterator[Path]:
    found = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime)
    yield from found[:-KEPT]
