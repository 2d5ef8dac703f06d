"""What `fercore analyse` judges: files and folders of pictures, videos and recordings, in any mix.

Folders are gone through with all that is below them. Pictures that have depth maps are one input
together, others are each judged by themselves. Scans, whose pictures lie beside their meshes, and
whatever else lies there is left alone and counted.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from app.sources.base import SourceError
from app.sources.choice import is_recording, source_named
from app.sources.pictures.pairing import look_into
from app.sources.video import cure, has_pictures
from fercore.io.files import natural_key
from fercore.io.images import PICTURE_SUFFIXES, read_rgb
from fercore.structures import RGBDFrame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from app.sources.base import FrameSource

_VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"}
    | {".mts", ".ogv", ".ts", ".webm", ".wmv"}
)
_RECORDING_SUFFIXES = (".bag", ".db3")
_READ_TIMEOUT_S = 10.0


class Kind(StrEnum):
    """What an input is; the value stands in the summary."""

    PICTURE = "picture"
    VIDEO = "video"
    RECORDING = "recording"
    PICTURES = "pictures with depth"


@dataclass(frozen=True, slots=True)
class Input:
    """Something that is judged by itself."""

    path: Path
    kind: Kind

    @property
    def moves(self) -> bool:
        """Whether its frames follow one another, so that faces are followed in it."""
        return self.kind is not Kind.PICTURE

    def source(self) -> FrameSource:
        """Return what plays it, not yet opened.

        Raises:
            FercoreError: it cannot be read, or no more.
        """
        return source_named(str(self.path.absolute()))

    def files(self) -> list[Path]:
        """Return all that it is read from."""
        if self.kind is not Kind.PICTURES:
            return [self.path]
        return sorted(path for path in self.path.rglob("*") if path.is_file())


@dataclass(frozen=True, slots=True)
class FoundInputs:
    """All that is to be judged."""

    found: tuple[Input, ...]  # each once, in the order in which they were named
    left_alone: int  # files in folders that are neither pictures nor videos nor recordings


def inputs_in(paths: Iterable[Path]) -> FoundInputs:
    """Return what is to be judged in files and folders; no file is judged twice.

    Raises:
        FercoreError: there is no such path, a file cannot be judged, or a folder not be read.
    """
    found: dict[Path, Input] = {}
    left_alone = 0
    for path in paths:
        for each in _in(path):
            if isinstance(each, Input):
                found.setdefault(each.path.resolve(), each)
            else:
                left_alone += 1
    return FoundInputs(tuple(found.values()), left_alone)


def frames_of(found: Input) -> Iterator[RGBDFrame]:
    """Yield the frames of an input, one for a picture.

    Raises:
        FercoreError: it cannot be read, or not from here on.
    """
    try:
        yield from _read(found)
    except OSError as error:
        raise unreadable(found.path, error) from error


def unreadable(path: Path, error: OSError) -> SourceError:
    """Return the sentence on an input that went, or broke, after it was found."""
    return SourceError(
        f"{path} cannot be read ({error.strerror or error}); put it back and judge again."
    )


def _read(found: Input) -> Iterator[RGBDFrame]:
    if not found.moves:
        yield RGBDFrame(read_rgb(found.path), None, None, 0.0, 0, origin=found.path.name)
        return
    with closing(found.source()) as source:
        source.open()
        while (frame := source.read(_READ_TIMEOUT_S)) is not None:
            yield frame


def _in(path: Path) -> Iterator[Input | Path]:
    """Yield the inputs at a path that was named, and the files there that are none."""
    if path.is_dir():
        try:
            yield from _in_folder(path)
        except OSError as error:
            raise SourceError(
                f"{error.filename or path} cannot be read ({error.strerror}); name other folders."
            ) from error
        return
    if not path.is_file():  # opening a pipe or a device would block, or never end
        raise SourceError(f"{path} is no file and no folder; name what is to be judged.")
    kind = _kind(path) or (Kind.RECORDING if is_recording(path) else None)
    if kind is None and not has_pictures(path):
        raise SourceError(f"{path} is no picture, video or recording; a video: {cure(path)}.")
    yield Input(path, kind or Kind.VIDEO)


def _in_folder(folder: Path) -> Iterator[Input | Path]:
    if look_into(folder).has_depth:
        yield Input(folder, Kind.PICTURES)
        return
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    of_scans = any(path.suffix.lower() == ".wrl" for path in inside)
    for path in sorted(inside, key=lambda path: natural_key(path.name)):
        if path.is_dir() and not path.is_symlink():  # links may lead round in circles
            yield from _in_folder(path)
        elif path.is_file():
            kind = _kind(path)
            judged = kind is not None and not (of_scans and kind is Kind.PICTURE)
            yield Input(path, kind) if kind is not None and judged else path


def _kind(path: Path) -> Kind | None:
    suffix = path.suffix.lower()
    if suffix in PICTURE_SUFFIXES:
        return Kind.PICTURE
    if suffix in _RECORDING_SUFFIXES and is_recording(path):
        return Kind.RECORDING
    return Kind.VIDEO if suffix in _VIDEO_SUFFIXES and has_pictures(path) else None
