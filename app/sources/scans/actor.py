"""A rendered face as it performs, frame by frame, kept small so that it renders once only.

Rendering takes longer than a frame lasts on two cores. Beside its background a face
fills a sixth of the picture: some 300 kB a frame, 80 MB for a subject's nine seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from app.sources.scans.replay import DISTANCE_MM, ReplaySource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.datasets.bu3dfe import Scan
    from fercore.expressions import Expression
    from fercore.structures import FloatArray, RGBDFrame, UInt8Array

STEPS_PER_M = 10_000.0  # depth is kept in tenths of a millimetre, 0 where there is no face


@dataclass(frozen=True, slots=True)
class Cutout:
    """A face cut out of its frame."""

    rgb: UInt8Array  # (h, w, 3)
    depth: np.ndarray[tuple[int, int], np.dtype[np.uint16]]  # (h, w), in steps
    left: int  # column of its first column in the frame
    top: int  # row of its first row
    truth: Expression | None
    origin: str

    @property
    def mask(self) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """Where there is a face, (h, w)."""
        return np.asarray(self.depth > 0)

    @property
    def depth_m(self) -> FloatArray:
        """Depth in metres, (h, w); meaningless outside the mask."""
        return np.asarray(self.depth / np.float32(STEPS_PER_M), np.float32)


class Actor:
    """One subject's performances, forwards and then backwards, so that they go on for ever.

    `shift` moves the face by columns; `distance` (1: half a metre away) sets it back.
    """

    def __init__(self, scans: Sequence[Scan], name: str, shift: int, distance: float) -> None:
        self._replay = ReplaySource(scans, name)
        self._shift, self._distance = shift, distance
        self._cutouts: list[Cutout] = []
        self._has_ended = False

    def open(self) -> None:
        """Get ready to render, unless all is rendered."""
        if not self._has_ended:
            self._cutouts.clear()
            self._replay.open()

    def close(self) -> None:
        """Stop rendering; what is rendered stays."""
        self._replay.close()

    def at(self, index: int) -> Cutout:
        """Return the face of a frame, by its number from 0."""
        while not self._has_ended and len(self._cutouts) <= index:
            self._render()
        count = len(self._cutouts)
        if not self._has_ended:
            return self._cutouts[index]
        place = index % (2 * count)
        return self._cutouts[place if place < count else 2 * count - 1 - place]

    def _render(self) -> None:
        frame = self._replay.read(1.0)
        if frame is None:
            self._has_ended = True
            self._replay.close()
        else:
            self._cutouts.append(self._placed(_cut_out(frame)))

    def _placed(self, face: Cutout) -> Cutout:
        """Set the face aside and back; its relief keeps its size, as in a real picture."""
        if self._distance == 1 and self._shift == 0:
            return face
        size = (
            round(face.rgb.shape[1] / self._distance),
            round(face.rgb.shape[0] / self._distance),
        )
        back = np.uint16((self._distance - 1) * DISTANCE_MM / 1000 * STEPS_PER_M)
        depth = cv2.resize(face.depth, size, interpolation=cv2.INTER_NEAREST)
        return Cutout(
            cv2.resize(face.rgb, size, interpolation=cv2.INTER_AREA),
            np.where(depth > 0, depth + back, 0).astype(np.uint16),
            round((face.left - 320) / self._distance) + 320 + self._shift,
            round((face.top - 240) / self._distance) + 240,
            face.truth,
            face.origin,
        )


def _cut_out(frame: RGBDFrame) -> Cutout:
    assert frame.depth_m is not None
    known = np.isfinite(frame.depth_m)
    rows, columns = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    steps = np.nan_to_num(frame.depth_m[inside] * np.float32(STEPS_PER_M))
    return Cutout(
        frame.rgb[inside].copy(), steps.astype(np.uint16), int(columns[0]), int(rows[0]),
        frame.truth, frame.origin,
    )  # fmt: skip
