"""Why a frame is not fully usable: short codes for the table, words for the reader."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from fercore.faces.quality import (
    MAX_BRIGHTNESS,
    MAX_TILT_DEG,
    MAX_TURN_DEG,
    MIN_BRIGHTNESS,
    MIN_VALID_FRACTION,
    TOO_BRIGHT,
    TOO_DARK,
    is_turned,
    measure,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.faces.head_angle import HeadAngle
    from fercore.faces.tracking import TrackedFace
    from fercore.structures import Analysis, FaceBox, FacePair

SEPARATOR = ";"
_MIN_FACE_PIXELS = 64.0


class Flag(StrEnum):
    """A defect of a frame; the value stands in the column `flags`."""

    NO_FACE = "NO_FACE"
    FAILED = "FAILED"
    NO_DEPTH = "NO_DEPTH"
    SPARSE_DEPTH = "SPARSE_DEPTH"
    FACE_CUT = "FACE_CUT"
    FACE_SMALL = "FACE_SMALL"
    FACE_TURNED = "FACE_TURNED"
    DARK = "DARK"
    BRIGHT = "BRIGHT"
    OTHER_FACES = "OTHER_FACES"

    @property
    def explanation(self) -> str:
        """What it means, for sidecars and reports."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    Flag.OTHER_FACES: "Others were in view; the row is of the followed face alone.",
    Flag.NO_FACE: "No face was found; there is no verdict.",
    Flag.FAILED: "The frame could not be analysed; there is no verdict.",
    Flag.NO_DEPTH: "There is no depth, or none that can be a face's; only the colour head speaks.",
    Flag.SPARSE_DEPTH: (
        f"Depth was measured in less than {100 * MIN_VALID_FRACTION:.0f} % of the face box; "
        "only the colour head speaks."
    ),
    Flag.FACE_CUT: "The face box reaches over the edge of the picture.",
    Flag.FACE_SMALL: f"The face box is narrower than {_MIN_FACE_PIXELS:.0f} pixels.",
    Flag.FACE_TURNED: (
        f"The head is turned, raised or lowered by more than {MAX_TURN_DEG:.0f} degrees, or tilted "
        f"by more than {MAX_TILT_DEG:.0f}, by an estimate."
    ),
    Flag.DARK: f"The face is underexposed (median grey level below {MIN_BRIGHTNESS:.0f} of 255).",
    Flag.BRIGHT: f"The face is overexposed (median grey level above {MAX_BRIGHTNESS:.0f} of 255).",
}


def flags_of(
    analysis: Analysis, angle: HeadAngle | None = None, faces: Sequence[TrackedFace] = ()
) -> tuple[Flag, ...]:
    """Return all defects of a frame, in the order of `Flag`; `angle` is the head's, if known."""
    pair = analysis.pair
    if pair is None:
        return (Flag.NO_FACE,) if analysis.reason.startswith("no face") else (Flag.FAILED,)
    height, width = analysis.frame.rgb.shape[:2]
    light = measure(pair).light.word
    found = {
        Flag.FAILED: analysis.verdicts is None,
        Flag.NO_DEPTH: pair.depth_m is None,
        Flag.SPARSE_DEPTH: _sparse(pair),
        Flag.FACE_CUT: _reaches_over(pair.box, width, height),
        Flag.FACE_SMALL: pair.box.width < _MIN_FACE_PIXELS,
        Flag.FACE_TURNED: angle is not None and is_turned(angle),
        Flag.DARK: light == TOO_DARK,
        Flag.BRIGHT: light == TOO_BRIGHT,
        Flag.OTHER_FACES: len(faces) > 1,
    }
    return tuple(flag for flag, holds in found.items() if holds)


def _sparse(pair: FacePair) -> bool:
    return pair.depth_m is not None and pair.valid_fraction < MIN_VALID_FRACTION


def _reaches_over(box: FaceBox, width: int, height: int) -> bool:
    return box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height
