"""From what a user names, `sample` or a path, to a source."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.sources.base import SourceError
from app.sources.replay import ReplaySource

if TYPE_CHECKING:
    from app.sources.base import FrameSource

SAMPLE = "sample"


def full_name(text: str) -> str:
    """Return what names the same source from any working directory."""
    return text if text == SAMPLE else os.path.abspath(os.path.expanduser(text))


def source_named(text: str) -> FrameSource:
    """Return the source that `text` names, not yet opened.

    Raises:
        FercoreError: there is no such thing, or no scan in it.
    """
    from fercore.datasets.bu3dfe import Bu3dfe

    if text == SAMPLE:
        from fercore.datasets.samples import sample_root

        return ReplaySource(Bu3dfe(sample_root()).scans(), SAMPLE)
    path = Path(text).expanduser()
    if not path.exists():
        raise SourceError(
            f"{text} does not exist; name a BU-3DFE folder, subject or scan, or `{SAMPLE}`"
        )
    return ReplaySource(Bu3dfe(path).scans(), str(path))


def opened_source(text: str) -> FrameSource:
    """Return the source that `text` names, ready to be read; large folders take their time.

    Raises:
        FercoreError: there is no such thing, no scan in it, or none that can be read.
    """
    source = source_named(text)
    try:
        source.open()
    except BaseException:
        source.close()
        raise
    return source
