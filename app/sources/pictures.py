"""A folder of colour pictures, with or without aligned 16-bit depth PNGs, played by name.

Colour (`.png`, `.jpg`, `.jpeg`, `.bmp`) lies in `rgb/`, `color/` or `colour/`, or in the
folder itself. The depth of `NAME.png` is `depth/NAME.png`, `NAME-depth.png` or
`NAME_depth.png`, 0 where nothing was measured. `camera.json` may say more, all optional:

    {"fx": 615.0, "fy": 615.0, "cx": 319.5, "cy": 239.5,   pixels of the colour picture
     "depth_unit_m": 0.001,                                metres in one unit of depth
     "frame_rate_hz": 30}
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from app.sources.base import SourceError
from app.sources.recorded import Recorded, RecordedSource
from fercore.errors import FercoreError
from fercore.io.images import MILLIMETRES_PER_METRE, read_depth_m, read_rgb
from fercore.runtime.parsing import parsed_json
from fercore.structures import Intrinsics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CAMERA_FILE = "camera.json"
COLOUR_FOLDERS = ("rgb", "color", "colour")
DEPTH_FOLDER = "depth"
_COLOUR_KINDS = frozenset({".png", ".jpg", ".jpeg", ".bmp"})
_DEPTH_ENDINGS = ("-depth", "_depth")

logger = logging.getLogger(__name__)


class Pair(NamedTuple):
    """A colour picture and the depth map that belongs to it."""

    rgb: Path
    depth: Path | None


@dataclass(frozen=True, slots=True)
class PictureCamera:
    """What `camera.json` says."""

    fx: float | None = None  # pixels, as the next three
    fy: float | None = None
    cx: float | None = None
    cy: float | None = None
    depth_unit_m: float = 0.001
    frame_rate_hz: float = 30.0

    def intrinsics(self, width: int, height: int) -> Intrinsics | None:
        """Return the pinhole camera of pictures of a size, None where it is not known."""
        if self.fx is None or self.fy is None or self.cx is None or self.cy is None:
            return None
        return Intrinsics(self.fx, self.fy, self.cx, self.cy, width, height)


def find_pairs(folder: Path) -> list[Pair]:
    """Return the colour pictures of a folder in the order of their names."""
    names = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    colour = next((names[name] for name in COLOUR_FOLDERS if name in names), folder)
    depths = dict(_depths(colour, names.get(DEPTH_FOLDER)))
    pictures = sorted(path for path in colour.iterdir() if _is_colour(path))
    return [Pair(path, depths.get(path.stem)) for path in pictures]


def read_camera(folder: Path) -> PictureCamera:
    """Read `camera.json`, if there is one.

    Raises:
        SourceError: it is no such file.
    """
    path = folder / CAMERA_FILE
    if not path.is_file():
        return PictureCamera()
    known = PictureCamera.__dataclass_fields__
    try:
        values = {key: float(value) for key, value in parsed_json(path.read_bytes()).items()}
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}")
        if min(values.values(), default=1) <= 0:
            raise ValueError("every number must be above 0")
        return PictureCamera(**values)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SourceError(
            f"{path} cannot be used ({error}); it holds {', '.join(known)}."
        ) from error


class PictureSource(RecordedSource):
    """Plays the pictures of a folder; damaged ones are left out."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._folder = folder
        self._pairs: list[Pair] = []
        self._camera = PictureCamera()
        self._place = 0

    @property
    def frame_rate_hz(self) -> float:
        """Pictures a second."""
        return self._camera.frame_rate_hz

    @property
    def frame_count(self) -> int:
        """Number of pictures, damaged ones too."""
        return len(self._pairs)

    def _start(self) -> None:
        self._camera = read_camera(self._folder)
        try:
            self._pairs, self._place = find_pairs(self._folder), 0
        except OSError as error:
            raise SourceError(
                f"{self._folder} cannot be read ({error.strerror}); choose another folder."
            ) from error
        if self._next() is None:
            raise SourceError(f"{self._folder} holds no colour picture that can be read.")
        self._rewind()

    def _next(self) -> Recorded | None:
        while self._place < len(self._pairs):
            pair, time_s = self._pairs[self._place], self._place / self.frame_rate_hz
            self._place += 1
            try:
                return self._read(pair, time_s)
            except FercoreError as error:
                logger.warning("A picture is left out: %s", error)
        return None

    def _read(self, pair: Pair, time_s: float) -> Recorded:
        rgb = read_rgb(pair.rgb)
        height, width = rgb.shape[:2]
        depth_m = None
        if pair.depth is not None:
            depth_m = read_depth_m(pair.depth, (height, width))
            depth_m *= self._camera.depth_unit_m * MILLIMETRES_PER_METRE
        intrinsics = self._camera.intrinsics(width, height)
        return Recorded(rgb, depth_m, intrinsics, time_s, pair.rgb.name)

    def _pass_over(self, frames: int) -> int:
        before = self._place
        self._place = min(self._place + frames, len(self._pairs))
        return self._place - before

    def _rewind(self) -> None:
        self._place = 0

    def _stop(self) -> None:
        self._pairs = []


def _depths(colour: Path, depth: Path | None) -> Iterator[tuple[str, Path]]:
    """Yield the stem of a colour picture with the depth map of that name."""
    if depth is not None:
        yield from ((path.stem, path) for path in depth.glob("*.png"))
    for ending in _DEPTH_ENDINGS:
        for path in colour.glob(f"*{ending}.png"):
            yield path.stem.removesuffix(ending), path


def _is_colour(path: Path) -> bool:
    return path.suffix.lower() in _COLOUR_KINDS and not path.stem.endswith(_DEPTH_ENDINGS)
