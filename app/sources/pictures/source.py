"""A folder of colour pictures, with or without depth maps, played in the order of their numbers.

`pairing` tells which files belong together, `camera` what is known of the camera, `units` in
which unit depth counts. Whatever is wrong with a depth map, its colour picture is shown, and
the frame's remark says why it is without depth.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from app.sources.base import SourceError
from app.sources.pictures.camera import PictureCamera, depth_of, read_camera, stated_units, unit_of
from app.sources.pictures.pairing import PictureFolder, look_into
from app.sources.recorded import Recorded, RecordedSource
from fercore.errors import FercoreError
from fercore.io.images import read_rgb

if TYPE_CHECKING:
    from pathlib import Path

    from app.sources.pictures.pairing import Pair
    from fercore.faces.depth_units import DepthUnit
    from fercore.structures import FloatArray, Intrinsics, UInt8Array

_NO_PICTURES = PictureFolder((), 0, False)

logger = logging.getLogger(__name__)


class PictureSource(RecordedSource):
    """Plays the pictures of a folder; damaged ones are left out."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._folder = folder
        self._found = _NO_PICTURES
        self._camera = PictureCamera()
        self._unit: DepthUnit | None = None  # None: no depth map was asked
        self._place = 0

    @property
    def frame_rate_hz(self) -> float:
        """Pictures a second."""
        return self._camera.frame_rate_hz

    @property
    def frame_count(self) -> int:
        """Number of pictures, damaged ones too."""
        return len(self._found.pairs)

    def _start(self) -> None:
        self._camera, self._unit = read_camera(self._folder), None
        try:
            self._found, self._place = look_into(self._folder), 0
        except OSError as error:
            raise SourceError(
                f"{self._folder} cannot be read ({error.strerror}); choose another folder."
            ) from error
        first = self._next()
        if first is None:
            raise SourceError(f"{self._folder} holds no colour picture that can be read.")
        height, width = first.rgb.shape[:2]
        self._camera.intrinsics(width, height)
        self._unit = unit_of(self._found, self._camera)
        self._give_account()
        self._rewind()

    def _give_account(self) -> None:
        """Say once what holds for the whole folder; the frames say what concerns them."""
        said = (self._found.account(), self._unit.remark if self._unit else "")
        if any(said):
            logger.warning("%s: %s.", self._folder, "; ".join(filter(None, said)))

    def _next(self) -> Recorded | None:
        while self._place < len(self._found.pairs):
            pair, time_s = self._found.pairs[self._place], self._place / self.frame_rate_hz
            self._place += 1
            try:
                return self._read(pair, time_s)
            except FercoreError as error:
                logger.warning("A picture is left out: %s", error)
        return None

    def _read(self, pair: Pair, time_s: float) -> Recorded:
        rgb = read_rgb(pair.rgb)
        depth_m, of_depth = self._depth(pair, rgb)
        intrinsics, of_camera = self._intrinsics(rgb)
        remark = "; ".join(filter(None, (of_depth, of_camera)))
        return Recorded(rgb, depth_m, intrinsics, time_s, pair.rgb.name, remark)

    def _depth(self, pair: Pair, rgb: UInt8Array) -> tuple[FloatArray | None, str]:
        """Return the depth of a picture, None where it is of no use, and a remark."""
        if not self._found.has_depth:
            return None, ""
        found, remark = depth_of(pair, rgb)
        if found is None:
            return None, remark
        unit_m, of_unit = self._unit or (stated_units(self._found, self._camera, found)[0], "")
        depth_m = None if unit_m is None else found.metres(unit_m)
        return depth_m, "; ".join(filter(None, (remark, of_unit)))

    def _intrinsics(self, rgb: UInt8Array) -> tuple[Intrinsics | None, str]:
        """Return the camera of a picture, and why it is not believed."""
        height, width = rgb.shape[:2]
        try:
            return self._camera.intrinsics(width, height), ""
        except SourceError as error:
            return None, str(error)

    def _pass_over(self, frames: int) -> int:
        before = self._place
        self._place = min(self._place + frames, len(self._found.pairs))
        return self._place - before

    def _find(self, place: int) -> int:
        self._place = place
        return place

    def _rewind(self) -> None:
        self._place = 0

    def _stop(self) -> None:
        self._found = _NO_PICTURES
