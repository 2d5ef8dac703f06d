"""A camera that is none: rendered faces before a wall, with a depth camera's noise.

The same every time, frame by frame, for demonstrations, tests and measurements. The
faces are the synthetic sample subjects. Rendering takes longer than a frame lasts on two cores:
until each frame has been rendered once, the camera is as slow as that; `prerender` gets it over
with. Beside its background a face fills a sixth of the picture: some 300 kB a frame are kept.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from app.sources.base import Condition, Health, SourceError, SourceFacts, SourceTimeout
from app.sources.scans.replay import CAMERA, DISTANCE_MM, FRAME_RATE_HZ, ReplaySource
from fercore.structures import RGBDFrame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.datasets.bu3dfe import Scan
    from fercore.expressions import Expression
    from fercore.structures import FloatArray, UInt8Array

STEPS_PER_M = 10_000.0  # depth is kept in tenths of a millimetre, 0 where there is no face
SUBJECTS = ("1", "2", "both")
WALL_M = 1.3
NOISE_AT_HALF_METRE_M = 0.0009  # a D435's; it grows with the square of the distance
DEPTH_STEP_M = 1e-4  # cameras count depth in whole steps
_RGB_NOISE = 2.0
_SHADOW_PX = 3  # columns beside a face that only one of two stereo eyes sees
_TILE = 640  # rows and columns of noise; each frame takes another piece of it


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


class SyntheticSource:
    """A `LiveSource`: subject `1`, `2`, or `both`, the second one further away.

    `paced` holds it to thirty frames a second; otherwise each read renders the next.
    """

    condition = Condition(Health.GOOD)

    def __init__(self, who: str = "1", paced: bool = True) -> None:
        if who not in SUBJECTS:
            raise SourceError(f"There is no synthetic face {who}; there are {', '.join(SUBJECTS)}.")
        self._who = who
        self._paced = paced
        self._actors: list[Actor] = []
        self._is_open = False
        self._index = 0
        self._due_s = 0.0

    @property
    def facts(self) -> SourceFacts:
        """Nobody sits before this camera."""
        return SourceFacts(synthetic=True)

    @property
    def name(self) -> str:
        """What is rendered."""
        return "synthetic face" + {"1": "", "2": " 2", "both": "s"}[self._who]

    def open(self) -> None:
        """Load the first face.

        Raises:
            FercoreError: the sample subjects cannot be unpacked.
        """
        self.close()
        self._actors = self._actors or _cast(self._who)
        for actor in self._actors:
            actor.open()
        self._index, self._due_s = 0, time.monotonic()
        self._is_open = True

    def prerender(self, frames: int) -> None:
        """Render the first so many frames, if that has not been done."""
        for index in range(frames):
            for actor in self._actors:
                actor.at(index)
        self._due_s = time.monotonic()

    def read(self, timeout_s: float) -> RGBDFrame | None:
        """Return the next frame, when it is due.

        Raises:
            SourceTimeout: it is not due within `timeout_s`.
            SourceError: it is not open.
        """
        if not self._is_open:
            raise SourceError(f"The {self.name} is read before it was opened.")
        if self._paced:
            self._await_due(timeout_s)
        faces = [actor.at(self._index) for actor in self._actors]
        frame = _frame(faces, self._index)
        self._index += 1
        return frame

    def close(self) -> None:
        """Stop rendering; what is rendered stays."""
        self._is_open = False
        for actor in self._actors:
            actor.close()

    def _await_due(self, timeout_s: float) -> None:
        left_s = self._due_s - time.monotonic()
        time.sleep(max(0.0, min(left_s, timeout_s)))
        if left_s > timeout_s:
            raise SourceTimeout(f"The {self.name} has no frame within {timeout_s:g} s.")
        # Late frames are not made up for: a camera's are not either.
        self._due_s = max(self._due_s, time.monotonic() - 1 / FRAME_RATE_HZ) + 1 / FRAME_RATE_HZ


def _cast(who: str) -> list[Actor]:
    from fercore.datasets.bu3dfe import Bu3dfe
    from fercore.datasets.opening import sample_root

    scans = Bu3dfe(sample_root()).scans()
    codes = sorted({scan.id.subject for scan in scans})
    first, second = ([scan for scan in scans if scan.id.subject == code] for code in codes[:2])
    if who == "both":
        return [Actor(first, "synthetic", -130, 1.0), Actor(second, "synthetic", 150, 1.5)]
    return [Actor(first if who == "1" else second, "synthetic", 0, 1.0)]


def _frame(faces: list[Cutout], index: int) -> RGBDFrame:
    rgb, depth_m = _wall()
    rgb, depth_m = rgb.copy(), depth_m.copy()
    for face in reversed(faces):  # the nearest last, before the others
        _paste(face, rgb, depth_m, index)
    nearest = faces[0]
    return RGBDFrame(
        rgb, depth_m, CAMERA, index / FRAME_RATE_HZ, index, nearest.truth, nearest.origin
    )


def _paste(face: Cutout, rgb: UInt8Array, depth_m: FloatArray, index: int) -> None:
    height, width = rgb.shape[:2]
    top, left = max(0, face.top), max(0, face.left)
    part = np.s_[
        top - face.top : max(0, height - face.top), left - face.left : max(0, width - face.left)
    ]
    mask = face.mask[part]
    place = np.s_[top : top + mask.shape[0], left : left + mask.shape[1]]
    noise = _noise(mask.shape, index)
    metres = face.depth_m[part]
    shadow = cv2.dilate(mask.astype(np.uint8), np.ones((1, 2 * _SHADOW_PX + 1), np.uint8)) > 0
    depth_m[place][shadow] = np.nan
    noisy_m = metres + noise * NOISE_AT_HALF_METRE_M * (metres / 0.5) ** 2
    depth_m[place][mask] = _in_steps(noisy_m)[mask]
    noisy = face.rgb[part] + (_RGB_NOISE * noise)[..., None]
    rgb[place][mask] = noisy.clip(0, 255).astype(np.uint8)[mask]


@cache
def _noise_tile() -> FloatArray:
    """Return normal noise (tile, tile), deviation 1; seeded, made once."""
    return np.random.default_rng(5).standard_normal((_TILE, _TILE), np.float32)


def _noise(shape: tuple[int, ...], index: int) -> FloatArray:
    """Return noise for a face: another piece of the tile in each frame."""
    row, column = 37 * index % (_TILE - shape[0]), 101 * index % (_TILE - shape[1])
    return _noise_tile()[row : row + shape[0], column : column + shape[1]]


@cache
def _wall() -> tuple[UInt8Array, FloatArray]:
    """Return a wall's colour (H, W, 3) and depth (H, W); not to be written to."""
    rows, columns = np.mgrid[0 : CAMERA.height, 0 : CAMERA.width].astype(np.float32)
    random = np.random.default_rng(7)
    light = 150 - 0.05 * rows - 0.04 * np.abs(columns - 260)
    grain = random.normal(0, _RGB_NOISE, light.shape)
    tint = np.array([1.0, 0.97, 0.92], np.float32)
    rgb = ((light + grain)[..., None] * tint).clip(0, 255).astype(np.uint8)
    depth_m = WALL_M + random.normal(0, 0.004, light.shape)
    return rgb, _in_steps(depth_m.astype(np.float32))


def _in_steps(depth_m: FloatArray) -> FloatArray:
    """Return depth as a camera that counts in `DEPTH_STEP_M` would."""
    steps = np.round(depth_m / DEPTH_STEP_M).astype(np.float32)
    counted: FloatArray = steps * np.float32(DEPTH_STEP_M)
    return counted
