"""From what a user names to a source: a camera by its word, a path by what it holds.

sample        the bundled synthetic subjects, replayed
realsense     the first RealSense camera; realsense:SERIAL a certain one
webcam        the first webcam; webcam:N a certain one
synthetic     a rendered face as a live camera; synthetic:2, synthetic:both
PATH          a recording (.bag, .db3), a video, a folder of pictures, BU-3DFE, or a run or
              study that this application recorded

A file or folder that bears such a word as its name is reached as ./NAME.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.sources.base import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.sources.base import FrameSource

SAMPLE, REALSENSE, WEBCAM, SYNTHETIC = "sample", "realsense", "webcam", "synthetic"
NAMES = (
    f"{SAMPLE}, {REALSENSE}[:SERIAL], {WEBCAM}[:N], {SYNTHETIC}, or the path of a recording,"
    " a video, a folder of pictures or BU-3DFE"
)
_RECORDINGS = (b"#ROSBAG V2.0", b"SQLite format 3\0")
_SCANS = frozenset({".wrl", ".bnd", ".bmp"})
_HEAD_BYTES = 16


def full_name(text: str) -> str:
    """Return what names the same source from any working directory."""
    return text if _camera(text) else os.path.abspath(os.path.expanduser(text))


def is_camera(text: str) -> bool:
    """Return whether a source is a device, which may be plugged in later."""
    return text.partition(":")[0] in (REALSENSE, WEBCAM)


def is_recording(path: Path) -> bool:
    """Return whether a file begins as a recording of the RealSense SDK does, whatever its name.

    Raises:
        SourceError: it cannot be read.
    """
    return _beginning(path).startswith(_RECORDINGS)


def source_named(text: str) -> FrameSource:
    """Return the source that `text` names, not yet opened.

    Raises:
        FercoreError: there is no such thing, or nothing in it that can be played.
    """
    make = _camera(text)
    if make is not None:
        return make(text.partition(":")[2])
    path = Path(text).expanduser()
    if not path.exists():
        raise SourceError(f"{text} does not exist; name {NAMES}.")
    return _at(path)


def opened_source(text: str) -> FrameSource:
    """Return the source that `text` names, ready to be read; large folders take their time.

    Raises:
        FercoreError: there is no such thing, nothing in it, or none that can be read.
    """
    source = source_named(text)
    try:
        source.open()
    except BaseException:
        source.close()
        raise
    return source


def _camera(text: str) -> Callable[[str], FrameSource] | None:
    """Return what makes the source that a word names, None where it must be a path."""
    word, _, detail = text.partition(":")
    if word == SAMPLE and detail:
        return None
    return {SAMPLE: _sample, REALSENSE: _realsense, WEBCAM: _webcam, SYNTHETIC: _synthetic}.get(
        word
    )


def _sample(_detail: str) -> FrameSource:
    from app.sources.scans.replay import ReplaySource
    from fercore.datasets.bu3dfe import Bu3dfe
    from fercore.datasets.opening import sample_root

    return ReplaySource(Bu3dfe(sample_root()).scans(), SAMPLE)


def _realsense(serial: str) -> FrameSource:
    from app.sources.realsense.camera import RealSenseSource

    return RealSenseSource(serial)


def _webcam(number: str) -> FrameSource:
    from app.sources.webcam import WebcamSource, webcams

    if number and not number.isdecimal():
        raise SourceError(f"{number!r} is no webcam's number; `fercore doctor` lists the webcams.")
    return WebcamSource(int(number) if number else min(webcams(), default=0))


def _synthetic(who: str) -> FrameSource:
    from app.sources.scans.synthetic import SyntheticSource

    return SyntheticSource(who or "1")


def _at(path: Path) -> FrameSource:
    if path.is_dir():
        return _in_folder(path)
    if not path.is_file():  # opening a pipe or a device would block, or never end
        raise SourceError(f"{path} is no regular file; name {NAMES}.")
    if is_recording(path):
        from app.sources.realsense.recording import RecordingSource

        return RecordingSource(path)
    if path.suffix.lower() in _SCANS:
        return _scans(path)
    from app.sources.video import VideoSource, cure, has_pictures

    if not has_pictures(path):
        raise SourceError(
            f"{path} is nothing that can be played; a video: {cure(path)}. Or name {NAMES}."
        )
    return VideoSource(path)


def _in_folder(path: Path) -> FrameSource:
    """Return the pictures of a folder; what holds scans below it holds no such pictures."""
    from app.sources.pictures.pairing import look_into
    from app.sources.pictures.source import PictureSource
    from app.sources.runs import RunSource, runs_in

    if runs := runs_in(path):
        return RunSource(runs, str(path))
    try:
        pairs = look_into(path).pairs
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}); choose another.") from error
    # The frontal pictures of BU-3DFE lie beside their scans, and are no recording.
    if pairs and not any(path.glob("*.[wW][rR][lL]")):
        return PictureSource(path)
    return _scans(path)


def _scans(path: Path) -> FrameSource:
    from app.sources.scans.replay import ReplaySource
    from fercore.datasets.bu3dfe import Bu3dfe

    return ReplaySource(Bu3dfe(path).scans(), str(path))


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}); choose another.") from error
