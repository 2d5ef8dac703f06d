"""Whether a face is seen well enough to be judged: measured, and put into plain words.

The one ruler: the window's quality bar, a study's checklist and the flags of its recordings
measure and judge by it.

But for the head's angle, which comes with the face's place, all of it looks at what the networks
get (the face crop), and costs well under a millisecond.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fercore.structures import MIN_CONFIDENCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.faces.head_angle import HeadAngle
    from fercore.structures import FacePair, FloatArray, Verdicts

MIN_VALID_FRACTION = 0.3
"""Least share of a face's box with measured depth. A face fills about two thirds
of its square box, so this is a little under half of the face."""

MIN_DISTANCE_M, MAX_DISTANCE_M = 0.25, 1.2
"""Nearer, stereo cameras lose parts of a face; further, their noise exceeds 5 mm, which is
as much as an expression moves skin (a D435 has 0.9 mm at half a metre, growing squared)."""

MAX_TURN_DEG = 25.0
"""Yaw and pitch. The shipped networks have learned from heads turned by up to 30 degrees. The
estimate is off by 5 (yaw) and 7 (pitch) half of the time: of rendered synthetic heads it found
fault with none of 21 that were turned by less than 15 degrees, and with 14 of 17 beyond 35."""

MAX_TILT_DEG = 15.0
"""Roll; the networks have not seen heads tilted further, and boxes stand upright."""

MIN_SHARPNESS = 0.12
"""Contrast of neighbouring pixels to that of the whole face. On rendered faces of 170 pixels
it is 0.6 to 1.1 in focus and 0.1 when blurred by a Gaussian of 2 pixels."""

MIN_BRIGHTNESS, MAX_BRIGHTNESS = 45.0, 215.0
"""Median of the face's grey levels, 0..255."""

TOO_DARK, TOO_BRIGHT = "too dark", "too bright"

MIN_SHARE_OF_COLOUR = 0.05
"""Least probability that colour gives what depth says. Colour has learned from real faces, depth
from synthetic ones alone: where colour thinks next to nothing of a verdict of depth, the depth may
be unlike all that was learned. Of nineteen in twenty right verdicts on people who did not train,
colour of `fusion-resnet50` thinks more. `weights/README.md` tells what this withholds, and what
else was tried."""

MAX_SKEW_S = 0.012
"""Depth and colour further apart than this show a moving face in two places."""

_SHARPNESS_PIXELS = 96  # side of the crop that the limit was found for
_MILLISECONDS = 1000


class Grade(StrEnum):
    """How good one property of the picture is."""

    GOOD = "good"
    POOR = "poor"
    UNKNOWN = "unknown"


class Indicator(NamedTuple):
    """One property of the picture, as it is shown to the user."""

    name: str  # such as `Distance`
    grade: Grade
    word: str  # such as `too far`
    figure: str  # as measured, such as `1.42 m`; empty where it is not known
    wanted: str  # what would be good, such as `0.25 to 1.2 m`


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a face is seen; None where it cannot be measured."""

    distance_m: float | None  # median of the face's depth
    valid_fraction: float | None  # share of the face's box with depth, 0..1; 0: no depth sensor
    sharpness: float | None  # see MIN_SHARPNESS
    brightness: float | None  # median grey level of the face, 0..255
    skew_s: float | None  # depth later than colour by
    angle: HeadAngle | None = None  # from the line of sight

    def indicators(self) -> tuple[Indicator, ...]:
        """Return all that is shown; without a measured time skew that one is left out."""
        shown = (
            self.distance,
            _angle(self.angle),
            self.depth,
            _sharpness(self.sharpness),
            self.light,
        )
        return shown if self.skew_s is None else (*shown, _timing(self.skew_s))

    @property
    def distance(self) -> Indicator:
        """How far away the face is."""
        return _distance(self.distance_m)

    @property
    def depth(self) -> Indicator:
        """How much of the face has depth."""
        return _depth(self.valid_fraction)

    @property
    def light(self) -> Indicator:
        """How bright the face is."""
        return _light(self.brightness)


UNKNOWN_QUALITY = Quality(None, None, None, None, None)
"""Of a frame without a face."""


def depth_defect(pair: FacePair) -> str:
    """Return why the pair's depth cannot be used, in a short phrase; empty when it can."""
    if pair.depth_m is None:
        return "no depth from this source"
    if pair.valid_fraction < MIN_VALID_FRACTION:
        return f"depth covers only {100 * pair.valid_fraction:.0f} % of the face"
    return ""


def contradicted(
    depth: NDArray[np.floating[Any]], rgb: NDArray[np.floating[Any]]
) -> NDArray[np.bool_]:
    """Return which verdicts (N,) of the depth head are not to be believed beside colour.

    Both are probabilities (N, 6 or 7). A verdict that is not sure contradicts nobody.
    """
    verdicts = depth.argmax(1)
    shares = np.take_along_axis(rgb, verdicts[:, None], 1)[:, 0]
    doubted: NDArray[np.bool_] = (depth.max(1) >= MIN_CONFIDENCE) & (shares < MIN_SHARE_OF_COLOUR)
    return doubted


def contradiction(verdicts: Verdicts, pair: FacePair) -> str:
    """Return why a face's depth is not to be believed, in a short phrase; empty when it is.

    Colour is asked only where it is seen well: fusion is there for the dark.
    """
    depth, rgb = verdicts.depth, verdicts.rgb
    if depth is None or rgb is None:
        return ""
    if not contradicted(depth.probabilities[None], rgb.probabilities[None])[0]:
        return ""
    seen = measure(pair)
    if Grade.POOR in (seen.light.grade, _sharpness(seen.sharpness).grade):
        return ""
    share = 100 * float(rgb.probabilities[int(depth.probabilities.argmax())])
    return f"depth says {depth.label}, to which colour gives {share:.0f} %: not believed"


def is_turned(angle: HeadAngle) -> bool:
    """Return whether a head is turned further than the networks can be trusted with."""
    return _turn_fault(angle) != ""


def measure(
    pair: FacePair | None, skew_s: float | None = None, angle: HeadAngle | None = None
) -> Quality:
    """Return how well a face is seen.

    `skew_s` is what the camera says of its clocks, `angle` what the tracker says of the head.
    """
    if pair is None:
        return UNKNOWN_QUALITY
    grey = _middle(pair.rgb.mean(axis=2, dtype=np.float32))
    return Quality(
        distance_m=_median(pair.depth_m),
        valid_fraction=pair.valid_fraction,
        sharpness=_contrast_ratio(grey),
        brightness=float(np.median(grey)),
        skew_s=skew_s,
        angle=angle,
    )


def _middle(picture: FloatArray) -> FloatArray:
    """Return the part of a crop (S, S) in which there is skin, at about the limit's size."""
    step = max(1, picture.shape[0] // _SHARPNESS_PIXELS)
    side = picture.shape[0] // step * step
    blocks = picture[:side, :side].reshape(side // step, step, side // step, step)
    small = np.asarray(blocks.mean(axis=(1, 3)), np.float32)
    edge = len(small) // 5
    return small[edge : len(small) - edge, edge : len(small) - edge]


def _contrast_ratio(grey: FloatArray) -> float | None:
    """Return the variance of the Laplacian over that of the picture (H, W)."""
    variance = float(grey.var())
    if min(grey.shape) < 3 or variance < 1:
        return None  # nothing to be sharp
    across = grey[1:-1, 2:] + grey[1:-1, :-2]
    down = grey[2:, 1:-1] + grey[:-2, 1:-1]
    return float((across + down - 4 * grey[1:-1, 1:-1]).var()) / variance


def _median(depth_m: FloatArray | None) -> float | None:
    if depth_m is None:
        return None
    quarter = depth_m.shape[0] // 4
    middle = depth_m[quarter : depth_m.shape[0] - quarter, quarter : depth_m.shape[1] - quarter]
    known = middle[np.isfinite(middle)]
    return float(np.median(known)) if known.size else None


def _distance(metres: float | None) -> Indicator:
    wanted = f"{MIN_DISTANCE_M:g} to {MAX_DISTANCE_M:g} m"
    if metres is None:
        return _unknown("Distance", wanted)
    word = "too near" if metres < MIN_DISTANCE_M else "too far" if metres > MAX_DISTANCE_M else ""
    return _graded("Distance", word, f"{metres:.2f} m", wanted)


def _angle(angle: HeadAngle | None) -> Indicator:
    limit = f"{MAX_TURN_DEG:g}/{MAX_TURN_DEG:g}/{MAX_TILT_DEG:g}°"
    wanted = f"yaw/pitch/roll within {limit}"
    if angle is None:
        return _unknown("Angle", wanted)
    figure = "/".join(f"{round(degrees):+d}" for degrees in angle) + "°"
    return _graded("Angle", _turn_fault(angle), figure, wanted)


def _turn_fault(angle: HeadAngle) -> str:
    """Return a word for the largest excess; empty where there is none."""
    bent = "looking down" if angle.pitch_deg > 0 else "looking up"
    excesses = {
        "turned away": abs(angle.yaw_deg) / MAX_TURN_DEG,
        bent: abs(angle.pitch_deg) / MAX_TURN_DEG,
        "tilted": abs(angle.roll_deg) / MAX_TILT_DEG,
    }
    fault = max(excesses, key=excesses.__getitem__)
    return fault if excesses[fault] > 1 else ""


def _depth(fraction: float | None) -> Indicator:
    wanted = f"at least {100 * MIN_VALID_FRACTION:.0f} % of the face's box"
    if fraction is None:
        return _unknown("Depth", wanted)
    word = "too little" if 0 < fraction < MIN_VALID_FRACTION else "" if fraction else "none"
    return _graded("Depth", word, f"{100 * fraction:.0f} %", wanted)


def _sharpness(ratio: float | None) -> Indicator:
    wanted = f"at least {MIN_SHARPNESS:g}"
    if ratio is None:
        return _unknown("Sharpness", wanted)
    return _graded("Sharpness", "blurred" if ratio < MIN_SHARPNESS else "", f"{ratio:.2f}", wanted)


def _light(level: float | None) -> Indicator:
    wanted = f"{MIN_BRIGHTNESS:g} to {MAX_BRIGHTNESS:g} of 255"
    if level is None:
        return _unknown("Light", wanted)
    word = TOO_DARK if level < MIN_BRIGHTNESS else TOO_BRIGHT if level > MAX_BRIGHTNESS else ""
    return _graded("Light", word, f"{level:.0f}", wanted)


def _timing(skew_s: float) -> Indicator:
    word = "depth out of step" if abs(skew_s) > MAX_SKEW_S else ""
    figure = f"{_MILLISECONDS * skew_s:+.0f} ms"
    return _graded("Timing", word, figure, f"within {_MILLISECONDS * MAX_SKEW_S:g} ms")


def _graded(name: str, fault: str, figure: str, wanted: str) -> Indicator:
    return Indicator(name, Grade.POOR if fault else Grade.GOOD, fault or "good", figure, wanted)


def _unknown(name: str, wanted: str) -> Indicator:
    return Indicator(name, Grade.UNKNOWN, "not known", "", wanted)
