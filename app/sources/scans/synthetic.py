"""A camera that is none: rendered faces before a wall, with a depth camera's noise.

The same every time, frame by frame, for demonstrations, tests and measurements. The
faces are the synthetic sample subjects. Until each frame has been rendered once, the
camera is as slow as the rendering; `prerender` gets that over with.
"""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from app.sources.base import Condition, Health, SourceError, SourceTimeout
from app.sources.scans.actor import Actor
from app.sources.scans.replay import CAMERA, FRAME_RATE_HZ
from fercore.structures import RGBDFrame

if TYPE_CHECKING:
    from app.sources.scans.actor import Cutout
    from fercore.structures import FloatArray, UInt8Array

SUBJECTS = ("1", "2", "both")
WALL_M = 1.3
NOISE_AT_HALF_METRE_M = 0.0009  # a D435's; it grows with the square of the distance
DEPTH_STEP_M = 1e-4  # cameras count depth in whole steps
_RGB_NOISE = 2.0
_SHADOW_PX = 3  # columns beside a face that only one of two stereo eyes sees
_TILE = 640  # rows and columns of noise; each frame takes another piece of it


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
    from fercore.datasets.samples import sample_root

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
